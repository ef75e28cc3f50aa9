#include "ot.h"

#include "cost.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { ROWS = 4 };	/* columns of a problem, rows of K, that scale() takes at a time */
enum { STAGE = 50 };	/* iterations at most at an epsilon above the last */

static inline float row_sum(const float *x, size_t ld)
{
	lanes sum = {0};

	for (size_t i = 0; i < ld; i += LANES)
		sum += *(const lanes *)(x + i);
	return lane_sum(&sum);
}

static inline float row_max(const float *restrict x, size_t ld)
{
	float lane[LANES];

	memcpy(lane, x, sizeof lane);
	for (size_t i = LANES; i < ld; i += LANES)
		for (size_t l = 0; l < LANES; l++)
			lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
	for (size_t half = LANES / 2; half > 0; half /= 2)
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

size_t sinkhorn_workspace(size_t n, size_t m)
{
	size_t ld = padded(n);

	/* doubles f, g; floats K, u, t, a, most, and v, b, sum */
	return n + m + ((m + ROWS) * ld + 4 * ld + 3 * padded(m)) / 2 + 8;
}

/* One pair's state. Lanes from n to ld have a = K = u = t = 0; so has what stands beyond m. */
struct problem {
	size_t n, m, ld;
	const float *cost;
	float *kernel;				/* (m, ld), and up to a multiple of ROWS */
	float *a, *u, *t, *most;		/* (ld) */
	float *b, *v, *sum;			/* (padded(m)) */
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

/* One iteration: u to a / t, v to b / K'u, t = K v, the residual. They go over the mark, to u (a / (t u))^omega and
 * v (b / (K'u v))^omega, where x^omega = x x^(omega - 1) and the last is taken as its Pade approximant at x = 1.
 * ROWS columns at a time, whose parts of t are added as soon as their v is known, so K is read once. False when a
 * scaling leaves the range in which floats are exact enough: v and t are of no use then. */
MULTIVERSION
static bool scale(struct problem *p, float omega, float *residual)
{
	const float low = 1e-10f, high = 1e10f, rest = 2 - omega;
	size_t n = p->n, m = p->m, width = p->ld / LANES;
	const float *restrict a = p->a, *restrict b = p->b;
	float *restrict u = p->u, *restrict v = p->v, *restrict t = p->t, *restrict sum = p->sum;
	const lanes *restrict u_lanes = (const lanes *)p->u;
	lanes *restrict t_lanes = (lanes *)p->t;
	unsigned outside = 0;

	for (size_t i = 0; i < n; i++) {
		float goal = a[i] / t[i];
		u[i] = goal * (rest * u[i] + omega * goal) / (omega * u[i] + rest * goal);
	}
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
		quarter s = {lane_sum(&s0), lane_sum(&s1), lane_sum(&s2), lane_sum(&s3)};
		quarter old = *(const quarter *)(v + j), goal = *(const quarter *)(b + j) / s;
		quarter new = goal * (rest * old + omega * goal) / (omega * old + rest * goal);
		for (size_t k = m; k < j + ROWS; k++)
			new[k - j] = 0;
		for (size_t i = 0; i < width; i++)
			t_lanes[i] += k0[i] * new[0] + k1[i] * new[1] + k2[i] * new[2] + k3[i] * new[3];
		*(quarter *)(v + j) = new;
		*(quarter *)(sum + j) = s;
	}
	for (size_t j = 0; j < m; j++) {
		outside |= !(v[j] > low) | !(v[j] < high);
		sum[j] = __builtin_fabsf(v[j] * sum[j] - b[j]);
	}
	for (size_t i = 0; i < n; i++)
		outside |= !(a[i] > low * t[i]) | !(a[i] < high * t[i]);
	for (size_t i = 0; i < p->ld; i++)
		p->most[i] = __builtin_fabsf(u[i] * t[i] - a[i]);
	*residual = row_sum(p->most, p->ld) + row_sum(sum, padded(m));
	return !outside;
}

/* The transport cost of P = u K v after it was made feasible: rows and columns that sum to too much are scaled
 * down, and what is then missing from a and b is carried from one to the other in proportion (Altschuler, Weed
 * and Rigollet 2017, alg. 2). u, v and t are no more what they were. */
MULTIVERSION
static double feasible_cost(struct problem *p)
{
	size_t width = p->ld / LANES;
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

#ifndef WINDOW
#define WINDOW 4
#endif
#ifndef CAP
#define CAP 1.95
#endif
/* The omega to go on with when the residual falls by `rate` an iteration at this one: the best there is, by Young's
 * formula, for the rate that plain iterations would have (Thibault et al. 2021, sec. 4). */
static double relaxation(double omega, double rate)
{
	if (rate >= 1)
		return 1;
	if (rate <= omega - 1)
		return omega;
	double plain = (rate + omega - 1) * (rate + omega - 1) / (rate * omega * omega);
	return fmin(2 / (1 + sqrt(1 - plain)), CAP);
}

/* Iterates at p->epsilon, from the potential f, until the residual is at most tol or *iters is `last`. */
static float iterate(struct problem *p, double tol, uint32_t last, uint32_t *iters)
{
	float residual, before = 0;
	double omega = 1;

	for (;; absorb(p)) {
		update_g(p);
		update_f(p);
		if (++*iters >= last)
			return column_residual(p);
		for (uint32_t k = 1; scale(p, (float)omega, &residual); k++) {
			if (++*iters >= last || (double)residual <= tol)
				return residual;
			if (k % WINDOW != 0)
				continue;
			if (k > WINDOW)
				omega = relaxation(omega, pow((double)(residual / before), 1.0 / WINDOW));
			before = residual;
		}
	}
}

struct sinkhorn sinkhorn(const float *cost, const float *a, const float *b, size_t n, size_t m, size_t ld,
	double epsilon, double tol, uint32_t max_iters, double *workspace)
{
	struct sinkhorn result = {0};
	struct problem p = {.n = n, .m = m, .ld = ld, .cost = cost, .epsilon = epsilon};
	double largest = (double)largest_cost(cost, n, m);

	p.f = workspace;
	p.g = p.f + n;
	p.kernel = (float *)(((uintptr_t)(p.g + m) + 63) & ~(uintptr_t)63);
	p.u = p.kernel + (m + ROWS - 1) / ROWS * ROWS * ld;
	p.t = p.u + ld;
	p.a = p.t + ld;
	p.most = p.a + ld;
	p.b = p.most + ld;
	p.v = p.b + padded(m);
	p.sum = p.v + padded(m);
	memset(p.kernel + m * ld, 0, (size_t)(p.sum + padded(m) - p.kernel - m * ld) * sizeof *p.kernel);
	memcpy(p.a, a, n * sizeof *a);
	memcpy(p.b, b, m * sizeof *b);
	memset(p.f, 0, n * sizeof *p.f);
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
