#include "distance/parts.h"

#include "base/die.h"
#include "kernel/bottom_k.h"

#include <stdlib.h>

enum { MOST = 1 << 20 };

static size_t wanted(size_t n, size_t points)
{
	size_t parts = 1;

	while (points > 0 && n > parts * points && parts < MOST)
		parts *= 2;
	return parts;
}

static size_t part_of(const struct distributions *s, size_t k, size_t parts)
{
	double u = token_uniform(0, (uint64_t)1 << 62, s->token[s->row[k]]);

	return (size_t)(u * (double)parts);
}

/* Of feature i; mass (that many): the weights of its parts. */
static size_t weigh(double *mass, const struct distributions *s, size_t i, size_t points)
{
	for (size_t parts = wanted(points_of(s, i), points); ; parts /= 2) {
		size_t empty = 0;
		for (size_t r = 0; r < parts; r++)
			mass[r] = 0;
		for (size_t k = s->indptr[i]; k < s->indptr[i + 1]; k++)
			mass[part_of(s, k, parts)] += (double)s->weight[k];
		for (size_t r = 0; r < parts; r++)
			empty += !(mass[r] > 0);
		if (empty == 0 || parts == 1)
			return parts;
	}
}

size_t parts_most(const struct distributions *a, const struct distributions *b, size_t points)
{
	size_t n = a->max_points > b->max_points ? a->max_points : b->max_points;

	return wanted(n, points);
}

struct parts parts_deal(const struct distributions *s, size_t points, size_t most)
{
	struct parts p = {.most = most, .n = xalloc(s->ids.n, sizeof *p.n), .of = *s};
	double *mass = xalloc(most, sizeof *mass);
	size_t room = 0, at = 0;

	for (size_t i = 0; i < s->ids.n; i++) {
		p.n[i] = weigh(mass, s, i, points);
		room += points_of(s, i) * (most / p.n[i]);
	}
	p.of.ids.n = s->ids.n * most;
	p.of.max_points = 0;
	p.of.indptr = xcalloc(p.of.ids.n + 1, sizeof *p.of.indptr);
	p.of.row = xalloc(room, sizeof *p.of.row);
	p.of.weight = xalloc(room, sizeof *p.of.weight);
	for (size_t v = 0; v < p.of.ids.n; p.of.indptr[++v] = at) {
		size_t i = v / most, part = v % most * p.n[i] / most, begin = at;
		if (v % most == 0)
			weigh(mass, s, i, points);
		for (size_t k = s->indptr[i]; k < s->indptr[i + 1]; k++)
			if (part_of(s, k, p.n[i]) == part) {
				p.of.row[at] = s->row[k];
				p.of.weight[at++] = p.n[i] == 1 ? s->weight[k]
					: (float)((double)s->weight[k] / mass[part]);
			}
		if (at - begin > p.of.max_points)
			p.of.max_points = at - begin;
	}
	free(mass);
	return p;
}

void parts_free(struct parts *p)
{
	free(p->n);
	free(p->of.indptr);
	free(p->of.row);
	free(p->of.weight);
	*p = (struct parts){0};
}

/* The weights alone are its own. */
static struct distributions balanced(const struct distributions *s, size_t points)
{
	struct distributions b = *s;
	double *mass = xalloc(wanted(s->max_points, points), sizeof *mass);

	b.weight = xalloc(s->ids.n ? s->indptr[s->ids.n] : 0, sizeof *b.weight);
	for (size_t i = 0; i < s->ids.n; i++) {
		size_t parts = weigh(mass, s, i, points);
		for (size_t k = s->indptr[i]; k < s->indptr[i + 1]; k++)
			b.weight[k] = parts == 1 ? s->weight[k] : (float)((double)s->weight[k]
				/ (mass[part_of(s, k, parts)] * (double)parts));
	}
	free(mass);
	return b;
}

struct bounds parts_bounds(const struct distributions *a, size_t first, size_t end,
	const struct distributions *b, int p, size_t points)
{
	struct distributions side[] = {balanced(a, points), balanced(b, points)};
	struct bounds r = bounds_open(&side[0], first, end, &side[a != b], p, BOUNDS_ROOM);

	for (int k = 0; k < 2; k++)
		free(side[k].weight);
	return r;
}

void parts_tokens(size_t *tokens, const struct distributions *s, size_t parts)
{
	size_t *seen = xcalloc(s->tokens, sizeof *seen);	/* r + 1 of the last that has it */

	for (size_t r = 0; r < parts; r++) {
		tokens[r] = 0;
		for (size_t v = r; v < s->ids.n; v += parts)
			for (size_t k = s->indptr[v]; k < s->indptr[v + 1]; k++) {
				tokens[r] += seen[s->row[k]] != r + 1;
				seen[s->row[k]] = r + 1;
			}
	}
	free(seen);
}
