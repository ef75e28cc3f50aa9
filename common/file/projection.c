#include "file/projection.h"

#include "base/die.h"
#include "base/progress.h"
#include "file/array.h"
#include "file/states.h"
#include "kernel/product.h"
#include "kernel/project.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { AXES_MOST = 32000 };	/* LAPACK counts its workspace in int */

struct projection {
	const struct projection_options *how;
	struct states *states;		/* of the lift */
	float *map, *bias;		/* (d, mapped) and (mapped), or NULL */
	size_t d, mapped;		/* d: of the points it takes; 0: any */
	float *mean, *axes;		/* (mapped) and (mapped, r), or NULL */
	size_t r;
	char *space;			/* the name of (mapped), NULL: the stream's own, ... */
	char *by;			/* ... and of --reference, the axes' source; or NULL */
};

/* -- Reading ----------------------------------------------------------------------------------- */

static struct states *open_one(const char *file)
{
	struct list one = {1, &file};

	return states_open(&one);
}

/* x (n, d): the next rows from *at on, without those of left-out tokens. n is PROJECT_ROWS but at
 * the end, so that moments are summed in the same order whatever files the states lie in. */
static size_t next_rows(const struct projection *p, struct states *s, size_t *at, float *x)
{
	size_t d = states_d(s), n = 0, got;
	const void *rows;

	while (n < PROJECT_ROWS && (got = states_read(s, *at, PROJECT_ROWS - n, &rows)) > 0) {
		float *read = x + n * d;
		sm_to_float(read, rows, states_dtype(s), got * d);
		for (size_t i = 0; i < got; i++, read += d) {
			if (p->how->skip > 0 && (*at + i) % p->how->context < p->how->skip)
				continue;
			states_check(s, *at + i, read);
			memmove(x + n++ * d, read, d * sizeof *x);
		}
		*at += got;
	}
	return n;
}

/* The numbers of a file, all finite, to free(). */
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

/* -- Names: the file's and a digest of what it holds ------------------------------------------- */

static char *name_with_digest(const char *before, const char *path, uint64_t digest)
{
	char *file = array_base_name(path);
	char *name = xasprintf("%s%s#%016llx", before, file, (unsigned long long)digest);

	free(file);
	return name;
}

static char *name_of_states(struct states *s)
{
	XXH64_state_t *hash = XXH64_createState();
	size_t size = states_d(s) * sm_dtype_size(states_dtype(s)), n;
	const void *rows;

	XXH64_reset(hash, states_d(s));
	for (size_t at = 0; (n = states_read(s, at, 4096, &rows)) > 0; at += n)
		XXH64_update(hash, rows, n * size);
	char *name = name_with_digest("", states_name(s), XXH64_digest(hash));
	XXH64_freeState(hash);
	return name;
}

/* -- Maps and axes ----------------------------------------------------------------------------- */

static void read_map(struct projection *p)
{
	const char *map = p->how->map, *bias = p->how->bias;
	struct array a;

	p->map = read_numbers(map, &a);
	if (a.rank != 2 || a.shape[0] == 0 || a.shape[1] == 0)
		die("%s: a map is a matrix (d, r)", map);
	p->d = a.shape[0];
	p->mapped = a.shape[1];
	uint64_t digest = XXH64(p->map, p->d * p->mapped * sizeof *p->map, 0);
	if (bias) {
		p->bias = read_numbers(bias, &a);
		if (array_count(&a) != p->mapped)
			die("%s: %zu numbers, where the map leads to %zu dimensions", bias,
				array_count(&a), p->mapped);
		digest = XXH64(p->bias, p->mapped * sizeof *p->bias, digest);
	}
	p->space = p->how->space ? xasprintf("%s", p->how->space)
		: name_with_digest("map ", map, digest);
}

static void fit_map(struct projection *p, struct states *src, struct states *dst)
{
	const char *const *file = p->how->fit;
	size_t threads = (size_t)omp_get_max_threads();
	size_t d = states_d(src), e = states_d(dst), n, total = 0;
	float *x = xalloc(PROJECT_ROWS * d, sizeof *x), *y = xalloc(PROJECT_ROWS * e, sizeof *y);
	double *sum_x = xcalloc(d, 8), *sum_y = xcalloc(e, 8);
	double *xx = xcalloc(d * d, 8), *xy = xcalloc(d * e, 8);
	double *work = xalloc(PROJECT_ROWS * 2 * (d > e ? d : e), sizeof *work);

	if (states_rows(src) != states_rows(dst))
		die("%s: %zu rows, %s has %zu", file[0], states_rows(src), file[1],
			states_rows(dst));
	progress_begin(states_rows(src), "states to fit");
	for (size_t at = 0, to = 0; (n = next_rows(p, src, &at, x)) > 0; total += n) {
		next_rows(p, dst, &to, y);
		project_add_moments(sum_x, xx, x, x, n, d, d, threads, work);
		project_add_moments(sum_y, NULL, y, y, n, e, e, threads, work);
		project_add_moments(NULL, xy, x, y, n, d, e, threads, work);
		progress_to(at);
	}
	progress_end();
	if (total == 0)
		die("%s: no rows to fit from", file[0]);
	p->d = d;
	p->mapped = e;
	p->map = xalloc(d * e, sizeof *p->map);
	p->bias = xalloc(e, sizeof *p->bias);
	if (!project_ridge(p->map, p->bias, xx, xy, sum_x, sum_y, total, d, e, p->how->ridge))
		die("%s: the states span fewer than %zu dimensions: raise --ridge", file[0], d);
	free(work);
	free(xy);
	free(xx);
	free(sum_y);
	free(sum_x);
	free(y);
	free(x);
}

static void find_axes(struct projection *p, struct states *s)
{
	size_t threads = (size_t)omp_get_max_threads(), dims = p->how->dims;
	size_t d = states_d(s), n, total = 0;
	float *x = xalloc(PROJECT_ROWS * d, sizeof *x);
	double *sum = xcalloc(d, sizeof *sum), *outer = xcalloc(d * d, sizeof *outer);
	size_t room = project_axes_workspace(d) > 2 * PROJECT_ROWS * d ? project_axes_workspace(d)
		: 2 * PROJECT_ROWS * d;
	double *work = xalloc(room, sizeof *work);

	if (p->mapped > 0 && p->mapped != d)
		die("%s: states of %zu dimensions, where the map leads to %zu", states_name(s), d,
			p->mapped);
	if (d > AXES_MOST)
		die("%s: axes of %zu dimensions: the limit is %d", states_name(s), d, AXES_MOST);
	progress_begin(states_rows(s), "reference states");
	for (size_t at = 0; (n = next_rows(p, s, &at, x)) > 0; total += n) {
		project_add_moments(sum, outer, x, x, n, d, d, threads, work);
		progress_to(at);
	}
	progress_end();
	if (total < 2)
		die("%s: %zu rows are too few to estimate a variance", states_name(s), total);
	p->mapped = d;
	p->mean = xalloc(d, sizeof *p->mean);
	p->axes = xalloc(d * d, sizeof *p->axes);
	p->r = project_axes(p->axes, p->mean, sum, outer, total, d, dims, p->how->whiten, work);
	if (p->r == 0)
		die("%s: the states have no variance", states_name(s));
	if (p->r < d && p->r < (dims ? dims : d))
		note("%s: %zu of %zu directions have variance and are kept", states_name(s), p->r,
			d);
	free(work);
	free(outer);
	free(sum);
	free(x);
}

struct projection *projection_open(const struct projection_options *how)
{
	struct projection *p = xcalloc(1, sizeof *p);
	struct states *reference = NULL;

	p->how = how;
	if (how->lift.n > 0) {
		reference = p->states = states_open(&how->lift);
		p->mapped = states_d(reference);
		p->space = name_of_states(reference);
	} else if (how->fit[0]) {
		struct states *src = open_one(how->fit[0]);
		reference = open_one(how->fit[1]);
		fit_map(p, src, reference);
		states_close(src);
		p->space = name_of_states(reference);
	} else if (how->map) {
		read_map(p);
	}
	if (how->reference.n > 0) {
		reference = states_open(&how->reference);
		p->by = name_of_states(reference);
	}
	if (how->whiten || how->dims > 0)
		find_axes(p, reference);
	if (reference && reference != p->states)
		states_close(reference);
	return p;
}

void projection_close(struct projection *p)
{
	if (p->states)
		states_close(p->states);
	free(p->map);
	free(p->bias);
	free(p->mean);
	free(p->axes);
	free(p->space);
	free(p->by);
	free(p);
}

/* -- The space --------------------------------------------------------------------------------- */

char *projection_space(const struct projection *p, const char *own)
{
	char size[40] = "", less[80] = "";
	const char *base = p->space ? p->space : own, *length = p->how->unit ? ", unit" : "";
	bool whiten = p->how->whiten;

	if (!p->axes)
		return xasprintf("%s%s", base, length);
	if (!whiten || p->r < p->mapped)
		snprintf(size, sizeof size, ", %zu dims", p->r);
	if (p->how->skip > 0)
		snprintf(less, sizeof less, " without the first %zu of %zu", p->how->skip,
			p->how->context);
	return xasprintf("%s%s%s%s%s%s%s", base, whiten ? ", whitened" : "", size,
		p->by ? " by " : "", p->by ? p->by : "", less, length);
}

size_t projection_d(const struct projection *p)
{
	return p->axes ? p->r : p->mapped;
}

/* -- Points ------------------------------------------------------------------------------------ */

/* y (n, r) from n tokens and their points from `at` on; x, z: room for n rows of the widest; work:
 * project_affine()'s. */
static void project_rows(const struct projection *p, float *y, const uint32_t *token,
	const struct sm_tensor *point, size_t at, size_t n, size_t d, size_t r, float *x, float *z,
	float *work)
{
	if (p->states)
		for (size_t i = 0; i < n; i++)
			states_row(p->states, token[at + i], x + i * d);
	else
		sm_to_float(x, (const char *)point->data + at * d * sm_dtype_size(point->dtype),
			point->dtype, n * d);
	if (p->map) {
		project_affine(z, x, p->map, NULL, p->bias, n, d, p->mapped, work);
		x = z;
		d = p->mapped;
	}
	if (p->axes)
		project_affine(y, x, p->axes, p->mean, NULL, n, d, r, work);
	else
		memcpy(y, x, n * r * sizeof *y);
	if (p->how->unit)
		project_unit_rows(y, n, r);
}

void projection_move(const struct projection *p, const struct sm_reader *in, struct sm_frame *frame,
	float **y, size_t *room)
{
	size_t n = SM_ANY, d = p->states ? p->mapped : p->d ? p->d : SM_ANY;
	const uint32_t *token = sm_want(in, frame, "token", SM_U4, &n);
	const struct sm_tensor *point = p->states ? NULL
		: sm_want_floats(in, frame, "point", &n, &d);

	if (!p->map && p->axes && d != p->mapped)
		sm_bad(in, "points of %zu dimensions, the reference states have %zu", d, p->mapped);
	for (size_t i = 0; p->states && i < n; i++)
		if (token[i] >= states_rows(p->states))
			sm_bad(in, "token %u, where %s has %zu rows", token[i],
				states_name(p->states), states_rows(p->states));
	size_t r = projection_d(p) ? projection_d(p) : d;
	size_t rows = PROJECT_ROWS * (d > p->mapped ? d : p->mapped);
	if (*room < n * r) {
		*y = xrealloc(*y, n * r, sizeof **y);
		*room = n * r;
	}
	size_t each = 2 * rows + PRODUCT_WORKSPACE;	/* of a thread */
	float *work = xalloc((size_t)omp_get_max_threads() * sizeof *work, each);
	#pragma omp parallel for schedule(dynamic)
	for (size_t at = 0; at < n; at += PROJECT_ROWS) {
		float *x = work + (size_t)omp_get_thread_num() * each;
		project_rows(p, *y + at * r, token, point, at,
			n - at < PROJECT_ROWS ? n - at : PROJECT_ROWS, d, r, x, x + rows,
			x + 2 * rows);
	}
	free(work);
	for (size_t i = 0; i < n * r; i++)
		if (!isfinite((*y)[i]))
			sm_bad(in, "the point of token %u is not finite", token[i / r]);
	sm_set_tensor(frame, "point", SM_F4, *y, n, r);
	if (n > 0)
		progress_to((size_t)token[n - 1] + 1);
}
