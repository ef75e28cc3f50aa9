#include "file/axes.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/progress.h"
#include "kernel/product.h"
#include "kernel/project.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { AXES_MOST = 32000 };	/* LAPACK counts its workspace in int */

float *packed_matrix(float *matrix, size_t d, size_t r)
{
	float *p = xcalloc(product_matrix_size(d, r), sizeof *p);

	product_pack_matrix(p, matrix, &(struct product_part){0, d, 0, r, r, 1}, d, r);
	free(matrix);
	return p;
}

/* Of rows from the first to the last, as far apart as can be. */
static uint64_t sample_digest(struct states *s)
{
	size_t n = states_rows(s), size = states_d(s) * sm_dtype_size(states_dtype(s));
	size_t picked = n < AXES_SAMPLE ? n : AXES_SAMPLE;
	uint64_t digest = states_d(s);
	const void *row;

	for (size_t i = 0; i < picked; i++)
		if (states_read(s, picked > 1 ? i * (n - 1) / (picked - 1) : 0, 1, &row) == 1)
			digest = XXH64(row, size, digest);
	return digest;
}

static void find(struct axes *a, struct states *s, const double *sum, double *outer, size_t n,
	double *work)
{
	float *map = xalloc((a->dims && a->dims < a->d ? a->dims : a->d) * sizeof *map, a->d);

	a->mean = xalloc(a->d, sizeof *a->mean);
	a->r = project_axes(map, a->mean, sum, outer, n, a->d, a->dims, a->whiten, work);
	if (a->r == 0)
		die("%s: the states have no variance", states_name(s));
	if (a->r < a->d && a->r < (a->dims ? a->dims : a->d))
		note("%s: %zu of %zu directions have variance and are kept", states_name(s), a->r,
			a->d);
	a->map = packed_matrix(map, a->d, a->r);
}

void axes_estimate(struct axes *a, struct states *s)
{
	size_t threads = (size_t)omp_get_max_threads(), d = states_d(s), n, total = 0;
	struct states_pass pass = {.states = s, .kept = &a->kept};
	size_t moments = 2 * PROJECT_ROWS * d, last = project_axes_workspace(d);

	if (d > AXES_MOST)
		die("%s: axes of %zu dimensions: the limit is %d", states_name(s), d, AXES_MOST);
	if ((n = kept_finite(&a->kept, s)) > 0)
		note("%s: %zu states that are not finite are left out", states_name(s), n);
	float *x = xalloc(PROJECT_ROWS * d, sizeof *x);
	double *sum = xcalloc(d, sizeof *sum), *outer = xcalloc(d * d, sizeof *outer);
	double *work = xalloc(moments > last ? moments : last, sizeof *work);

	memory_for_blas(threads);
	states_hash(&pass);
	progress_begin(states_rows(s), "reference states");
	while ((n = states_next(&pass, x, PROJECT_ROWS)) > 0) {
		project_add_moments(sum, outer, x, x, n, d, d, threads, work);
		total += n;
		progress_to(pass.at);
	}
	progress_end();
	a->reference = states_hashed(&pass);
	if (total < 2)
		die("%s: %zu rows are too few to estimate a variance", states_name(s), total);
	a->d = d;
	a->rows = states_rows(s);
	a->sample = sample_digest(s);
	find(a, s, sum, outer, total, work);
	free(work);
	free(outer);
	free(sum);
	free(x);
}

/* -- In a stream ------------------------------------------------------------------------------- */

void axes_write(const struct axes *a, struct sm_writer *out)
{
	struct sm_frame header = {0}, frame = {0};
	char *sample = xasprintf("%016" PRIx64, a->sample);
	float *axis = xalloc(a->r * sizeof *axis, a->d);

	for (size_t j = 0; j < a->r; j++)
		product_column(axis + j * a->d, a->map, j, a->d, a->r);
	sm_set_string(&header, "kind", "axes");
	sm_set_string(&header, "reference", a->reference);
	sm_set_integer(&header, "tokens", (int64_t)a->rows);
	sm_set_string(&header, "sample", sample);
	sm_set_integer(&header, "d", (int64_t)a->d);
	sm_set_integer(&header, "dims", (int64_t)a->r);
	sm_set_integer(&header, "whitened", a->whiten);
	sm_set_integer(&header, "context", (int64_t)a->kept.context);
	sm_set_integer(&header, "skip", (int64_t)a->kept.skip);
	if (a->kept.words)
		sm_set_string(&header, "without", a->kept.words);
	sm_write_header(out, &header);
	sm_set_tensor(&frame, "mean", SM_F4, a->mean, a->d);
	sm_set_tensor(&frame, "axis", SM_F4, axis, a->r, a->d);
	sm_write_frame(out, &frame);
	sm_write_end(out);
	sm_frame_free(&frame);
	sm_frame_free(&header);
	free(axis);
	free(sample);
}

static void want_finite(const struct sm_reader *in, const char *name, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			sm_bad(in, "%s: number %zu is not finite", name, i);
}

static void read_header(struct axes *a, struct sm_reader *in)
{
	struct sm_frame header = {0};

	if (!sm_read_header(in, &header))
		sm_bad(in, "no axes");
	sm_want_kind(in, &header, "axes");
	a->reference = xasprintf("%s", sm_want_string(in, &header, "reference"));
	a->rows = sm_want_size(in, &header, "tokens");
	a->sample = strtoull(sm_want_string(in, &header, "sample"), NULL, 16);
	a->d = sm_want_size(in, &header, "d");
	a->r = sm_want_size(in, &header, "dims");
	a->whiten = sm_want_size(in, &header, "whitened") != 0;
	a->kept.context = sm_want_size(in, &header, "context");
	a->kept.skip = sm_want_size(in, &header, "skip");
	const char *without = sm_get_string(&header, "without", NULL);
	if (without)
		a->kept.words = xasprintf("%s", without);
	if (a->r == 0 || a->r > a->d || (a->kept.skip > 0 && a->kept.skip >= a->kept.context))
		sm_bad(in, "%zu axes of %zu dimensions, without the first %zu of %zu", a->r, a->d,
			a->kept.skip, a->kept.context);
	sm_frame_free(&header);
}

void axes_read(struct axes *a, const char *path)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame frame = {0};

	read_header(a, in);
	if (!sm_read_frame(in, &frame))
		sm_bad(in, "no axes");
	const float *mean = sm_want(in, &frame, "mean", SM_F4, &a->d);
	const float *axis = sm_want(in, &frame, "axis", SM_F4, &a->r, &a->d);
	want_finite(in, "mean", mean, a->d);
	want_finite(in, "axis", axis, a->r * a->d);
	a->mean = xalloc(a->d, sizeof *a->mean);
	memcpy(a->mean, mean, a->d * sizeof *mean);
	a->map = xcalloc(product_matrix_size(a->d, a->r), sizeof *a->map);
	product_pack_matrix(a->map, axis, &(struct product_part){0, a->d, 0, a->r, 1, a->d}, a->d,
		a->r);
	if (sm_read_frame(in, &frame))
		sm_bad(in, "a second frame, where axes have one");
	sm_frame_free(&frame);
	sm_reader_close(in);
}

void axes_want(const struct axes *a, const char *path, struct states *s)
{
	if (states_d(s) != a->d)
		die("%s: axes of %zu dimensions, %s has %zu", path, a->d, states_name(s),
			states_d(s));
	if (states_rows(s) != a->rows || sample_digest(s) != a->sample)
		die("%s: axes of other states, %s, than those of %s", path, a->reference,
			states_name(s));
}

void axes_free(struct axes *a)
{
	free(a->mean);
	free(a->map);
	free(a->reference);
	kept_free(&a->kept);
	*a = (struct axes){0};
}
