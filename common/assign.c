#include "assign.h"

#include <math.h>

size_t assign_workspace(size_t n, size_t m)
{
	return m + (2 * m + n + 1) / 2;		/* doubles dist; integers path, column, rows */
}

/* A row's cost in a column: no more than the ceiling. */
static double at(const struct assignment *a, size_t i, size_t j)
{
	double c = (double)a->cost[i * a->m + j];

	return c < a->ceiling ? c : a->ceiling;
}

/* The smallest and second smallest reduced cost of a row, and the columns they are in. */
struct two {
	double first, second;
	uint32_t j1, j2;
};

static struct two two_smallest(const struct assignment *a, size_t i)
{
	struct two s = {INFINITY, INFINITY, 0, 0};

	for (size_t j = 0; j < a->m; j++) {
		double c = at(a, i, j) - a->v[j];
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
 * column tries again at once when the price rose, `patience` times in all, and otherwise waits. Returns the rows
 * still free. */
static size_t row_reduction(const struct assignment *a, uint32_t *rows, size_t count, size_t patience)
{
	size_t waiting = 0;

	for (size_t k = 0; k < count; ) {
		uint32_t i = rows[k++];
		struct two s = two_smallest(a, i);
		uint32_t j = s.j1;
		double price = s.second < INFINITY ? a->v[j] - (s.second - s.first) : a->v[j];
		bool rose = price < a->v[j];		/* false as well when rounding swallows the step */
		if (s.second == s.first && a->row_of[j] != UNASSIGNED)
			j = s.j2;
		uint32_t loser = a->row_of[j];
		if (s.first == INFINITY || (loser != UNASSIGNED && !rose && s.first < s.second)) {
			rows[waiting++] = i;
			continue;
		}
		if (rose)
			a->v[j] = price;
		a->row_of[j] = i;
		a->col_of[i] = j;
		if (loser == UNASSIGNED)
			continue;
		a->col_of[loser] = UNASSIGNED;
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
static bool augment(const struct assignment *a, uint32_t i, double *dist, uint32_t *path, uint32_t *column)
{
	size_t m = a->m, scanned = 0, ready = 0;	/* [0, scanned) are done, [scanned, ready) at `least` */
	double least = 0, *v = a->v;
	uint32_t end = UNASSIGNED;

	for (size_t j = 0; j < m; j++) {
		dist[j] = at(a, i, j) - v[j];
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
				if (a->row_of[column[k]] == UNASSIGNED)
					end = column[k];
			if (end != UNASSIGNED)
				break;
		}
		uint32_t via = column[scanned++], r = a->row_of[via];
		double shift = at(a, r, via) - v[via] - least;
		for (size_t k = ready; k < m; k++) {
			uint32_t j = column[k];
			double d = at(a, r, j) - v[j] - shift;
			if (!(d < dist[j]))
				continue;
			dist[j] = d;
			path[j] = r;
			if (d > least)
				continue;
			if (a->row_of[j] == UNASSIGNED) {
				end = j;
				break;
			}
			column[k] = column[ready];
			column[ready++] = j;
		}
	}
	for (size_t k = 0; k < scanned; k++)
		v[column[k]] += fmin(dist[column[k]] - least, 0);
	for (uint32_t r = UNASSIGNED, j = end; r != i; ) {
		r = path[j];
		a->row_of[j] = r;
		uint32_t next = a->col_of[r];
		a->col_of[r] = j;
		j = next;
	}
	return true;
}

bool assign(const struct assignment *a, double *workspace)
{
	size_t n = a->n, m = a->m, left = n;
	double *dist = workspace;
	uint32_t *path = (uint32_t *)(dist + m), *column = path + m, *rows = column + m;

	for (size_t j = 0; j < m; j++) {
		a->v[j] = 0;
		a->row_of[j] = UNASSIGNED;
	}
	for (size_t i = 0; i < n; i++) {
		a->col_of[i] = UNASSIGNED;
		rows[i] = (uint32_t)i;
	}
	for (int pass = 0; pass < 2; pass++)
		left = row_reduction(a, rows, left, 8 * n);
	for (size_t k = 0; k < left; k++)
		if (!augment(a, rows[k], dist, path, column))
			return false;
	for (size_t i = 0; i < n; i++)
		a->u[i] = at(a, i, a->col_of[i]) - a->v[a->col_of[i]];
	return true;
}

static double reduced(const struct assignment *a, size_t i, size_t j)
{
	return fmax(at(a, i, j) - a->u[i] - a->v[j], 0);
}

static void insert(struct move *move, size_t count, double cost, uint32_t to)
{
	size_t k = count - 1;

	if (!(cost < move[k].cost))
		return;
	for (; k > 0 && cost < move[k - 1].cost; k--)
		move[k] = move[k - 1];
	move[k] = (struct move){cost, to};
}

void margin_moves(struct move *move, const struct assignment *a, size_t i)
{
	size_t n = a->n, count = i < n ? MOVES : n;
	double to_free = INFINITY;

	for (size_t k = 0; k < count; k++)
		move[k] = (struct move){INFINITY, (uint32_t)n};
	for (size_t j = 0; j < a->m; j++) {
		double cost = i < n ? reduced(a, i, j) : -a->v[j];
		if (a->row_of[j] == UNASSIGNED)
			to_free = fmin(to_free, cost);
		else if (a->row_of[j] != i)
			insert(move, count, cost, a->row_of[j]);
	}
	if (i < n)
		insert(move, count, to_free, (uint32_t)n);
}

void margin_arrivals(double *arrival, const struct move *moves, const struct assignment *a)
{
	double others = INFINITY;	/* no move that is not listed costs less */

	for (size_t i = 0; i < a->n; i++)
		others = fmin(others, moves[i * MOVES + MOVES - 1].cost);
	for (size_t i = 0; i < a->n; i++)
		arrival[i] = others;
	for (size_t k = 0; k < a->n * (MOVES + 1); k++)
		if (moves[k].to < a->n)
			arrival[moves[k].to] = fmin(arrival[moves[k].to], moves[k].cost);
}

/* The next move of a row that was reached; total is the way up to and with it. */
struct step {
	double total;
	uint32_t row, move;
};

static void push(struct step *heap, size_t *size, double total, uint32_t row, uint32_t move)
{
	size_t k = (*size)++;

	for (; k > 0 && total < heap[(k - 1) / 2].total; k = (k - 1) / 2)
		heap[k] = heap[(k - 1) / 2];
	heap[k] = (struct step){total, row, move};
}

static struct step pop(struct step *heap, size_t *size)
{
	struct step top = heap[0], last = heap[--*size];
	size_t k = 0;

	for (size_t child = 1; child < *size; child = 2 * k + 1) {
		child += child + 1 < *size && heap[child + 1].total < heap[child].total;
		if (!(heap[child].total < last.total))
			break;
		heap[k] = heap[child];
		k = child;
	}
	heap[k] = last;
	return top;
}

/* The margin by Dijkstra over all moves, where the listed ones do not suffice; a way dearer than `best` is none. */
static double dense_margin(const struct assignment *a, size_t i, double best, double arrival, double *workspace)
{
	double *dist = workspace;
	uint32_t *column = (uint32_t *)(dist + a->m), own = a->col_of[i];
	size_t left = 0;

	for (size_t j = 0; j < a->m; j++)
		if (j != own) {
			dist[j] = reduced(a, i, j);
			column[left++] = (uint32_t)j;
		}
	while (left > 0) {
		size_t k = 0;
		for (size_t l = 1; l < left; l++)
			if (dist[column[l]] < dist[column[k]])
				k = l;
		double d = dist[column[k]];
		uint32_t r = a->row_of[column[k]];
		if (!(d + arrival < best))
			break;
		column[k] = column[--left];
		best = fmin(best, d + (r == UNASSIGNED ? -a->v[own] : reduced(a, r, own)));
		for (size_t l = 0; l < left; l++) {
			uint32_t j = column[l];
			dist[j] = fmin(dist[j], d + (r == UNASSIGNED ? -a->v[j] : reduced(a, r, j)));
		}
	}
	return best;
}

double assign_margin(const struct assignment *a, size_t i, const struct move *moves, const double *arrival,
	double *workspace)
{
	size_t n = a->n, own = a->col_of[i], size = 0;
	double *dist = workspace, best = fmax(a->ceiling - a->u[i] - a->v[own], 0);
	struct step *heap = (struct step *)(dist + n + 1);

	for (size_t r = 0; r <= n; r++)
		dist[r] = INFINITY;
	dist[i] = 0;
	push(heap, &size, moves[i * MOVES].cost, (uint32_t)i, 0);
	while (size > 0) {
		struct step s = pop(heap, &size);
		uint32_t to = moves[s.row * MOVES + s.move].to;
		if (!(s.total + arrival[i] < best))
			return best;
		if (++s.move < (s.row < n ? MOVES : n))
			push(heap, &size, dist[s.row] + moves[s.row * MOVES + s.move].cost, s.row, s.move);
		else if (s.row < n)		/* there may be more */
			return dense_margin(a, i, best, arrival[i], workspace);
		if (dist[to] < INFINITY)
			continue;
		dist[to] = s.total;
		best = fmin(best, s.total + (to < n ? reduced(a, to, own) : -a->v[own]));
		push(heap, &size, s.total + moves[to * MOVES].cost, to, 0);
	}
	return best;
}

size_t margin_workspace(size_t n, size_t m)
{
	size_t sparse = 3 * (n + 1), dense = m + (m + 1) / 2;	/* dist and steps; dist and column */

	return sparse > dense ? sparse : dense;
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
	double *best = workspace;			/* of each row, among the columns free when it was looked up */
	uint32_t *column = (uint32_t *)(best + n);	/* where it is */
	unsigned char *taken = (unsigned char *)(column + n);

	for (size_t j = 0; j < m; j++)
		taken[j] = 0;
	for (size_t i = 0; i < n; i++) {
		col_of[i] = column[i] = UNASSIGNED;
		best[i] = -INFINITY;
	}
	for (;;) {
		size_t i = 0;
		for (size_t k = 1; k < n; k++)
			if (best[k] < best[i])
				i = k;
		if (n == 0 || best[i] == INFINITY)
			return;
		if (column[i] != UNASSIGNED && !taken[column[i]]) {
			col_of[i] = column[i];
			taken[column[i]] = 1;
			best[i] = INFINITY;
			continue;
		}
		best[i] = INFINITY;
		for (size_t j = 0; j < m; j++)
			if (!taken[j] && (double)cost[i * m + j] < best[i]) {
				best[i] = (double)cost[i * m + j];
				column[i] = (uint32_t)j;
			}
	}
}
