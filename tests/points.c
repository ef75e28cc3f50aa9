/* The kernels of points: bures.h, energy.h, project.h and sliced.h, against plain versions. Silent
 * when all is well. */
#include "kernel/bottom_k.h"
#include "kernel/bures.h"
#include "kernel/cost.h"
#include "kernel/energy.h"
#include "kernel/product.h"
#include "kernel/project.h"
#include "kernel/sliced.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 40, D = 9, PLACES = 60 };

static float x[PLACES * D], y[PLACES * D], weight[MOST], other[MOST];
static uint32_t row[MOST], col[MOST];

static bool near(double a, double b, double by)
{
	return fabs(a - b) <= by * (1 + fabs(b));
}

static void draw(size_t n, size_t m, size_t d)
{
	random_points(x, PLACES, d, 3);
	random_points(y, PLACES, d, 2);
	wide_weights(weight, n);
	wide_weights(other, m);
	for (size_t k = 0; k < MOST; k++) {
		row[k] = (uint32_t)below(PLACES);
		col[k] = (uint32_t)below(PLACES);
	}
}

/* The eigenvalues of a symmetric matrix (n, n), the largest first, by Jacobi's rotations. */
static void eigenvalues(double *value, double *a, size_t n)
{
	for (int sweep = 0; sweep < 30; sweep++)
		for (size_t p = 0; p < n; p++)
			for (size_t q = p + 1; q < n; q++) {
				double angle = 0.5 * atan2(2 * a[p * n + q], a[p * n + p]
					- a[q * n + q]), c = cos(angle), s = sin(angle);
				for (size_t k = 0; k < n; k++) {
					double u = a[k * n + p], v = a[k * n + q];
					a[k * n + p] = c * u + s * v;
					a[k * n + q] = c * v - s * u;
				}
				for (size_t k = 0; k < n; k++) {
					double u = a[p * n + k], v = a[q * n + k];
					a[p * n + k] = c * u + s * v;
					a[q * n + k] = c * v - s * u;
				}
			}
	for (size_t k = 0; k < n; k++) {
		size_t at = k;
		for (; at > 0 && value[at - 1] < a[k * n + k]; at--)
			value[at] = value[at - 1];
		value[at] = a[k * n + k];
	}
}

/* -- Gaussians --------------------------------------------------------------------------------- */

/* The covariance (d, d) of the points, plainly. */
static void covariance(double *c, double *mean, const float *of, const uint32_t *at,
	const float *w, size_t n, size_t d)
{
	double sum = 0;

	memset(c, 0, d * d * sizeof *c);
	memset(mean, 0, d * sizeof *mean);
	for (size_t k = 0; k < n; k++)
		sum += (double)w[k];
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < d; i++)
			mean[i] += (double)w[k] * (double)of[at[k] * d + i] / sum;
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < d; i++)
			for (size_t j = 0; j < d; j++)
				c[i * d + j] += (double)w[k] / sum
					* ((double)of[at[k] * d + i] - mean[i])
					* ((double)of[at[k] * d + j] - mean[j]);
}

/* A factor of one side's covariance, checked. */
static size_t factor_of(float *factor, const float *of, const uint32_t *at, const float *w,
	size_t n, size_t d, size_t trial)
{
	double c[D * D], expected[D], mean[D], variance[D], trace = 0;
	double *work = malloc(covariance_factor_workspace(n, d) * sizeof *work);
	size_t rows = n < d ? n : d;
	bool moments = true, factors = true;

	covariance(c, expected, of, at, w, n, d);
	weighted_moments(mean, variance, of, at, w, n, d);
	double got = covariance_factor(factor, mean, of, at, w, n, d, work);
	for (size_t i = 0; i < d; i++) {
		moments &= near(mean[i], expected[i], 1e-12)
			&& near(variance[i], c[i * d + i], 1e-12);
		trace += c[i * d + i];
		for (size_t j = 0; j < d; j++) {
			double product = 0;
			for (size_t k = 0; k < rows; k++)
				product += (double)factor[k * d + i] * (double)factor[k * d + j];
			factors &= near(product, c[i * d + j], 1e-6);
		}
	}
	weighted_moments(expected, NULL, of, at, w, n, d);
	check(moments && memcmp(mean, expected, d * sizeof *mean) == 0, "weighted_moments", trial);
	check(factors && near(got, trace, 1e-6), "covariance_factor", trial);
	free(work);
	return rows;
}

static void gaussians(void)
{
	float a[D * D], b[D * D];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t n = 1 + below(trial % 2 ? MOST : D), m = 1 + below(trial % 3 ? MOST : D),
			d = 1 + below(D);
		double square[D * D], value[D], norm = 0;
		draw(n, m, d);
		size_t r = factor_of(a, x, row, weight, n, d, trial);
		size_t s = factor_of(b, y, col, other, m, d, trial);
		for (size_t i = 0; i < r; i++)		/* (AB')(AB')' */
			for (size_t j = 0; j < r; j++) {
				square[i * r + j] = 0;
				for (size_t k = 0; k < s; k++) {
					double p = 0, q = 0;
					for (size_t c = 0; c < d; c++) {
						p += (double)a[i * d + c] * (double)b[k * d + c];
						q += (double)a[j * d + c] * (double)b[k * d + c];
					}
					square[i * r + j] += p * q;
				}
			}
		eigenvalues(value, square, r);
		for (size_t k = 0; k < r; k++)
			norm += sqrt(fmax(value[k], 0));
		double *work = malloc(nuclear_norm_workspace(r, s, d) * sizeof *work);
		check(near(nuclear_norm(a, r, b, s, d, work), norm, 1e-6), "nuclear_norm", trial);
		check(near(nuclear_norm(b, s, a, r, d, work), norm, 1e-6),
			"nuclear_norm: either way", trial);
		free(work);
	}
}

/* -- Energies ---------------------------------------------------------------------------------- */

static void energies(void)
{
	static float lane[(MOST + LANES) * D], padded_weight[MOST + LANES];
	double mean[PLACES], expected[PLACES];

	for (size_t trial = 0; trial < 100; trial++) {
		size_t n = 1 + below(MOST), m = 1 + below(MOST), d = 1 + below(D);
		double sum = 0;
		bool same = true;
		draw(n, m, d);
		memset(padded_weight, 0, sizeof padded_weight);
		memcpy(padded_weight, weight, n * sizeof *weight);
		lay_points(lane, x, row, n, d);
		for (size_t k = 0; k < PLACES; k++)
			mean[k] = expected[k] = -1;
		for (size_t t = 0; t < m; t++) {
			expected[col[t]] = 0;
			for (size_t k = 0; k < n; k++) {
				double square = 0;
				for (size_t c = 0; c < d; c++)
					square += pow((double)x[row[k] * d + c]
						- (double)y[col[t] * d + c], 2);
				expected[col[t]] += (double)weight[k] * sqrt(square);
			}
		}
		float *work = malloc(mean_distances_workspace(n) * sizeof *work);
		mean_distances(mean, y, col, m, lane, padded_weight, n, d, work);
		for (size_t k = 0; k < PLACES; k++)
			same &= near(mean[k], expected[k], 1e-6);
		for (size_t t = 0; t < m; t++)
			sum += (double)other[t] * expected[col[t]];
		check(same, "mean_distances", trial);
		check(near(energy_expectation(mean, col, other, m), sum, 1e-6),
			"energy_expectation", trial);
		free(work);
	}
}

/* -- Lines ------------------------------------------------------------------------------------- */

static void directions(void)
{
	enum { COUNT = 37 };
	double direction[(COUNT + LANES) * D], at[D];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t count = 1 + below(COUNT), d = 1 + below(D);
		bool same = true;
		memset(direction, 0xff, sizeof direction);
		draw_directions(direction, count, d, trial);
		for (size_t l = 0; l < padded(count); l++) {
			double square = 0;
			for (size_t c = 0; c < d; c++) {
				uint64_t salt = (uint64_t)l * 4294967296u;
				double u = token_uniform(trial, salt, (uint32_t)(2 * c));
				double v = token_uniform(trial, salt, (uint32_t)(2 * c + 1));
				at[c] = sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
				square += at[c] * at[c];
			}
			for (size_t c = 0; c < d; c++) {
				double got = direction[l / LANES * LANES * d + c * LANES
					+ l % LANES];
				same &= l < count ? fabs(got - at[c] / sqrt(square)) < 1e-12
					: got == 0;
			}
		}
		check(same, "draw_directions", trial);
	}
}

struct mass {
	double at, weight;
};

static int by_place(const void *a, const void *b)
{
	double u = ((const struct mass *)a)->at, v = ((const struct mass *)b)->at;

	return (u > v) - (u < v);
}

/* Points on a line, from left to right, of weights that sum to 1. */
static void place(struct mass *of, const double *at, const uint32_t *where, const float *w,
	size_t n, size_t lane)
{
	double sum = 0;

	for (size_t k = 0; k < n; k++)
		sum += (double)w[k];
	for (size_t k = 0; k < n; k++)
		of[k] = (struct mass){at[where[k] * LANES + lane], (double)w[k] / sum};
	qsort(of, n, sizeof *of, by_place);
}

/* W_p^p on a line: from left to right what is left of both is paired. */
static double on_the_line(struct mass *a, size_t n, struct mass *b, size_t m, int p)
{
	double sum = 0;

	for (size_t i = 0, j = 0; i < n && j < m; ) {
		double some = fmin(a[i].weight, b[j].weight);
		sum += some * pow(fabs(a[i].at - b[j].at), p);
		a[i].weight -= some;
		b[j].weight -= some;
		if (a[i].weight <= b[j].weight)
			i++;
		else
			j++;
	}
	return sum;
}

static void lines(void)
{
	static double direction[LANES * D], at[2][PLACES * LANES];
	static float key[2][MOST * LANES], jump[2][MOST * LANES];
	double first[2][LANES];
	struct quantiles q[2];
	struct placed work[MOST];
	struct mass a[MOST], b[MOST];

	for (size_t trial = 0; trial < 300; trial++) {
		size_t n = 1 + below(trial % 3 ? MOST : 4), m = 1 + below(trial % 5 ? MOST : 3),
			d = 1 + below(D);
		int p = 1 + (int)(trial % 2);
		bool same = true;
		draw(n, m, d);
		draw_directions(direction, LANES, d, trial);
		for (int side = 0; side < 2; side++) {
			const float *of = side ? y : x;
			project_points(at[side], of, PLACES, d, direction);
			for (size_t i = 0; i < PLACES; i++)
				for (size_t l = 0; l < LANES; l++) {
					double sum = 0;
					for (size_t c = 0; c < d; c++)
						sum += (double)of[i * d + c]
							* direction[c * LANES + l];
					same &= near(at[side][i * LANES + l], sum, 1e-12);
				}
			q[side] = (struct quantiles){first[side], key[side], jump[side], 0};
			make_quantiles(&q[side], at[side], side ? col : row, side ? other : weight,
				side ? m : n, work);
		}
		check(same, "project_points", trial);
		double expected = 0;
		for (size_t l = 0; l < LANES; l++) {
			place(a, at[0], row, weight, n, l);
			place(b, at[1], col, other, m, l);
			expected += on_the_line(a, n, b, m, p);
		}
		float *room = malloc(quantile_cost_workspace(n, m) * sizeof *room);
		double cost = quantile_cost(&q[0], &q[1], p, room);
		check(fabs(cost - expected) <= 2e-5 * LANES * pow(10, p), "quantile_cost", trial);
		check(fabs(quantile_cost(&q[1], &q[0], p, room) - cost) <= 1e-4,
			"quantile_cost: either way", trial);
		free(room);
		room = malloc(quantile_cost_workspace(n, n) * sizeof *room);
		check(quantile_cost(&q[0], &q[0], p, room) == 0, "quantile_cost: of the same",
			trial);
		free(room);
	}
}

/* -- Projections ------------------------------------------------------------------------------- */

/* Sums of whole numbers, in tiles and for threads. */
static void moments(void)
{
	enum { WIDE = 600, N = 4 };
	static float u[N * WIDE], v[N * WIDE];
	static double outer[WIDE * WIDE], sum[WIDE], work[2 * N * WIDE];

	for (size_t trial = 0; trial < 30; trial++) {
		size_t n = 1 + below(N), d = 1 + below(trial % 3 ? 20 : WIDE),
			e = trial % 2 ? d : 1 + below(trial % 5 ? 20 : WIDE);
		const float *right = trial % 2 ? u : v;
		bool sums = trial % 4 != 3, products = trial % 7 != 6, same = true;
		for (size_t k = 0; k < N * WIDE; k++) {
			u[k] = (float)below(7) - 3;
			v[k] = (float)below(7) - 3;
		}
		for (size_t k = 0; k < d; k++)
			sum[k] = 5;
		for (size_t k = 0; k < d * e; k++)
			outer[k] = 7;
		float *left = malloc(n * d * sizeof *left);	/* no more than is read */
		memcpy(left, u, n * d * sizeof *left);
		project_add_moments(sums ? sum : NULL, products ? outer : NULL, left,
			right == u ? left : right, n, d, e, 1 + trial % 2, work);
		free(left);
		for (size_t i = 0; i < d; i++) {
			double expected = 5;
			for (size_t t = 0; t < n && sums; t++)
				expected += (double)u[t * d + i];
			same &= sum[i] == expected;
			for (size_t j = 0; j < (right == u ? i + 1 : e); j++) {
				expected = 7;
				for (size_t t = 0; t < n && products; t++)
					expected += (double)u[t * d + i] * (double)right[t * e + j];
				same &= outer[i * e + j] == expected;
			}
		}
		check(same, "project_add_moments", trial);
	}
}

/* Of n rows of `of` (n, d). */
static void add_up(double *sum, double *outer, const float *of, const float *right, size_t n,
	size_t d, size_t e)
{
	double work[2 * PLACES * D];

	memset(sum, 0, d * sizeof *sum);
	memset(outer, 0, d * e * sizeof *outer);
	project_add_moments(sum, outer, of, right, n, d, e, 1, work);
}

/* The axes stand at right angles, and what is seen along them has the largest variances there are,
 * from the largest on, or variances of 1; flat directions are noise. */
static void axes(void)
{
	double sum[D], outer[D * D], c[D * D], middle[D], value[D];
	float map[D * D], mean[D], even[PLACES];
	uint32_t all[PLACES];

	for (size_t k = 0; k < PLACES; k++) {
		even[k] = 1;
		all[k] = (uint32_t)k;
	}
	for (size_t trial = 0; trial < 200; trial++) {
		size_t d = 1 + below(D), n = d + 2 + below(PLACES - D - 2), dims = below(D + 2);
		size_t flat = trial % 3 == 0 && d > 1 ? 1 + below(d - 1) : 0;
		int whiten = trial % 2;
		bool right = true;
		random_points(x, PLACES, d, 3);
		for (size_t t = 0; t < n; t++)
			for (size_t i = 0; i < flat; i++)
				x[t * d + i] = (float)(3 + 1e-5 * (double)x[t * d + i]);
		covariance(c, middle, x, all, even, n, d);
		add_up(sum, outer, x, x, n, d, d);
		double *work = malloc(project_axes_workspace(d) * sizeof *work);
		size_t r = project_axes(map, mean, sum, outer, n, d, dims, whiten, work);
		size_t limit = dims > 0 && dims < d ? dims : d, rank = whiten ? d - flat : d;
		check(r == (limit < rank ? limit : rank), "project_axes: how many", trial);
		for (size_t i = 0; i < d; i++)
			right &= near((double)mean[i], middle[i], 1e-6);
		double seen[D * D], length[D * D];
		for (size_t p = 0; p < r; p++)
			for (size_t q = 0; q < r; q++) {
				seen[p * r + q] = length[p * r + q] = 0;
				for (size_t i = 0; i < d; i++) {
					length[p * r + q] += (double)map[i * r + p]
						* (double)map[i * r + q];
					for (size_t j = 0; j < d; j++)
						seen[p * r + q] += (double)map[i * r + p]
							* c[i * d + j] * (double)map[j * r + q];
				}
			}
		eigenvalues(value, c, d);
		for (size_t p = 0; p < r; p++)
			for (size_t q = 0; q < r; q++) {
				double by = whiten ? 1 : value[p];
				right &= near(seen[p * r + q], p == q ? by : 0, 1e-5);
				right &= near(length[p * r + q] * (whiten ? value[p] : 1), p == q,
					1e-5 * (whiten ? sqrt(value[p] / value[r - 1]) : 1));
			}
		check(right, "project_axes", trial);
		for (size_t k = 0; k < n * d; k++)
			x[k] = trial % 2 ? 3.1f : k % d == 0 ? 3.1f : 0;
		add_up(sum, outer, x, x, n, d, d);
		check(project_axes(map, mean, sum, outer, n, d, dims, whiten, work) == 0,
			"project_axes: all points at one place", trial);
		free(work);
	}
}

/* The gradient is zero: X'(Y - X map - bias) = ridge map, of X less its mean; and residuals sum to
 * zero. */
static void ridges(void)
{
	double sum_x[D], sum_y[D], xx[D * D], xy[D * D];
	float map[D * D], bias[D];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t d = 1 + below(D), e = 1 + below(D), n = 2 + below(PLACES - 1);
		double ridge = trial % 2 ? 0.5 : 7;
		bool flat = true, none = true;
		random_points(x, PLACES, d, 1);
		random_points(y, PLACES, e, 2);
		add_up(sum_y, xy, y, y, n, e, e);
		add_up(sum_x, xy, x, y, n, d, e);
		add_up(sum_x, xx, x, x, n, d, d);
		check(project_ridge(map, bias, xx, xy, sum_x, sum_y, n, d, e, ridge) == 1,
			"project_ridge: solved", trial);
		for (size_t j = 0; j < e; j++) {
			double left[PLACES], all = 0;
			for (size_t t = 0; t < n; t++) {
				left[t] = (double)y[t * e + j] - (double)bias[j];
				for (size_t i = 0; i < d; i++)
					left[t] -= (double)x[t * d + i] * (double)map[i * e + j];
				all += left[t];
			}
			none &= fabs(all) < 1e-4;
			for (size_t i = 0; i < d; i++) {
				double gradient = -ridge * (double)map[i * e + j];
				for (size_t t = 0; t < n; t++)
					gradient += ((double)x[t * d + i] - sum_x[i] / (double)n)
						* left[t];
				flat &= fabs(gradient) < 1e-4;
			}
		}
		check(flat, "project_ridge: the gradient", trial);
		check(none, "project_ridge: residuals sum to zero", trial);
		add_up(sum_x, xx, x, x, 1, d, d);
		check(project_ridge(map, bias, xx, xy, sum_x, sum_y, 1, d, e, 0) == 0,
			"project_ridge: of one row there is no map", trial);
	}
}

static void maps(void)
{
	float mean[D], bias[D], map[D * D], got[PLACES * D], one[D], before[PLACES * D];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t n = 1 + below(PLACES), d = 1 + below(D), r = 1 + below(D), t = below(n);
		struct product_part whole = {0, d, 0, r, r, 1};
		const float *less = trial % 2 ? mean : NULL, *plus = trial % 3 ? bias : NULL;
		bool same = true, unit = true;
		float *packed = calloc(product_matrix_size(d, r), sizeof *packed);
		float *work = malloc(product_rows_size(d) * sizeof *work);
		random_points(x, PLACES, d, 0);
		random_points(mean, 1, D, 0);
		random_points(bias, 1, D, 0);
		random_points(map, d, r, 0);
		memcpy(before, x, sizeof before);
		product_pack_matrix(packed, map, &whole, d, r);
		project_affine(got, x, packed, less, plus, n, d, r, work);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < r; j++) {
				double sum = plus ? (double)bias[j] : 0;
				for (size_t k = 0; k < d; k++)
					sum += ((double)before[i * d + k] - (less ? (double)mean[k]
						: 0)) * (double)map[k * r + j];
				same &= near((double)got[i * r + j], sum, 1e-5);
			}
		check(same, "project_affine", trial);
		project_affine(one, before + t * d, packed, less, plus, 1, d, r, work);
		check(memcmp(one, got + t * r, r * sizeof *one) == 0, "project_affine: a row alone",
			trial);
		memset(x + t * d, 0, d * sizeof *x);
		memcpy(before, x, sizeof before);
		project_unit_rows(x, n, d);
		for (size_t i = 0; i < n; i++) {
			double length = 0;
			for (size_t k = 0; k < d; k++)
				length += pow((double)before[i * d + k], 2);
			for (size_t k = 0; k < d; k++)
				unit &= i == t ? x[i * d + k] == 0 : near((double)x[i * d + k],
					(double)before[i * d + k] / sqrt(length), 1e-6);
		}
		check(unit, "project_unit_rows", trial);
		free(packed);
		free(work);
	}
}

int main(void)
{
	gaussians();
	energies();
	directions();
	lines();
	moments();
	axes();
	ridges();
	maps();
	return failures > 0;
}
