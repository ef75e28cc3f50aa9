#include "ot.h"

#include "simd.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { ROWS = 4 };	/* columns of a problem, rows of K, that scale() takes at a time */
enum { STAGE = 50 };	/* iterations at most at an epsilon above the last */

/* OT_LANES floats at once, wherever they lie: sums of rows in an order that vector code can keep. */
typedef float lanes __attribute__((vector_size(OT_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef float quarter __attribute__((vector_size(OT_LANES / 4 * sizeof(float)), aligned(sizeof(float)), may_alias));

static inline float lane_sum(const lanes *x)
{
	const quarter *part = (const quarter *)x;
	quarter q = (part[0] + part[1]) + (part[2] + part[3]);

	return (q[0] + q[1]) + (q[2] + q[3]);
}

static inline float row_sum(const float *x, size_t ld)
{
	lanes sum = {0};

	for (size_t i = 0; i < ld; i += OT_LANES)
		sum += *(const lanes *)(x + i);
	return lane_sum(&sum);
}

static inline float row_max(const float *restrict x, size_t ld)
{
	float lane[OT_LANES];

	memcpy(lane, x, sizeof lane);
	for (size_t i = OT_LANES; i < ld; i += OT_LANES)
		for (size_t l = 0; l < OT_LANES; l++)
			lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
	for (size_t half = OT_LANES / 2; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			lane[l] = lane[l + half] > lane[l] ? lane[l + half] : lane[l];
	return lane[0];
}

/* exp(x) for x <= 88, relative error below 2e-7; 0 where that is no normal float. Cephes' polynomial on
 * [-ln2/2, ln2/2], written without branches so that the loops around it become vector code. */
static inline float fast_exp(float x)
{
	float c = x < -87.8f ? -87.8f : x;				/* 2^n is then 0, by its exponent bits */
	float n = (c * 1.44269504f + 12582912.0f) - 12582912.0f;	/* rounds to an integer */
	float r = (c - n * 0.693359375f) - n * -2.12194440e-4f;
	float y = 1.9875691500e-4f;
	int32_t bits;
	float scale;

	y = y * r + 1.3981999507e-3f;
	y = y * r + 8.3334519073e-3f;
	y = y * r + 4.1665795894e-2f;
	y = y * r + 1.6666665459e-1f;
	y = y * r + 5.0000001201e-1f;
	y = y * r * r + r + 1.0f;
	bits = ((int32_t)n + 127) << 23;
	memcpy(&scale, &bits, sizeof scale);
	return y * scale;
}

void squared_norms(float *norm, const float *x, size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0;
		for (size_t k = 0; k < d; k++)
			sum += (double)x[i * d + k] * (double)x[i * d + k];
		norm[i] = (float)sum;
	}
}

/* |y - x_i|^2 from y.x_i in row[i], or its root. */
MULTIVERSION
static void finish_costs(float *restrict row, const float *restrict y, float y_norm,
	const float *restrict x, const float *restrict x_norm, size_t n, size_t d, int p)
{
	const float near = 0.02f;	/* of the norms: below it too many digits cancel */
	unsigned cancels = 0;

	for (size_t i = 0; i < n; i++) {
		float norms = y_norm + x_norm[i];
		row[i] = norms - 2 * row[i];
		cancels |= !(row[i] >= near * norms);
	}
	for (size_t i = 0; cancels && i < n; i++) {
		if (row[i] >= near * (y_norm + x_norm[i]))
			continue;
		float square = 0;
		#pragma omp simd reduction(+:square)
		for (size_t k = 0; k < d; k++)
			square += (y[k] - x[i * d + k]) * (y[k] - x[i * d + k]);
		row[i] = square;
	}
	if (p == 1)
		for (size_t i = 0; i < n; i++)
			row[i] = __builtin_sqrtf(row[i]);
}

void cost_matrix(float *cost, const float *y, const float *y_norm, size_t m, const float *x,
	const float *x_norm, size_t n, size_t d, int p, size_t ld)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)d, 1, y, (int)d, x,
		(int)d, 0, cost, (int)ld);
	for (size_t j = 0; j < m; j++) {
		finish_costs(cost + j * ld, y + j * d, y_norm[j], x, x_norm, n, d, p);
		memset(cost + j * ld + n, 0, (ld - n) * sizeof *cost);
	}
}

MULTIVERSION
double mean_cost(const float *cost, size_t n, size_t m, size_t ld)
{
	double sum = 0;

	for (size_t j = 0; j < m; j++)
		sum += (double)row_sum(cost + j * ld, ld);
	return sum / ((double)n * (double)m);
}

MULTIVERSION
float largest_cost(const float *cost, size_t m, size_t ld)
{
	return row_max(cost, m * ld);
}

size_t sinkhorn_workspace(size_t n, size_t m)
{
	size_t ld = ot_ld(n);

	/* doubles f, g; floats K, u, t, a, most, and v */
	return n + m + ((m + ROWS) * ld + 4 * ld + ot_ld(m)) / 2 + 8;
}

/* One pair's state. Lanes from n to ld have a = K = u = t = 0. */
struct problem {
	size_t n, m, ld;
	const float *cost, *b;
	float *a, *kernel, *u, *v, *t, *most;	/* a, u, t, most (ld); v and the rows of kernel (m, ld)
						 * are padded to a multiple of ROWS */
	double *f, *g;				/* potentials, which contain epsilon log a and epsilon log b */
	double epsilon;
};

/* g_j = epsilon (log b_j - log sum_i exp((f_i - C_ij) / epsilon)): an exact half step in the log domain.
 * f, in units of epsilon, is in p->t, the largest exponents are in p->v; K is scratch. */
MULTIVERSION
static void update_g(struct problem *p)
{
	float inverse = (float)(1 / p->epsilon);
	float *restrict f = p->t, *restrict most = p->v;

	for (size_t i = 0; i < p->ld; i++)
		f[i] = -INFINITY;
	for (size_t i = 0; i < p->n; i++)
		f[i] = (float)(p->f[i] / p->epsilon);
	for (size_t j = 0; j < p->m; j++) {
		const float *restrict c = p->cost + j * p->ld;
		float *restrict k = p->kernel + j * p->ld;
		for (size_t i = 0; i < p->ld; i++)
			k[i] = f[i] - c[i] * inverse;
		most[j] = row_max(k, p->ld);
	}
	for (size_t j = 0; j < p->m; j++) {
		float *restrict k = p->kernel + j * p->ld;
		for (size_t i = 0; i < p->ld; i++)
			k[i] = fast_exp(k[i] - most[j]);
		p->g[j] = (double)row_sum(k, p->ld);
	}
	for (size_t j = 0; j < p->m; j++)
		p->g[j] = p->epsilon * (log((double)p->b[j] / p->g[j]) - (double)most[j]);
}

/* The same for f; and K at these potentials, whose row sums are then a: u = v = 1, t = a. */
MULTIVERSION
static void update_f(struct problem *p)
{
	float inverse = (float)(1 / p->epsilon);
	float *restrict most = p->most, *restrict sum = p->t;

	for (size_t i = 0; i < p->ld; i++) {
		most[i] = -INFINITY;
		sum[i] = 0;
	}
	for (size_t j = 0; j < p->m; j++) {
		const float *restrict c = p->cost + j * p->ld;
		float g = (float)(p->g[j] / p->epsilon);
		#pragma omp simd
		for (size_t i = 0; i < p->ld; i++) {
			float x = g - c[i] * inverse;
			most[i] = x > most[i] ? x : most[i];
		}
	}
	for (size_t j = 0; j < p->m; j++) {
		const float *restrict c = p->cost + j * p->ld;
		float *restrict k = p->kernel + j * p->ld;
		float g = (float)(p->g[j] / p->epsilon);
		#pragma omp simd
		for (size_t i = 0; i < p->ld; i++) {
			k[i] = fast_exp(g - c[i] * inverse - most[i]);
			sum[i] += k[i];
		}
	}
	for (size_t i = 0; i < p->n; i++)
		p->f[i] = p->epsilon * (log((double)p->a[i] / (double)sum[i]) - (double)most[i]);
	for (size_t i = 0; i < p->ld; i++)
		most[i] = p->a[i] / sum[i];		/* 0 in the padding */
	for (size_t j = 0; j < p->m; j++) {
		float *restrict k = p->kernel + j * p->ld;
		#pragma omp simd
		for (size_t i = 0; i < p->ld; i++)
			k[i] *= most[i];
	}
	for (size_t i = 0; i < p->ld; i++) {
		p->u[i] = i < p->n;
		p->t[i] = p->a[i];
	}
	for (size_t j = 0; j < p->m; j++)
		p->v[j] = 1;
}

/* One iteration: u = a / t, v = b / K'u, t = K v, the residual |u t - a|. Four columns at a time, whose parts
 * of t are added as soon as their v is known, so K is read once. False when a scaling leaves the range in
 * which floats are exact enough: v and t are of no use then. */
MULTIVERSION
static bool scale(struct problem *p, float *residual)
{
	const float low = 1e-10f, high = 1e10f;
	size_t n = p->n, m = p->m, width = p->ld / OT_LANES;
	const float *restrict a = p->a, *restrict b = p->b;
	float *restrict u = p->u, *restrict v = p->v, *restrict t = p->t;
	const lanes *restrict u_lanes = (const lanes *)p->u;
	lanes *restrict t_lanes = (lanes *)p->t;
	unsigned outside = 0;

	for (size_t i = 0; i < n; i++)
		u[i] = a[i] / t[i];
	for (size_t i = 0; i < p->ld; i++)
		t[i] = 0;
	for (size_t j = 0; j < m; j += ROWS) {
		const lanes *restrict k0 = (const lanes *)(p->kernel + j * p->ld), *restrict k1 = k0 + width;
		const lanes *restrict k2 = k1 + width, *restrict k3 = k2 + width;
		lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
		for (size_t i = 0; i < width; i++) {
			s0 += k0[i] * u_lanes[i];
			s1 += k1[i] * u_lanes[i];
			s2 += k2[i] * u_lanes[i];
			s3 += k3[i] * u_lanes[i];
		}
		float v0 = b[j] / lane_sum(&s0);		/* beyond m, K is 0 and v stays 0 */
		float v1 = j + 1 < m ? b[j + 1] / lane_sum(&s1) : 0;
		float v2 = j + 2 < m ? b[j + 2] / lane_sum(&s2) : 0;
		float v3 = j + 3 < m ? b[j + 3] / lane_sum(&s3) : 0;
		for (size_t i = 0; i < width; i++)
			t_lanes[i] += k0[i] * v0 + k1[i] * v1 + k2[i] * v2 + k3[i] * v3;
		v[j] = v0, v[j + 1] = v1, v[j + 2] = v2, v[j + 3] = v3;
	}
	for (size_t j = 0; j < m; j++)
		outside |= !(v[j] > low) | !(v[j] < high);
	for (size_t i = 0; i < n; i++)
		outside |= !(a[i] > low * t[i]) | !(a[i] < high * t[i]);
	for (size_t i = 0; i < p->ld; i++)
		p->most[i] = __builtin_fabsf(u[i] * t[i] - a[i]);
	*residual = row_sum(p->most, p->ld);
	return !outside;
}

/* The transport cost of P = u K v after it was made feasible: rows and columns that sum to too much are scaled
 * down, and what is then missing from a and b is carried from one to the other in proportion (Altschuler, Weed
 * and Rigollet 2017, alg. 2). u, v and t are no more what they were. */
MULTIVERSION
static double feasible_cost(struct problem *p)
{
	size_t width = p->ld / OT_LANES;
	float *restrict missing = p->most;
	const lanes *u = (const lanes *)p->u, *lacking = (const lanes *)p->most;
	lanes *restrict t = (lanes *)p->t;
	double total = 0;

	for (size_t i = 0; i < p->n; i++)
		p->u[i] *= fminf(1, p->a[i] / (p->u[i] * p->t[i]));
	for (size_t i = 0; i < p->ld; i++)
		p->t[i] = 0;
	for (size_t j = 0; j < p->m; j++) {
		const lanes *k = (const lanes *)(p->kernel + j * p->ld);
		const lanes *c = (const lanes *)(p->cost + j * p->ld);
		lanes mass = {0}, cost = {0};
		for (size_t i = 0; i < width; i++) {
			mass += k[i] * u[i];
			cost += k[i] * u[i] * c[i];
		}
		float v = fminf(p->v[j], p->b[j] / lane_sum(&mass));
		for (size_t i = 0; i < width; i++)
			t[i] += k[i] * v;
		total += (double)v * (double)lane_sum(&cost);
		p->v[j] = p->b[j] - v * lane_sum(&mass);	/* missing in this column */
	}
	for (size_t i = 0; i < p->ld; i++)
		missing[i] = fmaxf(p->a[i] - p->u[i] * p->t[i], 0);
	double all = (double)row_sum(missing, p->ld);
	for (size_t j = 0; all > 0 && j < p->m; j++) {
		const lanes *c = (const lanes *)(p->cost + j * p->ld);
		lanes cost = {0};
		for (size_t i = 0; i < width; i++)
			cost += lacking[i] * c[i];
		total += (double)fmaxf(p->v[j], 0) * (double)lane_sum(&cost) / all;
	}
	return total;
}

static double dual_value(const struct problem *p)
{
	double total = 0;

	for (size_t i = 0; i < p->n; i++)
		total += (double)p->a[i] * (p->f[i] + p->epsilon * log((double)(p->u[i] / p->a[i])));
	for (size_t j = 0; j < p->m; j++)
		total += (double)p->b[j] * (p->g[j] + p->epsilon * log((double)(p->v[j] / p->b[j])));
	return total;
}

/* The potentials take in the scalings. */
static void absorb(struct problem *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->f[i] += p->epsilon * log((double)p->u[i]);
}

/* L1 distance of the column sums from b, for P = K as update_f() leaves it. */
static float column_residual(const struct problem *p)
{
	float error = 0;

	for (size_t j = 0; j < p->m; j++)
		error += fabsf(row_sum(p->kernel + j * p->ld, p->ld) - p->b[j]);
	return error;
}

/* Iterates at p->epsilon, from the potential f, until the residual is at most tol or *iters is `last`. */
static float iterate(struct problem *p, double tol, uint32_t last, uint32_t *iters)
{
	float residual;

	for (;; absorb(p)) {
		update_g(p);
		update_f(p);
		if (++*iters >= last)
			return column_residual(p);
		while (scale(p, &residual))
			if (++*iters >= last || (double)residual <= tol)
				return residual;
	}
}

struct sinkhorn sinkhorn(const float *cost, const float *a, const float *b, size_t n, size_t m, size_t ld,
	double epsilon, double tol, uint32_t max_iters, double *workspace)
{
	struct sinkhorn result = {0};
	struct problem p = {.n = n, .m = m, .ld = ld, .cost = cost, .b = b, .epsilon = epsilon};
	double largest = (double)largest_cost(cost, m, ld);

	p.f = workspace;
	p.g = p.f + n;
	p.kernel = (float *)(((uintptr_t)(p.g + m) + 63) & ~(uintptr_t)63);
	p.u = p.kernel + (m + ROWS - 1) / ROWS * ROWS * ld;
	p.t = p.u + ld;
	p.a = p.t + ld;
	p.most = p.a + ld;
	p.v = p.most + ld;
	memcpy(p.a, a, n * sizeof *a);
	memset(p.a + n, 0, (ld - n) * sizeof *a);
	memset(p.f, 0, n * sizeof *p.f);
	memset(p.kernel + m * ld, 0, (size_t)(p.u - p.kernel - m * ld) * sizeof *p.kernel);
	while (p.epsilon * 4 <= largest / 8)
		p.epsilon *= 4;
	for (; p.epsilon > epsilon && result.iters + STAGE < max_iters; p.epsilon /= 4) {
		iterate(&p, 0.05, result.iters + STAGE, &result.iters);
		absorb(&p);
	}
	p.epsilon = epsilon;
	result.residual = iterate(&p, tol, max_iters, &result.iters);
	result.dual = dual_value(&p);
	result.cost = feasible_cost(&p);
	return result;
}
