/* Sliced Wasserstein distances: W_p^p of two features projected on a line, averaged over
 * directions. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/stage.h"
#include "kernel/sliced.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static int power;			/* p - 1 */
static size_t projections = 64, seed;
static struct stage_options asked;

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance", 0, 0},
	{"projections", OPT_SIZE, &projections, "N", "project on N directions", 1, 1 << 20},
	{"seed", OPT_SIZE, &seed, "S", "seed of the random directions", 0, 9e18},
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_ERROR(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* The quantile functions of n features, (n, groups) of LANES directions each. */
struct slices {
	struct quantiles *of;
	double *first;
	float *key, *jump;
};

struct sliced {
	struct slices row, col;
	size_t groups;
	bool symmetric;
};

static struct slices slices_of(const struct distributions *s, size_t groups,
	const double *direction)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t n = s->ids.n, jumps = n ? s->indptr[n] - n : 0;
	struct slices all = {xalloc(n * groups, sizeof *all.of),
		xalloc(n * groups, LANES * sizeof(double)),
		xalloc(jumps * groups, LANES * sizeof(float)),
		xalloc(jumps * groups, LANES * sizeof(float))};
	double *at = xalloc(s->tokens, LANES * sizeof *at);
	struct placed *placed = xalloc(threads * sizeof *placed, s->max_points);

	for (size_t g = 0; g < groups; g++) {
		project_points(at, s->point, s->tokens, s->d, direction + g * s->d * LANES);
		#pragma omp parallel for schedule(dynamic)
		for (size_t i = 0; i < n; i++) {
			struct quantiles *q = &all.of[i * groups + g];
			size_t jump = (s->indptr[i] - i) * groups + g * (points_of(s, i) - 1);
			*q = (struct quantiles){all.first + (i * groups + g) * LANES,
				all.key + jump * LANES, all.jump + jump * LANES, 0};
			make_quantiles(q, at, rows_of(s, i), weights_of(s, i), points_of(s, i),
				placed + (size_t)omp_get_thread_num() * s->max_points);
		}
	}
	free(placed);
	free(at);
	return all;
}

static void slices_free(struct slices *s)
{
	free(s->of);
	free(s->first);
	free(s->key);
	free(s->jump);
}

/* SW_p^p = 1/N sum of W_p^p over N directions. */
static double distance(const void *context, void *workspace, size_t i, size_t j)
{
	const struct sliced *w = context;
	const struct quantiles *x = w->row.of + i * w->groups, *y = w->col.of + j * w->groups;
	double sum = 0;

	for (size_t g = 0; g < w->groups; g++)
		sum += quantile_cost(&x[g], &y[g], power + 1, workspace);
	sum /= (double)projections;
	return power == 0 ? sum : sqrt(sum);
}

static void close_stage(struct stage *stage)
{
	struct sliced *w = stage->context;

	slices_free(&w->row);
	if (!w->symmetric)
		slices_free(&w->col);
	free(w);
}

static void open_stage(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	size_t d = row->d > col->d ? row->d : col->d;
	struct sliced *w = xalloc(1, sizeof *w);

	*w = (struct sliced){.groups = padded(projections) / LANES, .symmetric = stage->symmetric};
	double *direction = xalloc(w->groups * d, LANES * sizeof *direction);
	draw_directions(direction, projections, d, seed);
	w->row = slices_of(row, w->groups, direction);
	w->col = stage->symmetric ? w->row : slices_of(col, w->groups, direction);
	free(direction);
	stage->context = w;
	stage->pair = distance;
	stage->workspace = quantile_cost_workspace(row->max_points + 1, col->max_points + 1)
		* sizeof(float);
	stage->close = close_stage;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "sliced [OPTION]... [A [B]]",
		"Sliced Wasserstein distances between features of two sets, or of one.", 2);
	struct comparison c = comparison_open(operand, "sliced");

	sm_set_integer(&c.header, "p", power + 1);
	sm_set_integer(&c.header, "projections", (int64_t)projections);
	sm_set_integer(&c.header, "projection_seed", (int64_t)seed);
	comparison_write(&c, &asked, open_stage);
	comparison_close(&c);
	free(operand);
	return 0;
}
