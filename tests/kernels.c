/* The kernels of ot.h and assign.h against plain versions and brute force. Silent when all is well. */
#include "assign.h"
#include "ot.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 7, ROOM = 150 };

static size_t failures;
static uint64_t state = 1;

static void check(bool right, const char *what, size_t trial)
{
	if (right)
		return;
	printf("not ok: %s (trial %zu)\n", what, trial);
	failures++;
}

static double uniform(void)	/* xorshift64* */
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)((state * 0x2545F4914F6CDD1Du) >> 11) / 9007199254740992.0;
}

static size_t below(size_t n)
{
	return (size_t)(uniform() * (double)n);
}

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

/* -- Assignments -------------------------------------------------------------------------------- */

/* The least sum over rows i.. in any free columns; the pair (row, col) is forbidden, but its row may be left alone. */
static double brute(const struct assignment *a, size_t i, unsigned taken, size_t row, size_t col)
{
	double best = INFINITY;

	if (i == a->n)
		return 0;
	for (size_t j = 0; j < a->m; j++) {
		if (taken >> j & 1)
			continue;
		double c = i == row && j == col ? a->ceiling : fmin((double)a->cost[i * a->m + j], a->ceiling);
		if (c < INFINITY)
			best = fmin(best, c + brute(a, i + 1, taken | 1u << j, row, col));
	}
	return best;
}

static bool near(double x, double y)
{
	return x == y || fabs(x - y) <= 1e-9 * (1 + fabs(x));
}

static void random_costs(float *cost, size_t n, size_t m, size_t kind)
{
	for (size_t k = 0; k < n * m; k++)
		switch (kind) {
		case 0: cost[k] = (float)uniform(); break;
		case 1: cost[k] = (float)below(4); break;
		case 2: cost[k] = (float)(1 + 1e-7 * (double)below(4)); break;
		case 3: cost[k] = below(3) == 0 ? INFINITY : (float)below(9); break;
		case 4: cost[k] = (float)(1e6 * normal()); break;
		default: cost[k] = 1;
		}
}

/* The duals prove the answer: feasible, and no slack where something is assigned. */
static void check_proof(const struct assignment *a, size_t trial)
{
	bool feasible = true, tight = true, one_to_one = true, prices = true;

	for (size_t i = 0; i < a->n; i++) {
		one_to_one &= a->col_of[i] < a->m && a->row_of[a->col_of[i]] == i;
		for (size_t j = 0; j < a->m; j++) {
			double c = fmin((double)a->cost[i * a->m + j], a->ceiling);
			double slack = c - a->u[i] - a->v[j], small = 1e-9 * (1 + fabs(a->u[i]) + fabs(a->v[j]));
			feasible &= slack >= -small;
			tight &= j != a->col_of[i] || fabs(slack) <= small;
		}
	}
	for (size_t j = 0; j < a->m; j++)
		prices &= a->v[j] <= 0 && (a->row_of[j] != UNASSIGNED || a->v[j] == 0);
	check(one_to_one, "assign: one to one", trial);
	check(feasible, "assign: duals are feasible", trial);
	check(tight, "assign: duals are tight on the assignment", trial);
	check(prices, "assign: prices are not positive, and zero where a column is free", trial);
}

static void check_margins(const struct assignment *a, double best, size_t trial)
{
	struct move moves[MOST * (MOVES + 1)];
	double arrival[MOST], workspace[64];

	check(margin_workspace(a->n, a->m) <= 64, "workspace", trial);
	for (size_t i = 0; i <= a->n; i++)
		margin_moves(moves + i * MOVES, a, i);
	margin_arrivals(arrival, moves, a);
	for (size_t i = 0; i < a->n; i++) {
		double margin = assign_margin(a, i, moves, arrival, workspace);
		check(near(margin, brute(a, 0, 0, i, a->col_of[i]) - best), "margins are those of brute force", trial);
	}
}

static void small_assignments(void)
{
	for (size_t trial = 0; trial < 3000; trial++) {
		size_t n = 1 + below(trial % 10 ? 5 : MOST), m = n + below(MOST - n + 1);
		float cost[MOST * MOST];
		uint32_t col_of[MOST], row_of[MOST];
		double u[MOST], v[MOST], workspace[64];
		struct assignment a = {n, m, cost, INFINITY, col_of, row_of, u, v};

		random_costs(cost, n, m, trial % 6);
		if (trial % 4 == 0)
			a.ceiling = (double)cost[below(n * m)];
		check(assign_workspace(n, m) <= 64, "workspace", trial);
		double best = brute(&a, 0, 0, n, m), total = 0;
		bool found = assign(&a, workspace);
		check(found == (best < INFINITY), "assign: infinite costs", trial);
		if (!found)
			continue;
		for (size_t i = 0; i < n; i++)
			total += fmin((double)cost[i * m + col_of[i]], a.ceiling);
		check(near(total, best), "assign: the total is that of brute force", trial);
		check_proof(&a, trial);
		check_margins(&a, best, trial);
	}
}

/* Larger ones are proved by their duals; margins with and without the lists of moves agree. */
static void large_assignments(void)
{
	static float cost[ROOM * ROOM];
	static uint32_t col_of[ROOM], row_of[ROOM];
	static double u[ROOM], v[ROOM], arrival[ROOM];
	static struct move moves[ROOM * (MOVES + 1)];
	static double nothing_listed[ROOM];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t m = ROOM / 2 + below(ROOM / 2), n = trial % 2 ? m : 1 + below(m);
		struct assignment a = {n, m, cost, INFINITY, col_of, row_of, u, v};
		double *workspace = malloc(assign_workspace(n, m) * sizeof *workspace);
		random_costs(cost, n, m, trial % 6);
		bool found = assign(&a, workspace);
		check(found || trial % 6 == 3, "assign: there is an assignment", trial);
		free(workspace);
		if (!found)
			continue;
		check_proof(&a, trial);
		workspace = malloc(margin_workspace(n, m) * sizeof *workspace);
		for (size_t i = 0; i <= n; i++)
			margin_moves(moves + i * MOVES, &a, i);
		margin_arrivals(arrival, moves, &a);
		for (size_t i = 0; i < n; i++) {
			double margin = assign_margin(&a, i, moves, arrival, workspace);
			struct move own[ROOM * (MOVES + 1)] = {0};
			memcpy(own, moves, (n * MOVES + n) * sizeof *own);
			for (size_t k = 0; k < n * MOVES; k++)		/* as if all else cost the same */
				own[k] = k % MOVES == 0 ? moves[k] : own[k - 1];
			double dense = assign_margin(&a, i, own, nothing_listed, workspace);
			check(near(margin, dense), "margins by listed moves are those by all", trial);
		}
		free(workspace);
	}
}

static void simple_matchings(void)
{
	for (size_t trial = 0; trial < 1000; trial++) {
		size_t n = below(MOST + 1), m = below(MOST + 1);
		float cost[MOST * MOST];
		uint32_t col_of[MOST], greedy_of[MOST];
		double margin[MOST], workspace[3 * MOST];
		bool row_done[MOST] = {0}, taken[MOST] = {0};

		random_costs(cost, n, m, trial % 6);
		nearest(col_of, margin, cost, n, m);
		for (size_t i = 0; i < n; i++) {
			size_t best = m;
			double second = INFINITY;
			for (size_t j = 0; j < m; j++)
				if (cost[i * m + j] < (best < m ? cost[i * m + best] : INFINITY))
					best = j;
			for (size_t j = 0; j < m; j++)
				second = j == best ? second : fmin(second, (double)cost[i * m + j]);
			check(col_of[i] == (best < m ? best : UNASSIGNED), "nearest", trial);
			check(best == m || margin[i] == second - (double)cost[i * m + best], "nearest: margin", trial);
		}
		greedy(greedy_of, cost, n, m, workspace);
		for (;;) {
			size_t i = n, j = m;
			for (size_t r = 0; r < n; r++)
				for (size_t c = 0; c < m; c++)
					if (!row_done[r] && !taken[c] && cost[r * m + c] < (i < n ? cost[i * m + j]
							: INFINITY))
						i = r, j = c;
			if (i == n)
				break;
			row_done[i] = taken[j] = true;
			check(greedy_of[i] == j, "greedy", trial);
		}
		for (size_t i = 0; i < n; i++)
			check(row_done[i] || greedy_of[i] == UNASSIGNED, "greedy: what is left alone", trial);
	}
}

/* -- Transport ----------------------------------------------------------------------------------- */

/* min <P, C> + epsilon KL(P | a b') in the log domain, in double: the transport cost and the whole. */
static void plain_sinkhorn(double *transport, double *whole, const float *cost, const float *a, const float *b,
	size_t n, size_t m, size_t ld, double epsilon)
{
	double f[ROOM] = {0}, g[ROOM] = {0};

	for (size_t iteration = 0; iteration < 20000; iteration++) {
		double moved = 0;
		for (size_t j = 0; j < m; j++) {
			double most = -INFINITY, sum = 0;
			for (size_t i = 0; i < n; i++)
				most = fmax(most, (f[i] - (double)cost[j * ld + i]) / epsilon);
			for (size_t i = 0; i < n; i++)
				sum += (double)a[i] * exp((f[i] - (double)cost[j * ld + i]) / epsilon - most);
			g[j] = -epsilon * (most + log(sum));
		}
		for (size_t i = 0; i < n; i++) {
			double most = -INFINITY, sum = 0, before = f[i];
			for (size_t j = 0; j < m; j++)
				most = fmax(most, (g[j] - (double)cost[j * ld + i]) / epsilon);
			for (size_t j = 0; j < m; j++)
				sum += (double)b[j] * exp((g[j] - (double)cost[j * ld + i]) / epsilon - most);
			f[i] = -epsilon * (most + log(sum));
			moved = fmax(moved, fabs(f[i] - before));
		}
		if (moved < 1e-10 * epsilon)
			break;
	}
	*transport = *whole = 0;
	for (size_t j = 0; j < m; j++)
		for (size_t i = 0; i < n; i++) {
			double kl = (f[i] + g[j] - (double)cost[j * ld + i]) / epsilon;
			double p = (double)a[i] * (double)b[j] * exp(kl);
			*transport += p * (double)cost[j * ld + i];
			*whole += p * ((double)cost[j * ld + i] + epsilon * kl);
		}
}

static void random_weights(float *w, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)(w[i] = (float)(-log(1 - uniform()) + 1e-3));
	for (size_t i = 0; i < n; i++)
		w[i] = (float)((double)w[i] / sum);
}

static void random_points(float *x, size_t n, size_t d, double offset)
{
	for (size_t k = 0; k < n * d; k++)
		x[k] = (float)(offset + normal());
}

static void transport(void)
{
	static float x[ROOM * 8], y[ROOM * 8], x_norm[ROOM], y_norm[ROOM], a[ROOM], b[ROOM], cost[ROOM * (ROOM + OT_LANES)];
	static const double share[] = {0.5, 0.1, 0.02, 0.01};

	for (size_t trial = 0; trial < 60; trial++) {
		size_t n = 1 + below(40), m = 1 + below(40), d = 1 + below(8), ld = ot_ld(n);
		int p = 1 + (int)(trial % 2);
		double offset = trial % 5 == 4 ? 1000 : 0, transport_cost, whole;
		bool same = true, padded = true;

		random_points(x, n, d, offset);
		random_points(y, m, d, offset);
		if (trial % 3 == 0)
			memcpy(y, x, (n < m ? n : m) * d * sizeof *y);
		random_weights(a, n);
		random_weights(b, m);
		squared_norms(x_norm, x, n, d);
		squared_norms(y_norm, y, m, d);
		memset(cost, 0xff, m * ld * sizeof *cost);
		cost_matrix(cost, y, y_norm, m, x, x_norm, n, d, p, ld);
		for (size_t j = 0; j < m; j++)
			for (size_t i = 0; i < ld; i++) {
				double square = 0;
				for (size_t k = 0; i < n && k < d; k++)
					square += pow((double)y[j * d + k] - (double)x[i * d + k], 2);
				double c = p == 1 ? sqrt(square) : square, got = (double)cost[j * ld + i];
				same &= i >= n || fabs(got - c) <= 2e-5 * c;
				padded &= i < n || got == 0;
			}
		check(same, "cost_matrix", trial);
		check(padded, "cost_matrix: padding", trial);

		double mean = mean_cost(cost, n, m, ld), most = (double)largest_cost(cost, m, ld);
		double epsilon = share[trial / 2 % 4] * mean;
		if (epsilon == 0)
			continue;
		double *workspace = malloc(sinkhorn_workspace(n, m) * sizeof *workspace);
		struct sinkhorn s = sinkhorn(cost, a, b, n, m, ld, epsilon, 1e-6, 100000, workspace);
		plain_sinkhorn(&transport_cost, &whole, cost, a, b, n, m, ld, epsilon);
		check(fabs(s.cost - transport_cost) <= 1e-5 * most, "sinkhorn: transport cost", trial);
		check(fabs(s.dual - whole) <= 1e-5 * most, "sinkhorn: dual value", trial);
		check(s.residual <= 1e-6f && s.iters <= 100000, "sinkhorn: residual", trial);
		for (uint32_t limit = 1; limit < 200; limit *= 3) {
			s = sinkhorn(cost, a, b, n, m, ld, 1e-3 * epsilon, 0, limit, workspace);
			check(s.iters <= limit && isfinite(s.cost) && s.residual >= 0 && s.residual < 2,
				"sinkhorn: stopped early", trial);
		}
		free(workspace);
	}
}

/* Between equal weights the exact optimum is an assignment's: what sinkhorn() gives is never below it, and not above
 * it by more than epsilon log n and what the residual explains. */
static void bounds(void)
{
	static float cost[ROOM * (ROOM + OT_LANES)], square[ROOM * ROOM], w[ROOM];
	static uint32_t col_of[ROOM], row_of[ROOM];
	static double u[ROOM], v[ROOM];

	for (size_t trial = 0; trial < 40; trial++) {
		size_t n = 1 + below(60), ld = ot_ld(n);
		struct assignment a = {n, n, square, INFINITY, col_of, row_of, u, v};
		double exact = 0, *workspace = malloc((sinkhorn_workspace(n, n) + assign_workspace(n, n)) * sizeof *workspace);

		random_costs(square, n, n, trial % 2);
		memset(cost, 0, sizeof cost);
		for (size_t i = 0; i < n; i++) {
			memcpy(cost + i * ld, square + i * n, n * sizeof *cost);
			w[i] = (float)(1.0 / (double)n);
		}
		assign(&a, workspace);
		for (size_t i = 0; i < n; i++)
			exact += (double)square[i * n + col_of[i]] / (double)n;
		double most = (double)largest_cost(cost, n, ld);
		for (double epsilon = 0.1 * most; epsilon > 1e-7 * most; epsilon /= 10) {
			struct sinkhorn s = sinkhorn(cost, w, w, n, n, ld, epsilon, 1e-5, 2000, workspace);
			check(s.cost >= exact - 1e-5 * most, "sinkhorn: not below the optimum", trial);
			check(s.cost <= exact + epsilon * log((double)n) + (2 * (double)s.residual + 1e-5) * most,
				"sinkhorn: near the optimum", trial);
			check(s.dual <= exact + epsilon * log((double)n) + 1e-5 * most, "sinkhorn: dual", trial);
		}
		free(workspace);
	}
}

int main(void)
{
	small_assignments();
	large_assignments();
	simple_matchings();
	transport();
	bounds();
	return failures > 0;
}
