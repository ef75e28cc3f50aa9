#include "stream/points.h"

#include "base/die.h"
#include "base/input.h"
#include "base/memory.h"
#include "base/progress.h"
#include "kernel/near.h"
#include "stream/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Room for n tokens, and at first for all that the file may hold. */
static void make_room(struct sm_reader *in, struct points *p, size_t n, size_t *room,
	const struct sm_tensor *point)
{
	size_t size = point ? sm_dtype_size(point->dtype) * (p->d ? p->d : 1) : sizeof *p->token;
	size_t held = *room;

	if (n <= held)
		return;
	*room = held ? 2 * n : n + reader_bytes_left(in) / size;
	memory_need((double)((held ? n : *room) - held) * (double)p->d * sizeof *p->at,
		"refproj --dim", "%s: points of up to %zu tokens", p->name, held ? n : *room);
	p->token = xrealloc(p->token, *room, sizeof *p->token);
	p->vocab = xrealloc(p->vocab, *room, sizeof *p->vocab);
	if (point)
		p->at = xrealloc(p->at, *room * sizeof *p->at, p->d);
}

static void take_points(struct sm_reader *in, struct points *p, const struct sm_tensor *point,
	size_t n)
{
	float *to = p->at + p->n * p->d;

	sm_to_float(to, point->data, point->dtype, n * p->d);
	for (size_t i = 0; i < n * p->d; i++)
		if (!(fabsf(to[i]) <= 1e15f))		/* so that squares stay floats */
			sm_bad(in, "the point of token %u is not finite, or beyond 1e15",
				p->token[p->n + i / p->d]);
}

static void take_frame(struct sm_reader *in, const struct sm_frame *f, struct points *p,
	size_t *room, bool points, bool *vocab)
{
	size_t n = SM_ANY, d = p->d ? p->d : SM_ANY;
	const uint32_t *token = sm_want(in, f, "token", SM_U4, &n), *id = NULL;
	const struct sm_tensor *point = NULL;

	if (points && !sm_find_field(f, "point"))
		sm_bad(in, "no points: refproj --lift gives them to a stream of "
			"act-dump --no-point");
	if (points)
		point = sm_want_floats(in, f, "point", &n, &d);
	if (d == 0)
		sm_bad(in, "points of 0 dimensions");
	if (point && d > NEAR_MOST)
		sm_bad(in, "points of %zu dimensions: the limit is %d", d, NEAR_MOST);
	if (sm_find_field(f, "vocab"))
		id = sm_want(in, f, "vocab", SM_U4, &n);
	if (p->n > 0 && !id != !*vocab)
		sm_bad(in, "vocab in some frames and not in others");
	*vocab = id;
	p->d = point ? d : 0;
	if (n > UINT32_MAX - 1 - p->n)
		sm_bad(in, "more than %u tokens", UINT32_MAX - 1);
	make_room(in, p, p->n + n, room, point);
	for (size_t i = 0; i < n; i++) {
		if (p->n + i > 0 && token[i] <= p->token[p->n + i - 1])
			sm_bad(in, "token %u after token %u: tokens have to ascend", token[i],
				p->token[p->n + i - 1]);
		p->token[p->n + i] = token[i];
		p->vocab[p->n + i] = id ? id[i] : 0;
	}
	if (point && n > 0)
		take_points(in, p, point, n);
	p->n += n;
	progress_to(p->n);
}

/* Were tokens left out when the stream was made? 1: yes, -1: no, 0: its header does not say. */
static int leaves_out(const struct sm_frame *header)
{
	if (!sm_find_field(header, "skip"))
		return 0;
	return sm_get_size(header, "skip") > 0 || sm_find_field(header, "without") ? 1 : -1;
}

static void take_stream(struct sm_reader *in, struct points *p, const struct points *other,
	bool points)
{
	struct sm_frame frame = {0};
	size_t room = 0;
	bool vocab = false;

	sm_want_kind(in, &p->header, "activations");
	p->name = sm_reader_name(in);
	if (other && points) {
		const char *a = sm_get_string(&other->header, "space", "");
		const char *b = sm_get_string(&p->header, "space", "");
		if (strcmp(a, b) != 0)
			sm_bad(in, "space '%s', %s has '%s': give both through the same refproj, "
				"such as refproj --lift STATES --space NAME", b, other->name, a);
	}
	if (other && points && leaves_out(&p->header) * leaves_out(&other->header) < 0)
		note("%s: it is of all its tokens, %s of some only: act-dump --skip, --skip-ids or "
			"--mask leaves them out of both",
			leaves_out(&p->header) < 0 ? p->name : other->name,
			leaves_out(&p->header) < 0 ? other->name : p->name);
	progress_begin(sm_get_size(&p->header, "tokens"), "tokens read");
	while (sm_read_frame(in, &frame))
		take_frame(in, &frame, p, &room, points, &vocab);
	progress_end();
	sm_frame_free(&frame);
	if (!vocab) {
		free(p->vocab);
		p->vocab = NULL;
	}
	if (other && points && p->n > 0 && other->n > 0 && p->d != other->d)
		die("%s: points of %zu dimensions, %s has %zu", p->name, p->d, other->name,
			other->d);
}

/* Up to two streams of an input. */
static size_t take_input(const char *path, struct points *p, const struct points *other,
	size_t most, bool points)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0};
	size_t n = 0;

	while (sm_read_header(in, &header)) {
		if (n == most)
			sm_bad(in, "a further stream, where %zu %s", most,
				most == 1 ? "is read" : "are read");
		p[n].header = header;
		header = (struct sm_frame){0};
		take_stream(in, &p[n], n > 0 ? &p[0] : other, points);
		n++;
	}
	sm_frame_free(&header);
	sm_reader_close(in);
	return n;
}

size_t read_points(char *const *operand, struct points input[2], bool points)
{
	bool both = operand[0] && operand[1] && is_stdin(operand[0]) && is_stdin(operand[1]);

	input[0] = input[1] = (struct points){0};
	if (both || !operand[0]) {
		size_t n = take_input(NULL, input, NULL, 2, points);
		if (both && n != 2)
			die("stdin: %zu streams, where - - reads two", n);
		return n;
	}
	take_input(operand[0], input, NULL, 1, points);
	return operand[1] ? 1 + take_input(operand[1], input + 1, input, 1, points) : 1;
}

void points_free(struct points *p)
{
	sm_frame_free(&p->header);
	free(p->token);
	free(p->vocab);
	free(p->at);
	*p = (struct points){0};
}
