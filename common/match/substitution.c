#include "match/substitution.h"

#include "base/die.h"
#include "kernel/bootstrap.h"
#include "kernel/bottom_k.h"

#include <math.h>
#include <stdlib.h>

const char *const substitution_name[SUBST_SCORES] = {"explained_variance", "replaced", "kept"};

/* Of one matching, or as a mean of several. */
struct outcome {
	double *error[SUBST_KEPT];	/* (blocks), of all pairs */
	double *change[SUBST_KEPT];	/* (pairs): what each adds to the error */
};

static struct outcome outcome_open(size_t blocks, size_t pairs)
{
	struct outcome o;

	for (int k = 0; k < SUBST_KEPT; k++) {
		o.error[k] = xcalloc(blocks, sizeof *o.error[k]);
		o.change[k] = xcalloc(pairs, sizeof *o.change[k]);
	}
	return o;
}

static void outcome_free(struct outcome *o)
{
	for (int k = 0; k < SUBST_KEPT; k++) {
		free(o->error[k]);
		free(o->change[k]);
	}
}

/* Of the rows with columns all[at[i]], the cheapest pair first. */
static void replace_pairs(struct outcome *o, const struct reconstruction *r,
	const struct placed_pairs *p, const uint32_t *at)
{
	uint32_t *row = xalloc(p->n, sizeof *row), *col = xalloc(p->n, sizeof *col);
	struct substitutes s = {p->n, row, col, xalloc(p->n, sizeof(double))};

	for (size_t k = 0; k < p->n; k++) {
		row[k] = p->row[p->order[k]];
		col[k] = p->all[at[p->order[k]]];
	}
	reconstruction_scales(&s, r);
	reconstruction_alone(o->change[SUBST_ALONE], o->error[SUBST_ALONE], r, &s);
	reconstruction_replaced(o->change[SUBST_REPLACED], o->error[SUBST_REPLACED], r, &s);
	free(s.scale);
	free(col);
	free(row);
}

/* n of m columns in random order (Fisher and Yates). */
static void shuffle(uint32_t *at, size_t m, size_t n, const struct resampling *how, size_t salt)
{
	for (size_t j = 0; j < m; j++)
		at[j] = (uint32_t)j;
	for (size_t i = 0; i < n; i++) {
		double u = token_uniform(how->seed, (uint64_t)salt << 32, (uint32_t)i);
		size_t j = i + (size_t)(u * (double)(m - i));
		uint32_t other = at[j];
		at[j] = at[i];
		at[i] = other;
	}
}

static void add_share(double *mean, const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mean[i] += x[i] / SUBSTITUTION_SHUFFLES;
}

static struct outcome random_outcome(const struct reconstruction *r, const struct placed_pairs *p,
	const struct resampling *how)
{
	size_t blocks = reconstruction_blocks(r->a);
	struct outcome mean = outcome_open(blocks, p->n), one = outcome_open(blocks, p->n);
	uint32_t *at = xalloc(p->m, sizeof *at);

	for (size_t salt = 0; salt < SUBSTITUTION_SHUFFLES; salt++) {
		shuffle(at, p->m, p->n, how, how->draws + salt);
		replace_pairs(&one, r, p, at);
		for (int k = 0; k < SUBST_KEPT; k++) {
			add_share(mean.error[k], one.error[k], blocks);
			add_share(mean.change[k], one.change[k], p->n);
		}
	}
	free(at);
	outcome_free(&one);
	return mean;
}

static double total(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

/* Explained variance, as errors change from `error` on; returns its mean. */
static double curve(double *covered, double *change, const struct placed_pairs *p, double error,
	double variance)
{
	double sum = 0;

	placed_pairs_level(change, p);
	for (size_t k = 0; k < p->n; k++) {
		error += change[k];
		covered[k] = variance > 0 ? 1 - error / variance : 0;
		sum += covered[k];
	}
	return sum / (double)p->n;
}

static double kept(double value, double random, double own)
{
	return own > random ? (value - random) / (own - random) : NAN;
}

/* low, value and high of 1 - error / variance. */
static void explained(struct match_score *s, const double *error, const double *variance, size_t n,
	const struct resampling *how)
{
	double *part = xalloc(n, sizeof *part);

	for (size_t b = 0; b < n; b++)
		part[b] = variance[b] - error[b];
	match_score_interval(s, part, variance, n, how);
	free(part);
}

static void score_kept(struct substitution *s, const struct outcome *o,
	const struct outcome *random, const double *own, size_t n, const struct resampling *how)
{
	struct match_score *to = &s->score[SUBST_KEPT];
	const struct match_score *replaced = &s->score[SUBST_REPLACED];
	double *part = xalloc(n, sizeof *part), *whole = xalloc(n, sizeof *whole);

	for (size_t b = 0; b < n; b++) {
		part[b] = random->error[SUBST_REPLACED][b] - o->error[SUBST_REPLACED][b];
		whole[b] = random->error[SUBST_REPLACED][b] - own[b];
	}
	match_score_interval(to, part, whole, n, how);
	to->best = 1;
	to->random = 0;
	s->covered[SUBST_KEPT] = xalloc(replaced->pairs, sizeof(double));
	for (size_t k = 0; k < replaced->pairs; k++)
		s->covered[SUBST_KEPT][k] = kept(s->covered[SUBST_REPLACED][k],
			s->random[SUBST_REPLACED][k], replaced->best);
	free(whole);
	free(part);
}

struct substitution substitution_of(const struct reconstruction *r, const double *variance,
	const struct placed_pairs *p, const struct resampling *how)
{
	size_t blocks = reconstruction_blocks(r->a), n = p->n;
	struct substitution s = {0};
	struct outcome found = outcome_open(blocks, n), random = random_outcome(r, p, how);
	double *own = xalloc(blocks, sizeof *own), whole = total(variance, blocks), area[2];

	replace_pairs(&found, r, p, p->at);
	reconstruction_own(own, r);
	double best = whole > 0 ? 1 - total(own, blocks) / whole : 0;
	for (int k = 0; k < SUBST_SCORES; k++)
		s.score[k].pairs = (uint32_t)n;
	for (int k = 0; k < SUBST_KEPT; k++) {
		/* alone they begin with b_dec */
		double first = k == SUBST_REPLACED ? total(own, blocks)
			: total(found.error[k], blocks) - total(found.change[k], n);
		s.covered[k] = xalloc(n, sizeof *s.covered[k]);
		s.random[k] = xalloc(n, sizeof *s.random[k]);
		explained(&s.score[k], found.error[k], variance, blocks, how);
		s.score[k].best = best;
		s.score[k].random = whole > 0 ? 1 - total(random.error[k], blocks) / whole : 0;
		s.score[k].area = curve(s.covered[k], found.change[k], p, first, whole);
		area[k] = curve(s.random[k], random.change[k], p, first, whole);
	}
	if (best > s.score[SUBST_REPLACED].random)
		score_kept(&s, &found, &random, own, blocks, how);
	s.score[SUBST_KEPT].area = kept(s.score[SUBST_REPLACED].area, area[SUBST_REPLACED], best);
	free(own);
	outcome_free(&random);
	outcome_free(&found);
	return s;
}

void substitution_free(struct substitution *s)
{
	for (int k = 0; k < SUBST_SCORES; k++)
		free(s->covered[k]);
	for (int k = 0; k < SUBST_KEPT; k++)
		free(s->random[k]);
}
