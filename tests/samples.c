/* The kernels of bottom_k.h, bootstrap.h and sparse.h against plain versions. Silent when all is
 * well. */
#include "kernel/bootstrap.h"
#include "kernel/bottom_k.h"
#include "kernel/sparse.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 60, DRAWS = 300, ROWS = 11, COLS = 13 };

/* -- Samples ----------------------------------------------------------------------------------- */

/* The next number of SplitMix64 (Steele, Lea and Flood 2014) in state x; it begins with
 * 0xe220a8397b1dcdaf in state 0. */
static uint64_t split_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void uniforms(void)
{
	check(split_mix(0) == 0xe220a8397b1dcdafu, "SplitMix64 of the test", 0);
	for (size_t trial = 0; trial < 2000; trial++) {
		uint64_t seed = trial % 3 ? trial : split_mix(trial);
		uint64_t salt = (uint64_t)below(9) << 32;
		uint32_t token = trial % 5 ? (uint32_t)below(1 << 20) : UINT32_MAX;
		uint64_t bits = split_mix(split_mix(seed + salt) + token + 1);
		check(token_uniform(seed, salt, token) == ((double)(bits / 4096) + 0.5) / 0x1p52,
			"token_uniform", trial);
	}
}

static int by_rank(const void *x, const void *y)
{
	const struct kept *a = x, *b = y;

	return a->rank != b->rank ? (a->rank > b->rank) - (a->rank < b->rank)
		: (a->token > b->token) - (a->token < b->token);
}

/* Is the token among these? */
static bool is_there(const struct kept *of, size_t n, struct kept one)
{
	for (size_t i = 0; i < n; i++)
		if (of[i].token == one.token)
			return of[i].rank == one.rank && of[i].slot == one.slot
				&& of[i].activation == one.activation;
	return false;
}

/* After each offer the k smallest are kept, the next smallest rank is known, and what fell out is
 * what is not kept any more. */
static void smallest(void)
{
	struct kept all[MOST], plain[MOST], heap[MOST], out;

	for (size_t trial = 0; trial < 400; trial++) {
		size_t k = 1 + below(20), n = 0;
		double tau = INFINITY;
		for (size_t i = 0; i < MOST; i++) {
			struct kept before[MOST];
			size_t had = n;
			all[i] = (struct kept){trial % 2 ? (double)below(9) : uniform(),
				(uint32_t)(trial % 3 ? i : MOST - i), (uint32_t)(i + 7), (float)i};
			memcpy(before, heap, sizeof heap);
			n = keep_smallest(heap, n, k, all[i], &tau, &out);
			memcpy(plain, all, sizeof all);
			qsort(plain, i + 1, sizeof *plain, by_rank);
			bool same = n == (i + 1 < k ? i + 1 : k);
			for (size_t j = 0; j < n; j++)
				same &= is_there(heap, n, plain[j]);
			check(same, "keep_smallest: the smallest", trial);
			check(tau == (i + 1 > k ? plain[k].rank : INFINITY), "keep_smallest: tau",
				trial);
			if (had < k)
				check(out.slot == UINT32_MAX, "keep_smallest: nothing fell", trial);
			else
				check(!is_there(heap, n, out) && (is_there(before, had, out)
					|| out.slot == all[i].slot), "keep_smallest: what fell",
					trial);
		}
	}
}

static void weights(void)
{
	struct kept kept[MOST];
	float weight[MOST];

	for (size_t trial = 0; trial < 100; trial++) {
		size_t n = 1 + below(MOST);
		double tau = trial % 4 ? pow(10, -3 + 6 * uniform()) : INFINITY, sum = 0, error = 0;
		double power = (double)(trial % 3);
		for (size_t i = 0; i < n; i++) {
			kept[i].activation = (float)(0.1 + uniform());
			double a = pow((double)kept[i].activation, power);
			sum += a / (1 - exp(-a * tau));
		}
		sample_weights(weight, kept, n, power, tau);
		for (size_t i = 0; i < n; i++) {
			double a = pow((double)kept[i].activation, power);
			error = fmax(error, fabs((double)weight[i]
				- a / (1 - exp(-a * tau)) / sum));
		}
		check(error < 1e-7, "sample_weights", trial);
	}
}

/* -- Bootstrap --------------------------------------------------------------------------------- */

static int by_size(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static double plain_ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

/* Of draws + 1 places from 0 to draws, the one at the share q. */
static double plain_quantile(const double *sorted, size_t draws, double q)
{
	double at = q * (double)(draws - 1), low = floor(at);
	double next = low + 1 < (double)draws ? sorted[(size_t)low + 1] : 0;

	return sorted[(size_t)low] * (1 - (at - low)) + next * (at - low);
}

static void intervals(void)
{
	double part[MOST], whole[MOST], drawn[DRAWS], plain[DRAWS], low, high;

	for (size_t trial = 0; trial < 60; trial++) {
		size_t n = 1 + below(MOST), draws = trial % 6 ? 1 + below(DRAWS) : 41;
		double sum = 0, of = 0;
		for (size_t i = 0; i < n; i++) {
			sum += part[i] = normal();
			of += whole[i] = trial % 9 ? uniform() : 0;
		}
		double ratio = ratio_of_sums(part, whole, n);
		check(fabs(ratio - plain_ratio(sum, of)) <= 1e-12 * fabs(ratio), "ratio_of_sums",
			trial);
		for (size_t r = 0; r < draws; r++) {
			sum = of = 0;
			for (size_t k = 0; k < n; k++) {
				double u = token_uniform(trial, 4294967296u * (uint64_t)r,
					(uint32_t)k);
				sum += part[(size_t)floor((double)n * u)];
				of += whole[(size_t)floor((double)n * u)];
			}
			plain[r] = plain_ratio(sum, of);
		}
		qsort(plain, draws, sizeof *plain, by_size);
		bootstrap_interval(&low, &high, part, whole, n, drawn, draws, trial, 1 + trial % 2);
		check(fabs(low - plain_quantile(plain, draws, 0.025)) <= 1e-12 * (1 + fabs(low))
			&& fabs(high - plain_quantile(plain, draws, 0.975))
			<= 1e-12 * (1 + fabs(high)), "bootstrap_interval", trial);
	}
}

/* -- Sparse matrices --------------------------------------------------------------------------- */

static double dense[ROWS][COLS];
static bool there[ROWS][COLS];
static size_t indptr[ROWS + 1];
static uint32_t column[ROWS * COLS];
static float value[ROWS * COLS];

/* Whole numbers, 0 among them. */
static struct sparse draw(size_t rows, size_t cols)
{
	size_t n = 0;

	for (size_t i = 0; i < rows; i++) {
		for (size_t j = 0; j < cols; j++) {
			there[i][j] = below(3) == 0;
			dense[i][j] = there[i][j] ? (double)below(9) - 4 : 0;
			if (there[i][j]) {
				column[n] = (uint32_t)j;
				value[n++] = (float)dense[i][j];
			}
		}
		indptr[i + 1] = n;
	}
	return (struct sparse){indptr, column, value};
}

static void check_moments(const struct sparse *x, size_t rows, size_t cols,
	const uint8_t *some_rows, const uint8_t *some_cols, size_t trial)
{
	size_t count[2][COLS];
	double sum[2][COLS], square[2][COLS];
	bool same = true;

	sparse_column_moments(count[0], sum[0], square[0], x, rows, cols, some_rows);
	sparse_row_moments(count[1], sum[1], square[1], x, rows, some_cols);
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < cols; j++) {
			double v = dense[i][j];
			if (!some_rows || some_rows[i]) {
				count[0][j] -= there[i][j];
				sum[0][j] -= v;
				square[0][j] -= v * v;
			}
			if (!some_cols || some_cols[j]) {
				count[1][i] -= there[i][j];
				sum[1][i] -= v;
				square[1][i] -= v * v;
			}
		}
	for (size_t k = 0; k < cols || k < rows; k++)
		for (int side = k >= cols; side < (k < rows ? 2 : 1); side++)
			same &= count[side][k] == 0 && sum[side][k] == 0 && square[side][k] == 0;
	check(same, "moments of columns and rows", trial);
}

static void check_transpose(const struct sparse *x, size_t rows, size_t cols, size_t trial)
{
	size_t begin[COLS + 1], at = 0;
	uint32_t index[ROWS * COLS];
	float turned[ROWS * COLS];
	struct sparse y = {begin, index, turned};
	bool same = true;

	sparse_transpose(&y, x, rows, cols);
	for (size_t j = 0; j < cols; j++) {
		same &= begin[j] == at;
		for (size_t i = 0; i < rows; i++)
			if (there[i][j]) {
				same &= index[at] == i && (double)turned[at] == dense[i][j];
				at++;
			}
	}
	check(same && begin[cols] == at, "sparse_transpose", trial);
}

static void check_product(const struct sparse *x, size_t rows, size_t cols, size_t trial)
{
	double product[COLS], expected[COLS];
	uint8_t touched[COLS], hit[COLS];
	uint32_t at[ROWS];
	float v[ROWS];
	size_t n = 0;

	for (size_t j = 0; j < cols; j++) {
		product[j] = expected[j] = (double)below(5);
		touched[j] = hit[j] = trial % 2;
	}
	for (uint32_t i = 0; i < rows; i++)
		if (below(2)) {
			at[n] = i;
			v[n++] = (float)below(4);
			for (size_t j = 0; j < cols; j++) {
				expected[j] += (double)v[n - 1] * dense[i][j];
				hit[j] |= there[i][j];
			}
		}
	sparse_add_product(product, touched, at, v, n, x);
	check(memcmp(product, expected, cols * sizeof *product) == 0
		&& memcmp(touched, hit, cols) == 0, "sparse_add_product", trial);
}

static void matrices(void)
{
	for (size_t trial = 0; trial < 500; trial++) {
		size_t rows = below(ROWS + 1), cols = 1 + below(COLS), kept = 0;
		uint8_t some_rows[ROWS], some_cols[COLS];
		uint32_t index[COLS];
		float of[COLS], from[COLS];
		struct sparse x = draw(rows, cols);
		bool same = true;
		for (size_t i = 0; i < ROWS; i++)
			some_rows[i] = below(2);
		for (size_t j = 0; j < COLS; j++) {
			some_cols[j] = below(2);
			from[j] = (float)below(5);
		}
		check_moments(&x, rows, cols, trial % 3 ? some_rows : NULL,
			trial % 5 ? some_cols : NULL, trial);
		check_transpose(&x, rows, cols, trial);
		check_product(&x, rows, cols, trial);
		for (size_t i = 0; i < rows; i++) {
			size_t n = indptr[i + 1] - indptr[i], at = 0;
			kept = sparse_among(index, of, column + indptr[i], value + indptr[i], n,
				some_cols);
			for (size_t j = 0; j < cols; j++)
				if (there[i][j] && some_cols[j]) {
					same &= at < kept && index[at] == j
						&& (double)of[at] == dense[i][j];
					at++;
				}
			same &= at == kept;
		}
		check(same, "sparse_among", trial);
		sparse_subtract_columns(&x, from, rows);
		for (size_t i = 0, k = 0; i < rows; i++)
			for (size_t j = 0; j < cols; j++)
				if (there[i][j])
					same &= (double)value[k++] == dense[i][j] - (double)from[j];
		check(same, "sparse_subtract_columns", trial);
	}
}

/* n times the variance of columns, and 0 where all rows are the same however they are rounded. */
static void variances(void)
{
	for (size_t trial = 0; trial < 400; trial++) {
		size_t n = 1 + below(trial % 10 ? 50 : 20000);
		bool constant = trial % 2;
		double mean = 0, sum = 0, square = 0, apart = 0, one = 1 + uniform();
		double *x = malloc(n * sizeof *x);
		for (size_t i = 0; i < n; i++) {
			x[i] = constant ? one : one + 1e-3 * normal();
			sum += x[i];
			square += x[i] * x[i];
			mean += x[i] / (double)n;
		}
		for (size_t i = 0; i < n; i++)
			apart += pow(x[i] - mean, 2);
		double got = sparse_variance(square, sum, n);
		check(constant || n == 1 ? got == 0 : fabs(got - apart) <= 1e-6 * apart
			|| apart < 1e-12, "sparse_variance", trial);
		free(x);
	}
	check(sparse_variance(0, 0, 0) == 0, "sparse_variance: of nothing", 0);
	double edge = 16 * 3 * DBL_EPSILON;		/* 9 rows: what is above it is there */
	check(sparse_variance(1, 3 * sqrt(1 - 2 * edge), 9) > 0
		&& sparse_variance(1, 3 * sqrt(1 - edge / 2), 9) == 0,
		"sparse_variance: rounding", 0);
}

int main(void)
{
	uniforms();
	smallest();
	weights();
	intervals();
	matrices();
	variances();
	return failures > 0;
}
