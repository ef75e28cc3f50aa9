/* The kernels of assign.h, margins.h, nearest.h, k_nearest.h, near.h, cost.h, emd.h, product.h,
 * sinkhorn.h, bounds.h and topological_order.h against plain versions and brute force. Silent when
 * all is well. */
#include "base/simd.h"
#include "kernel/assign.h"
#include "kernel/cost.h"
#include "kernel/emd.h"
#include "kernel/k_nearest.h"
#include "kernel/margins.h"
#include "kernel/near.h"
#include "kernel/nearest.h"
#include "kernel/product.h"
#include "kernel/sinkhorn.h"
#include "kernel/topological_order.h"
#include "distance/bounds.h"
#include "match/assignment.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 7, ROOM = 150 };

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

/* -- Assignments ------------------------------------------------------------------------------- */

static const float *matrix;		/* the matrix of the problem at hand */

/* The least sum over rows i.. in any free columns; the pair (row, col) is forbidden, but its row
 * may be left alone. */
static double brute(const struct assignment *a, size_t i, unsigned taken, size_t row, size_t col)
{
	double best = INFINITY;

	if (i == a->n)
		return 0;
	for (size_t j = 0; j < a->m; j++) {
		if (taken >> j & 1)
			continue;
		double c = i == row && j == col ? a->ceiling : fmin((double)matrix[i * a->m + j],
			a->ceiling);
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

/* Lists of a row's `length` cheapest columns at prices v, as struct assignment wants them. */
static size_t length[ROOM];

static int by_key(const void *x, const void *y)
{
	double a = ((const struct candidate *)x)->key, b = ((const struct candidate *)y)->key;

	return a < b ? -1 : a > b;
}

static void list_row(const struct assignment *a, size_t i, const double *v)
{
	struct candidates *of = &a->of[i];

	of->n = 0;
	for (size_t j = 0; j < a->m; j++)
		if (matrix[i * a->m + j] < INFINITY)
			of->at[of->n++] = (struct candidate){(double)matrix[i * a->m + j] - v[j],
				matrix[i * a->m + j], (uint32_t)j};
	qsort(of->at, of->n, sizeof *of->at, by_key);
	of->beyond = length[i] < of->n ? of->at[length[i]].key : INFINITY;
	of->n = length[i] < of->n ? length[i] : of->n;
}

static bool one_more(void *context, size_t i, const double *v)
{
	length[i]++;
	list_row(context, i, v);
	return true;
}

/* The duals prove the answer: feasible, and no slack where something is assigned or alone. */
static void check_proof(const struct assignment *a, size_t trial)
{
	bool feasible = true, tight = true, one_to_one = true, prices = true;

	for (size_t i = 0; i < a->n; i++) {
		bool alone = a->col_of[i] == UNASSIGNED;
		one_to_one &= alone || (a->col_of[i] < a->m && a->row_of[a->col_of[i]] == i);
		tight &= !alone || a->u[i] == a->ceiling;
		feasible &= a->u[i] <= a->ceiling;
		for (size_t j = 0; j < a->m; j++) {
			double slack = (double)matrix[i * a->m + j] - a->u[i] - a->v[j];
			double small = 1e-9 * (1 + fabs(a->u[i]) + fabs(a->v[j]));
			feasible &= slack >= -small;
			tight &= j != a->col_of[i] || fabs(slack) <= small;
		}
	}
	for (size_t j = 0; j < a->m; j++) {
		prices &= a->v[j] <= 0 && (a->row_of[j] != UNASSIGNED || a->v[j] == 0);
		one_to_one &= a->row_of[j] == UNASSIGNED || a->col_of[a->row_of[j]] == j;
	}
	check(one_to_one, "assign: one to one", trial);
	check(feasible, "assign: duals are feasible", trial);
	check(tight, "assign: duals are tight on the assignment", trial);
	check(prices, "assign: prices are not positive, and zero where a column is free", trial);
}

/* The rows of a column by c_ij - u_i, `length` of them. */
static void list_column(const struct assignment *a, size_t j, struct candidates *of)
{
	struct candidate all[ROOM];
	size_t most = length[j];

	of->n = 0;
	for (size_t i = 0; i < a->n; i++)
		if (matrix[i * a->m + j] < INFINITY)
			all[of->n++] = (struct candidate){(double)matrix[i * a->m + j] - a->u[i],
				matrix[i * a->m + j], (uint32_t)i};
	qsort(all, of->n, sizeof *all, by_key);
	of->beyond = most < of->n ? all[most].key : INFINITY;
	of->n = most < of->n ? most : of->n;
	memcpy(of->at, all, of->n * sizeof *all);
}

/* The arcs out of all nodes, by where they lead. */
static void turn_arcs(const struct assignment *a, struct candidates *into)
{
	for (size_t y = 0; y <= a->n; y++) {
		into[y].n = 0;
		into[y].beyond = INFINITY;
		for (size_t x = 0; x <= a->n; x++) {
			into[y].beyond = fmin(into[y].beyond, a->of[x].beyond);
			for (size_t k = 0; k < a->of[x].n; k++)
				if (a->of[x].at[k].col == y)
					into[y].at[into[y].n++] = (struct candidate){
						a->of[x].at[k].key, 0, (uint32_t)x};
		}
		candidates_sort(into[y].at, into[y].n);
	}
}

/* Of a matrix margins are exact however short the lists are; of lists they are when all is listed,
 * and never too large. */
static void check_margins(struct assignment *a, double best, size_t trial)
{
	double workspace[128] = {0};
	struct candidate at[MOST + 1][2 * MOST];
	struct candidates into[MOST + 1];

	check(margin_workspace(a->n) <= 128, "workspace", trial);
	for (size_t x = 0; x <= a->n; x++)
		into[x].at = at[x];
	for (int round = 0; round < 4; round++) {
		bool all = round % 2, look = round < 2;
		a->cost = look ? matrix : NULL;
		for (size_t i = 0; i < a->n; i++) {
			length[i] = all ? a->m : 1 + below(a->m);
			list_row(a, i, a->v);
			margin_out(a, i);
		}
		margin_outside(a);
		if (look) {
			for (size_t i = 0; i < a->n; i++) {
				into[i].n = 0;
				if (a->col_of[i] != UNASSIGNED) {
					length[a->col_of[i]] = 1 + below(a->n);
					list_column(a, a->col_of[i], &into[i]);
				}
				margin_in(a, &into[i], i);
			}
			margin_into_outside(a, &into[a->n]);
		} else {
			turn_arcs(a, into);
		}
		for (size_t i = 0; i < a->n; i++) {
			if (a->col_of[i] == UNASSIGNED)
				continue;
			double margin = margin_of_row(a, into, i, workspace);
			double exact = brute(a, 0, 0, i, a->col_of[i]) - best;
			check(margin <= exact + 1e-9 * (1 + fabs(best)),
				"margins are not too large", trial);
			check(!(all || look) || near(margin, exact)
				|| fabs(margin - exact) < 1e-9 * (1 + fabs(best)),
				"margins are those of brute force", trial);
		}
	}
}

/* Lists of rows and columns are those of a full sort; of equals the first from a column on. */
static size_t turn;

static int by_key_from(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	size_t p = (a->col + ROOM - turn) % ROOM, q = (b->col + ROOM - turn) % ROOM;

	return a->key != b->key ? by_key(x, y) : p < q ? -1 : p > q;
}

static bool same_list(const struct candidates *of, const struct candidate *all, size_t finite,
	size_t count, size_t m)
{
	bool same = of->n == (finite < count ? finite : count);

	for (size_t k = 0; same && k < of->n; k++)
		same = of->at[k].key == all[k].key && of->at[k].cost == all[k].cost
			&& of->at[k].col == all[k].col;
	return same && of->beyond == (count < m && finite >= count ? all[count - 1].key : INFINITY);
}

static void cheapest_entries(void)
{
	static float cost[ROOM * ROOM];
	static double price[ROOM], limit[ROOM], workspace[3 * ROOM];
	static struct candidate at[ROOM][2 * ROOM], all[ROOM];
	struct candidates of[ROOM];

	check(cheapest_workspace(ROOM) <= 3 * ROOM, "workspace", 0);
	for (size_t trial = 0; trial < 120; trial++) {
		size_t count = 1 + below(trial % 3 ? 20 : ROOM);
		random_costs(cost, ROOM, ROOM, trial % 6);
		for (size_t j = 0; j < ROOM; j++) {
			price[j] = trial % 2 ? -uniform() : 0;
			of[j].at = at[j];
		}
		bool same = true;
		for (size_t i = 0; i < ROOM; i++) {
			size_t finite = 0;
			for (size_t j = 0; j < ROOM; j++)
				if (cost[i * ROOM + j] < INFINITY)
					all[finite++] = (struct candidate){
						(double)cost[i * ROOM + j] - price[j],
						cost[i * ROOM + j], (uint32_t)j};
			turn = i;
			qsort(all, finite, sizeof *all, by_key_from);
			cheapest_of_row(of, count, cost + i * ROOM, price, ROOM, i, workspace);
			same &= same_list(of, all, finite, count, ROOM);
		}
		check(same, "cheapest of rows", trial);
		cheapest_of_columns(of, count, cost + 1, price, ROOM, ROOM, ROOM - 1, limit);
		turn = 0;
		for (size_t j = 1; j < ROOM; j++) {
			size_t finite = 0;
			for (size_t i = 0; i < ROOM; i++)
				if (cost[i * ROOM + j] < INFINITY)
					all[finite++] = (struct candidate){
						(double)cost[i * ROOM + j] - price[i],
						cost[i * ROOM + j], (uint32_t)i};
			qsort(all, finite, sizeof *all, by_key_from);
			same &= same_list(&of[j - 1], all, finite, count, ROOM);
		}
		check(same, "cheapest of columns", trial);
	}
}

static void small_assignments(void)
{
	for (size_t trial = 0; trial < 3000; trial++) {
		size_t n = 1 + below(trial % 10 ? 5 : MOST), m = n + below(MOST - n + 1);
		float cost[MOST * MOST], paid[MOST];
		uint32_t col_of[MOST], row_of[MOST];
		double u[MOST], v[MOST] = {0}, workspace[128] = {0};
		struct candidate at[MOST + 1][MOST + 1];
		struct candidates of[MOST + 1];
		struct assignment a = {n, m, of, one_more, NULL, NULL, INFINITY, col_of, row_of,
			paid, u, v, NULL};

		a.context = &a;
		matrix = cost;
		random_costs(cost, n, m, trial % 6);
		if (trial % 4 == 0)
			a.ceiling = (double)cost[below(n * m)];
		for (size_t i = 0; i < n; i++) {
			of[i].at = at[i];
			length[i] = 1 + below(m);
			list_row(&a, i, v);
		}
		of[n].at = at[n];
		check(assign_workspace(n, m) <= 128, "workspace", trial);
		double best = brute(&a, 0, 0, n, m), total = 0;
		bool found = assign(&a, workspace);
		check(found == (best < INFINITY), "assign: infinite costs", trial);
		if (!found)
			continue;
		for (size_t i = 0; i < n; i++)
			total += col_of[i] == UNASSIGNED ? a.ceiling
				: (double)cost[i * m + col_of[i]];
		check(near(total, best), "assign: the total is that of brute force", trial);
		check_proof(&a, trial);
		check_margins(&a, best, trial);
	}
}

/* Larger ones are proved by their duals, however short the lists were. */
static void large_assignments(void)
{
	static float cost[ROOM * ROOM], paid[ROOM];
	static uint32_t col_of[ROOM], row_of[ROOM];
	static double u[ROOM], v[ROOM];
	static struct candidate at[ROOM][ROOM];
	struct candidates of[ROOM];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t m = ROOM / 2 + below(ROOM / 2), n = trial % 2 ? m : 1 + below(m);
		struct assignment a = {n, m, of, one_more, NULL, NULL, INFINITY, col_of, row_of,
			paid, u, v, NULL};
		double *workspace = calloc(assign_workspace(n, m), sizeof *workspace);
		a.context = &a;
		matrix = cost;
		random_costs(cost, n, m, trial % 6);
		memset(v, 0, sizeof v);
		for (size_t i = 0; i < n; i++) {
			of[i].at = at[i];
			length[i] = 1 + trial % 5;
			list_row(&a, i, v);
		}
		bool found = assign(&a, workspace);
		check(found || trial % 6 == 3, "assign: there is an assignment", trial);
		free(workspace);
		if (found)
			check_proof(&a, trial);
	}
}

static void simple_matchings(void)
{
	for (size_t trial = 0; trial < 1000; trial++) {
		size_t n = below(MOST + 1), m = below(MOST + 1);
		float cost[MOST * MOST];
		uint32_t col_of[MOST], mutual_of[MOST], greedy_of[MOST];
		float paid[MOST];
		double margin[MOST], workspace[3 * MOST];
		bool row_done[MOST] = {0}, taken[MOST] = {0};

		random_costs(cost, n, m, trial % 6);
		nearest_columns(col_of, paid, margin, cost, NULL, n, m);
		for (size_t i = 0; i < n; i++) {
			size_t best = m;
			double second = INFINITY;
			for (size_t j = 0; j < m; j++)
				if (cost[i * m + j] < (best < m ? cost[i * m + best] : INFINITY))
					best = j;
			for (size_t j = 0; j < m; j++)
				second = j == best ? second : fmin(second, (double)cost[i * m + j]);
			check(col_of[i] == (best < m ? best : UNASSIGNED), "nearest", trial);
			check(best == m || paid[i] == cost[i * m + best], "nearest: cost", trial);
			check(best == m || margin[i] == second - (double)cost[i * m + best],
				"nearest: margin", trial);
		}
		memcpy(mutual_of, col_of, n * sizeof *col_of);
		nearest_mutual(mutual_of, cost, NULL, workspace, n, m, m);
		for (size_t i = 0; i < n; i++) {
			size_t j = col_of[i], row = 0;
			for (size_t r = 1; r < n && j < m; r++)
				row = cost[r * m + j] < cost[row * m + j] ? r : row;
			check(mutual_of[i] == (j < m && row == i ? j : UNASSIGNED), "mutual",
				trial);
		}
		nearest_greedy(greedy_of, paid, cost, NULL, workspace, n, m, m);
		for (;;) {
			size_t i = n, j = m;
			for (size_t r = 0; r < n; r++)
				for (size_t c = 0; c < m; c++)
					if (!row_done[r] && !taken[c] && cost[r * m + c]
							< (i < n ? cost[i * m + j] : INFINITY))
						i = r, j = c;
			if (i == n)
				break;
			row_done[i] = taken[j] = true;
			check(greedy_of[i] == j && paid[i] == cost[i * m + j], "greedy", trial);
		}
		for (size_t i = 0; i < n; i++)
			check(row_done[i] || greedy_of[i] == UNASSIGNED,
				"greedy: what is left alone", trial);
	}
}

/* -- Transport --------------------------------------------------------------------------------- */

/* min <P, C> + epsilon KL(P | a b') in the log domain, in double: the transport cost and the
 * whole. */
static void plain_sinkhorn(double *transport, double *whole, const float *cost, const float *a,
	const float *b, size_t n, size_t m, size_t ld, double epsilon)
{
	double f[ROOM] = {0}, g[ROOM] = {0};

	for (size_t iteration = 0; iteration < 20000; iteration++) {
		double moved = 0;
		for (size_t j = 0; j < m; j++) {
			double most = -INFINITY, sum = 0;
			for (size_t i = 0; i < n; i++)
				most = fmax(most, (f[i] - (double)cost[j * ld + i]) / epsilon);
			for (size_t i = 0; i < n; i++)
				sum += (double)a[i] * exp((f[i]
					- (double)cost[j * ld + i]) / epsilon - most);
			g[j] = -epsilon * (most + log(sum));
		}
		for (size_t i = 0; i < n; i++) {
			double most = -INFINITY, sum = 0, before = f[i];
			for (size_t j = 0; j < m; j++)
				most = fmax(most, (g[j] - (double)cost[j * ld + i]) / epsilon);
			for (size_t j = 0; j < m; j++)
				sum += (double)b[j] * exp((g[j]
					- (double)cost[j * ld + i]) / epsilon - most);
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

/* Weights of 1e-6 to 1 before they are normalised. */
static void wide_weights(float *w, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)(w[i] = (float)pow(10, -6 * uniform()));
	for (size_t i = 0; i < n; i++)
		w[i] = (float)((double)w[i] / sum);
}

/* cost (m, padded(n)) of c (n, m). */
static void lay_costs(float *cost, const float *c, size_t n, size_t m)
{
	for (size_t j = 0; j < m; j++)
		for (size_t i = 0; i < padded(n); i++)
			cost[j * padded(n) + i] = i < n ? c[i * m + j] : 0;
}

/* emd() from random potentials, which are `size` of the largest cost. */
static struct emd exact(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double size, float *v)
{
	double *workspace = malloc(emd_workspace(n, m) * sizeof *workspace);
	double largest = summarise_costs(cost, n, m).largest;

	for (size_t i = 0; i < n; i++)
		v[i] = (float)(size * largest * normal());
	struct emd s = emd(cost, a, b, n, m, largest, v, workspace);
	free(workspace);
	return s;
}

/* largest_potentials() and dual_cost() of random potentials. */
static void check_potentials(const float *cost, size_t n, size_t m, double most, size_t trial)
{
	static float f[ROOM + LANES], g[ROOM], a[ROOM], b[ROOM];
	size_t ld = padded(n);
	double dual = 0;
	bool potentials = true;

	random_weights(a, n);
	random_weights(b, m);
	for (size_t i = 0; i < ld; i++)
		f[i] = i < n ? (float)(most * normal()) : -INFINITY;
	largest_potentials(g, cost, f, n, m);
	for (size_t i = 0; i < n; i++)
		dual += (double)a[i] * (double)f[i];
	for (size_t j = 0; j < m; j++) {
		float least = INFINITY;
		for (size_t i = 0; i < n; i++)
			least = fminf(least, cost[j * ld + i] - f[i]);
		potentials &= g[j] == least;
		dual += (double)b[j] * (double)least;
	}
	check(potentials, "largest_potentials", trial);
	check(fabs(dual_cost(cost, NULL, a, b, f, n, m) - dual) <= 1e-12 * most, "dual_cost",
		trial);
}

/* M = mean min(C, 3 M), by iteration from the mean on. */
static double plain_capped_mean(const float *cost, size_t n, size_t m, double mean)
{
	for (double before = 2 * mean; mean < before; ) {
		double sum = 0;
		for (size_t j = 0; j < m; j++)
			for (size_t i = 0; i < n; i++)
				sum += fmin((double)cost[j * padded(n) + i], 3 * mean);
		before = mean;
		mean = fmin(mean, sum / (double)(n * m));
	}
	return mean;
}

/* Costs of which some are a thousand times as large, but fewer than a third: of those beyond n
 * nothing is taken. */
static void means_of_costs(void)
{
	static float cost[ROOM * (ROOM + LANES)];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t n = 1 + below(ROOM), m = 1 + below(ROOM), far = trial % 3;
		double largest = 0, mean = 0, outliers = 0;
		for (size_t k = 0; k < m * padded(n); k++)
			cost[k] = 1e9f;
		for (size_t j = 0; j < m; j++)
			for (size_t i = 0; i < n; i++) {
				bool outlier = far && (i + j * n) % (far == 1 ? 7 : 4) == 1;
				double x = (1 + uniform()) * (outlier ? 1000 : 1);
				cost[j * padded(n) + i] = (float)x;
				outliers += outlier;
				mean += (double)(float)x / (double)(n * m);
				largest = fmax(largest, x);
			}
		double got = capped_mean(cost, NULL, n, m, (struct costs){mean, largest});
		double plain = plain_capped_mean(cost, n, m, mean);
		check(fabs(got - plain) <= 1e-9 * plain, "capped_mean", trial);
		double share = outliers / (double)(n * m);	/* the others are below 2 */
		check(share > 0.3 || (share > 0 ? got <= 2 * (1 - share) / (1 - 3 * share)
			: got == mean), "a few far points", trial);
	}
}

static void costs_of_points(void)
{
	static float x[ROOM * 20], y[ROOM * 20], lane[(ROOM + LANES) * 20],
		cost[ROOM * (ROOM + LANES)], other[ROOM * (ROOM + LANES)];
	static uint32_t of_x[ROOM], of_y[ROOM];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t n = 1 + below(70), m = 1 + below(70), d = 1 + below(20), ld = padded(n);
		int p = 1 + (int)(trial % 2);
		const uint32_t *rows = trial % 3 ? of_x : NULL, *cols = trial % 3 ? of_y : NULL;
		double offset = trial % 5 == 4 ? 1e6 : 0, sum = 0, most = 0;
		bool same = true, padding = true, symmetric = true, alone = true;

		random_points(x, ROOM, d, offset);
		random_points(y, ROOM, d, offset);
		for (size_t k = 0; k < ROOM; k++)
			of_x[k] = (uint32_t)below(ROOM), of_y[k] = (uint32_t)below(ROOM);
		lay_points(lane, x, rows, n, d);
		memset(cost, 0xff, sizeof cost);
		cost_matrix(cost, y, cols, m, lane, n, d, p);
		for (size_t j = 0; j < m; j++)
			for (size_t i = 0; i < ld; i++) {
				const float *from = x + (rows && i < n ? rows[i] : i) * d,
					*to = y + (cols ? cols[j] : j) * d;
				double square = 0, got = (double)cost[j * ld + i];
				for (size_t k = 0; i < n && k < d; k++)
					square += pow((double)to[k] - (double)from[k], 2);
				double c = p == 1 ? sqrt(square) : square;
				same &= i >= n || fabs(got - c) <= 2e-6 * c;
				padding &= i < n || got == 0;
				sum += got;
				most = fmax(most, got);
			}
		check(same, "cost_matrix", trial);
		check(padding, "cost_matrix: padding", trial);
		struct costs costs = summarise_costs(cost, n, m);
		check(costs.largest == most
			&& fabs(costs.mean - sum / (double)(n * m)) <= 1e-6 * costs.mean,
			"summarise_costs", trial);

		lay_points(lane, y, cols, m, d);
		cost_matrix(other, x, rows, n, lane, m, d, p);
		for (size_t j = 0; j < m; j++)
			for (size_t i = 0; i < n; i++)
				symmetric &= other[i * padded(m) + j] == cost[j * ld + i];
		check(symmetric, "cost_matrix: d(x, y) has the bits of d(y, x)", trial);
		for (size_t i = 0; i < n; i++) {
			cost_matrix(other, rows ? x + rows[i] * d : x + i * d, NULL, 1, lane, m, d,
				p);
			for (size_t j = 0; j < m; j++)
				alone &= other[j] == cost[j * ld + i];
		}
		check(alone, "cost_matrix: the same bits whatever is computed beside it", trial);
		check_potentials(cost, n, m, most, trial);
	}
}

/* Weights that are multiples of 1 / total: their exact cost is an assignment's, of as many copies
 * of each point. */
static double assigned(float *a, float *b, const float *c, size_t n, size_t m, size_t total)
{
	static float square[ROOM * ROOM];
	static uint32_t row[ROOM], col[ROOM];
	struct assignment best;
	double sum = 0;

	memset(a, 0, n * sizeof *a);
	memset(b, 0, m * sizeof *b);
	for (size_t k = 0; k < total; k++) {		/* every point once, and some more often */
		row[k] = (uint32_t)(k < n ? k : below(n));
		col[k] = (uint32_t)(k < m ? k : below(m));
		a[row[k]] += 1;
		b[col[k]] += 1;
	}
	for (size_t i = 0; i < n; i++)
		a[i] /= (float)total;
	for (size_t j = 0; j < m; j++)
		b[j] /= (float)total;
	for (size_t k = 0; k < total; k++)
		for (size_t l = 0; l < total; l++)
			square[k * total + l] = c[row[k] * m + col[l]];
	assignment_of_matrix(&best, square, total, total, INFINITY, false);
	for (size_t k = 0; k < total; k++)
		sum += (double)square[k * total + best.col_of[k]];
	assignment_free(&best);
	return sum / (double)total;
}

static void check_exact(struct emd s, double known, double near_by, double largest, size_t trial,
	const char *what)
{
	check(fabs(s.cost - known) <= near_by * largest, what, trial);
	check(s.dual <= s.cost + 1e-15 * largest, "emd: the dual is not above the cost", trial);
	check(s.cost - s.dual <= 1e-12 * largest, "emd: the gap", trial);
}

/* Equal weights, equal costs, whole numbers, zeros: bases without end. From any potentials the
 * value is the same. */
static void exact_transport(void)
{
	static const size_t kinds[] = {0, 1, 2, 5, 6};
	static const double sizes[] = {0, 0.1, 1, 1e3, 1e9};
	static float c[ROOM * ROOM], cost[ROOM * (ROOM + LANES)], a[ROOM], b[ROOM], v[ROOM + LANES];

	for (size_t trial = 0; trial < 1500; trial++) {
		size_t room = trial % 20 ? 9 : 60, n = 1 + below(room),
			m = trial % 3 ? 1 + below(room) : n;
		size_t least = n > m ? n : m, total = trial % 3 ? least + below(2 * room - least)
			: n;
		size_t kind = kinds[trial % 5];

		random_costs(c, n, m, kind);
		if (kind == 6)
			memset(c, 0, sizeof c);
		lay_costs(cost, c, n, m);
		double known = assigned(a, b, c, n, m, total), largest = summarise_costs(cost, n,
			m).largest;
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			struct emd s = exact(cost, a, b, n, m, sizes[k], v);
			check_exact(s, known, 1e-7, largest, trial,
				"emd: an assignment of copies costs as much");
			double again = exact(cost, a, b, n, m, 0, v).cost;
			check(fabs(s.cost - again) <= 1e-12 * largest,
				"emd: from any potentials the same", trial);
		}
	}
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* On the line the cost is the area between the distribution functions. Positions are whole here and
 * there, and shared. */
static void transport_on_the_line(void)
{
	static float x[ROOM], y[ROOM], a[ROOM], b[ROOM], lane[ROOM + LANES],
		cost[ROOM * (ROOM + LANES)], v[ROOM + LANES];
	static double at[2 * ROOM];

	for (size_t trial = 0; trial < 300; trial++) {
		size_t n = trial % 4 == 1 ? 1 : 1 + below(ROOM);
		size_t m = trial % 4 == 2 ? 1 : 1 + below(ROOM);
		double area = 0, offset = trial % 7 == 6 ? 1e6 : 0;

		random_points(x, n, 1, offset);
		random_points(y, m, 1, offset);
		for (size_t i = 0; i < n && trial % 3 == 0; i++)
			x[i] = roundf(x[i]);
		for (size_t j = 0; j < m && trial % 3 == 0; j++)
			y[j] = roundf(y[j]);
		wide_weights(a, n);
		wide_weights(b, m);
		if (trial % 10 == 9) {
			m = n;
			memcpy(y, x, n * sizeof *y);
			memcpy(b, a, n * sizeof *b);
		}
		lay_points(lane, x, NULL, n, 1);
		cost_matrix(cost, y, NULL, m, lane, n, 1, 1);
		for (size_t i = 0; i < n; i++)
			at[i] = (double)x[i];
		for (size_t j = 0; j < m; j++)
			at[n + j] = (double)y[j];
		qsort(at, n + m, sizeof *at, ascending);
		double mass_a = 0, mass_b = 0;
		for (size_t i = 0; i < n; i++)
			mass_a += (double)a[i];
		for (size_t j = 0; j < m; j++)
			mass_b += (double)b[j];
		for (size_t k = 0; k + 1 < n + m; k++) {
			double below_it = 0;
			for (size_t i = 0; i < n; i++)
				below_it += (double)x[i] <= at[k] ? (double)a[i] / mass_a : 0;
			for (size_t j = 0; j < m; j++)
				below_it -= (double)y[j] <= at[k] ? (double)b[j] / mass_b : 0;
			area += fabs(below_it) * (at[k + 1] - at[k]);
		}
		double largest = summarise_costs(cost, n, m).largest;
		struct emd s = exact(cost, a, b, n, m, (double)(trial % 2), v);
		check_exact(s, area, 2e-7, largest, trial, "emd: on the line");
	}
}

/* |P 1 - a|_1 of the plan with these f whose columns sum to b. */
static double plan_error(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double epsilon, const float *f)
{
	size_t ld = padded(n);
	double error = 0;

	for (size_t i = 0; i < n; i++) {
		double row = 0;
		for (size_t j = 0; j < m; j++) {
			const float *c = cost + j * ld;
			double sum = 0;
			for (size_t k = 0; k < n; k++)
				sum += (double)a[k] * exp((double)(f[k] - c[k]) / epsilon);
			row += (double)a[i] * (double)b[j] / sum
				* exp((double)(f[i] - c[i]) / epsilon);
		}
		error += fabs(row - (double)a[i]);
	}
	return error;
}

/* Stopped anywhere, at any epsilon, the bounds hold the optimum. */
static void stopped_early(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double most, double epsilon, double optimum, double *workspace, size_t trial)
{
	static float f[ROOM + LANES];

	for (double e = epsilon; e > 1e-6 * most; e /= 10)
		for (uint32_t limit = 1; limit < 200; limit *= 3) {
			struct sinkhorn s = sinkhorn(cost, NULL, a, b, n, m, most, e, 0, limit,
				f, workspace);
			check(s.iters <= limit && s.residual >= 0 && isfinite(s.residual),
				"sinkhorn: stopped early", trial);
			check(s.lower <= optimum && optimum <= s.upper && s.cost <= s.upper,
				"sinkhorn: bounds when stopped early", trial);
			for (size_t i = 0; i < n; i++)
				check(isfinite(f[i]), "sinkhorn: potentials when stopped early",
					trial);
		}
}

/* A table with rows in another order gives the same bits as the matrix that s and f are of. */
static void rows_of_a_table(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double most, double epsilon, const struct sinkhorn *s, const float *f, double *workspace,
	size_t trial)
{
	static float table[2 * ROOM * (ROOM + LANES)], other[ROOM + LANES];
	uint32_t row[ROOM];
	size_t ld = padded(n);
	struct costs costs = summarise_costs(cost, n, m);

	for (size_t k = 0; k < 2 * m * ld; k++)
		table[k] = NAN;
	for (size_t j = 0; j < m; j++) {
		row[j] = (uint32_t)(2 * (m - j) - 1);
		memcpy(table + row[j] * ld, cost + j * ld, ld * sizeof *table);
	}
	struct sinkhorn got = sinkhorn(table, row, a, b, n, m, most, epsilon, 1e-6, 100000, other,
		workspace);
	check(got.cost == s->cost && got.lower == s->lower && got.upper == s->upper
		&& got.dual == s->dual && got.iters == s->iters && got.residual == s->residual
		&& memcmp(other, f, n * sizeof *f) == 0, "sinkhorn: of rows of a table", trial);
	for (size_t i = 0; i < ld; i++)
		other[i] = i < n ? f[i] : -INFINITY;
	check(dual_cost(table, row, a, b, other, n, m) == dual_cost(cost, NULL, a, b, other, n, m),
		"dual_cost: of rows of a table", trial);
	check(capped_mean(table, row, n, m, costs) == capped_mean(cost, NULL, n, m, costs),
		"capped_mean: of rows of a table", trial);
}

/* The value and the bounds of sinkhorn(); f gives the plan. */
static void transport(void)
{
	static float x[ROOM * 8], y[ROOM * 8], lane[(ROOM + LANES) * 8], a[ROOM], b[ROOM],
		f[ROOM + LANES], v[ROOM + LANES];
	static float cost[ROOM * (ROOM + LANES)];
	static const double share[] = {0.5, 0.1, 0.02, 0.01};

	for (size_t trial = 0; trial < 60; trial++) {
		size_t n = 1 + below(40), m = 1 + below(40), d = 1 + below(8), ld = padded(n);
		double transport_cost, whole;

		random_points(x, n, d, 0);
		random_points(y, m, d, 0);
		if (trial % 3 == 0)
			memcpy(y, x, (n < m ? n : m) * d * sizeof *y);
		random_weights(a, n);
		random_weights(b, m);
		lay_points(lane, x, NULL, n, d);
		cost_matrix(cost, y, NULL, m, lane, n, d, 1 + (int)(trial % 2));
		struct costs costs = summarise_costs(cost, n, m);
		double most = costs.largest, epsilon = share[trial / 2 % 4] * costs.mean;
		if (epsilon == 0)
			continue;
		double optimum = exact(cost, a, b, n, m, 0, v).cost;
		double *workspace = malloc(sinkhorn_workspace(n, m) * sizeof *workspace);
		struct sinkhorn s = sinkhorn(cost, NULL, a, b, n, m, most, epsilon, 1e-6, 100000, f,
			workspace);
		plain_sinkhorn(&transport_cost, &whole, cost, a, b, n, m, ld, epsilon);
		check(fabs(s.cost - transport_cost) <= 1e-5 * most, "sinkhorn: transport cost",
			trial);
		check(fabs(s.dual - whole) <= 1e-5 * most, "sinkhorn: dual value", trial);
		check(s.residual <= 1e-6f && s.iters <= 100000, "sinkhorn: residual", trial);
		check(s.lower <= optimum && optimum <= s.upper, "sinkhorn: bounds", trial);
		check(plan_error(cost, a, b, n, m, epsilon, f) <= 1e-4, "sinkhorn: potentials",
			trial);
		rows_of_a_table(cost, a, b, n, m, most, epsilon, &s, f, workspace, trial);
		stopped_early(cost, a, b, n, m, most, epsilon, optimum, workspace, trial);
		free(workspace);
	}
}

/* What sinkhorn() gives is not below the optimum, and not above it by more than epsilon log n and
 * what the residual explains. */
static void near_the_optimum(void)
{
	static float cost[ROOM * (ROOM + LANES)], square[ROOM * ROOM], a[ROOM], b[ROOM],
		f[ROOM + LANES];

	for (size_t trial = 0; trial < 40; trial++) {
		size_t n = 1 + below(60);
		double *workspace = malloc(sinkhorn_workspace(n, n) * sizeof *workspace);

		random_costs(square, n, n, trial % 2);
		lay_costs(cost, square, n, n);
		double optimum = assigned(a, b, square, n, n, n);
		double most = summarise_costs(cost, n, n).largest;
		for (double epsilon = 0.1 * most; epsilon > 1e-7 * most; epsilon /= 10) {
			struct sinkhorn s = sinkhorn(cost, NULL, a, b, n, n, most, epsilon, 1e-5,
				2000, f, workspace);
			check(s.cost >= optimum - 1e-5 * most, "sinkhorn: not below the optimum",
				trial);
			check(s.cost <= optimum + epsilon * log((double)n)
				+ (2 * (double)s.residual + 1e-5) * most,
				"sinkhorn: near the optimum", trial);
			check(s.dual <= optimum + epsilon * log((double)n) + 1e-5 * most,
				"sinkhorn: dual", trial);
			check(s.lower <= optimum && optimum <= s.upper,
				"sinkhorn: bounds of equal weights", trial);
		}
		free(workspace);
	}
}

/* -- Bounds of parts --------------------------------------------------------------------------- */

enum { SET_TOKENS = 300, SET_FEATURES = 70, SET_POINTS = 12, SET_D = 5 };

/* Features of 1 to SET_POINTS of its tokens each, all of which may be used by many. */
static void random_set(struct distributions *s, float *point, size_t *indptr, uint32_t *row,
	float *weight, size_t features, double offset)
{
	*s = (struct distributions){.d = SET_D, .tokens = SET_TOKENS, .point = point,
		.ids.n = features, .indptr = indptr, .row = row, .weight = weight};
	random_points(point, SET_TOKENS, SET_D, offset);
	for (size_t t = 0; t + 1 < SET_TOKENS; t += 5)		/* some at one place */
		memcpy(point + (t + 1) * SET_D, point + t * SET_D, SET_D * sizeof *point);
	for (size_t i = 0; i < features; i++) {
		size_t n = 1 + below(SET_POINTS);
		indptr[i + 1] = indptr[i] + n;
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++)
			row[k] = (uint32_t)below(SET_TOKENS);
		wide_weights(weight + indptr[i], n);
		s->max_points = n > s->max_points ? n : s->max_points;
	}
}

/* The mean of all tokens, and their mean square distance from it. */
struct middle {
	double at[SET_D], square;
};

static struct middle middle_of(const struct distributions *a, const struct distributions *b)
{
	const struct distributions *side[] = {a, b};
	struct middle m = {.square = 0};

	for (size_t k = 0; k < SET_D; k++) {
		for (size_t t = 0; t < 2 * SET_TOKENS; t++)
			m.at[k] += (double)side[t % 2]->point[t / 2 * SET_D + k] / (2 * SET_TOKENS);
		for (size_t t = 0; t < 2 * SET_TOKENS; t++)
			m.square += pow((double)side[t % 2]->point[t / 2 * SET_D + k] - m.at[k], 2)
				/ (2 * SET_TOKENS);
	}
	return m;
}

/* The surcharge of token t of y: its potential, .75 (|y - c|^2 + sigma^2)^(p/2), below that of a
 * token three times as far as is typical. */
static double surcharge(const struct distributions *y, uint32_t t, const struct middle *m, int p)
{
	double square = m->square;

	for (size_t k = 0; k < SET_D; k++)
		square += pow((double)y->point[t * SET_D + k] - m->at[k], 2);
	return fmax(0.75 * (pow(9 * m->square, 0.5 * p) - pow(square, 0.5 * p)), 0);
}

/* What the points of feature i of x pay to their nearest of feature j of y, surcharges included and
 * `most` at most, less the surcharges of feature j. The square of a distance is less by `rounded`
 * times the squares of how far both points are from the middle. */
static double one_way(const struct distributions *x, size_t i, const struct distributions *y,
	size_t j, const struct middle *m, int p, double most, double rounded)
{
	double total = 0;

	for (size_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
		double least = most;
		for (size_t l = y->indptr[j]; l < y->indptr[j + 1]; l++) {
			double square = 0;
			for (size_t c = 0; c < x->d; c++) {
				double one = (double)x->point[x->row[k] * x->d + c] - m->at[c],
					two = (double)y->point[y->row[l] * y->d + c] - m->at[c];
				square += pow(one - two, 2) - rounded * (one * one + two * two);
			}
			least = fmin(least, pow(fmax(square, 0), 0.5 * p)
				+ surcharge(y, y->row[l], m, p));
		}
		total += (double)x->weight[k] * least;
	}
	for (size_t l = y->indptr[j]; l < y->indptr[j + 1]; l++)
		total -= (double)y->weight[l] * surcharge(y, y->row[l], m, p);
	return fmax(total, 0);
}

/* The bounds are the larger one-sided cost but for rounding and three units, or more when there is
 * room for a part of the tokens only, and not above the exact cost, for any block of rows. */
static void relaxed_bounds(void)
{
	static float point[2][SET_TOKENS * SET_D], weight[2][SET_FEATURES * SET_POINTS];
	static size_t indptr[2][SET_FEATURES + 1];
	static uint32_t row[2][SET_FEATURES * SET_POINTS];
	static float lane[(SET_POINTS + LANES) * SET_D], cost[SET_POINTS * (SET_POINTS + LANES)],
		v[SET_POINTS + LANES];

	for (size_t trial = 0; trial < 12; trial++) {
		struct distributions input[2];
		const struct distributions *a = &input[0], *b = &input[trial % 3 > 0];
		int p = 1 + (int)(trial % 2);
		double offset = trial % 4 == 3 ? 1e3 : 0;

		for (size_t s = 0; s < 2; s++)
			random_set(&input[s], point[s], indptr[s], row[s], weight[s],
				trial % 5 ? SET_FEATURES : 1 + below(9), offset);
		size_t first = trial % 2 ? below(a->ids.n) : 0,
			end = first + 1 + below(a->ids.n - first);
		size_t room = trial < 8 ? BOUNDS_ROOM : 1 + below(1 << 15);
		struct bounds r = bounds_open(a, first, end, b, p, room);
		double units = trial < 8 ? 3 : 6;	/* 300 tokens are at most three parts */
		struct middle middle = middle_of(a, b);
		check(r.rows == end - first && r.cols == b->ids.n, "bounds: of all pairs", trial);
		for (size_t i = first; i < end; i++)
			for (size_t j = 0; j < r.cols; j++) {
				size_t n = points_of(a, i), m = points_of(b, j);
				double bound = (double)bounds_row(&r, i)[j] * r.unit;
				double known[2];	/* by exact costs, and by rounded ones */
				for (int q = 0; q < 2; q++)
					known[q] = fmax(one_way(a, i, b, j, &middle, p,
							65535 * r.unit, q * 4e-5),
						one_way(b, j, a, i, &middle, p,
							65535 * r.unit, q * 4e-5));
				lay_points(lane, a->point, a->row + a->indptr[i], n, SET_D);
				cost_matrix(cost, b->point, b->row + b->indptr[j], m, lane, n,
					SET_D, p);
				struct emd s = exact(cost, a->weight + a->indptr[i],
					b->weight + b->indptr[j], n, m, 0, v);
				check(bound <= s.cost, "bounds: not above the exact cost", trial);
				check(bound <= known[0] * (1 + 1e-6)
					&& bound >= known[1] * (1 - 1e-5) - units * r.unit,
					"bounds: the larger of the one-sided costs", trial);
			}
		bounds_free(&r);
	}
}

/* -- Orders ------------------------------------------------------------------------------------ */

enum { ORDER_NODES = 9, ORDER_LINKS = 14 };

/* Which nodes paths of links between different nodes lead to. */
static void paths(bool *leads, const uint32_t *source, const uint32_t *target, size_t nodes,
	size_t links)
{
	memset(leads, 0, nodes * nodes * sizeof *leads);
	for (size_t i = 0; i < links; i++)
		leads[source[i] * nodes + target[i]] |= source[i] != target[i];
	for (size_t k = 0; k < nodes; k++)
		for (size_t i = 0; i < nodes; i++)
			for (size_t j = 0; j < nodes; j++)
				leads[i * nodes + j] |= leads[i * nodes + k]
					&& leads[k * nodes + j];
}

/* Sources come before targets; what cycles lead to is left out; one node of a cycle is named; and a
 * link from a node to itself is no cycle. */
static void orders(void)
{
	uint32_t source[ORDER_LINKS], target[ORDER_LINKS], order[ORDER_NODES];
	size_t link[ORDER_LINKS], work[2 * ORDER_NODES + ORDER_LINKS + 1];
	bool leads[ORDER_NODES * ORDER_NODES];

	for (size_t trial = 0; trial < 2000; trial++) {
		size_t nodes = 1 + below(ORDER_NODES), links = below(ORDER_LINKS + 1),
			place[ORDER_NODES], free_of = 0, m = 0;
		for (size_t i = 0; i < links; i++) {
			source[i] = (uint32_t)below(nodes);
			target[i] = (uint32_t)below(nodes);
		}
		paths(leads, source, target, nodes, links);
		for (size_t i = 0; i < nodes; i++) {
			bool cyclic = false;
			for (size_t k = 0; k < nodes; k++)
				cyclic |= leads[k * nodes + k] && (k == i || leads[k * nodes + i]);
			free_of += !cyclic;
			place[i] = SIZE_MAX;
		}
		size_t n = topological_order(order, link, source, target, work, nodes, links);
		check(n == free_of, "order: all nodes that no cycle leads to", trial);
		check(n == nodes || leads[order[n] * nodes + order[n]], "order: a node of a cycle",
			trial);
		for (size_t i = 0; i < n; i++)
			place[order[i]] = i;
		for (size_t i = 0; i < links; i++) {
			check(place[target[i]] == SIZE_MAX || source[i] == target[i]
				|| place[source[i]] < place[target[i]],
				"order: sources before targets", trial);
			m += place[source[i]] != SIZE_MAX;
		}
		for (size_t i = 0; i < m; i++)
			check(i == 0 ? place[source[link[0]]] != SIZE_MAX
				: place[source[link[i]]] >= place[source[link[i - 1]]]
				&& link[i] != link[i - 1], "order: links by their sources", trial);
	}
}

/* -- Products ---------------------------------------------------------------------------------- */

/* y + x w, in the order that the header says, fused where the CPU can. */
static float product(float y, const float *x, const float *w, size_t stride, size_t d)
{
	bool fused = simd_level() > 2;

	for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
		float sum = 0;
		for (size_t q = k; q < d && q < k + PRODUCT_DEPTH; q++)
			sum = fused ? fmaf(x[q], w[q * stride], sum) : sum + x[q] * w[q * stride];
		y += sum;
	}
	return y;
}

/* Packs w (d, r), row-major or column-major, in four parts. */
static void pack_in_parts(float *packed, const float *w, bool by_columns, size_t d, size_t r)
{
	size_t k = below(d + 1), j = below(r + 1), across = by_columns ? d : 1;

	memset(packed, 0, product_matrix_size(d, r) * sizeof *packed);
	for (size_t part = 0; part < 4; part++) {
		struct product_part p = {part & 1 ? k : 0, part & 1 ? d - k : k, part & 2 ? j : 0,
			part & 2 ? r - j : j, by_columns ? 1 : r, across};
		product_pack_matrix(packed, w + p.k0 * p.row_stride + p.j0 * across, &p, d, r);
	}
}

/* To the bit, for any number of rows and any columns. */
static void products(void)
{
	enum { N = 600, D = 600, R = 200 };
	static float x[N * D], w[D * R], turned[R * D], y[N * R], expected[N * R], column[D];
	static float again[N * R], work[PRODUCT_WORKSPACE];
	float *rows = malloc(product_rows_size(D) * sizeof *rows);
	float *packed = malloc(product_matrix_size(D, R) * sizeof *packed);

	for (size_t trial = 0; trial < 60; trial++) {
		size_t n = 1 + below(trial < 50 ? 30 : N), d = 1 + below(D), r = 1 + below(R);
		size_t j0 = below(r) / PRODUCT_COLUMNS * PRODUCT_COLUMNS, m = 1 + below(r - j0);
		for (size_t i = 0; i < n * d; i++)
			x[i] = (float)normal();
		for (size_t i = 0; i < d * r; i++)
			w[i] = turned[i % r * d + i / r] = (float)normal();
		for (size_t i = 0; i < n * R; i++)
			y[i] = again[i] = expected[i] = (float)normal();
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < m; j++)
				expected[i * R + j] = product(y[i * R + j], x + i * d, w + j0 + j,
					r, d);
		pack_in_parts(packed, trial % 2 ? turned : w, trial % 2, d, r);
		product_add(again, R, x, w + j0, r, n, d, m, work);
		for (size_t i = 0, some; i < n; i += some) {
			some = n - i < PRODUCT_ROWS ? n - i : PRODUCT_ROWS;
			product_pack_rows(rows, x + i * d, some, d);
			product_add_packed(y + i * R, R, rows, packed, some, d, r, j0, m);
		}
		check(memcmp(y, expected, n * R * sizeof *y) == 0
			&& memcmp(again, expected, n * R * sizeof *y) == 0,
			"product: every row is summed alike, and nothing else changes", trial);
		size_t j = below(r);
		product_column(column, packed, j, d, r);
		check(memcmp(column, turned + j * d, d * sizeof *column) == 0,
			"product: a column is as it was", trial);
	}
	free(packed);
	free(rows);
}

/* -- Nearest by products ----------------------------------------------------------------------- */

static int by_number(const void *x, const void *y)
{
	float a = *(const float *)x, b = *(const float *)y;

	return a < b ? -1 : a > b;
}

/* Is every column there whose rounded distance is one of the k least, or has their square root, and
 * are they ascending? */
static bool has_nearest(const uint32_t *col, size_t found, const float *dist, size_t n, size_t k)
{
	static float sorted[1000];
	size_t at = 0;

	memcpy(sorted, dist, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_number);
	for (size_t j = 0; j < n; j++) {
		while (at < found && col[at] < j)
			at++;
		if (sqrtf(dist[j]) <= sqrtf(sorted[k - 1]) && (at == found || col[at] != j))
			return false;
	}
	for (size_t e = 1; e < found; e++)
		if (col[e] <= col[e - 1])
			return false;
	return true;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Are all columns found whose distance is within the limit of the row, the kth least of all, or
 * within their own, which are at random just there, just below, or 0? And is the bound no less? Of
 * columns that are not too long. */
static void near_limits(const float *product, double x2, const double *y2, const float *dist,
	size_t n, size_t k, size_t d, size_t trial, bool few)
{
	static float p[1000], of[1000], sorted[1000], half[1000], less[1000], own[1000];
	static double square[1000], heap[1000];
	static uint32_t col[1000];
	size_t m = 0;

	for (size_t j = 0; j < n; j++)
		if (y2[j] < 1e36) {
			p[m] = product[j];
			square[m] = y2[j];
			sorted[m] = of[m] = dist[j];
			m++;
		}
	k = k < m ? k : m;
	qsort(sorted, m, sizeof *sorted, by_size);
	for (int row = 0; row < 2 && k > 0; row++) {
		float limit = row ? sorted[k - 1] : 0;
		bool right = true;
		for (size_t j = 0; j < m; j++) {
			size_t sort = few ? 0 : below(3);
			own[j] = sort == 0 ? 0 : sort == 1 ? of[j] : nextafterf(of[j], 0);
			struct near_limit l = near_limit(square[j], own[j], d);
			half[j] = l.half;
			less[j] = l.less;
		}
		size_t at = 0, found = near_either(col, p, near_limit(x2, limit, d), half, less, m);
		for (size_t j = 0; j < m; j++) {
			while (at < found && col[at] < j)
				at++;
			if (of[j] <= limit || of[j] <= own[j])
				right = right && at < found && col[at] == j;
		}
		check(right, "near: within either limit", trial);
		check(!few || found < m / 4, "near: few beyond the limits", trial);
	}
	check(k == 0 || near_bound(p, x2, square, m, k, d, heap) >= sorted[k - 1],
		"near: the bound of the kth", trial);
}

/* Products and distances that are as far off as they may be, in the worst directions. */
static void worst_products(size_t trial)
{
	enum { N = 1000, D = 2304, K = 10 };
	static float product[N], dist[N];
	static double y2[N], heap[K];
	static uint32_t col[N];
	double u = 0x1p-24, a = PRODUCT_ROUNDINGS(D), b = D + 3, x2 = exp(4 * normal());

	for (size_t j = 0; j < N; j++) {
		bool less = uniform() < .5;		/* is the distance too small? */
		y2[j] = x2 * (1 + .01 * uniform());
		double s = x2 + y2[j], off = .99 * a * u / (1 - a * u) * s / 2;
		double d = s * (trial % 2 ? .5 + 3e-4 * uniform() : 1e-4 + 6e-5 * uniform());
		double exact = (s - d) / 2;
		product[j] = (float)(less ? exact - off : exact + off);
		dist[j] = (float)(d * (1 + (less ? -.99 : .99) * b * u / (1 - b * u)));
	}
	size_t found = near_columns(col, product, x2, y2, N, K, D, heap);
	check(has_nearest(col, found, dist, N, K) && found < N,
		"near: all that rounding allows, at its worst", trial);
	near_limits(product, x2, y2, dist, N, K, D, trial, false);
}

static void nearest_by_products(void)
{
	enum { N = 500, D = 600, K = 7 };
	static const double scale[] = {1, 1, 1e12, 1e-12, 1e-21, 1e19};
	static float x[D], y[N * D], lane[D * 512], dist[512], product[N];
	static float work[PRODUCT_WORKSPACE];
	static double y2[N], heap[K];
	static uint32_t col[N];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t d = 1 + below(trial % 2 ? D : 5), k = 1 + below(K), found;
		bool plain = trial % 3 == 0;
		for (size_t c = 0; c < d; c++)
			x[c] = (float)normal();
		for (size_t j = 0; j < N; j++) {	/* new, a copy, a last bit off, 0 */
			double by = plain ? 1 : scale[below(6)];
			size_t from = below(j + 1), sort = plain ? 0 : below(4);
			for (size_t c = 0; c < d; c++)
				y[j * d + c] = sort == 3 ? 0 : sort > 0 ? y[from * d + c]
					: (float)(by * normal());
			if (sort == 2)
				y[j * d + below(d)] *= 1 + 0x1p-23f;
			y2[j] = square_length(y + j * d, d);
		}
		if (trial % 4 == 1)			/* the nearest are at 0 */
			memcpy(x, y + below(N) * d, d * sizeof *x);
		lay_points(lane, y, NULL, N, d);
		cost_matrix(dist, x, NULL, 1, lane, N, d, 2);
		memset(product, 0, sizeof product);
		product_add(product, N, x, lane, padded(N), 1, d, N, work);
		found = near_columns(col, product, square_length(x, d), y2, N, k, d, heap);
		check(has_nearest(col, found, dist, N, k), "near: the nearest", trial);
		check(!plain || d < 3 || found < N / 4, "near: few others", trial);
		for (size_t j = 0; j < N; j++) {
			double exact = 0;
			for (size_t c = 0; c < d; c++)
				exact += pow((double)x[c] - (double)y[j * d + c], 2);
			dist[j] = square_distance(x, y + j * d, d);
			check(fabs((double)dist[j] - exact) <= 1e-4 * exact + 1e-40
				|| exact > 1e37, "square_distance", trial);
			check(dist[j] == square_distance(y + j * d, x, d), "either way", trial);
		}
		near_limits(product, square_length(x, d), y2, dist, N, k, d, trial,
			plain && d > 3);
		worst_products(trial);
	}
}

/* Of many numbers, some of them equal, the k least of lowest index, in any order of coming. */
static void k_least(void)
{
	enum { N = 200 };
	float all[N], dist[N];
	uint32_t order[N], index[N];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t n = 1 + below(N), k = 1 + below(20), at = 0;
		bool right = true;
		for (size_t i = 0; i < n; i++) {
			size_t j = below(i + 1);
			all[i] = (float)below(trial % 2 ? 10 : 1000);
			order[i] = order[j];
			order[j] = (uint32_t)i;
		}
		k_nearest_begin(dist, index, k);
		for (size_t i = 0; i < n; i++)
			if (k_nearest_nearer(dist, index, all[order[i]], order[i]))
				k_nearest_replace(dist, index, k, all[order[i]], order[i]);
		k_nearest_sort(dist, index, k);
		for (float x = 0; x < 1000; x++)
			for (size_t i = 0; i < n && at < k; i++)
				if (all[i] == x) {
					right = right && index[at] == i && dist[at] == x;
					at++;
				}
		for (; at < k; at++)
			right = right && index[at] == UINT32_MAX && dist[at] == INFINITY;
		check(right, "the k nearest", trial);
	}
}

int main(void)
{
	k_least();
	nearest_by_products();
	products();
	orders();
	cheapest_entries();
	small_assignments();
	large_assignments();
	simple_matchings();
	means_of_costs();
	costs_of_points();
	exact_transport();
	transport_on_the_line();
	transport();
	near_the_optimum();
	relaxed_bounds();
	return failures > 0;
}
