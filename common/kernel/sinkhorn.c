#include "kernel/sinkhorn.h"

#include "kernel/scaling.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

LEVELS(sinkhorn);
LEVELS(sinkhorn_workspace);

enum { AHEAD = 8 };	/* columns whose costs are on their way from memory meanwhile */
enum { STAGE = 50 };	/* iterations at most at an epsilon above the last */
enum { PATIENCE = 12 };	/* windows without a new least residual */
enum { WINDOW = 4 };	/* iterations over which the rate of convergence is measured */

static const float low = 1e-12f, high = 1e12f;	/* scalings with which floats are exact enough */

/* One pair's state. Beyond n, a and u are 0 and t is not; beyond m, b and v are 0. */
struct problem {
	size_t n, m, ld;
	const float *cost;
	const uint32_t *row;		/* of cost, or NULL */
	float *kernel;			/* (m, ld), and up to a multiple of ROWS rows */
	float *a, *u, *t, *x, *y;	/* (ld): weights, scalings, K v, and room */
	float *b, *v, *s;		/* (padded(m)): weights, scalings, K'u */
	double *f, *g;			/* potentials, relative to a and b */
	double epsilon;
};

/* The costs to column point j. */
static inline const vec *costs_of(const struct problem *p, size_t j)
{
	return (const vec *)(p->cost + (p->row ? p->row[j] : j) * p->ld);
}

/* K_ij = exp((f_i + g_j - C_ij) / epsilon), u = a, v = b, t = K v; false when t leaves its range.
 * Costs half of what log-domain steps do, and is as good while t keeps in range. */
static bool kernel(struct problem *p)
{
	const float scale = (float)(1.4426950408889634 / p->epsilon);	/* 2^(s x) = e^(x / eps) */
	const vec *f = (const vec *)p->x;
	vec *restrict t = (vec *)p->t;
	unsigned outside = 0;

	for (size_t i = 0; i < p->ld; i++) {
		p->x[i] = i < p->n ? (float)(p->f[i] * (double)scale) : 0;
		p->t[i] = 0;
		p->u[i] = p->a[i];
	}
	for (size_t j = 0; j < p->m; j++) {
		const vec *c = costs_of(p, j);
		const vec *ahead = costs_of(p, j + AHEAD < p->m ? j + AHEAD : j);
		vec *restrict k = (vec *)(p->kernel + j * p->ld);
		float g = (float)(p->g[j] * (double)scale), b = p->v[j] = p->b[j];
		for (size_t i = 0; i < p->ld / VEC; i++) {
			__builtin_prefetch(ahead + i);
			vec y = power_of_two(vec_fma(c[i], vec_of(-scale), f[i] + g));
			k[i] = y;				/* K_ij */
			t[i] = vec_fma(y, vec_of(b), t[i]);	/* t_i = sum_j K_ij v_j */
		}
		/* y has the range of g here, and 0 * t has to be 0 */
		for (size_t i = p->n; i < p->ld; i++)
			p->kernel[j * p->ld + i] = 1;
	}
	for (size_t i = p->n; i < p->ld; i++)
		p->t[i] = 1;
	for (size_t i = 0; i < p->n; i++)
		outside |= !(p->t[i] > low) | !(p->t[i] < high);
	return !outside;
}

/* g_j = -epsilon log sum_i a_i exp((f_i - C_ij) / epsilon), the sum relative to its largest
 * term. */
static void log_step_g(struct problem *p)
{
	const float scale = (float)(1.4426950408889634 / p->epsilon);
	const double unit = p->epsilon / 1.4426950408889634;	/* epsilon log x = unit log2 x */
	const vec *x = (const vec *)p->x, *a = (const vec *)p->a;
	size_t width = p->ld / VEC;

	for (size_t i = 0; i < p->ld; i++)
		p->x[i] = i < p->n ? (float)(p->f[i] / unit) : -1e30f;
	for (size_t j = 0; j < p->m; j++) {
		const vec *c = costs_of(p, j);
		vec least[PARTS], total[PARTS] = {0};
		for (size_t q = 0; q < PARTS; q++)
			least[q] = vec_of(INFINITY);
		for (size_t i = 0; i < width; i += PARTS)
			for (size_t q = 0; q < PARTS; q++)
				least[q] = vec_min(c[i + q] * scale - x[i + q], least[q]);
		float most = -lane_min(least);			/* max_i (f_i - C_ij) / unit */
		for (size_t i = 0; i < width; i += PARTS)
			for (size_t q = 0; q < PARTS; q++) {
				/* sum_i a_i 2^((f_i - C_ij) / unit - most) */
				vec y = power_of_two(x[i + q] - c[i + q] * scale - most);
				total[q] = vec_fma(y, a[i + q], total[q]);
			}
		p->g[j] = -unit * (log2((double)lane_sum(total)) + (double)most);
	}
}

/* The same for f from g. */
static void log_step_f(struct problem *p)
{
	const float scale = (float)(1.4426950408889634 / p->epsilon);
	const double unit = p->epsilon / 1.4426950408889634;
	const vec zero = {0};
	size_t width = p->ld / VEC;
	vec *x = (vec *)p->x, *restrict sum = (vec *)p->t;

	for (size_t i = 0; i < width; i++) {
		x[i] = vec_of(INFINITY);
		sum[i] = zero;
	}
	for (size_t j = 0; j < p->m; j++) {
		const vec *c = costs_of(p, j);
		for (size_t i = 0; i < width; i++) {
			vec y = c[i] * scale - (float)(p->g[j] / unit);
			x[i] = vec_min(y, x[i]);	/* min_j (C_ij - g_j) / unit */
		}
	}
	for (size_t j = 0; j < p->m; j++) {
		const vec *c = costs_of(p, j);
		for (size_t i = 0; i < width; i++) {
			vec y = power_of_two(x[i] + (float)(p->g[j] / unit) - c[i] * scale);
			/* sum_j b_j 2^((g_j - C_ij) / unit + x_i) */
			sum[i] = vec_fma(y, vec_of(p->b[j]), sum[i]);
		}
	}
	for (size_t i = 0; i < p->n; i++)
		p->f[i] = unit * ((double)p->x[i] - log2((double)p->t[i]));
}

/* An exact iteration in the log domain (Peyre and Cuturi 2019, sec. 4.4), and kernel(), whose t is
 * then 1. */
static void log_step(struct problem *p)
{
	log_step_g(p);
	log_step_f(p);
	kernel(p);
}

/* w (goal / w)^omega, for goal = mass / sum, where w sum = mass in the limit: with x = mass /
 * (w sum) it is goal x^(omega - 1), and x^(omega - 1) is taken as its Pade approximant at 1,
 *	((2 - omega) + omega x) / (omega + (2 - omega) x) */
static inline vec over_relaxed(vec w, vec sum, vec mass, float omega)
{
	vec goal = mass / (sum + 1e-37f), now = w * sum;

	if (omega == 1)
		return goal;
	return goal * (((2 - omega) * now + omega * mass)
		/ (omega * now + (2 - omega) * mass + 1e-37f));
}

/* One iteration u = a / (K v), v = b / (K'u) of Sinkhorn's, over-relaxed (Thibault et al. 2021):
 *	u <- u (a / (u t))^omega	t = K v
 *	v <- v (b / (v s))^omega	s = K'u
 * ROWS columns at a time, whose parts of t are added as soon as their v is known, so K is read
 * once. *residual = |v s - b|_1 + |u t - a|_1. False when a scaling leaves its range: v and t are
 * of no use then. */
static bool scale(struct problem *p, float omega, float *residual)
{
	const vec *restrict a = (const vec *)p->a, *restrict b = (const vec *)p->b, zero = {0};
	vec *restrict u = (vec *)p->u, *restrict t = (vec *)p->t, *restrict v = (vec *)p->v;
	vec *restrict s = (vec *)p->s, error[PARTS] = {0};
	size_t width = p->ld / VEC;
	unsigned outside = 0;

	for (size_t i = 0; i < width; i++) {
		u[i] = over_relaxed(u[i], t[i], a[i], omega);
		t[i] = zero;
	}
	for (size_t j = 0; j * ROWS < p->m; j++) {
		const vec *k = (const vec *)(p->kernel + j * ROWS * p->ld);
		s[j] = sum_columns(k, u, width);
		v[j] = over_relaxed(v[j], s[j], b[j], omega);
		add_kernel(t, k, p->v + j * ROWS, width);
	}
	for (size_t j = 0; j < padded(p->m) / VEC; j += PARTS)
		for (size_t q = j; q < j + PARTS; q++)
			error[q - j] += vec_abs(v[q] * s[q] - b[q]);	/* |v_j s_j - b_j| */
	for (size_t i = 0; i < width; i += PARTS)
		for (size_t q = i; q < i + PARTS; q++)
			error[q - i] += vec_abs(u[q] * t[q] - a[q]);	/* |u_i t_i - a_i| */
	for (size_t j = 0; j < p->m; j++)
		outside |= !(p->v[j] > low * p->b[j]) | !(p->v[j] < high * p->b[j]);
	for (size_t i = 0; i < p->n; i++)
		outside |= !(p->t[i] > low) | !(p->t[i] < high);
	*residual = lane_sum(error);
	return !outside;
}

/* The potentials take in the scalings (Schmitzer 2019, alg. 2): f += epsilon log(u / a), and g. */
static void absorb(struct problem *p, bool both)
{
	for (size_t i = 0; i < p->n; i++)
		p->f[i] += p->epsilon * (double)logf(p->u[i] / p->a[i]);
	for (size_t j = 0; both && j < p->m; j++)
		p->g[j] += p->epsilon * (double)logf(p->v[j] / p->b[j]);
}

/* The omega to go on with when the residual falls by `rate` an iteration at this one: the best
 * there is, by Young's formula, for the rate that plain iterations would have (Thibault et al.
 * 2021, sec. 4). Over-relaxed residuals may rise for a while before they fall; when they `rose`
 * before, omega was too large. */
static double relaxation(double omega, double rate, bool rose)
{
	if (rate >= 1)
		return rose ? (1 + omega) / 2 : omega;
	if (rate <= omega - 1)
		return omega;
	double plain = (rate + omega - 1) * (rate + omega - 1) / (rate * omega * omega);
	return fmin(2 / (1 + sqrt(1 - plain)), 1.98);
}

/* Iterates at p->epsilon, from the potentials, until the residual is at most tol or *iters is
 * `last`. */
static float iterate(struct problem *p, double tol, uint32_t last, uint32_t *iters)
{
	float residual = 2, before = 0, least = 2;
	unsigned waited = 0;		/* windows since the least residual */
	double omega = 1;
	bool rose = false;

	for (unsigned failed = !kernel(p); failed < 10; failed++) {
		if (failed > 0)
			log_step(p);
		for (uint32_t k = 1; scale(p, (float)omega, &residual); k++) {
			if (++*iters >= last || (double)residual <= tol)
				return residual;
			failed = 0;
			if (k % WINDOW != 0)
				continue;
			if (k > WINDOW)
				omega = relaxation(omega,
					pow((double)(residual / before), 1.0 / WINDOW), rose);
			waited = residual < least ? 0 : waited + 1;
			least = fminf(least, residual);
			if (waited == PATIENCE) {	/* it goes in circles: once more */
				omega = (1 + omega) / 2;
				least = 2;
				waited = 0;
			}
			rose = k > WINDOW && residual >= before;
			before = residual;
		}
		absorb(p, false);
	}
	log_step(p);		/* no scalings will do; of this plan the rows' sums are right */
	return 2;
}

/* Of ROWS columns the mass sum_i u_i K_ij, the work sum_i u_i K_ij C_ij, and the least C_ij - f_i;
 * after `last` the last once more. */
struct column_sums {
	vec mass, work, least;
};

static inline struct column_sums column_sums(const struct problem *p, size_t j, size_t last)
{
	const vec *restrict u = (const vec *)p->u, *restrict f = (const vec *)p->x;
	vec mass[ROWS][PARTS], work[ROWS][PARTS], least[ROWS][PARTS];

	for (size_t r = 0; r < ROWS; r++) {
		size_t at = j + (r < last ? r : last);
		const vec *k = (const vec *)(p->kernel + at * p->ld), *c = costs_of(p, at);
		vec m[PARTS] = {0}, w[PARTS] = {0}, l[PARTS];
		for (size_t q = 0; q < PARTS; q++)
			l[q] = vec_of(INFINITY);
		for (size_t i = 0; i < p->ld / VEC; i += PARTS)
			for (size_t q = 0; q < PARTS; q++) {
				vec x = k[i + q] * u[i + q], y = c[i + q];
				m[q] += x;
				w[q] = vec_fma(x, y, w[q]);
				l[q] = vec_min(y - f[i + q], l[q]);
			}
		memcpy(mass[r], m, sizeof m);
		memcpy(work[r], w, sizeof w);
		memcpy(least[r], l, sizeof l);
	}
	return (struct column_sums){lane_sums(mass[0]), lane_sums(work[0]), lane_mins(least[0])};
}

/* What the potentials prove and what the plan costs. *lower = <a, f> + sum_j b_j min_i (C_ij -
 * f_i), f being in x, -infinity beyond n. The plan is P = u K v after it was made feasible: rows
 * and columns that sum to too much are scaled down, and what is then missing from a and b is
 * carried from one to the other in proportion (Altschuler, Weed and Rigollet 2017, alg. 2). u, v, s
 * and t are no more what they were. */
static double feasible_cost(struct problem *p, double *lower)
{
	size_t width = p->ld / VEC;
	vec *restrict u = (vec *)p->u, *restrict t = (vec *)p->t, *restrict y = (vec *)p->y;
	const vec *restrict a = (const vec *)p->a, zero = {0};
	double total = 0, carried = 0, missing = 0;

	for (size_t i = 0; i < width; i++) {
		u[i] = vec_min(u[i], a[i] / t[i]);	/* no row sums to more than a_i */
		t[i] = y[i] = zero;
	}
	*lower = 0;
	for (size_t i = 0; i < p->n; i++)
		*lower += (double)p->a[i] * (double)p->x[i];	/* <a, f> */
	for (size_t j = 0; j < p->m; j += ROWS) {
		size_t last = (p->m - j < ROWS ? p->m - j : ROWS) - 1;
		const vec b = *(const vec *)(p->b + j), *k[ROWS], *c[ROWS], *next_k[ROWS],
			*next_c[ROWS];
		struct column_sums sum = column_sums(p, j, last);
		vec v = vec_min(*(const vec *)(p->v + j), b / sum.mass);
		vec rest = vec_max(b - v * sum.mass, zero);	/* missing in these columns */
		for (size_t r = 0; r <= last; r++) {
			*lower += (double)b[r] * (double)sum.least[r];	/* + <b, g> */
			total += (double)v[r] * (double)sum.work[r];	/* <P, C> */
		}
		for (size_t r = 0; r < ROWS; r++) {	/* after the last, v and rest are 0 */
			size_t at = j + (r < last ? r : last);
			k[r] = (const vec *)(p->kernel + at * p->ld);
			c[r] = costs_of(p, at);
			next_k[r] = k[r] + ROWS * width;
			next_c[r] = costs_of(p, at + ROWS < p->m ? at + ROWS : at);
		}
		add_columns(t, k, next_k, (float *)&v, width);
		add_columns(y, c, next_c, (float *)&rest, width);
	}
	for (size_t i = 0; i < p->n; i++) {			/* a - P 1 */
		float rest = fmaxf(p->a[i] - p->u[i] * p->t[i], 0);
		missing += (double)rest;
		carried += (double)rest * (double)p->y[i];
	}
	/* <P + missing_a missing_b' / |missing_a|_1, C> */
	return total + (missing > 0 ? carried / missing : 0);
}

size_t KERNEL(sinkhorn_workspace)(size_t n, size_t m)
{
	/* doubles f, g; floats K, a, u, t, x, y, and b, v, s */
	return n + m + ((m + ROWS) * padded(n) + 5 * padded(n) + 3 * padded(m)) / 2 + 8;
}

struct sinkhorn KERNEL(sinkhorn)(const float *cost, const uint32_t *row, const float *a,
	const float *b, size_t n, size_t m, double largest, double epsilon, double tol,
	uint32_t max_iters, float *f, double *workspace)
{
	struct sinkhorn result = {0};
	size_t ld = padded(n), rows = (m + ROWS - 1) / ROWS * ROWS;
	struct problem p = {.n = n, .m = m, .ld = ld, .cost = cost, .row = row,
		.epsilon = epsilon};
	double slack = 4e-7 * largest, mass = 0;

	p.f = workspace;
	p.g = p.f + n;
	p.kernel = (float *)(((uintptr_t)(p.g + m) + 63) & ~(uintptr_t)63);
	p.a = p.kernel + rows * ld;
	p.u = p.a + ld;
	p.t = p.u + ld;
	p.x = p.t + ld;
	p.y = p.x + ld;
	p.b = p.y + ld;
	p.v = p.b + padded(m);
	p.s = p.v + padded(m);
	for (size_t k = 0; k < n + m; k++)
		p.f[k] = largest / 4;	/* so that exponents lie on both sides of 0 */
	memset(p.kernel + m * ld, 0,
		(size_t)(p.s + padded(m) - p.kernel - m * ld) * sizeof *p.kernel);
	memcpy(p.a, a, n * sizeof *a);
	memcpy(p.b, b, m * sizeof *b);
	while (p.epsilon * 4 <= largest / 24)	/* epsilon scaling: from a large one down */
		p.epsilon *= 4;
	for (; p.epsilon > epsilon && result.iters + STAGE < max_iters; p.epsilon /= 4) {
		iterate(&p, 0.05, result.iters + STAGE, &result.iters);
		absorb(&p, true);
	}
	p.epsilon = epsilon;
	result.residual = iterate(&p, tol, max_iters, &result.iters);
	for (size_t i = 0; i < n; i++)
		mass += (double)(p.u[i] * p.t[i]);		/* sum P */
	absorb(&p, true);
	for (size_t i = 0; i < n; i++)
		result.dual += (double)a[i] * p.f[i];
	for (size_t j = 0; j < m; j++)
		result.dual += (double)b[j] * p.g[j];
	result.dual -= epsilon * (mass - 1);	/* <a, f> + <b, g> - epsilon (sum P - 1) */
	for (size_t i = 0; i < ld; i++)
		p.x[i] = i < n ? (float)p.f[i] : -INFINITY;
	memcpy(f, p.x, n * sizeof *f);
	result.cost = feasible_cost(&p, &result.lower);
	result.lower = fmax(result.lower - slack, 0);
	result.upper = result.cost + slack;
	return result;
}
