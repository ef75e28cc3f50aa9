/* Sliced Wasserstein distances between features. */
#include "base/die.h"
#include "kernel/sliced.h"
#include "distance/compare.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static int order;	/* p - 1 */
static size_t projections = 64, seed;

static const struct opt options[] = {
	{"p", OPT_CHOICE, &order, "1|2", "the order of the distance", 0, 0},
	{"projections", OPT_SIZE, &projections, "N", "directions to project on", 1, 1 << 20},
	{"seed", OPT_SIZE, &seed, "S", "of the directions", 0, 9e18},
	OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* The quantile functions of all features, (n, groups) of LANES directions each. */
struct slices {
	struct quantiles *of;
	double *first;
	float *key, *jump;
};

struct work {
	struct slices row, col;
	size_t groups;
	bool self;
	float **thread;
};

static struct slices slices_of(const struct set *s, size_t groups, const double *direction)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t n = s->ids.n, jumps = n ? s->indptr[n] - n : 0;
	struct slices all = {xalloc(n * groups, sizeof *all.of), xalloc(n * groups, LANES * sizeof(double)),
		xalloc(jumps * groups, LANES * sizeof(float)), xalloc(jumps * groups, LANES * sizeof(float))};
	double *at = xalloc(s->tokens, LANES * sizeof *at);
	struct placed *work = xalloc(threads * sizeof *work, s->most);

	for (size_t g = 0; g < groups; g++) {
		project_points(at, s->point, s->tokens, s->d, direction + g * s->d * LANES);
		#pragma omp parallel for schedule(dynamic)
		for (size_t i = 0; i < n; i++) {
			struct quantiles *q = &all.of[i * groups + g];
			size_t place = ((s->indptr[i] - i) * groups + g * (points_of(s, i) - 1)) * LANES;
			*q = (struct quantiles){all.first + (i * groups + g) * LANES, all.key + place, all.jump + place, 0};
			make_quantiles(q, at, s->row + s->indptr[i], s->weight + s->indptr[i], points_of(s, i),
				work + (size_t)omp_get_thread_num() * s->most);
		}
	}
	free(work);
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

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct work *w = context;

	for (size_t n = 0; n < k; n++) {
		const struct quantiles *x = w->row.of + i * w->groups, *y = w->col.of + col[n] * w->groups, *left = x;
		double sum = 0;
		if (w->self && col[n] < i) {
			x = y;
			y = left;
		}
		for (size_t g = 0; g < w->groups; g++)
			sum += quantile_cost(&x[g], &y[g], order + 1, w->thread[thread]);
		sum /= (double)projections;
		out->dist[n] = (float)(order == 0 ? sum : sqrt(sum));
	}
}

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t d = row->d > col->d ? row->d : col->d;
	struct work *w = xalloc(1, sizeof *w);

	*w = (struct work){.groups = padded(projections) / LANES, .self = stage->self, .thread = xalloc(threads, sizeof(float *))};
	double *direction = xalloc(w->groups * d, LANES * sizeof *direction);
	draw_directions(direction, projections, d, seed);
	w->row = slices_of(row, w->groups, direction);
	w->col = stage->self ? w->row : slices_of(col, w->groups, direction);
	for (size_t t = 0; t < threads; t++)
		w->thread[t] = xalloc(quantile_cost_workspace(row->most + 1, col->most + 1), sizeof(float));
	free(direction);
	stage->context = w;
	stage->solve = distances_of_row;
}

static void close_stage(void *context)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct work *w = context;

	for (size_t t = 0; t < threads; t++)
		free(w->thread[t]);
	free(w->thread);
	slices_free(&w->row);
	if (!w->self)
		slices_free(&w->col);
	free(w);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "sliced [OPTION]... [A [B]]",
		"Sliced Wasserstein distances between features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, "sliced");

	sm_set_integer(&c.header, "p", order + 1);
	sm_set_integer(&c.header, "projections", (int64_t)projections);
	sm_set_integer(&c.header, "projection_seed", (int64_t)seed);
	run_comparison(&c, open_stage, close_stage);
	comparison_free(&c);
	free(operand);
	return 0;
}
