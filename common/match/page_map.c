#include "match/page_map.h"

#include "base/die.h"
#include "kernel/project.h"
#include "stream/distributions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AXES = 2 };

/* The mean points of known features. */
struct means {
	size_t n, room, d;
	uint32_t *number;		/* (n): the feature on the page */
	float *at;			/* (n, d) */
};

static void add_mean(struct means *m, uint32_t number, const struct distributions *s, size_t i)
{
	if (m->n == m->room) {
		m->room = 2 * m->room + 256;
		m->number = xrealloc(m->number, m->room, sizeof *m->number);
		m->at = xrealloc(m->at, m->room * sizeof *m->at, m->d);
	}
	float *mean = m->at + m->n * m->d;
	const uint32_t *row = rows_of(s, i);
	const float *weight = weights_of(s, i);
	memset(mean, 0, m->d * sizeof *mean);
	for (size_t k = 0; k < points_of(s, i); k++)
		for (size_t j = 0; j < m->d; j++)
			mean[j] += weight[k] * s->point[row[k] * s->d + j];
	m->number[m->n++] = number;
}

static void want_space(struct page_map *map, struct means *m, const struct distributions *s,
	const char *file)
{
	const char *space = s->streams > 0 ? sm_get_string(&s->header[0], "space", "") : "";

	if (!map->space) {
		map->space = xasprintf("%s", space);
		m->d = s->d;
	}
	if (strcmp(map->space, space) != 0 || m->d != s->d)
		die("%s: points of space %s and dimension %zu, where those before are of %s and "
			"%zu", file, space, s->d, map->space, m->d);
}

static void read_means(struct page_map *map, struct means *m, const char *file,
	struct page_features *p)
{
	struct distributions s[2];

	read_distributions((char *const[]){(char *)(uintptr_t)file, NULL}, s);
	if (s->ids.n > 0)
		want_space(map, m, s, file);
	for (int side = 0; side < (p->apart ? 2 : 1); side++)
		for (size_t i = 0; i < s->ids.n; i++) {
			size_t at = page_dictionary(p, s->ids.layer[i], s->ids.origin, side, false);
			uint32_t number = at == SIZE_MAX ? NO_FEATURE
				: page_feature(p, at, s->ids.feature[i]);
			if (number != NO_FEATURE)
				add_mean(m, number, s, i);
		}
	distributions_free(s);
}

/* Puts the means on the axes, of which there are `axes`. */
static void place(struct page_map *map, const struct means *m, const float *axis, size_t axes,
	const float *mean, double variance)
{
	for (size_t k = 0; k < AXES; k++) {
		double squares = 0;
		for (size_t i = 0; i < m->n; i++) {
			double y = 0;
			for (size_t j = 0; j < m->d && k < axes; j++)
				y += ((double)m->at[i * m->d + j] - (double)mean[j])
					* (double)axis[j * axes + k];
			map->at[k][m->number[i]] = (float)y;
			squares += y * y;
		}
		map->share[k] = variance > 0 ? squares / (double)m->n / variance : 0;
	}
}

/* The direction of every mean point from the mean of them all: length would set those apart that
 * have few points. */
static void take_directions(struct means *m)
{
	for (size_t j = 0; j < m->d; j++) {
		double mean = 0;
		for (size_t i = 0; i < m->n; i++)
			mean += (double)m->at[i * m->d + j];
		mean /= (double)m->n;
		for (size_t i = 0; i < m->n; i++)
			m->at[i * m->d + j] -= (float)mean;
	}
	project_unit_rows(m->at, m->n, m->d);
}

static void find_axes(struct page_map *map, const struct means *m)
{
	size_t n = m->n, d = m->d, step = PROJECT_ROWS, work = 2 * step * d;

	if (project_axes_workspace(d) > work)
		work = project_axes_workspace(d);
	double *sum = xcalloc(d, sizeof *sum), *outer = xcalloc(d * d, sizeof *outer);
	double *rest = xalloc(work, sizeof *rest), variance = 0;
	float *axis = xalloc(d * AXES, sizeof *axis), *mean = xcalloc(d, sizeof *mean);
	for (size_t i = 0; i < n; i += step)
		project_add_moments(sum, outer, m->at + i * d, m->at + i * d,
			n - i < step ? n - i : step, d, d, 1, rest);
	for (size_t j = 0; j < d; j++)
		variance += outer[j * d + j] / (double)n
			- sum[j] / (double)n * (sum[j] / (double)n);
	size_t axes = project_axes(axis, mean, sum, outer, n, d, AXES, 0, rest);
	place(map, m, axis, axes, mean, variance);
	free(sum);
	free(outer);
	free(rest);
	free(axis);
	free(mean);
}

struct page_map page_map_read(const struct list *files, struct page_features *p)
{
	struct page_map map = {.n = p->n};
	struct means m = {0};

	for (size_t i = 0; i < files->n; i++)
		read_means(&map, &m, files->item[i], p);
	for (size_t k = 0; k < AXES; k++) {
		map.at[k] = xalloc(p->n, sizeof *map.at[k]);
		for (size_t i = 0; i < p->n; i++)
			map.at[k][i] = NAN;
	}
	map.known = m.n;
	if (m.n > 0) {
		take_directions(&m);
		find_axes(&map, &m);
	}
	free(m.number);
	free(m.at);
	return map;
}

void page_map_write(struct html *h, const char *key, const struct page_map *map)
{
	html_open(h, key, '{');
	html_text(h, "space", map->space);
	html_open(h, "share", '[');
	html_real(h, NULL, map->share[0]);
	html_real(h, NULL, map->share[1]);
	html_close(h, ']');
	html_floats(h, "x", map->at[0], map->n);
	html_floats(h, "y", map->at[1], map->n);
	html_close(h, '}');
}

void page_map_free(struct page_map *map)
{
	free(map->at[0]);
	free(map->at[1]);
	free(map->space);
}
