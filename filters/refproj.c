/* Moves points into a shared reference space. */
#include "array.h"
#include "die.h"
#include "frame.h"
#include "opt.h"
#include "project.h"
#include "states.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct list lift, reference;
static const char *map_file, *bias_file, *fit[2], *space_name;
static bool identity, whiten, unit;
static size_t dims, context, skip;
static double ridge = 1;

static const struct opt options[] = {
	{"lift", OPT_LIST, &lift, "FILE", "to the same token's state in FILE, row = token (again: shards)", 0, 0},
	{"map", OPT_TEXT, &map_file, "FILE", "by a linear map (d, r)", 0, 0},
	{"bias", OPT_TEXT, &bias_file, "FILE", "of --map (r)", 0, 0},
	{"fit", OPT_PAIR, fit, "SRC DST", "by the ridge map fitted from states SRC to states DST", 0, 0},
	{"ridge", OPT_REAL, &ridge, "L", "penalty of --fit on the map's squared entries", 0, 1e30},
	{"identity", OPT_FLAG, &identity, NULL, "leave the points where they are", 0, 0},
	{"whiten", OPT_FLAG, &whiten, NULL, "unit variance in every direction of the reference states", 0, 0},
	{"dim", OPT_SIZE, &dims, "R", "keep the R directions of largest variance; 0: all", 0, 1 << 20},
	{"unit", OPT_FLAG, &unit, NULL, "scale points to length 1, last of all", 0, 0},
	{"reference", OPT_LIST, &reference, "FILE", "the reference states for --map and --identity", 0, 0},
	{"space", OPT_TEXT, &space_name, "NAME", "the space that --map leads to", 0, 0},
	{"context", OPT_SIZE, &context, "N", "tokens of a sequence, for --skip", 0, UINT32_MAX},
	{"skip", OPT_SIZE, &skip, "K", "leave the first K tokens of a sequence out of what is estimated", 0, UINT32_MAX},
	OPT_THREADS, OPT_END
};

/* point -> [states row | point map + bias] -> (. - mean) axes -> unit length */
struct projection {
	struct states *states;		/* of --lift */
	float *map, *bias;		/* (d, mapped) */
	size_t d, mapped;		/* d: of the points it takes; 0: any */
	float *mean, *axes;		/* (mapped, r), NULL: none */
	size_t r;
	char *base;			/* the space's name, without what follows; NULL: the stream's own */
};

static bool left_out(size_t token)
{
	return context > 0 && token % context < skip;
}

static char *digest_of(struct states *s)
{
	XXH64_state_t *hash = XXH64_createState();
	size_t size = states_d(s) * dtype_size(states_dtype(s)), n;
	const void *rows;

	XXH64_reset(hash, states_d(s));
	for (size_t at = 0; (n = states_read(s, at, 4096, &rows)) > 0; at += n)
		XXH64_update(hash, rows, n * size);
	const char *name = states_name(s), *slash = strrchr(name, '/');
	char *digest = need_text("%s#%016llx", slash ? slash + 1 : name, (unsigned long long)XXH64_digest(hash));
	XXH64_freeState(hash);
	return digest;
}

static void check_rows(const struct states *s, const float *x, size_t at, size_t n)
{
	for (size_t i = 0; i < n * states_d(s); i++)
		if (!isfinite(x[i]))
			die("%s: row %zu holds a number that is not finite", states_name(s),
				at + i / states_d(s));
}

/* Rows from `at` on as floats, those of left-out tokens removed; *n of them. False at the end. */
static bool next_rows(struct states *s, size_t *at, float *x, size_t *n)
{
	const void *rows;
	size_t d = states_d(s), got = states_read(s, *at, PROJECT_ROWS, &rows);

	to_float(x, rows, states_dtype(s), got * d);
	check_rows(s, x, *at, got);
	*n = 0;
	for (size_t i = 0; i < got; i++)
		if (!left_out(*at + i))
			memmove(x + (*n)++ * d, x + i * d, d * sizeof *x);
	*at += got;
	return got > 0;
}

static void find_axes(struct projection *p, struct states *s)
{
	size_t d = states_d(s), n, total = 0;
	float *x = need(PROJECT_ROWS * d, sizeof *x);
	double *sum = need_zero(d, sizeof *sum), *outer = need_zero(d * d, sizeof *outer);
	size_t room = principal_axes_workspace(d) > 2 * PROJECT_ROWS * d ? principal_axes_workspace(d)
		: 2 * PROJECT_ROWS * d;
	double *work = need(room, sizeof *work);

	if (p->mapped > 0 && p->mapped != d)
		die("%s: states of %zu dimensions, where the map leads to %zu", states_name(s), d, p->mapped);
	for (size_t at = 0; next_rows(s, &at, x, &n); total += n)
		add_moments(sum, outer, x, x, n, d, d, threads, work);
	if (total < 2)
		die("%s: %zu rows are too few to estimate a variance", states_name(s), total);
	p->mapped = d;
	p->mean = need(d, sizeof *p->mean);
	p->axes = need(d * d, sizeof *p->axes);
	p->r = principal_axes(p->axes, p->mean, sum, outer, total, d, dims, whiten, work);
	if (p->r == 0)
		die("%s: the states have no variance", states_name(s));
	if (p->r < d && p->r < (dims ? dims : d))
		note("%s: %zu of %zu directions have variance and are kept", states_name(s), p->r, d);
	free(work);
	free(outer);
	free(sum);
	free(x);
}

static void fit_map(struct projection *p, struct states *src, struct states *dst)
{
	size_t d = states_d(src), e = states_d(dst), n, m, total = 0;
	float *x = need(PROJECT_ROWS * d, sizeof *x), *y = need(PROJECT_ROWS * e, sizeof *y);
	double *sum_x = need_zero(d, 8), *sum_y = need_zero(e, 8);
	double *xx = need_zero(d * d, 8), *xy = need_zero(d * e, 8);
	double *work = need(PROJECT_ROWS * 2 * (d > e ? d : e), sizeof *work);

	if (states_rows(src) != states_rows(dst))
		die("%s: %zu rows, %s has %zu", fit[0], states_rows(src), fit[1], states_rows(dst));
	for (size_t at = 0, also = 0; next_rows(src, &at, x, &n) && next_rows(dst, &also, y, &m); total += n) {
		add_moments(sum_x, xx, x, x, n, d, d, threads, work);
		add_moments(sum_y, NULL, y, y, n, e, e, threads, work);
		double *unused = need_zero(d, sizeof *unused);
		add_moments(unused, xy, x, y, n, d, e, threads, work);
		free(unused);
	}
	p->d = d;
	p->mapped = e;
	p->map = need(d * e, sizeof *p->map);
	p->bias = need(e, sizeof *p->bias);
	if (!ridge_map(p->map, p->bias, xx, xy, sum_x, sum_y, total, d, e, ridge))
		die("%s: the states span fewer than %zu dimensions: raise --ridge", fit[0], d);
	free(work);
	free(xy);
	free(xx);
	free(sum_y);
	free(sum_x);
	free(y);
	free(x);
}

static struct states *open_one(const char *file)
{
	struct list one = {1, &file};

	return states_open(&one);
}

static void read_map(struct projection *p)
{
	struct array a, b;
	struct archive *f = array_open(map_file, &a);

	if (a.rank != 2 || a.shape[0] == 0 || a.shape[1] == 0)
		die("%s: a map is a matrix (d, r)", map_file);
	p->d = a.shape[0];
	p->mapped = a.shape[1];
	p->map = array_floats(&a);
	for (size_t i = 0; i < p->d * p->mapped; i++)
		if (!isfinite(p->map[i]))
			die("%s: number %zu is not finite", map_file, i);
	uint64_t digest = XXH64(p->map, p->d * p->mapped * sizeof *p->map, 0);
	archive_close(f);
	if (bias_file) {
		f = array_open(bias_file, &b);
		if (array_count(&b) != p->mapped)
			die("%s: %zu numbers, where the map leads to %zu dimensions", bias_file, array_count(&b),
				p->mapped);
		p->bias = array_floats(&b);
		digest = XXH64(p->bias, p->mapped * sizeof *p->bias, digest);
		archive_close(f);
	}
	p->base = space_name ? need_text("%s", space_name)
		: need_text("map %s#%016llx", map_file, (unsigned long long)digest);
}

static struct projection make_projection(void)
{
	struct projection p = {0};
	struct states *src = NULL, *ref = NULL;

	if (lift.n > 0) {
		ref = p.states = states_open(&lift);
		p.mapped = states_d(p.states);
	} else if (fit[0]) {
		src = open_one(fit[0]);
		ref = open_one(fit[1]);
		fit_map(&p, src, ref);
		states_close(src);
	} else if (map_file) {
		read_map(&p);
	}
	if (reference.n > 0)
		ref = states_open(&reference);
	char *digest = ref ? digest_of(ref) : NULL;
	if (whiten || dims > 0)
		find_axes(&p, ref);
	if (!p.base && (lift.n > 0 || fit[0]))
		p.base = need_text("%s", digest);
	else if (ref)			/* --map, --identity: the reference only says how to whiten */
		space_name = need_text(" by %s", digest);
	else
		space_name = NULL;
	free(digest);
	if (ref && ref != p.states)
		states_close(ref);
	return p;
}

static char *space_of(const struct projection *p, const char *own)
{
	char size[40] = "";

	if (p->axes && dims > 0)
		snprintf(size, sizeof size, ", %zu dims", p->r);
	return need_text("%s%s%s%s%s%s", p->base ? p->base : own, whiten ? ", whitened" : "",
		p->axes && space_name ? space_name : "", p->axes && skip > 0 ? " without first tokens" : "",
		size, unit ? ", unit" : "");
}

static void project_rows(const struct projection *p, float *y, const uint32_t *token,
	const struct tensor *point, size_t at, size_t n, size_t d, float *x, float *z)
{
	float *now = x;

	if (p->states)
		for (size_t i = 0; i < n; i++)
			states_row(p->states, token[at + i], x + i * p->mapped);
	else
		to_float(x, (const char *)point->data + at * d * dtype_size(point->dtype), point->dtype, n * d);
	if (p->map) {
		affine(z, x, p->map, NULL, p->bias, n, d, p->mapped);
		now = z;
		d = p->mapped;
	}
	if (p->states)
		d = p->mapped;
	size_t r = p->axes ? p->r : d;
	if (p->axes)
		affine(y + at * r, now, p->axes, p->mean, NULL, n, d, r);
	else
		memcpy(y + at * r, now, n * d * sizeof *y);
	if (unit)
		unit_rows(y + at * r, n, r);
}

/* Replaces the frame's points; *y is the room for them, grown as needed. */
static void project_frame(const struct projection *p, struct reader *in, struct frame *frame, float **y,
	size_t *room)
{
	size_t n = ANY, d = p->d ? p->d : ANY, width;
	const uint32_t *token = want(in, frame, "token", U4, 1, &n);
	const struct tensor *point = p->states ? NULL : want_floats(in, frame, "point", 2, &n, &d);

	if (!p->states && !p->map && p->axes && d != p->mapped)
		bad(in, "points of %zu dimensions, the reference states have %zu", d, p->mapped);
	for (size_t i = 0; p->states && i < n; i++)
		if (token[i] >= states_rows(p->states))
			bad(in, "token %u, where %s has %zu rows", token[i], states_name(p->states),
				states_rows(p->states));
	d = p->states ? p->mapped : d;
	size_t r = p->axes ? p->r : p->map ? p->mapped : d;
	width = d > p->mapped ? d : p->mapped;
	if (*room < n * r) {
		*y = need_more(*y, n * r, sizeof **y);
		*room = n * r;
	}
	#pragma omp parallel num_threads(threads)
	{
		float *x = need(2 * PROJECT_ROWS * width, sizeof *x);
		#pragma omp for schedule(dynamic)
		for (size_t at = 0; at < n; at += PROJECT_ROWS)
			project_rows(p, *y, token, point, at, n - at < PROJECT_ROWS ? n - at : PROJECT_ROWS, d,
				x, x + PROJECT_ROWS * width);
		free(x);
	}
	for (size_t i = 0; i < n * r; i++)
		if (!isfinite((*y)[i]))
			bad(in, "the point of token %u is not finite", token[i / r]);
	set_tensor(frame, "point", F4, *y, 2, n, r);
}

static void check_command_line(void)
{
	if ((lift.n > 0) + (map_file != NULL) + (fit[0] != NULL) + identity != 1)
		misuse("one of --lift, --map, --fit and --identity is needed");
	if (bias_file && !map_file)
		misuse("--bias belongs to --map");
	if (space_name && !map_file)
		misuse("--space belongs to --map");
	if (reference.n > 0 && !map_file && !identity)
		misuse("--reference belongs to --map and --identity");
	if ((whiten || dims > 0) && (map_file || identity) && reference.n == 0)
		misuse("--whiten and --dim need --reference: states of the space to estimate from");
	if (skip > 0 && skip >= context)
		misuse("--skip %zu needs a longer --context", skip);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options,
		"refproj --lift FILE | --map FILE | --fit SRC DST | --identity [OPTION]... [FILE]",
		"Moves the points of a stream into a shared reference space.", 1);
	check_command_line();
	openblas_set_num_threads(1);

	struct reader *in = reader_open(operand[0]);
	struct writer *out = writer_open();
	struct projection p = make_projection();
	struct frame header = {0}, frame = {0};
	float *y = NULL;
	size_t room = 0;

	while (read_header(in, &header)) {
		want_kind(in, &header, "distributions", "activations", NULL);
		char *space = space_of(&p, get_string(&header, "space", "unknown"));
		set_string(&header, "space", space);
		if (p.axes || p.mapped)
			set_integer(&header, "d", (int64_t)(p.axes ? p.r : p.mapped));
		write_header(out, &header);
		while (read_frame(in, &frame)) {
			if (find_field(&frame, "token"))
				project_frame(&p, in, &frame, &y, &room);
			write_frame(out, &frame);
		}
		write_end(out);
		free(space);
	}
	writer_close(out);
	reader_close(in);
	frame_free(&frame);
	frame_free(&header);
	return 0;
}
