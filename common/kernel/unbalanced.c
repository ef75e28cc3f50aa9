#include "kernel/unbalanced.h"

#include "kernel/scaling.h"

#include <float.h>
#include <math.h>

LEVELS(unbalanced);
LEVELS(unbalanced_workspace);

/* One pair's state. Beyond n, a and u are 0; beyond m, b and v are 0. */
struct state {
	size_t n, m, ld;
	const float *cost;
	const uint32_t *row;		/* of cost, or NULL */
	float *kernel;			/* (m, ld), and up to a multiple of ROWS rows */
	float *a, *u, *t;		/* (ld): weights, scalings, K v */
	float *b, *v, *s;		/* (padded(m)): weights, scalings, K'u */
};

/* The costs to column point j. */
static inline const vec *costs_of(const struct state *p, size_t j)
{
	return (const vec *)(p->cost + (p->row ? p->row[j] : j) * p->ld);
}

/* log2 x for normal x > 0, and about -127 for smaller ones; error 2e-7: with x = 2^e m and m
 * between sqrt(1/2) and sqrt 2, e + 2 / ln 2 (s + s^3 / 3 + s^5 / 5 + s^7 / 7), where s = (m - 1) /
 * (m + 1). */
static inline vec log_two(vec x)
{
	mask e = ((mask)x - 0x3f3504f3) >> 23;
	vec m = (vec)((mask)x - (e << 23)), s = (m - 1) / (m + 1), square = s * s;
	vec y = vec_fma(square, vec_of(0.412198583f), vec_of(0.577078016f));

	y = vec_fma(y, square, vec_of(0.961796694f));
	y = vec_fma(y, square, vec_of(2.88539008f));
	return vec_fma(y, s, __builtin_convertvector(e, vec));
}

/* K_ij = exp(-C_ij / epsilon), but not below 2^-100. */
static void take_kernel(struct state *p, double epsilon)
{
	const float scale = (float)(1.4426950408889634 / epsilon);	/* 2^(s x) = e^(x / eps) */

	for (size_t j = 0; j < p->m; j++) {
		const vec *c = costs_of(p, j);
		vec *k = (vec *)(p->kernel + j * p->ld);
		for (size_t i = 0; i < p->ld / VEC; i++)
			k[i] = power_of_two(c[i] * -scale);
	}
}

/* KL(x | w) of two masses, w > 0. */
static double divergence(double x, double w)
{
	return x > 0 ? fmax(x * log(x / w) - x + w, 0) : w;
}

/* u = a / t^power; returns sum_i |change of u_i| t_i, by how much the rows of the plan change. */
static float scale_rows(struct state *p, float power)
{
	const vec *restrict a = (const vec *)p->a, *restrict t = (const vec *)p->t;
	vec *restrict u = (vec *)p->u, change[PARTS] = {0};

	for (size_t i = 0; i < p->ld / VEC; i += PARTS)
		for (size_t q = i; q < i + PARTS; q++) {
			vec now = a[q] * power_of_two(log_two(t[q]) * -power);
			change[q - i] = vec_fma(vec_abs(now - u[q]), t[q], change[q - i]);
			u[q] = now;
		}
	return lane_sum(change);
}

/* s = K'u, v = b / s^power, t = K v. */
static void scale_columns(struct state *p, float power)
{
	const vec *restrict b = (const vec *)p->b, *restrict u = (const vec *)p->u, zero = {0};
	vec *restrict t = (vec *)p->t, *restrict v = (vec *)p->v, *restrict s = (vec *)p->s;
	size_t width = p->ld / VEC;

	for (size_t i = 0; i < width; i++)
		t[i] = zero;
	for (size_t j = 0; j * ROWS < p->m; j++) {
		const vec *k = (const vec *)(p->kernel + j * ROWS * p->ld);
		s[j] = sum_columns(k, u, width);
		v[j] = b[j] * power_of_two(log_two(s[j]) * -power);
		add_kernel(t, k, p->v + j * ROWS, width);
	}
}

/* KL(x | w) where log(x / w) = y. */
static double divergence_by_log(double y, double w)
{
	return w * fmax(y * exp(y) - expm1(y), 0);
}

/* <P, C> + rho KL(P 1 | a) + rho KL(P'1 | b) of the plan P = u K v, t = K v; costs up to `most`.
 * Its rows are a t^e, e = epsilon / (rho + epsilon), and where the columns have converged they are
 * b s^e. By these logarithms a large rho does not magnify rounding and what is left of the residual
 * (KL of the columns as they are is taken where it is less). */
static double cost_of_plan(const struct state *p, double rho, double epsilon, float most)
{
	const vec *restrict u = (const vec *)p->u;
	const double share = epsilon / (rho + epsilon);
	double work = 0, rows = 0, cols = 0, converged = 0;

	for (size_t i = 0; i < p->n; i++)
		rows += divergence_by_log(share * log(fmax((double)p->t[i], DBL_MIN)),
			(double)p->a[i]);
	for (size_t j = 0; j < p->m; j++) {
		const vec *k = (const vec *)(p->kernel + j * p->ld), *c = costs_of(p, j);
		vec mass[PARTS] = {0}, of_costs[PARTS] = {0};
		for (size_t i = 0; i < p->ld / VEC; i += PARTS)
			for (size_t q = 0; q < PARTS; q++) {
				vec x = k[i + q] * u[i + q];
				mass[q] += x;
				of_costs[q] = vec_fma(x, vec_min(c[i + q], vec_of(most)),
					of_costs[q]);
			}
		cols += divergence((double)p->v[j] * (double)lane_sum(mass), (double)p->b[j]);
		converged += divergence_by_log(share * log(fmax((double)p->s[j], DBL_MIN)),
			(double)p->b[j]);
		work += (double)p->v[j] * (double)lane_sum(of_costs);
	}
	return work + rho * (rows + fmin(cols, converged));
}

size_t KERNEL(unbalanced_workspace)(size_t n, size_t m)
{
	return ((m + ROWS) * padded(n) + 3 * padded(n) + 3 * padded(m)) / 2 + 8;
}

struct unbalanced KERNEL(unbalanced)(const float *cost, const uint32_t *row, const float *a,
	const float *b, size_t n, size_t m, double rho, double epsilon, double tol,
	uint32_t max_iters, double *workspace)
{
	size_t ld = padded(n), rows = (m + ROWS - 1) / ROWS * ROWS;
	const float power = (float)(rho / (rho + epsilon));
	struct state p = {.n = n, .m = m, .ld = ld, .cost = cost, .row = row};
	struct unbalanced result = {0};

	p.kernel = (float *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
	p.a = p.kernel + rows * ld;
	p.u = p.a + ld;
	p.t = p.u + ld;
	p.b = p.t + ld;
	p.v = p.b + padded(m);
	p.s = p.v + padded(m);
	memset(p.kernel + m * ld, 0,
		(size_t)(p.s + padded(m) - p.kernel - m * ld) * sizeof *p.kernel);
	memcpy(p.a, a, n * sizeof *a);
	memcpy(p.u, a, n * sizeof *a);
	memcpy(p.b, b, m * sizeof *b);
	take_kernel(&p, epsilon);
	do {
		scale_columns(&p, power);
		result.residual = scale_rows(&p, power);
	} while (++result.iters < max_iters && (double)result.residual > tol);
	result.cost = cost_of_plan(&p, rho, epsilon, (float)(UNBALANCED_COST * epsilon));
	return result;
}
