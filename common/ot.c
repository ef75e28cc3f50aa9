#include "ot.h"

#include "simd.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { ROWS = 4 };	/* columns of a problem, rows of K, that scale() takes at a time */

/* exp(x) for x <= 88, relative error below 2e-7; 0 below -87. Cephes' polynomial on [-ln2/2, ln2/2],
 * written without branches so that the loops around it become vector code. */
static inline float fast_exp(float x)
{
	float c = x < -87.0f ? -87.0f : x;
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
	return x < -87.0f ? 0.0f : y * scale;
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

MULTIVERSION
static void finish_costs(float *restrict row, const float *restrict y, float y_norm,
	const float *restrict x, const float *restrict x_norm, size_t n, size_t d, int p)
{
	for (size_t i = 0; i < n; i++) {
		float norms = y_norm + x_norm[i], square = norms - 2 * row[i];
		if (!(square >= 0.02f * norms)) {
			square = 0;
			#pragma omp simd reduction(+:square)
			for (size_t k = 0; k < d; k++)
				square += (y[k] - x[i * d + k]) * (y[k] - x[i * d + k]);
		}
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

size_t sinkhorn_workspace(size_t n, size_t m)
{
	size_t ld = ot_ld(n);

	/* doubles f, g; floats K, u, t, a, most, and v, b */
	return n + m + ((m + ROWS) * ld + 4 * ld + ot_ld(m)) / 2 + 8;
}

/* One pair's state. Lanes from n to ld have a = K = t = 0. */
struct problem {
	size_t n, m, ld;
	const float *cost, *b;
	float *a, *kernel, *u, *v, *t, *most;	/* a, u, t, most (ld); v and the rows of kernel (m, ld)
						 * are padded to a multiple of ROWS */
	double *f, *g;				/* potentials, which contain epsilon log a and epsilon log b */
	double epsilon;
};

/* g_j = epsilon (log b_j - log sum_i exp((f_i - C_ij) / epsilon)): an exact half step in the log domain.
 * f, in units of epsilon, is in p->most. */
MULTIVERSION
static void update_g(struct problem *p)
{
	float inverse = (float)(1 / p->epsilon);
	float *restrict f = p->most;

	for (size_t i = 0; i < p->ld; i++)
		f[i] = i < p->n ? (float)(p->f[i] / p->epsilon) : -INFINITY;
	for (size_t j = 0; j < p->m; j++) {
		const float *restrict c = p->cost + j * p->ld;
		float lane[OT_LANES], most = -INFINITY, sum = 0;
		for (size_t l = 0; l < OT_LANES; l++)
			lane[l] = -INFINITY;
		for (size_t i = 0; i < p->ld; i += OT_LANES)
			for (size_t l = 0; l < OT_LANES; l++) {
				float x = f[i + l] - c[i + l] * inverse;
				lane[l] = x > lane[l] ? x : lane[l];
			}
		for (size_t l = 0; l < OT_LANES; l++)
			most = lane[l] > most ? lane[l] : most;
		#pragma omp simd reduction(+:sum)
		for (size_t i = 0; i < p->ld; i++)
			sum += fast_exp(f[i] - c[i] * inverse - most);
		p->g[j] = p->epsilon * (log((double)p->b[j]) - (double)most - log((double)sum));
	}
}

/* The same for f; and K at these potentials, whose row sums are then a. */
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
		p->f[i] = p->epsilon * (log((double)p->a[i]) - (double)most[i] - log((double)sum[i]));
	for (size_t i = 0; i < p->ld; i++)
		most[i] = p->a[i] / sum[i];		/* 0 in the padding */
	for (size_t j = 0; j < p->m; j++) {
		float *restrict k = p->kernel + j * p->ld;
		#pragma omp simd
		for (size_t i = 0; i < p->ld; i++)
			k[i] *= most[i];
	}
	for (size_t i = 0; i < p->ld; i++)
		p->u[i] = 1;
	for (size_t j = 0; j < p->m; j++)
		p->v[j] = 1;
}

static void absorb(struct problem *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->f[i] += p->epsilon * log((double)p->u[i]);
	update_g(p);
	update_f(p);
}

/* One iteration: v = b / K'u, t = K v, the residual |u t - a|. Four columns at a time, whose parts of t are
 * added as soon as their v is known, so K is read once. False when a scaling leaves the range in which floats
 * are exact enough: u is as it was, v is of no use. */
MULTIVERSION
static bool scale(struct problem *p, float *residual)
{
	const float low = 1e-10f, high = 1e10f;
	const float *restrict b = p->b;
	float *restrict t = p->t, *restrict u = p->u, *restrict v = p->v;
	size_t ld = p->ld, m = p->m;
	bool in_range = true;
	float error = 0;

	for (size_t i = 0; i < ld; i++)
		t[i] = 0;
	for (size_t j = 0; j < m; j += ROWS) {
		const float *restrict k0 = p->kernel + j * ld, *restrict k1 = k0 + ld;
		const float *restrict k2 = k1 + ld, *restrict k3 = k2 + ld;
		float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
		#pragma omp simd reduction(+:s0, s1, s2, s3)
		for (size_t i = 0; i < ld; i++) {
			s0 += k0[i] * u[i];
			s1 += k1[i] * u[i];
			s2 += k2[i] * u[i];
			s3 += k3[i] * u[i];
		}
		float v0 = b[j] / s0;		/* beyond m, K is 0 and v stays 0 */
		float v1 = j + 1 < m ? b[j + 1] / s1 : 0;
		float v2 = j + 2 < m ? b[j + 2] / s2 : 0;
		float v3 = j + 3 < m ? b[j + 3] / s3 : 0;
		#pragma omp simd
		for (size_t i = 0; i < ld; i++)
			t[i] += k0[i] * v0 + k1[i] * v1 + k2[i] * v2 + k3[i] * v3;
		v[j] = v0, v[j + 1] = v1, v[j + 2] = v2, v[j + 3] = v3;
	}
	#pragma omp simd reduction(+:error)
	for (size_t i = 0; i < ld; i++)
		error += __builtin_fabsf(u[i] * t[i] - p->a[i]);
	*residual = error;
	for (size_t j = 0; j < m; j++)
		in_range &= v[j] > low && v[j] < high;
	for (size_t i = 0; i < p->n; i++)
		in_range &= p->a[i] > low * t[i] && p->a[i] < high * t[i];
	return in_range;
}

MULTIVERSION
static double transport_cost(const struct problem *p)
{
	double total = 0;

	for (size_t j = 0; j < p->m; j++) {
		const float *restrict k = p->kernel + j * p->ld, *restrict c = p->cost + j * p->ld;
		float sum = 0;
		#pragma omp simd reduction(+:sum)
		for (size_t i = 0; i < p->ld; i++)
			sum += k[i] * p->u[i] * c[i];
		total += (double)sum * (double)p->v[j];
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

static float largest(const float *x, size_t n)
{
	float most = 0;

	for (size_t i = 0; i < n; i++)
		most = x[i] > most ? x[i] : most;
	return most;
}

/* L1 distance of the column sums from b, for P = K as update_f() leaves it. */
static float column_residual(const struct problem *p)
{
	float error = 0;

	for (size_t j = 0; j < p->m; j++) {
		float sum = 0;
		for (size_t i = 0; i < p->ld; i++)
			sum += p->kernel[j * p->ld + i];
		error += fabsf(sum - p->b[j]);
	}
	return error;
}

/* Iterates at p->epsilon, from the potentials there are, until the residual is at most tol. */
static float iterate(struct problem *p, double tol, uint32_t max_iters, uint32_t *iters)
{
	float residual;

	absorb(p);
	for (uint32_t i = 1; ; i++, ++*iters) {
		if (scale(p, &residual)) {
			if ((double)residual <= tol || i >= max_iters)
				return residual;
			for (size_t k = 0; k < p->n; k++)
				p->u[k] = p->a[k] / p->t[k];
			continue;
		}
		absorb(p);
		if (i >= max_iters)
			return column_residual(p);
	}
}

struct sinkhorn sinkhorn(const float *cost, const float *a, const float *b, size_t n, size_t m, size_t ld,
	double epsilon, double tol, uint32_t max_iters, double *workspace)
{
	struct sinkhorn result = {0};
	struct problem p = {.n = n, .m = m, .ld = ld, .cost = cost, .b = b, .epsilon = epsilon};
	double largest_cost = (double)largest(cost, m * ld);

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
	for (size_t i = 0; i < ld; i++)
		p.u[i] = 1;
	while (p.epsilon * 4 <= largest_cost / 8)
		p.epsilon *= 4;
	for (; p.epsilon > epsilon; p.epsilon /= 4) {
		iterate(&p, 0.05, 50, &result.iters);
		for (size_t i = 0; i < n; i++)
			p.f[i] += p.epsilon * log((double)p.u[i]);
		for (size_t i = 0; i < n; i++)
			p.u[i] = 1;
	}
	result.residual = iterate(&p, tol, max_iters, &result.iters);
	result.cost = transport_cost(&p);
	result.dual = dual_value(&p);
	return result;
}
