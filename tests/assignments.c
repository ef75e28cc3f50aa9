/* The kernels of assign.h, margins.h, candidates.h and nearest.h, and the assignments of
 * match/assignment.h, against brute force. Silent when all is well. */
#include "kernel/assign.h"
#include "kernel/margins.h"
#include "kernel/nearest.h"
#include "match/assignment.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 7, ROOM = 150 };

static const float *matrix;		/* the matrix of the problem at hand */

/* The least sum over rows i.. in any free columns; the pair (row, col) is forbidden, but its row
 * may be left alone. */
static double brute(const struct assignment *a, size_t i, unsigned taken, size_t row, size_t col)
{
	double best = INFINITY;

	if (i == a->n)
		return 0;
	for (size_t j = 0; j < a->m; j++) {
		if (taken >> j & 1)
			continue;
		double c = i == row && j == col ? a->ceiling : fmin((double)matrix[i * a->m + j],
			a->ceiling);
		if (c < INFINITY)
			best = fmin(best, c + brute(a, i + 1, taken | 1u << j, row, col));
	}
	return best;
}

static bool near(double x, double y)
{
	return x == y || fabs(x - y) <= 1e-9 * (1 + fabs(x));
}

/* Lists of a row's `length` cheapest columns at prices v, as struct assignment wants them. */
static size_t length[ROOM];

static int by_key(const void *x, const void *y)
{
	double a = ((const struct candidate *)x)->key, b = ((const struct candidate *)y)->key;

	return a < b ? -1 : a > b;
}

static void list_row(const struct assignment *a, size_t i, const double *v)
{
	struct candidates *of = &a->of[i];

	of->n = 0;
	for (size_t j = 0; j < a->m; j++)
		if (matrix[i * a->m + j] < INFINITY)
			of->at[of->n++] = (struct candidate){(double)matrix[i * a->m + j] - v[j],
				matrix[i * a->m + j], (uint32_t)j};
	qsort(of->at, of->n, sizeof *of->at, by_key);
	of->beyond = length[i] < of->n ? of->at[length[i]].key : INFINITY;
	of->n = length[i] < of->n ? length[i] : of->n;
}

static bool one_more(void *context, size_t i, const double *v)
{
	length[i]++;
	list_row(context, i, v);
	return true;
}

/* The duals prove the answer: feasible, and no slack where something is assigned or alone. */
static void check_proof(const struct assignment *a, size_t trial)
{
	bool feasible = true, tight = true, one_to_one = true, prices = true;

	for (size_t i = 0; i < a->n; i++) {
		bool alone = a->col_of[i] == UNASSIGNED;
		one_to_one &= alone || (a->col_of[i] < a->m && a->row_of[a->col_of[i]] == i);
		tight &= !alone || a->u[i] == a->ceiling;
		feasible &= a->u[i] <= a->ceiling;
		for (size_t j = 0; j < a->m; j++) {
			double slack = (double)matrix[i * a->m + j] - a->u[i] - a->v[j];
			double small = 1e-9 * (1 + fabs(a->u[i]) + fabs(a->v[j]));
			feasible &= slack >= -small;
			tight &= j != a->col_of[i] || fabs(slack) <= small;
		}
	}
	for (size_t j = 0; j < a->m; j++) {
		prices &= a->v[j] <= 0 && (a->row_of[j] != UNASSIGNED || a->v[j] == 0);
		one_to_one &= a->row_of[j] == UNASSIGNED || a->col_of[a->row_of[j]] == j;
	}
	check(one_to_one, "assign: one to one", trial);
	check(feasible, "assign: duals are feasible", trial);
	check(tight, "assign: duals are tight on the assignment", trial);
	check(prices, "assign: prices are not positive, and zero where a column is free", trial);
}

/* The rows of a column by c_ij - u_i, `length` of them. */
static void list_column(const struct assignment *a, size_t j, struct candidates *of)
{
	struct candidate all[ROOM];
	size_t most = length[j];

	of->n = 0;
	for (size_t i = 0; i < a->n; i++)
		if (matrix[i * a->m + j] < INFINITY)
			all[of->n++] = (struct candidate){(double)matrix[i * a->m + j] - a->u[i],
				matrix[i * a->m + j], (uint32_t)i};
	qsort(all, of->n, sizeof *all, by_key);
	of->beyond = most < of->n ? all[most].key : INFINITY;
	of->n = most < of->n ? most : of->n;
	memcpy(of->at, all, of->n * sizeof *all);
}

/* The arcs out of all nodes, by where they lead. */
static void turn_arcs(const struct assignment *a, struct candidates *into)
{
	for (size_t y = 0; y <= a->n; y++) {
		into[y].n = 0;
		into[y].beyond = INFINITY;
		for (size_t x = 0; x <= a->n; x++) {
			into[y].beyond = fmin(into[y].beyond, a->of[x].beyond);
			for (size_t k = 0; k < a->of[x].n; k++)
				if (a->of[x].at[k].col == y)
					into[y].at[into[y].n++] = (struct candidate){
						a->of[x].at[k].key, 0, (uint32_t)x};
		}
		candidates_sort(into[y].at, into[y].n);
	}
}

/* Of a matrix margins are exact however short the lists are; of lists they are when all is listed,
 * and never too large. */
static void check_margins(struct assignment *a, double best, size_t trial)
{
	double workspace[128] = {0};
	struct candidate at[MOST + 1][2 * MOST];
	struct candidates into[MOST + 1];

	check(margin_workspace(a->n) <= 128, "workspace", trial);
	for (size_t x = 0; x <= a->n; x++)
		into[x].at = at[x];
	for (int round = 0; round < 4; round++) {
		bool all = round % 2, look = round < 2;
		a->cost = look ? matrix : NULL;
		for (size_t i = 0; i < a->n; i++) {
			length[i] = all ? a->m : 1 + below(a->m);
			list_row(a, i, a->v);
			margin_out(a, i);
		}
		margin_outside(a);
		if (look) {
			for (size_t i = 0; i < a->n; i++) {
				into[i].n = 0;
				if (a->col_of[i] != UNASSIGNED) {
					length[a->col_of[i]] = 1 + below(a->n);
					list_column(a, a->col_of[i], &into[i]);
				}
				margin_in(a, &into[i], i);
			}
			margin_into_outside(a, &into[a->n]);
		} else {
			turn_arcs(a, into);
		}
		for (size_t i = 0; i < a->n; i++) {
			if (a->col_of[i] == UNASSIGNED)
				continue;
			double margin = margin_of_row(a, into, i, workspace);
			double exact = brute(a, 0, 0, i, a->col_of[i]) - best;
			check(margin <= exact + 1e-9 * (1 + fabs(best)),
				"margins are not too large", trial);
			check(!(all || look) || near(margin, exact)
				|| fabs(margin - exact) < 1e-9 * (1 + fabs(best)),
				"margins are those of brute force", trial);
		}
	}
}

/* Lists of rows and columns are those of a full sort; of equals the first from a column on. */
static size_t turn;

static int by_key_from(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	size_t p = (a->col + ROOM - turn) % ROOM, q = (b->col + ROOM - turn) % ROOM;

	return a->key != b->key ? by_key(x, y) : p < q ? -1 : p > q;
}

static bool same_list(const struct candidates *of, const struct candidate *all, size_t finite,
	size_t count, size_t m)
{
	bool same = of->n == (finite < count ? finite : count);

	for (size_t k = 0; same && k < of->n; k++)
		same = of->at[k].key == all[k].key && of->at[k].cost == all[k].cost
			&& of->at[k].col == all[k].col;
	return same && of->beyond == (count < m && finite >= count ? all[count - 1].key : INFINITY);
}

static void cheapest_entries(void)
{
	static float cost[ROOM * ROOM];
	static double price[ROOM], limit[ROOM], workspace[3 * ROOM];
	static struct candidate at[ROOM][2 * ROOM], all[ROOM];
	struct candidates of[ROOM];

	check(cheapest_workspace(ROOM) <= 3 * ROOM, "workspace", 0);
	for (size_t trial = 0; trial < 120; trial++) {
		size_t count = 1 + below(trial % 3 ? 20 : ROOM);
		random_costs(cost, ROOM, ROOM, trial % 6);
		for (size_t j = 0; j < ROOM; j++) {
			price[j] = trial % 2 ? -uniform() : 0;
			of[j].at = at[j];
		}
		bool same = true;
		for (size_t i = 0; i < ROOM; i++) {
			size_t finite = 0;
			for (size_t j = 0; j < ROOM; j++)
				if (cost[i * ROOM + j] < INFINITY)
					all[finite++] = (struct candidate){
						(double)cost[i * ROOM + j] - price[j],
						cost[i * ROOM + j], (uint32_t)j};
			turn = i;
			qsort(all, finite, sizeof *all, by_key_from);
			cheapest_of_row(of, count, cost + i * ROOM, price, ROOM, i, workspace);
			same &= same_list(of, all, finite, count, ROOM);
		}
		check(same, "cheapest of rows", trial);
		cheapest_of_columns(of, count, cost + 1, price, ROOM, ROOM, ROOM - 1, limit);
		turn = 0;
		for (size_t j = 1; j < ROOM; j++) {
			size_t finite = 0;
			for (size_t i = 0; i < ROOM; i++)
				if (cost[i * ROOM + j] < INFINITY)
					all[finite++] = (struct candidate){
						(double)cost[i * ROOM + j] - price[i],
						cost[i * ROOM + j], (uint32_t)i};
			qsort(all, finite, sizeof *all, by_key_from);
			same &= same_list(&of[j - 1], all, finite, count, ROOM);
		}
		check(same, "cheapest of columns", trial);
	}
}

static void small_assignments(void)
{
	for (size_t trial = 0; trial < 3000; trial++) {
		size_t n = 1 + below(trial % 10 ? 5 : MOST), m = n + below(MOST - n + 1);
		float cost[MOST * MOST], paid[MOST];
		uint32_t col_of[MOST], row_of[MOST];
		double u[MOST], v[MOST] = {0}, workspace[128] = {0};
		struct candidate at[MOST + 1][MOST + 1];
		struct candidates of[MOST + 1];
		struct assignment a = {n, m, of, one_more, NULL, NULL, INFINITY, col_of, row_of,
			paid, u, v, NULL};

		a.context = &a;
		matrix = cost;
		random_costs(cost, n, m, trial % 6);
		if (trial % 4 == 0)
			a.ceiling = (double)cost[below(n * m)];
		for (size_t i = 0; i < n; i++) {
			of[i].at = at[i];
			length[i] = 1 + below(m);
			list_row(&a, i, v);
		}
		of[n].at = at[n];
		check(assign_workspace(n, m) <= 128, "workspace", trial);
		double best = brute(&a, 0, 0, n, m), total = 0;
		bool found = assign(&a, workspace);
		check(found == (best < INFINITY), "assign: infinite costs", trial);
		if (!found)
			continue;
		for (size_t i = 0; i < n; i++)
			total += col_of[i] == UNASSIGNED ? a.ceiling
				: (double)cost[i * m + col_of[i]];
		check(near(total, best), "assign: the total is that of brute force", trial);
		check_proof(&a, trial);
		check_margins(&a, best, trial);
	}
}

/* Larger ones are proved by their duals, however short the lists were. */
static void large_assignments(void)
{
	static float cost[ROOM * ROOM], paid[ROOM];
	static uint32_t col_of[ROOM], row_of[ROOM];
	static double u[ROOM], v[ROOM];
	static struct candidate at[ROOM][ROOM];
	struct candidates of[ROOM];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t m = ROOM / 2 + below(ROOM / 2), n = trial % 2 ? m : 1 + below(m);
		struct assignment a = {n, m, of, one_more, NULL, NULL, INFINITY, col_of, row_of,
			paid, u, v, NULL};
		double *workspace = calloc(assign_workspace(n, m), sizeof *workspace);
		a.context = &a;
		matrix = cost;
		random_costs(cost, n, m, trial % 6);
		memset(v, 0, sizeof v);
		for (size_t i = 0; i < n; i++) {
			of[i].at = at[i];
			length[i] = 1 + trial % 5;
			list_row(&a, i, v);
		}
		bool found = assign(&a, workspace);
		check(found || trial % 6 == 3, "assign: there is an assignment", trial);
		free(workspace);
		if (found)
			check_proof(&a, trial);
	}
}

static void simple_matchings(void)
{
	for (size_t trial = 0; trial < 1000; trial++) {
		size_t n = below(MOST + 1), m = below(MOST + 1);
		float cost[MOST * MOST];
		uint32_t col_of[MOST], mutual_of[MOST], greedy_of[MOST];
		float paid[MOST];
		double margin[MOST], workspace[3 * MOST];
		bool row_done[MOST] = {0}, taken[MOST] = {0};

		random_costs(cost, n, m, trial % 6);
		nearest_columns(col_of, paid, margin, cost, NULL, n, m);
		for (size_t i = 0; i < n; i++) {
			size_t best = m;
			double second = INFINITY;
			for (size_t j = 0; j < m; j++)
				if (cost[i * m + j] < (best < m ? cost[i * m + best] : INFINITY))
					best = j;
			for (size_t j = 0; j < m; j++)
				second = j == best ? second : fmin(second, (double)cost[i * m + j]);
			check(col_of[i] == (best < m ? best : UNASSIGNED), "nearest", trial);
			check(best == m || paid[i] == cost[i * m + best], "nearest: cost", trial);
			check(best == m || margin[i] == second - (double)cost[i * m + best],
				"nearest: margin", trial);
		}
		memcpy(mutual_of, col_of, n * sizeof *col_of);
		nearest_mutual(mutual_of, cost, NULL, workspace, n, m, m);
		for (size_t i = 0; i < n; i++) {
			size_t j = col_of[i], row = 0;
			for (size_t r = 1; r < n && j < m; r++)
				row = cost[r * m + j] < cost[row * m + j] ? r : row;
			check(mutual_of[i] == (j < m && row == i ? j : UNASSIGNED), "mutual",
				trial);
		}
		nearest_greedy(greedy_of, paid, cost, NULL, workspace, n, m, m);
		for (;;) {
			size_t i = n, j = m;
			for (size_t r = 0; r < n; r++)
				for (size_t c = 0; c < m; c++)
					if (!row_done[r] && !taken[c] && cost[r * m + c]
							< (i < n ? cost[i * m + j] : INFINITY))
						i = r, j = c;
			if (i == n)
				break;
			row_done[i] = taken[j] = true;
			check(greedy_of[i] == j && paid[i] == cost[i * m + j], "greedy", trial);
		}
		for (size_t i = 0; i < n; i++)
			check(row_done[i] || greedy_of[i] == UNASSIGNED,
				"greedy: what is left alone", trial);
	}
}

/* With more columns than are listed at a time: a margin is what the total rises by when the pair is
 * forbidden. */
static void margins_of_many(void)
{
	enum { N = 560, M = 700 };
	static float cost[N * M];

	for (size_t trial = 0; trial < 4; trial++) {
		size_t n = trial % 2 ? N : N - 31, m = trial == 3 ? n : M;
		double ceiling = trial == 2 ? 0.0003 : INFINITY, total = 0;
		struct assignment best, other;
		random_costs(cost, n, m, trial == 1);
		check(assignment_of_matrix(&best, cost, n, m, ceiling, true),
			"assignment_of_matrix", trial);
		matrix = cost;
		check_proof(&best, trial);
		for (size_t i = 0; i < n; i++)
			total += best.col_of[i] == UNASSIGNED ? ceiling
				: (double)cost[i * m + best.col_of[i]];
		for (size_t some = 0; some < 6; some++) {
			size_t i = below(n), j = best.col_of[i];
			double again = 0;
			if (j == UNASSIGNED) {
				check(best.margin[i] == 0, "margins of rows that are alone", trial);
				continue;
			}
			float held = cost[i * m + j];
			cost[i * m + j] = INFINITY;
			assignment_of_matrix(&other, cost, n, m, ceiling, false);
			for (size_t k = 0; k < n; k++)
				again += other.col_of[k] == UNASSIGNED ? ceiling
					: (double)cost[k * m + other.col_of[k]];
			cost[i * m + j] = held;
			check(fabs(best.margin[i] - (again - total)) <= 1e-9 * (1 + fabs(total)),
				"margins of many columns", trial);
			assignment_free(&other);
		}
		assignment_free(&best);
	}
}

int main(void)
{
	cheapest_entries();
	small_assignments();
	large_assignments();
	margins_of_many();
	simple_matchings();
	return failures > 0;
}
