/* The kernels of cost.h, emd.h, sinkhorn.h and unbalanced.h against plain versions, assignments of
 * copies and the line. Silent when all is well. */
#include "kernel/cost.h"
#include "kernel/emd.h"
#include "kernel/sinkhorn.h"
#include "kernel/unbalanced.h"
#include "match/assignment.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 150 };

/* min <P, C> + epsilon KL(P | a b'): the transport cost and the whole. P = diag(a u) K diag(b v),
 * K = exp(-C / epsilon), by Sinkhorn's scaling in long double, whose exponents have room for it.
 * Returns how many iterations move no u by more than a millionth. */
static size_t plain_sinkhorn(double *transport, double *whole, const float *cost, const float *a,
	const float *b, size_t n, size_t m, size_t ld, double epsilon)
{
	static long double kernel[ROOM * ROOM];
	long double u[ROOM], v[ROOM];
	size_t enough = 0;

	for (size_t j = 0; j < m; j++)
		for (size_t i = 0; i < n; i++)
			kernel[j * n + i] = expl(-(long double)cost[j * ld + i] / epsilon);
	for (size_t i = 0; i < n; i++)
		u[i] = 1;
	for (size_t iteration = 0; iteration < 20000; iteration++) {
		long double moved = 0, row[ROOM] = {0};
		for (size_t j = 0; j < m; j++) {
			long double sum = 0;
			for (size_t i = 0; i < n; i++)
				sum += (long double)a[i] * u[i] * kernel[j * n + i];
			v[j] = 1 / sum;
			for (size_t i = 0; i < n; i++)
				row[i] += (long double)b[j] * v[j] * kernel[j * n + i];
		}
		for (size_t i = 0; i < n; i++) {
			moved = fmaxl(moved, fabsl(u[i] * row[i] - 1));
			u[i] = 1 / row[i];
		}
		enough += moved > 1e-6L;
		if (moved < 1e-10L)
			break;
	}
	*transport = *whole = 0;
	for (size_t j = 0; j < m; j++)
		for (size_t i = 0; i < n; i++) {
			double kl = (double)(logl(u[i]) + logl(v[j])) - (double)cost[j * ld + i]
				/ epsilon;
			double p = (double)a[i] * (double)b[j] * exp(kl);
			*transport += p * (double)cost[j * ld + i];
			*whole += p * ((double)cost[j * ld + i] + epsilon * kl);
		}
	return enough;
}

static void random_weights(float *w, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)(w[i] = (float)(-log(1 - uniform()) + 1e-3));
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

/* The plan spreads the weights and costs what emd() said. */
static void check_plan(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double known, const double *workspace)
{
	double *plan = malloc(n * m * sizeof *plan), mass = 0, paid = 0, off = 0, all[2] = {0};
	double *left = calloc(n + m, sizeof *left), largest = summarise_costs(cost, n, m).largest;
	bool positive = true;

	emd_plan(plan, n, m, workspace);
	for (size_t k = 0; k < n * m; k++) {
		positive &= plan[k] >= 0;
		mass += plan[k];		/* multiples of 2^-46: exact */
		paid += plan[k] * (double)cost[k / n * padded(n) + k % n];
		left[k / n] += plan[k];
		left[m + k % n] += plan[k];
	}
	for (size_t k = 0; k < n + m; k++)
		all[k < m] += k < m ? (double)b[k] : (double)a[k - m];
	for (size_t k = 0; k < n + m; k++)
		off += fabs(left[k] - (k < m ? (double)b[k] : (double)a[k - m]) / all[k < m]);
	check(positive && mass == 1, "emd: the plan's mass", n);
	check(off <= (double)(n + m) * 0x1p-44, "emd: the plan's marginals", n);
	check(fabs(paid - known) <= 1e-12 * largest, "emd: the plan's cost", n);
	free(plan);
	free(left);
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
	check_plan(cost, a, b, n, m, s.cost, workspace);
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
		size_t room = trial % 4 ? ROOM : 5, n = 1 + below(room), m = 1 + below(room);
		size_t far = trial % 3;
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

	memset(a, 0, ROOM * sizeof *a);
	memset(b, 0, ROOM * sizeof *b);
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

/* The lower bound is the cost that f proves, the upper one that of the plan, less and more 4e-7 of
 * the largest. f has room for padded(n). */
static void check_bounds(const struct sinkhorn *s, const float *cost, const float *a,
	const float *b, float *f, size_t n, size_t m, double most, size_t trial)
{
	for (size_t i = n; i < padded(n); i++)
		f[i] = -INFINITY;
	double proved = fmax(dual_cost(cost, NULL, a, b, f, n, m) - 4e-7 * most, 0);
	check(fabs(s->lower - proved) <= 2e-7 * most, "sinkhorn: the lower bound", trial);
	check(fabs(s->upper - s->cost - 4e-7 * most) <= 1e-9 * most, "sinkhorn: the upper bound",
		trial);
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
			check_bounds(&s, cost, a, b, f, n, m, most, trial);
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

/* Weights and costs, p = 1 or 2, of n and m random points of d <= 8 numbers; in every third trial
 * some are the same. */
static void random_problem(float *cost, float *a, float *b, size_t n, size_t m, size_t d,
	size_t trial)
{
	static float x[ROOM * 8], y[ROOM * 8], lane[(ROOM + LANES) * 8];

	random_points(x, n, d, 0);
	random_points(y, m, d, 0);
	if (trial % 3 == 0)
		memcpy(y, x, (n < m ? n : m) * d * sizeof *y);
	random_weights(a, n);
	random_weights(b, m);
	lay_points(lane, x, NULL, n, d);
	cost_matrix(cost, y, NULL, m, lane, n, d, 1 + (int)(trial % 2));
}

/* The value and the bounds of sinkhorn(); f gives the plan. It takes a quarter of the iterations
 * that are not over-relaxed and begin at the small epsilon. */
static void transport(void)
{
	static float a[ROOM], b[ROOM], f[ROOM + LANES], v[ROOM + LANES];
	static float cost[ROOM * (ROOM + LANES)];
	static const double share[] = {0.5, 0.1, 0.02, 0.01};
	size_t iterations = 0, plain = 0;

	for (size_t trial = 0; trial < 60; trial++) {
		size_t n = 1 + below(40), m = 1 + below(40), d = 1 + below(8), ld = padded(n);
		double transport_cost, whole;

		random_problem(cost, a, b, n, m, d, trial);
		struct costs costs = summarise_costs(cost, n, m);
		double most = costs.largest, epsilon = share[trial / 2 % 4] * costs.mean;
		if (epsilon == 0)
			continue;
		double optimum = exact(cost, a, b, n, m, 0, v).cost;
		double *workspace = malloc(sinkhorn_workspace(n, m) * sizeof *workspace);
		struct sinkhorn s = sinkhorn(cost, NULL, a, b, n, m, most, epsilon, 1e-6, 100000, f,
			workspace);
		plain += plain_sinkhorn(&transport_cost, &whole, cost, a, b, n, m, ld, epsilon);
		iterations += s.iters;
		check(fabs(s.cost - transport_cost) <= 1e-5 * most, "sinkhorn: transport cost",
			trial);
		check(fabs(s.dual - whole) <= 1e-5 * most, "sinkhorn: dual value", trial);
		check(s.residual <= 1e-6f && s.iters <= 100000, "sinkhorn: residual", trial);
		check(s.lower <= optimum && optimum <= s.upper, "sinkhorn: bounds", trial);
		check(plan_error(cost, a, b, n, m, epsilon, f) <= 1e-4, "sinkhorn: potentials",
			trial);
		check_bounds(&s, cost, a, b, f, n, m, most, trial);
		rows_of_a_table(cost, a, b, n, m, most, epsilon, &s, f, workspace, trial);
		stopped_early(cost, a, b, n, m, most, epsilon, optimum, workspace, trial);
		free(workspace);
	}
	check(4 * iterations <= plain, "sinkhorn: iterations", iterations);
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

static double plain_divergence(long double x, double w)
{
	return x > 0 ? (double)(x * logl(x / w) - x + w) : w;
}

/* <P, C> + rho KL(P 1 | a) + rho KL(P'1 | b), P by 1000 steps in long double. */
static double plain_unbalanced(const float *cost, const float *a, const float *b, size_t n,
	size_t m, double rho, double epsilon)
{
	long double u[ROOM], v[ROOM], power = rho / (rho + epsilon);
	static long double kernel[ROOM * ROOM], row[ROOM], col[ROOM];
	double sum = 0;

	for (size_t j = 0; j < m; v[j++] = 1)
		for (size_t i = 0; i < n; i++)
			kernel[j * n + i] = expl(-(long double)cost[j * padded(n) + i] / epsilon);
	for (size_t step = 0; step < 1000; step++) {
		memset(row, 0, sizeof row);
		memset(col, 0, sizeof col);
		for (size_t k = 0; k < n * m; k++)
			row[k % n] += kernel[k] * b[k / n] * v[k / n];
		for (size_t i = 0; i < n; i++)
			u[i] = powl(row[i], -power);
		for (size_t k = 0; k < n * m; k++)
			col[k / n] += kernel[k] * a[k % n] * u[k % n];
		for (size_t j = 0; j < m; j++)
			v[j] = powl(col[j], -power);
	}
	memset(row, 0, sizeof row);
	memset(col, 0, sizeof col);
	for (size_t k = 0; k < n * m; k++) {
		long double p = a[k % n] * u[k % n] * kernel[k] * b[k / n] * v[k / n];
		row[k % n] += p;
		col[k / n] += p;
		sum += (double)p * (double)cost[k / n * padded(n) + k % n];
	}
	for (size_t i = 0; i < n; i++)
		sum += rho * plain_divergence(row[i], (double)a[i]);
	for (size_t j = 0; j < m; j++)
		sum += rho * plain_divergence(col[j], (double)b[j]);
	return sum;
}

/* Costs stay below the 69 epsilon at which they count no further. */
static void unbalanced_transport(void)
{
	static float a[ROOM], b[ROOM];
	static float cost[ROOM * (ROOM + LANES)], table[ROOM * (ROOM + LANES)];
	static const double rhos[] = {0.02, 0.2, 1, 5};
	uint32_t row[ROOM];

	for (size_t trial = 0; trial < 40; trial++) {
		size_t n = 1 + below(20), m = 1 + below(20), d = 1 + below(8), ld = padded(n);

		random_problem(cost, a, b, n, m, d, trial);
		double most = summarise_costs(cost, n, m).largest;
		double rho = rhos[trial / 2 % 4] * most, epsilon = (trial % 5 ? 0.1 : 0.05) * most;
		if (most == 0)
			continue;
		double *workspace = malloc(unbalanced_workspace(n, m) * sizeof *workspace);
		struct unbalanced s = unbalanced(cost, NULL, a, b, n, m, rho, epsilon, 1e-6,
			1000, workspace);
		double plain = plain_unbalanced(cost, a, b, n, m, rho, epsilon);
		check(fabs(s.cost - plain) <= 1e-4 * plain + 1e-6 * most, "unbalanced: plain",
			trial);
		check(s.cost >= 0 && s.cost <= (2 * rho + epsilon) * (1 + 1e-6),
			"unbalanced: not above what no plan costs", trial);
		for (size_t j = 0; j < m; j++)
			memcpy(table + (row[j] = (uint32_t)(m - 1 - j)) * ld, cost + j * ld,
				ld * sizeof *table);
		struct unbalanced got = unbalanced(table, row, a, b, n, m, rho, epsilon,
			1e-6, 1000, workspace);
		check(got.cost == s.cost && got.iters == s.iters && got.residual == s.residual,
			"unbalanced: of rows of a table", trial);
		free(workspace);
	}
}

int main(void)
{
	means_of_costs();
	costs_of_points();
	exact_transport();
	transport_on_the_line();
	transport();
	unbalanced_transport();
	near_the_optimum();
	return failures > 0;
}
