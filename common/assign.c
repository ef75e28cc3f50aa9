#include "assign.h"

#include <math.h>

size_t assign_workspace(size_t n, size_t m)
{
	return m + (2 * m + 2 * n + 1) / 2 + 1;	/* doubles dist; integers path, scan, free rows twice */
}

static double at(const float *row, size_t j, double ceiling)
{
	return (double)row[j] < ceiling ? (double)row[j] : ceiling;
}

/* The smallest and second smallest reduced cost of a row, and the columns they are in. */
struct two {
	double first, second;
	uint32_t j1, j2;
};

static struct two two_smallest(const float *row, const double *v, size_t m, double ceiling)
{
	struct two s = {INFINITY, INFINITY, 0, 0};

	for (size_t j = 0; j < m; j++) {
		double c = at(row, j, ceiling) - v[j];
		if (c >= s.second)
			continue;
		if (c < s.first) {
			s.second = s.first, s.j2 = s.j1;
			s.first = c, s.j1 = (uint32_t)j;
		} else {
			s.second = c, s.j2 = (uint32_t)j;
		}
	}
	return s;
}

/* Gives every free row the column it likes best, at a price that the second best sets; a row that loses its
 * column tries again at once when the price rose, and otherwise waits. Returns the rows still free. */
static size_t row_reduction(uint32_t *col_of, uint32_t *row_of, double *v, uint32_t *rows, size_t count,
	const float *cost, size_t m, double ceiling, size_t patience)
{
	size_t waiting = 0;

	for (size_t k = 0; k < count; ) {
		uint32_t i = rows[k++];
		struct two s = two_smallest(cost + i * m, v, m, ceiling);
		if (s.first == INFINITY) {		/* only forbidden columns: the path search will tell */
			rows[waiting++] = i;
			continue;
		}
		double price = s.second == INFINITY ? v[s.j1] : v[s.j1] - (s.second - s.first);
		bool rose = price < v[s.j1];		/* false as well when rounding swallows the step */
		uint32_t j = s.j1;
		if (rose)
			v[j] = price;
		else if (row_of[j] != UNASSIGNED && s.second < INFINITY)
			j = s.j2;
		uint32_t loser = row_of[j];
		if (loser != UNASSIGNED && !rose && s.second > s.first) {
			rows[waiting++] = i;
			continue;
		}
		row_of[j] = i;
		col_of[i] = j;
		if (loser == UNASSIGNED)
			continue;
		col_of[loser] = UNASSIGNED;
		if (rose && patience > 0) {
			patience--;
			rows[--k] = loser;
		} else {
			rows[waiting++] = loser;
		}
	}
	return waiting;
}

/* Dijkstra from free row i over reduced costs to the nearest free column; then prices, then the path. */
static bool augment(uint32_t *col_of, uint32_t *row_of, double *v, uint32_t i, const float *cost, size_t m,
	double ceiling, double *dist, uint32_t *path, uint32_t *column)
{
	size_t scanned = 0, ready = 0;	/* columns [0, scanned) are done, [scanned, ready) are next at `least` */
	double least = 0;
	uint32_t end = UNASSIGNED;

	for (size_t j = 0; j < m; j++) {
		dist[j] = at(cost + i * m, j, ceiling) - v[j];
		path[j] = i;
		column[j] = (uint32_t)j;
	}
	while (end == UNASSIGNED) {
		if (scanned == ready) {
			least = INFINITY;
			for (size_t k = scanned; k < m; k++) {
				uint32_t j = column[k];
				if (dist[j] > least)
					continue;
				if (dist[j] < least) {
					least = dist[j];
					ready = scanned;
				}
				column[k] = column[ready];
				column[ready++] = j;
			}
			if (least == INFINITY)
				return false;
			for (size_t k = scanned; k < ready && end == UNASSIGNED; k++)
				if (row_of[column[k]] == UNASSIGNED)
					end = column[k];
			if (end != UNASSIGNED)
				break;
		}
		uint32_t via = column[scanned++], r = row_of[via];
		const float *row = cost + r * m;
		double shift = at(row, via, ceiling) - v[via] - least;
		for (size_t k = ready; k < m; k++) {
			uint32_t j = column[k];
			double d = at(row, j, ceiling) - v[j] - shift;
			if (!(d < dist[j]))
				continue;
			dist[j] = d;
			path[j] = r;
			if (d > least)
				continue;
			if (row_of[j] == UNASSIGNED) {
				end = j;
				break;
			}
			column[k] = column[ready];
			column[ready++] = j;
		}
	}
	for (size_t k = 0; k < scanned; k++)
		v[column[k]] += dist[column[k]] - least;
	for (uint32_t r = UNASSIGNED, j = end; r != i; ) {
		r = path[j];
		row_of[j] = r;
		uint32_t next = col_of[r];
		col_of[r] = j;
		j = next;
	}
	return true;
}

bool assign(uint32_t *col_of, uint32_t *row_of, double *u, double *v, const float *cost, size_t n,
	size_t m, double ceiling, double *workspace)
{
	double *dist = workspace;
	uint32_t *path = (uint32_t *)(dist + m), *column = path + m, *rows = column + m;
	size_t left = n;

	for (size_t j = 0; j < m; j++) {
		v[j] = 0;
		row_of[j] = UNASSIGNED;
	}
	for (size_t i = 0; i < n; i++) {
		col_of[i] = UNASSIGNED;
		rows[i] = (uint32_t)i;
	}
	for (int pass = 0; pass < 2; pass++)
		left = row_reduction(col_of, row_of, v, rows, left, cost, m, ceiling, 8 * n);
	for (size_t k = 0; k < left; k++)
		if (!augment(col_of, row_of, v, rows[k], cost, m, ceiling, dist, path, column))
			return false;
	for (size_t i = 0; i < n; i++)
		u[i] = at(cost + i * m, col_of[i], ceiling) - v[col_of[i]];
	return true;
}

double assign_margin(size_t i, const uint32_t *col_of, const uint32_t *row_of, const double *u,
	const double *v, const float *cost, size_t m, double ceiling, double *workspace)
{
	double *dist = workspace, best = INFINITY;
	uint32_t *column = (uint32_t *)(dist + m), own = col_of[i];
	size_t left = 0;

	for (size_t j = 0; j < m; j++)
		if (j != own) {
			dist[j] = at(cost + i * m, j, ceiling) - u[i] - v[j];
			column[left++] = (uint32_t)j;
		}
	while (left > 0) {
		size_t k = 0;
		for (size_t l = 1; l < left; l++)
			if (dist[column[l]] < dist[column[k]])
				k = l;
		uint32_t via = column[k], r = row_of[via];
		double d = dist[via];
		if (!(d < best))
			break;
		column[k] = column[--left];
		if (r == UNASSIGNED) {	/* with one more column in use, any other can go free, for -v */
			best = fmin(best, d - v[own]);
			for (size_t l = 0; l < left; l++)
				dist[column[l]] = row_of[column[l]] == UNASSIGNED ? INFINITY
					: fmin(dist[column[l]], d - v[column[l]]);
			continue;
		}
		const float *row = cost + r * m;
		best = fmin(best, d + at(row, own, ceiling) - u[r] - v[own]);
		for (size_t l = 0; l < left; l++) {
			uint32_t j = column[l];
			dist[j] = fmin(dist[j], d + at(row, j, ceiling) - u[r] - v[j]);
		}
	}
	return best > 0 ? best : 0;
}

void nearest(uint32_t *col_of, double *margin, const float *cost, size_t n, size_t m)
{
	for (size_t i = 0; i < n; i++) {
		const float *row = cost + i * m;
		float first = INFINITY, second = INFINITY;
		col_of[i] = UNASSIGNED;
		for (size_t j = 0; j < m; j++) {
			if (row[j] < first) {
				second = first;
				first = row[j];
				col_of[i] = (uint32_t)j;
			} else if (row[j] < second) {
				second = row[j];
			}
		}
		margin[i] = second < INFINITY ? (double)second - (double)first : INFINITY;
	}
}

void greedy(uint32_t *col_of, const float *cost, size_t n, size_t m, double *workspace)
{
	double *best = workspace;			/* of each row, among the free columns */
	uint32_t *column = (uint32_t *)(best + n);	/* where it is */
	unsigned char *taken = (unsigned char *)(column + n);

	for (size_t j = 0; j < m; j++)
		taken[j] = 0;
	for (size_t i = 0; i < n; i++) {
		col_of[i] = UNASSIGNED;
		column[i] = UNASSIGNED;
	}
	for (;;) {
		size_t least = n;
		for (size_t i = 0; i < n; i++) {
			if (col_of[i] != UNASSIGNED)
				continue;
			if (column[i] == UNASSIGNED || (column[i] < m && taken[column[i]])) {
				best[i] = INFINITY;
				column[i] = (uint32_t)m;
				for (size_t j = 0; j < m; j++)
					if (!taken[j] && (double)cost[i * m + j] < best[i]) {
						best[i] = (double)cost[i * m + j];
						column[i] = (uint32_t)j;
					}
			}
			if (column[i] < m && (least == n || best[i] < best[least]))
				least = i;
		}
		if (least == n)
			return;
		col_of[least] = column[least];
		taken[column[least]] = 1;
	}
}
