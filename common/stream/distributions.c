#include "stream/distributions.h"

#include "base/die.h"
#include "base/input.h"
#include "base/memory.h"
#include "kernel/bottom_k.h"
#include "stream/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reading joins streams: rows and features of a later one follow those of the earlier. */
struct building {
	struct distributions *to;
	bool points;			/* are they needed? */
	size_t token_room, feature_room, point_room;
	const char *layer;		/* of the stream that is read, ... */
	size_t features, base;		/* ... its dictionary; where its support table begins */
};

/* Room for n tokens of d dimensions; at first for all that the file may hold, later for twice as
 * many. */
static void token_room(struct sm_reader *in, struct building *b, size_t n, size_t d)
{
	struct distributions *s = b->to;
	size_t more = reader_bytes_left(in) / sizeof(float) / (d + 1);
	size_t room = b->token_room ? 2 * n : n + more, held = b->token_room ? n : room;

	memory_need(((double)held - (double)b->token_room) * (double)d * sizeof(float),
		"refproj --dim or featdist --support", "%s: points of up to %zu tokens", s->name,
		held);
	s->point = xrealloc(s->point, room * sizeof(float), d);
	s->token = xrealloc(s->token, room, sizeof *s->token);
	b->token_room = room;
}

static void take_table(struct sm_reader *in, const struct sm_frame *f, struct building *b)
{
	struct distributions *s = b->to;
	size_t n = SM_ANY, d = s->d ? s->d : SM_ANY;

	const uint32_t *token = sm_want(in, f, "token", SM_U4, &n);
	if (!b->points) {
		s->tokens += n;
		return;
	}
	if (!sm_find_field(f, "point"))
		sm_bad(in, "no points: refproj --lift gives them to a stream of "
			"act-dump --no-point");
	const float *point = sm_want(in, f, "point", SM_F4, &n, &d);
	if (d == 0)
		sm_bad(in, "points of 0 dimensions");
	for (size_t i = 0; i < n * d; i++)
		if (!(fabsf(point[i]) <= 1e15f))	/* so that squares stay floats */
			sm_bad(in, "point row %zu is not finite, or beyond 1e15", i / d);
	if (n == 0)		/* what d a table of no rows has, takes no memory */
		return;
	s->d = d;
	if (s->tokens + n > b->token_room)
		token_room(in, b, s->tokens + n, d);
	memcpy(s->point + s->tokens * d, point, n * d * sizeof *point);
	memcpy(s->token + s->tokens, token, n * sizeof *token);
	s->tokens += n;
}

static void take_features(struct sm_reader *in, const struct sm_frame *f, struct building *b)
{
	struct distributions *s = b->to;
	size_t n = SM_ANY, nnz = SM_ANY, base = b->base;
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &n);
	const uint32_t *row = sm_want(in, f, "row", SM_U4, &nnz);
	const float *weight = sm_want(in, f, "weight", SM_F4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);

	if (s->ids.n + n + 1 > b->feature_room) {
		b->feature_room = 2 * (s->ids.n + n + 1);
		ids_room(&s->ids, b->feature_room, false);
		s->indptr = xrealloc(s->indptr, b->feature_room, sizeof *s->indptr);
	}
	size_t at = s->ids.n > 0 ? s->indptr[s->ids.n] : 0;
	if (at + nnz > b->point_room) {
		b->point_room = 2 * (at + nnz);
		s->row = xrealloc(s->row, b->point_room, sizeof *s->row);
		s->weight = xrealloc(s->weight, b->point_room, sizeof *s->weight);
	}
	for (size_t i = 0; i < n; i++) {
		double sum = 0;
		size_t begin = at;
		if (feature[i] >= b->features)
			sm_bad(in, "feature %u of %zu", feature[i], b->features);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (!(weight[k] >= 0) || !isfinite(weight[k]))
				sm_bad(in, "weight row %zu holds %g", i, (double)weight[k]);
			sum += (double)weight[k];
		}
		if (fabs(sum - 1) > 1e-3)
			sm_bad(in, "weight row %zu sums to %.6g", i, sum);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			float w = (float)((double)weight[k] / sum);
			if (w < 1e-12f)		/* far below the rounding of the others */
				continue;
			if (row[k] + base > UINT32_MAX)
				sm_bad(in, "row %u is outside the support table", row[k]);
			s->row[at] = (uint32_t)(row[k] + base);	/* see check_rows() */
			s->weight[at++] = w;
		}
		s->ids.own.feature[s->ids.n] = feature[i];
		s->ids.own.layer[s->ids.n] = b->layer;
		s->indptr[s->ids.n++] = begin;
		s->indptr[s->ids.n] = at;
		if (at - begin > s->max_points)
			s->max_points = at - begin;
	}
}

static void check_rows(struct sm_reader *in, const struct distributions *s, size_t first_feature,
	size_t base)
{
	for (size_t i = first_feature; i < s->ids.n; i++)
		for (size_t k = s->indptr[i]; k < s->indptr[i + 1]; k++)
			if (s->row[k] >= s->tokens)
				sm_bad(in, "feature %u uses row %zu, outside the support table of "
					"%zu", s->ids.feature[i], s->row[k] - base,
					s->tokens - base);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A token has one row of the support table. */
static void check_tokens(struct sm_reader *in, const struct distributions *s, size_t base)
{
	size_t n = s->tokens - base, next = 1;
	const uint32_t *token = s->token + base;

	while (next < n && token[next] > token[next - 1])
		next++;
	if (next >= n)
		return;
	uint32_t *sorted = memcpy(xalloc(n, sizeof *sorted), token, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_number);
	for (size_t i = 1; i < n; i++)
		if (sorted[i] == sorted[i - 1])
			sm_bad(in, "token %u stands twice in the support table", sorted[i]);
	free(sorted);
}

static void check_space(struct sm_reader *in, const struct sm_frame *header,
	const struct distributions *other)
{
	const char *a = sm_get_string(&other->header[0], "space", "");
	const char *b = sm_get_string(header, "space", "");

	if (strcmp(a, b) != 0)
		sm_bad(in, "space '%s', %s has '%s': give both through the same refproj, "
			"such as refproj --lift REFERENCE.npy --whiten", b, other->name, a);
}

/* The stream whose header was just read joins s, which keeps the header. */
static void take_stream(struct sm_reader *in, struct sm_frame *header, struct building *b,
	const struct distributions *other)
{
	struct distributions *s = b->to;
	struct sm_frame frame = {0};
	size_t first_feature = s->ids.n, base = s->tokens;

	sm_want_kind(in, header, "distributions");
	if (b->points && (s->streams > 0 || other))
		check_space(in, header, s->streams > 0 ? s : other);
	s->name = sm_reader_name(in);
	s->header = xrealloc(s->header, s->streams + 1, sizeof *s->header);
	s->first = xrealloc(s->first, s->streams + 1, sizeof *s->first);
	s->first[s->streams] = first_feature;
	s->header[s->streams++] = *header;
	b->layer = want_layer(in, header);
	b->features = sm_find_field(header, "features") ? sm_want_size(in, header, "features")
		: SIZE_MAX;
	b->base = base;
	*header = (struct sm_frame){0};
	while (sm_read_frame(in, &frame))
		if (sm_find_field(&frame, "feature"))
			take_features(in, &frame, b);
		else if (sm_find_field(&frame, "token"))
			take_table(in, &frame, b);
	check_rows(in, s, first_feature, base);
	if (b->points && s->tokens > base)
		check_tokens(in, s, base);
	sm_frame_free(&frame);
}

/* What an input held when its second stream began. */
struct boundary {
	size_t tokens, features, points;
};

static struct boundary take_all(const char *path, struct distributions *s,
	const struct distributions *other, bool points)
{
	struct building b = {.to = s, .points = points};
	struct boundary second = {0};
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		if (s->streams == 1)
			second = (struct boundary){s->tokens, s->ids.n,
				s->ids.n ? s->indptr[s->ids.n] : 0};
		take_stream(in, &header, &b, other);
	}
	sm_frame_free(&header);
	sm_reader_close(in);
	return second;
}

static void *tail(const void *all, size_t from, size_t to, size_t size)
{
	void *part = xalloc(to - from, size);

	return to > from ? memcpy(part, (const char *)all + from * size, (to - from) * size) : part;
}

static size_t most_points(const struct distributions *s)
{
	size_t most = 0;

	for (size_t i = 0; i < s->ids.n; i++)
		if (s->indptr[i + 1] - s->indptr[i] > most)
			most = s->indptr[i + 1] - s->indptr[i];
	return most;
}

/* The second of two streams becomes an input of its own. */
static void split(struct distributions input[2], struct boundary b)
{
	struct distributions *a = &input[0], *c = &input[1];
	size_t points = a->ids.n ? a->indptr[a->ids.n] : 0;

	c->name = a->name;
	c->streams = a->streams = 1;
	c->header = tail(a->header, 1, 2, sizeof *a->header);
	c->first = xcalloc(1, sizeof *c->first);
	c->d = a->d;
	c->tokens = a->tokens - b.tokens;
	c->token = a->token ? tail(a->token, b.tokens, a->tokens, sizeof *a->token) : NULL;
	c->point = tail(a->point, b.tokens * a->d, a->tokens * a->d, sizeof *a->point);
	c->ids.n = a->ids.n - b.features;
	ids_room(&c->ids, c->ids.n, false);
	for (size_t i = 0; i < c->ids.n; i++) {
		c->ids.own.layer[i] = a->ids.layer[b.features + i];
		c->ids.own.feature[i] = a->ids.feature[b.features + i];
	}
	c->indptr = xcalloc(c->ids.n + 1, sizeof *c->indptr);
	c->row = tail(a->row, b.points, points, sizeof *a->row);
	c->weight = tail(a->weight, b.points, points, sizeof *a->weight);
	for (size_t i = 0; c->ids.n > 0 && i <= c->ids.n; i++)
		c->indptr[i] = a->indptr[b.features + i] - b.points;
	for (size_t k = 0; k < points - b.points; k++)
		c->row[k] -= (uint32_t)b.tokens;
	a->tokens = b.tokens;
	a->ids.n = b.features;
	a->max_points = most_points(a);
	c->max_points = most_points(c);
}

/* Leaves in the table the tokens that a feature uses. */
static void drop_unused(struct distributions *s)
{
	uint32_t *place = xcalloc(s->tokens, sizeof *place);	/* 1 where used, then the new row */
	size_t points = s->ids.n ? s->indptr[s->ids.n] : 0, kept = 0;

	for (size_t k = 0; k < points; k++)
		place[s->row[k]] = 1;
	for (size_t i = 0; i < s->tokens; i++)
		if (place[i]) {
			s->token[kept] = s->token[i];
			memmove(s->point + kept * s->d, s->point + i * s->d,
				s->d * sizeof *s->point);
			place[i] = (uint32_t)kept++;
		}
	for (size_t k = 0; k < points; k++)
		s->row[k] = place[s->row[k]];
	s->tokens = kept;
	free(place);
}

bool stdin_holds_both(char *const *operand, size_t streams)
{
	bool both = operand[0] && operand[1] && is_stdin(operand[0]) && is_stdin(operand[1]);

	if (both && streams != 2)
		die("stdin: %zu streams, where - - reads two", streams);
	return both || (!operand[0] && streams == 2);
}

static size_t read_inputs(char *const *operand, struct distributions input[2], bool points)
{
	size_t inputs = 1;

	input[0] = input[1] = (struct distributions){0};
	struct boundary second = take_all(operand[0], &input[0], NULL, points);
	if (stdin_holds_both(operand, input[0].streams)) {
		split(input, second);
		inputs = 2;
	} else if (operand[0] && operand[1]) {
		take_all(operand[1], &input[1], &input[0], points);
		inputs = 2;
	}
	if (inputs == 2 && input[1].d != input[0].d && input[1].tokens > 0 && input[0].tokens > 0)
		die("%s: points of %zu dimensions, %s has %zu", input[1].name, input[1].d,
			input[0].name, input[0].d);
	for (size_t i = 0; i < inputs; i++) {
		origin_of_streams(&input[i].ids, input[i].header, input[i].streams, input[i].name);
		want_each_once(&input[i].ids, NULL, input[i].name);
	}
	return inputs;
}

size_t read_distributions(char *const *operand, struct distributions input[2])
{
	size_t inputs = read_inputs(operand, input, true);

	for (size_t i = 0; i < inputs; i++)
		drop_unused(&input[i]);
	return inputs;
}

size_t read_distribution_ids(char *const *operand, struct distributions input[2])
{
	return read_inputs(operand, input, false);
}

struct distributions distributions_half(const struct distributions *s, size_t halving, bool second,
	bool *undivided)
{
	struct distributions h = *s;
	size_t points = s->ids.n ? s->indptr[s->ids.n] : 0, at = 0;

	h.indptr = xcalloc(s->ids.n + 1, sizeof *h.indptr);
	h.row = xalloc(points, sizeof *h.row);
	h.weight = xalloc(points, sizeof *h.weight);
	for (size_t i = 0; i < s->ids.n; i++, h.indptr[i] = at) {
		size_t n = points_of(s, i);
		double sum = 0;
		for (size_t k = s->indptr[i]; k < s->indptr[i + 1]; k++) {
			h.row[at] = s->row[k];
			h.weight[at] = s->weight[k];
			uint32_t token = s->token[s->row[k]];
			if ((token_uniform(halving, (uint64_t)1 << 63, token) > 0.5) == second)
				sum += (double)h.weight[at++];
		}
		if (at == h.indptr[i] || at == h.indptr[i] + n) {
			undivided[i] = true;
			at = h.indptr[i] + n;
			memcpy(h.row + h.indptr[i], s->row + s->indptr[i], n * sizeof *h.row);
			memcpy(h.weight + h.indptr[i], s->weight + s->indptr[i],
				n * sizeof *h.weight);
			sum = 1;
		}
		for (size_t k = h.indptr[i]; k < at; k++)
			h.weight[k] = (float)((double)h.weight[k] / sum);
	}
	h.max_points = most_points(&h);
	return h;
}

void distributions_half_free(struct distributions *h)
{
	free(h->indptr);
	free(h->row);
	free(h->weight);
}

void distributions_free(struct distributions *s)
{
	for (size_t i = 0; i < s->streams; i++)
		sm_frame_free(&s->header[i]);
	free(s->header);
	free(s->first);
	free(s->token);
	free(s->point);
	ids_free(&s->ids);
	free(s->indptr);
	free(s->row);
	free(s->weight);
	*s = (struct distributions){0};
}
