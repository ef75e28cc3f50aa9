/* Moves points into a shared reference space. */
#include "base/die.h"
#include "base/opt.h"
#include "kernel/project.h"
#include "stream/stream.h"
#include "file/array.h"
#include "file/states.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { AXES_MOST = 32000 };	/* LAPACK counts its workspace in int */

static struct list lift, reference;
static const char *map_file, *bias_file, *fit[2], *space_name;
static bool identity, whiten, unit;
static size_t dims, context, skip;
static double ridge = 1;

static const struct opt options[] = {
	{"lift", OPT_LIST, &lift, "FILE", "to the same token's row of the states FILE (again: shards)", 0, 0},
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
	{"skip", OPT_SIZE, &skip, "K", "leave the first K tokens of a sequence out of the estimates", 0,
		UINT32_MAX},
	OPT_THREADS, OPT_END
};

/* point -> [states row | point map + bias] -> (. - mean) axes -> unit length */
struct projection {
	struct states *states;		/* of --lift */
	float *map, *bias;		/* (d, mapped) */
	size_t d, mapped;		/* d: of the points it takes; 0: any */
	float *mean, *axes;		/* (mapped, r), NULL: none */
	size_t r;
	char *space;			/* the name of (mapped), NULL: the stream's own, ... */
	char *by;			/* ... and of what the axes are from, where that does not say it */
};

static bool left_out(size_t token)
{
	return skip > 0 && token % context < skip;
}

static char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xasprintf("%s", slash ? slash + 1 : path);
}

static char *digest_of(struct states *s)
{
	XXH64_state_t *hash = XXH64_createState();
	size_t size = states_d(s) * sm_dtype_size(states_dtype(s)), n;
	const void *rows;

	XXH64_reset(hash, states_d(s));
	for (size_t at = 0; (n = states_read(s, at, 4096, &rows)) > 0; at += n)
		XXH64_update(hash, rows, n * size);
	char *name = file_name(states_name(s));
	char *digest = xasprintf("%s#%016llx", name, (unsigned long long)XXH64_digest(hash));
	free(name);
	XXH64_freeState(hash);
	return digest;
}

/* Rows from `at` on as floats, those of left-out tokens removed; *n of them. False at the end. */
static bool next_rows(struct states *s, size_t *at, float *x, size_t *n)
{
	const void *rows;
	size_t d = states_d(s), got = states_read(s, *at, PROJECT_ROWS, &rows);

	sm_to_float(x, rows, states_dtype(s), got * d);
	*n = 0;
	for (size_t i = 0; i < got; i++) {
		if (left_out(*at + i))
			continue;
		states_check(s, *at + i, x + i * d);
		memmove(x + (*n)++ * d, x + i * d, d * sizeof *x);
	}
	*at += got;
	return got > 0;
}

static void find_axes(struct projection *p, struct states *s)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t d = states_d(s), n, total = 0;
	float *x = xalloc(PROJECT_ROWS * d, sizeof *x);
	double *sum = xcalloc(d, sizeof *sum), *outer = xcalloc(d * d, sizeof *outer);
	size_t room = principal_axes_workspace(d) > 2 * PROJECT_ROWS * d ? principal_axes_workspace(d)
		: 2 * PROJECT_ROWS * d;
	double *work = xalloc(room, sizeof *work);

	if (p->mapped > 0 && p->mapped != d)
		die("%s: states of %zu dimensions, where the map leads to %zu", states_name(s), d, p->mapped);
	if (d > AXES_MOST)
		die("%s: axes of %zu dimensions: %d are the most", states_name(s), d, AXES_MOST);
	for (size_t at = 0; next_rows(s, &at, x, &n); total += n)
		add_moments(sum, outer, x, x, n, d, d, threads, work);
	if (total < 2)
		die("%s: %zu rows are too few to estimate a variance", states_name(s), total);
	p->mapped = d;
	p->mean = xalloc(d, sizeof *p->mean);
	p->axes = xalloc(d * d, sizeof *p->axes);
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
	size_t threads = (size_t)omp_get_max_threads();
	size_t d = states_d(src), e = states_d(dst), n, m, total = 0;
	float *x = xalloc(PROJECT_ROWS * d, sizeof *x), *y = xalloc(PROJECT_ROWS * e, sizeof *y);
	double *sum_x = xcalloc(d, 8), *sum_y = xcalloc(e, 8);
	double *xx = xcalloc(d * d, 8), *xy = xcalloc(d * e, 8);
	double *work = xalloc(PROJECT_ROWS * 2 * (d > e ? d : e), sizeof *work);

	if (states_rows(src) != states_rows(dst))
		die("%s: %zu rows, %s has %zu", fit[0], states_rows(src), fit[1], states_rows(dst));
	for (size_t at = 0, to = 0; next_rows(src, &at, x, &n) && next_rows(dst, &to, y, &m); total += n) {
		add_moments(sum_x, xx, x, x, n, d, d, threads, work);
		add_moments(sum_y, NULL, y, y, n, e, e, threads, work);
		add_moments(NULL, xy, x, y, n, d, e, threads, work);
	}
	if (total == 0)
		die("%s: no rows to fit from", fit[0]);
	p->d = d;
	p->mapped = e;
	p->map = xalloc(d * e, sizeof *p->map);
	p->bias = xalloc(e, sizeof *p->bias);
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

/* The numbers of a file, all finite, for the caller to free. */
static float *read_numbers(const char *file, struct array *a)
{
	struct archive *f = array_open(file, a);
	float *x = array_floats(a);

	for (size_t i = 0, n = array_count(a); i < n; i++)
		if (!isfinite(x[i]))
			die("%s: number %zu is not finite", file, i);
	archive_close(f);
	return x;
}

static void read_map(struct projection *p)
{
	struct array a;

	p->map = read_numbers(map_file, &a);
	if (a.rank != 2 || a.shape[0] == 0 || a.shape[1] == 0)
		die("%s: a map is a matrix (d, r)", map_file);
	p->d = a.shape[0];
	p->mapped = a.shape[1];
	uint64_t digest = XXH64(p->map, p->d * p->mapped * sizeof *p->map, 0);
	if (bias_file) {
		p->bias = read_numbers(bias_file, &a);
		if (array_count(&a) != p->mapped)
			die("%s: %zu numbers, where the map leads to %zu dimensions", bias_file,
				array_count(&a), p->mapped);
		digest = XXH64(p->bias, p->mapped * sizeof *p->bias, digest);
	}
	char *name = file_name(map_file);
	p->space = space_name ? xasprintf("%s", space_name)
		: xasprintf("map %s#%016llx", name, (unsigned long long)digest);
	free(name);
}

static struct projection make_projection(void)
{
	struct projection p = {0};
	struct states *ref = NULL;

	if (lift.n > 0) {
		ref = p.states = states_open(&lift);
		p.mapped = states_d(p.states);
		p.space = digest_of(ref);
	} else if (fit[0]) {
		struct states *src = open_one(fit[0]);
		ref = open_one(fit[1]);
		fit_map(&p, src, ref);
		states_close(src);
		p.space = digest_of(ref);
	} else {
		if (map_file)
			read_map(&p);
		if (reference.n > 0) {
			ref = states_open(&reference);
			p.by = digest_of(ref);
		}
	}
	if (whiten || dims > 0)
		find_axes(&p, ref);
	if (ref && ref != p.states)
		states_close(ref);
	return p;
}

static void projection_free(struct projection *p)
{
	if (p->states)
		states_close(p->states);
	free(p->map);
	free(p->bias);
	free(p->mean);
	free(p->axes);
	free(p->space);
	free(p->by);
}

/* The space that points are in afterwards: equal names, equal spaces. */
static char *space_of(const struct projection *p, const char *own)
{
	char size[40] = "", less[80] = "";
	const char *base = p->space ? p->space : own, *length = unit ? ", unit" : "";

	if (!p->axes)
		return xasprintf("%s%s", base, length);
	if (!whiten || p->r < p->mapped)
		snprintf(size, sizeof size, ", %zu dims", p->r);
	if (skip > 0)
		snprintf(less, sizeof less, " without the first %zu of %zu", skip, context);
	return xasprintf("%s%s%s%s%s%s%s", base, whiten ? ", whitened" : "", size, p->by ? " by " : "",
		p->by ? p->by : "", less, length);
}

/* y (n, r) from the n tokens and their points, of d dimensions, from `at` on; x, z: room for n rows of the
 * widest. */
static void project_rows(const struct projection *p, float *y, const uint32_t *token,
	const struct sm_tensor *point, size_t at, size_t n, size_t d, size_t r, float *x, float *z)
{
	if (p->states)
		for (size_t i = 0; i < n; i++)
			states_row(p->states, token[at + i], x + i * d);
	else
		sm_to_float(x, (const char *)point->data + at * d * sm_dtype_size(point->dtype), point->dtype,
			n * d);
	if (p->map) {
		affine(z, x, p->map, NULL, p->bias, n, d, p->mapped);
		x = z;
		d = p->mapped;
	}
	if (p->axes)
		affine(y, x, p->axes, p->mean, NULL, n, d, r);
	else
		memcpy(y, x, n * r * sizeof *y);
	if (unit)
		unit_rows(y, n, r);
}

/* Replaces the frame's points; *y is the room for them, grown as needed. */
static void project_frame(const struct projection *p, struct sm_reader *in, struct sm_frame *frame, float **y,
	size_t *room)
{
	size_t n = SM_ANY, d = p->states ? p->mapped : p->d ? p->d : SM_ANY;
	const uint32_t *token = sm_want(in, frame, "token", SM_U4, &n);
	const struct sm_tensor *point = p->states ? NULL : sm_want_floats(in, frame, "point", &n, &d);

	if (!p->map && p->axes && d != p->mapped)
		sm_bad(in, "points of %zu dimensions, the reference states have %zu", d, p->mapped);
	for (size_t i = 0; p->states && i < n; i++)
		if (token[i] >= states_rows(p->states))
			sm_bad(in, "token %u, where %s has %zu rows", token[i], states_name(p->states),
				states_rows(p->states));
	size_t r = p->axes ? p->r : p->map ? p->mapped : d, widest = d > p->mapped ? d : p->mapped;
	if (*room < n * r) {
		*y = xrealloc(*y, n * r, sizeof **y);
		*room = n * r;
	}
	#pragma omp parallel
	{
		float *x = xalloc(2 * PROJECT_ROWS * widest, sizeof *x);
		#pragma omp for schedule(dynamic)
		for (size_t at = 0; at < n; at += PROJECT_ROWS)
			project_rows(p, *y + at * r, token, point, at,
				n - at < PROJECT_ROWS ? n - at : PROJECT_ROWS, d, r, x,
				x + PROJECT_ROWS * widest);
		free(x);
	}
	for (size_t i = 0; i < n * r; i++)
		if (!isfinite((*y)[i]))
			sm_bad(in, "the point of token %u is not finite", token[i / r]);
	sm_set_tensor(frame, "point", SM_F4, *y, n, r);
}

/* stdin may hold the stream, and states are read more than once. */
static void refuse_stdin(const char *option, const struct list *files)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->item[i] && strcmp(files->item[i], "-") == 0)
			misuse("%s: states cannot come from stdin here", option);
}

static void check_command_line(void)
{
	if ((lift.n > 0) + (map_file != NULL) + (fit[0] != NULL) + identity != 1)
		misuse("exactly one of --lift, --map, --fit and --identity is needed");
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
	refuse_stdin("--lift", &lift);
	refuse_stdin("--fit", &(struct list){2, fit});
	refuse_stdin("--reference", &reference);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"refproj --lift FILE | --map FILE | --fit SRC DST | --identity [OPTION]... [FILE]",
		"Moves the points of a stream into a shared reference space.", 1);
	check_command_line();
	openblas_set_num_threads(1);

	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct projection p = make_projection();
	struct sm_frame header = {0}, frame = {0};
	float *y = NULL;
	size_t room = 0;

	while (sm_read_header(in, &header)) {
		sm_want_kind(in, &header, "distributions", "activations");
		char *space = space_of(&p, sm_get_string(&header, "space", "unknown"));
		sm_set_string(&header, "space", space);
		if (p.axes || p.mapped)
			sm_set_integer(&header, "d", (int64_t)(p.axes ? p.r : p.mapped));
		sm_write_header(out, &header);
		while (sm_read_frame(in, &frame)) {
			if (sm_find_field(&frame, "token"))
				project_frame(&p, in, &frame, &y, &room);
			sm_write_frame(out, &frame);
		}
		sm_write_end(out);
		free(space);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&frame);
	sm_frame_free(&header);
	projection_free(&p);
	free(lift.item);
	free(reference.item);
	free(y);
	free(operand);
	return 0;
}
