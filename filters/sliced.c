/* Sliced Wasserstein distances between features. */
#include "die.h"
#include "set.h"
#include "slice.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static int order;	/* p - 1 */
static size_t projections = 64, seed;

static const struct opt options[] = {
	{"p", OPT_CHOICE, &order, "1|2", "the order of the distance", 0, 0},
	{"projections", OPT_SIZE, &projections, "N", "directions to project on", 1, 1 << 20},
	{"seed", OPT_SIZE, &seed, "S", "of the directions", 0, 9e18},
	OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END
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
	size_t n = s->ids.n, jumps = n ? s->indptr[n] - n : 0;
	struct slices all = {need(n * groups, sizeof *all.of), need(n * groups, LANES * sizeof(double)),
		need(jumps * groups, LANES * sizeof(float)), need(jumps * groups, LANES * sizeof(float))};
	double *at = need(s->tokens, LANES * sizeof *at);
	struct placed *work = need(threads * sizeof *work, s->most);

	for (size_t g = 0; g < groups; g++) {
		project_points(at, s->point, s->tokens, s->d, direction + g * s->d * LANES);
		#pragma omp parallel for num_threads(threads) schedule(dynamic)
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

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "sliced [OPTION]... [A [B]]",
		"Sliced Wasserstein distances between features of two sets, or of one with itself.", 2);
	struct writer *out = writer_open();
	struct set set[2];
	struct frame header;
	size_t sets = read_sets(operand, set), d = set[0].d > set[sets - 1].d ? set[0].d : set[sets - 1].d;
	struct stage stage = sets_stage(set, sets);
	struct work w = {.groups = padded(projections) / LANES, .self = stage.self,
		.thread = need(threads, sizeof(float *))};
	double *direction = need(w.groups * d, LANES * sizeof *direction);

	draw_directions(direction, projections, d, seed);
	w.row = slices_of(&set[0], w.groups, direction);
	w.col = stage.self ? w.row : slices_of(&set[1], w.groups, direction);
	for (size_t t = 0; t < threads; t++)
		w.thread[t] = need(quantile_cost_workspace(set[0].most + 1, set[sets - 1].most + 1), sizeof(float));
	stage.context = &w;
	stage.solve = distances_of_row;

	sets_header(set, sets, &header);
	set_string(&header, "metric", "sliced");
	set_integer(&header, "p", order + 1);
	set_integer(&header, "projections", (int64_t)projections);
	set_integer(&header, "projection_seed", (int64_t)seed);
	run_stage(out, &header, &stage);
	for (size_t t = 0; t < threads; t++)
		free(w.thread[t]);
	free(w.thread);
	slices_free(&w.row);
	if (!stage.self)
		slices_free(&w.col);
	free(direction);
	frame_free(&header);
	set_free(&set[0]);
	set_free(&set[1]);
	free(operand);
	return 0;
}
