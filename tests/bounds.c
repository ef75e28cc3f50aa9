/* The bounds of bounds.h, which relaxed.h computes, against one-sided costs by their definition;
 * and the solvers of transport.h against the kernels that they call. Silent when all is well. */
#include "distance/bounds.h"
#include "distance/transport.h"
#include "kernel/cost.h"
#include "kernel/emd.h"
#include "kernel/relaxed.h"
#include "kernel/sinkhorn.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

	double all = (double)(a->tokens + b->tokens);

	for (size_t k = 0; k < SET_D; k++) {
		for (int s = 0; s < 2; s++)
			for (size_t t = 0; t < side[s]->tokens; t++)
				m.at[k] += (double)side[s]->point[t * SET_D + k] / all;
		for (int s = 0; s < 2; s++)
			for (size_t t = 0; t < side[s]->tokens; t++)
				m.square += pow((double)side[s]->point[t * SET_D + k] - m.at[k], 2)
					/ all;
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

/* A unit is a 65534th of what the largest cost and surcharge may be. */
static void check_unit(const struct bounds *r, const struct middle *m, int p, size_t trial)
{
	double far = pow(6 * sqrt(m->square), p) + 0.75 * pow(3 * sqrt(m->square), p);

	check(fabs(r->unit * 65534 - far) <= 1e-6 * far, "bounds: the unit", trial);
}

/* The bound of a pair, which is compared with the larger one-sided cost. */
static double check_bound(const struct bounds *r, const struct distributions *a, size_t i,
	const struct distributions *b, size_t j, const struct middle *middle, int p, double units,
	size_t trial)
{
	double bound = (double)bounds_row(r, i)[j] * r->unit;
	double known[2];		/* by exact costs, and by rounded ones */

	for (int q = 0; q < 2; q++)
		known[q] = fmax(one_way(a, i, b, j, middle, p, 65535 * r->unit, q * 4e-5),
			one_way(b, j, a, i, middle, p, 65535 * r->unit, q * 4e-5));
	check(bound <= known[0] * (1 + 1e-6) && bound >= known[1] * (1 - 1e-5) - units * r->unit,
		"bounds: the larger of the one-sided costs", trial);
	return bound;
}

/* Features whose tokens are more than one part holds. */
static void bounds_of_parts(void)
{
	enum { FEATURES = 3000, SOME = 6, POINTS = 12, TOKENS = FEATURES * POINTS };
	static float point[TOKENS * SET_D], weight[TOKENS];
	static size_t indptr[FEATURES + 1];
	static uint32_t row[TOKENS];
	struct distributions all = {.d = SET_D, .tokens = TOKENS, .point = point,
		.ids.n = FEATURES, .indptr = indptr, .row = row, .weight = weight,
		.max_points = POINTS};
	struct distributions few = all;

	random_points(point, TOKENS, SET_D, 0);
	for (size_t i = 0; i < FEATURES; i++) {
		indptr[i + 1] = indptr[i] + POINTS;
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++)
			row[k] = (uint32_t)(k % 11 ? k * 7 % TOKENS : k);
		wide_weights(weight + indptr[i], POINTS);
	}
	few.ids.n = SOME;
	struct middle middle = middle_of(&all, &few);
	for (int side = 0; side < 2; side++) {
		const struct distributions *a = side ? &all : &few, *b = side ? &few : &all;
		struct bounds r = bounds_open(a, 0, a->ids.n, b, 1 + side, BOUNDS_ROOM);
		check_unit(&r, &middle, 1 + side, (size_t)side);
		for (size_t i = 0; i < r.rows; i++)
			for (size_t j = 0; j < r.cols; j++)
				check_bound(&r, a, i, b, j, &middle, 1 + side, 3, i);
		bounds_free(&r);
	}
}

/* Sums of units are not above the exact ones, and not far below, for features over a strip's end
 * and points of some tokens only. */
static void sums_of_units(void)
{
	enum { COLS = 1500, POINTS = 200, HELD = 60 };
	static uint16_t nearest[HELD * COLS], sum[COLS], before[COLS];
	static float paid[COLS], weight[POINTS];
	static uint32_t place[POINTS];

	for (size_t trial = 0; trial < 30; trial++) {
		size_t n = 1 + below(POINTS), cols = trial % 5 ? 1 + below(40) : COLS,
			first = below(30), count = 1 + below(HELD);
		bool right = true;
		wide_weights(weight, n);
		for (size_t k = 0; k < n; k++)
			place[k] = (uint32_t)below(100);
		for (size_t k = 0; k < HELD * cols; k++)
			nearest[k] = trial % 3 ? (uint16_t)below(20000) : 20000;
		for (size_t j = 0; j < cols; j++) {
			sum[j] = before[j] = (uint16_t)below(1000);
			paid[j] = (float)below(9000);
		}
		relaxed_sums(sum, nearest, first, count, trial % 2 ? paid : NULL, cols, place,
			weight, n);
		for (size_t j = 0; j < cols; j++) {
			double exact = (double)before[j] - (trial % 2 ? (double)paid[j] : 0);
			for (size_t k = 0; k < n; k++)
				if (place[k] >= first && place[k] < first + count)
					exact += (double)weight[k]
						* nearest[(place[k] - first) * cols + j];
			right &= (double)sum[j] <= fmax(exact, 0)
				&& (double)sum[j] >= exact * (1 - 1e-4) - 1.1;
		}
		check(right, "relaxed_sums", trial);
	}
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

	double *work = malloc(emd_workspace(SET_POINTS, SET_POINTS) * sizeof *work);

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
		check_unit(&r, &middle, p, trial);
		for (size_t i = first; i < end; i++)
			for (size_t j = 0; j < r.cols; j++) {
				size_t n = points_of(a, i), m = points_of(b, j);
				double bound = check_bound(&r, a, i, b, j, &middle, p, units,
					trial);
				lay_points(lane, a->point, a->row + a->indptr[i], n, SET_D);
				cost_matrix(cost, b->point, b->row + b->indptr[j], m, lane, n,
					SET_D, p);
				memset(v, 0, sizeof v);
				struct emd s = emd(cost, a->weight + a->indptr[i],
					b->weight + b->indptr[j], n, m,
					summarise_costs(cost, n, m).largest, v, work);
				check(bound <= s.cost, "bounds: not above the exact cost", trial);
			}
		bounds_free(&r);
	}
	free(work);
}

/* -- Solvers ----------------------------------------------------------------------------------- */

static float feature_cost[SET_POINTS * (SET_POINTS + LANES)], potential[SET_POINTS + LANES];

/* The costs between feature i of a and feature j of b. */
static struct transport_problem problem(const struct distributions *a, size_t i,
	const struct distributions *b, size_t j, int p)
{
	static float lane[(SET_POINTS + LANES) * SET_D];
	size_t n = points_of(a, i), m = points_of(b, j);

	lay_points(lane, a->point, rows_of(a, i), n, SET_D);
	cost_matrix(feature_cost, b->point, rows_of(b, j), m, lane, n, SET_D, p);
	struct costs costs = summarise_costs(feature_cost, n, m);
	return (struct transport_problem){.a = a, .b = b, .i = i, .j = j, .n = n, .m = m,
		.cost = feature_cost, .mean = costs.mean, .largest = costs.largest,
		.limit = INFINITY};
}

static struct sinkhorn plain_solution(const struct transport_problem *p, double epsilon,
	const struct transport *t)
{
	double *work = malloc(sinkhorn_workspace(p->n, p->m) * sizeof *work);
	struct sinkhorn s = sinkhorn(p->cost, NULL, weights_of(p->a, p->i), weights_of(p->b, p->j),
		p->n, p->m, p->largest, epsilon, t->tol, (uint32_t)t->max_iters, potential, work);

	free(work);
	return s;
}

/* S = OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2, and else sinkhorn()'s solution at its epsilon. */
static void check_entropic(const struct transport *t, const struct distributions *a, size_t i,
	const struct distributions *b, size_t j, size_t trial)
{
	struct transport_problem p = problem(a, i, b, j, t->p);
	double *work = malloc(transport_workspace(t, p.n > p.m ? p.n : p.m, p.n > p.m ? p.n : p.m,
		SET_D) * sizeof *work);
	double epsilon = isnan(t->epsilon_abs) ? t->epsilon * capped_mean(p.cost, NULL, p.n, p.m,
		(struct costs){p.mean, p.largest}) : t->epsilon_abs;

	epsilon = fmax(fmax(epsilon, 1e-6 * p.largest), 1e-30);
	struct transport_solution got = transport_solve(t, &p, potential, work);
	struct sinkhorn s = plain_solution(&p, epsilon, t);
	double cost = t->debias ? s.dual : s.cost;
	uint32_t iters = s.iters;
	float residual = s.residual;
	for (int side = 0; side < 2 && t->debias; side++) {
		struct transport_problem self = side ? problem(b, j, b, j, t->p)
			: problem(a, i, a, i, t->p);
		struct sinkhorn one = plain_solution(&self, epsilon, t);
		cost -= one.dual / 2;
		iters = one.iters > iters ? one.iters : iters;
		residual = fmaxf(residual, one.residual);
	}
	check(got.cost == cost && got.lower == s.lower && got.upper == s.upper,
		"transport: entropic", trial);
	check(got.iters == iters && got.residual == residual,
		"transport: the worst of its iterations", trial);
	free(work);
}

/* The exact cost; or, only where it is above the limit, infinity. Returns whether it was that. */
static bool check_simplex(const struct distributions *a, size_t i, const struct distributions *b,
	size_t j, int by, double limit, size_t trial)
{
	struct transport exact = {.p = by};
	struct transport_problem p = problem(a, i, b, j, by);
	double *work = malloc(transport_workspace(&exact, p.n, p.m, SET_D) * sizeof *work);
	float v[SET_POINTS + LANES] = {0};

	double cost = emd(p.cost, weights_of(a, i), weights_of(b, j), p.n, p.m, p.largest, v,
		work).cost;
	p.limit = limit * cost;
	struct transport_solution s = transport_solve(&exact, &p, potential, work);
	bool given_up = s.cost == INFINITY && limit < 1;
	check(given_up || (fabs(s.cost - cost) <= 1e-12 * p.largest && s.upper == s.cost
		&& s.lower <= s.cost && s.lower >= s.cost - 1e-12 * p.largest && s.lower >= 0),
		"transport: exact", trial);
	free(work);
	return given_up;
}

static void solvers(void)
{
	static float point[2][SET_TOKENS * SET_D], weight[2][SET_FEATURES * SET_POINTS];
	static size_t indptr[2][SET_FEATURES + 1];
	static uint32_t row[2][SET_FEATURES * SET_POINTS];
	struct distributions input[2];
	size_t given_up = 0;

	for (size_t s = 0; s < 2; s++)
		random_set(&input[s], point[s], indptr[s], row[s], weight[s], SET_FEATURES, s);
	for (size_t trial = 0; trial < 400; trial++) {
		size_t i = below(SET_FEATURES), j = below(SET_FEATURES);
		const struct distributions *b = &input[trial % 5 > 0];
		struct transport t = {.p = 1 + (int)(trial % 2), .entropic = true,
			.epsilon = trial % 3 ? 0.1 : 0, .epsilon_abs = trial % 4 ? NAN : 0.3,
			.tol = 1e-3, .max_iters = 1 + below(60), .debias = below(2)};
		check_entropic(&t, &input[0], i, b, j, trial);
		given_up += check_simplex(&input[0], i, b, j, t.p, trial % 3 ? 1 : 0.5, trial);
	}
	check(given_up > 10, "transport: costs above the limit are left", given_up);
}

int main(void)
{
	sums_of_units();
	relaxed_bounds();
	bounds_of_parts();
	solvers();
	return failures > 0;
}
