/* Distances as multiples of the mean of their column: hubs, columns that are near to every row, are
 * no longer everybody's nearest. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/stage.h"

#include <math.h>
#include <stdlib.h>

static const struct opt options[] = {
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

struct scaled {
	struct distances d;
	double *mean;		/* (columns): of the finite distances; 1 where it is 0 */
};

static double scaled_distance(const void *context, void *workspace, size_t i, size_t j)
{
	const struct scaled *s = context;

	(void)workspace;
	return (double)s->d.dist[i * s->d.k + j] / s->mean[j];
}

static void take_means(struct scaled *s, const char *file)
{
	size_t n = s->d.row.n, m = s->d.col.n, *finite = xcalloc(m, sizeof *finite);

	s->mean = xcalloc(m, sizeof *s->mean);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++) {
			double dist = (double)s->d.dist[i * m + j];
			if (dist < 0)
				die("%s: the distance of row %zu and column %zu is %g: none may be "
					"negative where a mean is to be their scale", file, i, j,
					dist);
			finite[j] += dist < INFINITY;
			s->mean[j] += dist < INFINITY ? dist : 0;
		}
	for (size_t j = 0; j < m; j++) {
		s->mean[j] /= finite[j] ? (double)finite[j] : 1;
		if (!(s->mean[j] > 0))
			s->mean[j] = 1;
	}
	free(finite);
}

static void free_nothing(struct stage *stage)
{
	(void)stage;
}

static void write_scaled(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header)
{
	struct scaled s = {0};

	read_distances(in, header, &s.d, 0);
	take_means(&s, sm_reader_name(in));
	char *metric = xasprintf("%s, over the column's mean",
		sm_get_string(header, "metric", "distance"));
	sm_set_string(header, "metric", metric);
	sm_drop(header, "halvings", "top", "budget", "first_row");
	struct stage stage = {.row = s.d.row, .col = s.d.col, .context = &s,
		.pair = scaled_distance, .close = free_nothing};
	stage_write(out, header, &stage);
	distances_free(&s.d);
	free(s.mean);
	free(metric);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "rescale [OPTION]... [FILE]",
		"Divides each distance by the mean of its column.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		write_scaled(in, out, &header);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
