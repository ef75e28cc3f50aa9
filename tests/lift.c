/* The kernels of coupled tokens, lift.h and sparse_plan.h, and the plan that is made by these,
 * against dense matrices. Silent when all is well. */
#include "distance/token_plan.h"
#include "kernel/lift.h"
#include "kernel/sparse_plan.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 12, FEATURES = 9, TRIALS = 400 };

static bool near(double x, double y)
{
	return fabs(x - y) <= 1e-12 * (1 + fabs(y));
}

/* A matrix, dense and sparse. */
struct matrix {
	double at[MOST][MOST];
	size_t indptr[MOST + 1];
	uint32_t index[MOST * MOST];
	float value[MOST * MOST];
};

/* Of whole numbers up to 3, many of them equal, on one entry in `rare`. */
static struct sparse draw(struct matrix *m, size_t rows, size_t cols, size_t rare)
{
	size_t n = 0;

	memset(m, 0, sizeof *m);
	for (size_t i = 0; i < rows; i++, m->indptr[i] = n)
		for (size_t j = 0; j < cols; j++) {
			m->at[i][j] = below(rare) == 0 ? (double)(1 + below(3)) : 0;
			if (m->at[i][j] > 0) {
				m->index[n] = (uint32_t)j;
				m->value[n++] = (float)m->at[i][j];
			}
		}
	return (struct sparse){m->indptr, m->index, m->value};
}

/* G, its shares of rows and columns, b, and b~ = share[0] b. */
struct lifted {
	size_t rows, cols;
	struct matrix g, b;
	struct sparse sparse_g, sparse_b;
	double share[2][MOST][MOST], on_rows[MOST][FEATURES], shares[MOST * MOST][2];
	struct lift lift;
};

static double sum_of(const struct lifted *x, size_t side, size_t of)
{
	double sum = 0;

	for (size_t k = 0; k < (side == 0 ? x->cols : x->rows); k++)
		sum += side == 0 ? x->g.at[of][k] : x->g.at[k][of];
	return sum;
}

static void check_shares(struct lifted *x, size_t trial)
{
	double col_sum[MOST];
	uint8_t partnered[2][MOST];

	lift_shares(x->shares, (uint8_t *const[]){partnered[0], partnered[1]}, col_sum,
		&x->sparse_g, x->rows, x->cols);
	for (size_t s = 0; s < x->rows; s++)
		check(partnered[0][s] == (sum_of(x, 0, s) > 0), "a row has entries", trial);
	for (size_t t = 0; t < x->cols; t++)
		check(partnered[1][t] == (sum_of(x, 1, t) > 0), "a column has entries", trial);
	for (size_t s = 0; s < x->rows; s++)
		for (size_t e = x->g.indptr[s]; e < x->g.indptr[s + 1]; e++) {
			size_t t = x->g.index[e];
			x->share[0][s][t] = x->g.at[s][t] / sum_of(x, 0, s);
			x->share[1][s][t] = x->g.at[s][t] / sum_of(x, 1, t);
			check(near(x->shares[e][0], x->share[0][s][t])
				&& near(x->shares[e][1], x->share[1][s][t]), "shares", trial);
		}
	for (size_t s = 0; s < x->rows; s++)
		for (size_t t = 0; t < x->cols; t++)
			for (size_t j = 0; j < FEATURES; j++)
				x->on_rows[s][j] += x->share[0][s][t] * x->b.at[t][j];
}

static void check_partners(const struct lifted *x, size_t trial)
{
	uint32_t row[MOST] = {0};
	float most[MOST] = {0};

	lift_partners(row, most, &x->sparse_g, x->rows);
	for (size_t t = 0; t < x->cols; t++) {
		size_t best = 0;
		for (size_t s = 0; s < x->rows; s++)
			if (x->g.at[s][t] > x->g.at[best][t])
				best = s;
		check(row[t] == best, "the row of a column's largest entry", trial);
	}
}

static void check_moments(const struct lifted *x, const uint8_t *among, size_t trial)
{
	size_t count[FEATURES];
	double sum[FEATURES], square[FEATURES], lifted[FEATURES] = {0};
	uint8_t seen[FEATURES] = {0};
	uint32_t list[FEATURES];

	lift_moments(count, sum, square, &x->lift, x->rows, &x->sparse_b, FEATURES, among, lifted,
		seen, list);
	for (size_t j = 0; j < FEATURES; j++) {
		size_t n = 0;
		double first = 0, second = 0;
		for (size_t s = 0; s < x->rows; s++)
			if (!among || among[s]) {
				n += x->on_rows[s][j] > 0;
				first += x->on_rows[s][j];
				second += x->on_rows[s][j] * x->on_rows[s][j];
			}
		check(count[j] == n && near(sum[j], first) && near(square[j], second), "moments",
			trial);
		check(lifted[j] == 0 && seen[j] == 0, "the workspace is 0 again", trial);
	}
}

/* A vector a on the rows: its tokens, and its products with b~ and, as a~, with b. */
static void check_vector(const struct lifted *x, const uint8_t *among, size_t trial)
{
	struct matrix a;
	struct sparse v = draw(&a, 1, x->rows, 2);
	size_t n = a.indptr[1], found;
	double u[MOST][2] = {{0}}, p[FEATURES][2] = {{0}}, fires[FEATURES][2] = {{0}};
	uint32_t list[MOST], last[FEATURES] = {0};
	uint8_t seen[MOST] = {0}, touched[FEATURES] = {0};

	found = lift_vector(u, list, seen, v.index, v.value, n, &x->lift, among);
	for (size_t t = 0; t < x->cols; t++) {
		double own[2] = {0};
		bool met = false;
		for (size_t s = 0; s < x->rows; s++) {
			own[0] += !among || among[s] ? x->share[0][s][t] * a.at[0][s] : 0;
			own[1] += x->share[1][s][t] * a.at[0][s];
			met |= a.at[0][s] > 0 && x->g.at[s][t] > 0;
		}
		size_t times = 0;
		for (size_t k = 0; k < found; k++)
			times += list[k] == t;
		check(near(u[t][0], own[0]) && near(u[t][1], own[1]), "a vector lifted", trial);
		check(times == met && seen[t] == met, "the tokens that it comes to", trial);
	}
	lift_add_product(p, touched, u, list, found, &x->sparse_b);
	lift_add_firing(fires, last, v.index, n, &x->lift, &x->sparse_b, among);
	for (size_t j = 0; j < FEATURES; j++) {
		double on_rows = 0, on_cols = 0, count = 0;
		for (size_t s = 0; s < x->rows; s++)
			if (!among || among[s]) {
				on_rows += a.at[0][s] * x->on_rows[s][j];
				count += a.at[0][s] > 0 && x->on_rows[s][j] > 0;
			}
		for (size_t t = 0; t < x->cols; t++)
			on_cols += u[t][1] * x->b.at[t][j];
		check(near(p[j][0], on_rows) && near(p[j][1], on_cols), "products", trial);
		check(touched[j] || (on_rows == 0 && on_cols == 0), "touched", trial);
		check(near(fires[j][0], count), "firing", trial);
	}
}

/* -- Plans ------------------------------------------------------------------------------------- */

/* Dense: C, infinite where mass does not move. */
static double dense_cost[MOST][MOST];

/* P_ij = exp((f_i + g_j - C_ij) / epsilon) */
static double moved(double f, double g, size_t i, size_t j, double epsilon)
{
	return exp((f + g - dense_cost[i][j]) / epsilon);
}

/* One update from any potentials: rows then sum to 1 / n, and how far they were off is known. */
static void check_update(const struct sparse *cost, size_t n, size_t m, double epsilon,
	size_t trial)
{
	double f[MOST], before[MOST], g[MOST], after[MOST], off = 0;
	float weight[MOST * MOST];
	size_t first = below(n + 1), end = first + below(n - first + 1);
	bool sums = true, rest = true, weights = true;

	for (size_t j = 0; j < m; j++) {
		g[j] = normal();
		after[j] = normal();
	}
	for (size_t i = 0; i < n; i++)
		before[i] = f[i] = normal();
	double got = plan_potentials(f, cost, g, first, end, n, epsilon);
	for (size_t i = 0; i < n; i++) {
		double old = 0, sum = 0;
		for (size_t j = 0; j < m; j++) {
			old += moved(before[i], g[j], i, j, epsilon);
			sum += moved(f[i], g[j], i, j, epsilon);
		}
		if (i < first || i >= end) {
			rest &= f[i] == before[i];
		} else if (cost->indptr[i] == cost->indptr[i + 1]) {
			sums &= f[i] == 0;
		} else {
			sums &= near(sum, 1 / (double)n);
			off += fabs(old - 1 / (double)n);
		}
	}
	check(sums && rest, "plan_potentials", trial);
	check(fabs(got - off) <= 1e-9 * (1 + off), "plan_potentials: how far sums were off", trial);
	for (size_t k = 0; k < cost->indptr[n]; k++)
		weight[k] = -1;
	plan_weights(weight, cost, before, g, after, first, end, n, m, epsilon);
	for (size_t i = 0; i < n; i++)
		for (size_t k = cost->indptr[i]; k < cost->indptr[i + 1]; k++) {
			size_t j = cost->index[k];
			double known = (double)n * moved(before[i], g[j], i, j, epsilon)
				+ (double)m * moved(before[i], after[j], i, j, epsilon);
			weights &= i < first || i >= end ? weight[k] == -1
				: fabs((double)weight[k] - known) <= 1e-6 * known;
		}
	check(weights, "plan_weights", trial);
}

/* f (n) of g (m), or the other way: of[x] = -epsilon log(n sum_y exp((other[y] - C_xy) /
 * epsilon)). */
static void scale(double *of, size_t n, const double *other, const struct sparse *cost,
	const float *dist, size_t rows, bool turned, double epsilon)
{
	for (size_t x = 0; x < n; x++)
		of[x] = 0;
	for (size_t i = 0; i < rows; i++)
		for (size_t k = cost->indptr[i]; k < cost->indptr[i + 1]; k++) {
			size_t j = cost->index[k];
			of[turned ? j : i] += exp((other[turned ? i : j] - (double)dist[k])
				/ epsilon);
		}
	for (size_t x = 0; x < n; x++)
		of[x] = of[x] > 0 ? -epsilon * log((double)n * of[x]) : 0;
}

/* The whole plan: P and P' that so many of Sinkhorn's iterations end with. */
static void check_plan(struct sparse *cost, size_t n, size_t m, double epsilon, size_t trial)
{
	size_t pairs = cost->indptr[n], iters = 1 + below(30), at = 0, k = 0;
	double *f = calloc(n, sizeof *f), *g = calloc(m, sizeof *g), *after = calloc(m, sizeof *g);
	float *dist = malloc(pairs * sizeof *dist + 1), largest = 0;
	uint32_t *index = malloc(pairs * sizeof *index + 1);
	struct token_plan plan = {.epsilon = epsilon, .tol = 0, .max_iters = iters};
	bool same = true;

	for (k = 0; k < pairs; k++) {
		dist[k] = cost->value[k];
		index[k] = cost->index[k];
		largest = dist[k] > largest ? dist[k] : largest;
	}
	for (size_t round = 0; round <= iters; round++) {
		if (round > 0)
			scale(g, m, f, cost, dist, n, true, epsilon);
		scale(f, n, g, cost, dist, n, false, epsilon);
	}
	scale(after, m, f, cost, dist, n, true, epsilon);
	size_t *end = malloc((n + 1) * sizeof *end);
	memcpy(end, cost->indptr, (n + 1) * sizeof *end);
	weigh_by_plan(&plan, cost, dist, n, m);
	k = 0;
	for (size_t i = 0; i < n; i++) {
		for (; k < end[i + 1]; k++) {
			double by = f[i] - (double)dist[k];
			double known = (double)n * exp((by + g[index[k]]) / epsilon)
				+ (double)m * exp((by + after[index[k]]) / epsilon);
			if (known > 1e-9) {
				same &= at < cost->indptr[i + 1] && cost->index[at] == index[k]
					&& fabs((double)cost->value[at] - known) <= 1e-5 * known;
				at++;
			}
		}
		same &= at == cost->indptr[i + 1];
	}
	check(same, "weigh_by_plan", trial);
	check(plan.iters == iters || plan.residual == 0, "weigh_by_plan: iterations", trial);
	check(plan.epsilon == (largest > 0 ? epsilon : fmax(epsilon, 1)), "weigh_by_plan: epsilon",
		trial);
	free(f);
	free(g);
	free(after);
	free(dist);
	free(index);
	free(end);
}

/* More rows and columns than one task has. */
static void large_plan(void)
{
	enum { N = 2500, M = 1300 };
	static size_t indptr[N + 1];
	static uint32_t index[3 * N];
	static float value[3 * N];
	struct sparse cost = {indptr, index, value};

	for (size_t i = 0; i < N; i++) {
		indptr[i + 1] = 3 * (i + 1);
		for (size_t k = 3 * i; k < 3 * i + 3; k++) {
			index[k] = (uint32_t)((i + 5 * (k % 3)) % M);
			value[k] = (float)uniform();
		}
	}
	check_plan(&cost, N, M, 0.5, 0);
}

static void plans(void)
{
	static struct matrix c;

	large_plan();

	for (size_t trial = 0; trial < TRIALS; trial++) {
		size_t n = 1 + below(MOST), m = 1 + below(MOST);
		double epsilon = trial % 3 ? 0.1 + uniform() : 3;
		struct sparse cost = draw(&c, n, m, 1 + below(4));
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < m; j++)
				dense_cost[i][j] = c.at[i][j] > 0 ? c.at[i][j] - 1 : INFINITY;
		for (size_t k = 0; k < c.indptr[n]; k++)
			c.value[k] -= 1;			/* 0 among the costs */
		check_update(&cost, n, m, epsilon, trial);
		check_plan(&cost, n, m, epsilon, trial);
	}
	/* it ends where the sums are right, and epsilon is not below 1e-9 of the largest cost */
	struct sparse cost = draw(&c, 5, 7, 1);
	float dist[35];
	for (size_t k = 0; k < 35; k++)
		dist[k] = (float)(1 + k % 3);
	struct token_plan plan = {.epsilon = 1, .tol = 1e-6, .max_iters = 10000};
	weigh_by_plan(&plan, &cost, dist, 5, 7);
	check(plan.iters < 100 && plan.residual <= 1e-6, "weigh_by_plan: tol", 0);
	cost = draw(&c, 5, 7, 1);
	plan.epsilon = 0;
	plan.max_iters = 1;
	weigh_by_plan(&plan, &cost, dist, 5, 7);
	check(plan.epsilon == 1e-9 * 3 && plan.iters == 1, "weigh_by_plan: the least epsilon", 0);
	cost = draw(&c, 5, 7, 1);
	memset(dist, 0, sizeof dist);
	plan.epsilon = 0;
	weigh_by_plan(&plan, &cost, dist, 5, 7);
	check(plan.epsilon == 1, "weigh_by_plan: epsilon without costs", 0);
}

int main(void)
{
	plans();
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct lifted x = {.rows = below(MOST + 1), .cols = below(MOST + 1)};
		uint8_t among[MOST];
		x.sparse_g = draw(&x.g, x.rows, x.cols, 1 + below(6));
		x.sparse_b = draw(&x.b, x.cols, FEATURES, 1 + below(4));
		check_shares(&x, trial);
		x.lift = (struct lift){x.g.indptr, x.g.index, x.shares};
		for (size_t s = 0; s < MOST; s++)
			among[s] = (uint8_t)below(2);
		check_partners(&x, trial);
		check_moments(&x, NULL, trial);
		check_moments(&x, among, trial);
		check_vector(&x, NULL, trial);
		check_vector(&x, among, trial);
	}
	return failures > 0;
}
