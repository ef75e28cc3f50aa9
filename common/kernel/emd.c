#include "kernel/emd.h"

#include "base/simd.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

LEVELS(emd);
LEVELS(emd_workspace);
LEVELS(emd_plan);

#define NONE UINT32_MAX
enum { BLOCK = 2048 };		/* pairs, about, that are priced at a time */

/* The basis is a spanning tree of the m columns and n rows, which are its nodes in this order; the
 * last is the root.
 *
 * Masses are whole: multiples of 2^16 that sum to 2^62, but every column has one unit more and the
 * last row m. No set of columns then weighs what a set of rows does, so all flows in a tree are
 * positive, every pivot lowers the cost, and none can come back. */
struct basis {
	size_t n, m, ld;
	const float *cost;
	int64_t *flow;				/* between a node and its parent */
	double *potential;			/* u and v: C_ji = u_j + v_i in the tree */
	float *u, *v;	/* the same for pricing; v = u + m, and -infinity beyond n */
	uint32_t *parent;
	/* The nodes in an order in which each is followed by those below it; where each stands; how
	 * many they are with it; and room. */
	uint32_t *order, *place, *size, *room;
};

static double cost_between(const struct basis *t, uint32_t a, uint32_t b)
{
	uint32_t j = a < b ? a : b, i = (a < b ? b : a) - (uint32_t)t->m;

	return (double)t->cost[j * t->ld + i];
}

/* r_ji = C_ji - u_j - v_i: what a unit of mass between them adds to the cost. */
static double reduced_cost(const struct basis *t, uint32_t a, uint32_t b)
{
	return cost_between(t, a, b) - t->potential[a] - t->potential[b];
}

static void set_potential(struct basis *t, uint32_t node, double x)
{
	t->potential[node] = x;
	t->u[node] = (float)x;
}

/* All potentials from the root's, so that rounding does not add up. */
static void settle(struct basis *t)
{
	for (size_t k = 1; k < t->n + t->m; k++) {
		uint32_t node = t->order[k], parent = t->parent[node];
		set_potential(t, node, cost_between(t, node, parent) - t->potential[parent]);
	}
}

/* Turns the part below `out` round, so that its node a is its top, whose parent is b, with this
 * flow between them; writes its nodes in the new order to t->room. On the path from a to `out` each
 * node keeps what was below it, but for the one before, and gets its parent below it. */
static void turn(struct basis *t, uint32_t out, uint32_t a, uint32_t b, int64_t flow)
{
	const uint32_t *order = t->order, all = t->size[out];
	uint32_t *to = t->room;
	uint32_t begin = 0, end = 0;		/* of what was below the node before */

	for (uint32_t node = a, parent = b, up; ; parent = node, node = up) {
		uint32_t first = t->place[node], after = first + t->size[node];
		int64_t below = t->flow[node];
		size_t n = (node == a ? after : begin) - first, rest = node == a ? 0 : after - end;

		memcpy(to, order + first, n * sizeof *to);
		memcpy(to + n, order + end, rest * sizeof *to);
		to += n + rest;
		t->size[node] = all - (node == a ? 0 : end - begin);
		begin = first;
		end = after;
		up = t->parent[node];
		t->parent[node] = parent;
		t->flow[node] = flow;
		flow = below;
		if (node == out)
			break;
	}
}

/* The part below the pair of `out` and its parent is hung by its node a below b, with this flow
 * between them. Nothing changes for `meet` and what is above it. */
static void rehang(struct basis *t, uint32_t out, uint32_t a, uint32_t b, uint32_t meet,
	int64_t flow)
{
	double excess = reduced_cost(t, a, b);	/* the potentials of a's side rise by it */
	double rise[2] = {a < t->m ? excess : -excess, a < t->m ? -excess : excess};
	uint32_t *order = t->order, all = t->size[out], from = t->place[out], to, first, end;

	for (uint32_t node = t->parent[out]; node != meet; node = t->parent[node])
		t->size[node] -= all;
	for (uint32_t node = b; node != meet; node = t->parent[node])
		t->size[node] += all;
	turn(t, out, a, b, flow);
	if (t->place[b] < from) {		/* the part now follows b */
		first = to = t->place[b] + 1;
		end = from + all;
		memmove(order + to + all, order + to, (from - to) * sizeof *order);
	} else {
		first = from;
		end = t->place[b] + 1;
		to = end - all;
		memmove(order + from, order + from + all, (to - from) * sizeof *order);
	}
	memcpy(order + to, t->room, all * sizeof *order);
	for (uint32_t k = first; k < end; k++)
		t->place[order[k]] = k;
	for (uint32_t k = to; k < to + all; k++)
		set_potential(t, order[k], t->potential[order[k]] + rise[order[k] >= t->m]);
}

/* The least flow that falls on the path up from `top` to where it meets that of `other`: those of
 * the node and of every second one above it. Returns where they meet. */
static uint32_t least_flow(const struct basis *t, uint32_t top, uint32_t other, int64_t *least,
	uint32_t *of)
{
	const uint32_t place = t->place[other];
	uint32_t node = top;

	for (bool falls = true; place - t->place[node] >= t->size[node]; falls = !falls) {
		if (falls && t->flow[node] < *least)
			*least = t->flow[*of = node];
		node = t->parent[node];
	}
	return node;
}

/* The flows on the path from the node up to `meet` fall and rise by turns. */
static void move_flow(const struct basis *t, uint32_t node, uint32_t meet, int64_t mass)
{
	for (; node != meet; node = t->parent[node], mass = -mass)
		t->flow[node] -= mass;
}

/* The pair of column j and row i joins the tree, and takes mass round the cycle that it closes
 * until a pair has none. */
static void pivot(struct basis *t, uint32_t j, uint32_t i)
{
	int64_t mass = INT64_MAX, before;
	uint32_t out = NONE, meet = least_flow(t, j, i, &mass, &out);

	before = mass;
	least_flow(t, i, j, &mass, &out);
	move_flow(t, j, meet, mass);
	move_flow(t, i, meet, mass);
	if (mass < before)
		rehang(t, out, i, j, meet, mass);
	else
		rehang(t, out, j, i, meet, mass);
}

static inline bool any_equal(const float *c, const float *v, float best)
{
	int equal = 0;

	for (size_t l = 0; l < LANES; l++)
		equal |= c[l] - v[l] == best;
	return equal;
}

/* The least C_ji - v_i of a column and its row, lowest first. */
static inline float least_of_column(const struct basis *t, size_t j, const float *v, uint32_t *row)
{
	const float *c = t->cost + j * t->ld;
	float best = least_difference((const vec *)c, (const vec *)v, t->ld / VEC);

	for (*row = 0; !any_equal(c + *row, v + *row, best); )
		*row += LANES;
	while (!(c[*row] - v[*row] == best))
		++*row;
	return best;
}

/* The pair of the least reduced cost C_ji - u_j - v_i in the next block of columns in which one is
 * below -tol. */
static bool price(const struct basis *t, size_t *from, float tol, uint32_t *col, uint32_t *row)
{
	size_t block = BLOCK / t->ld + 1, width = t->ld / VEC;
	const vec *v = (const vec *)t->v;

	for (size_t done = 0; done < t->m; ) {
		size_t end = *from + block < t->m ? *from + block : t->m;
		vec least[PARTS];
		mask at[PARTS] = {0};
		for (size_t q = 0; q < PARTS; q++)
			least[q] = vec_of(-tol);
		for (size_t j = *from; j < end; j++) {
			vec best[PARTS];
			least_differences(best, (const vec *)t->cost + j * width, v, width);
			for (size_t q = 0; q < PARTS; q++) {
				best[q] -= t->u[j];	/* min_i C_ji - u_j - v_i, in each lane */
				mask less = best[q] < least[q];
				least[q] = vec_min(best[q], least[q]);
				at[q] = CHOOSE(less, (mask){0} + (int32_t)j, at[q]);
			}
		}
		done += end - *from;
		*from = end < t->m ? end : 0;
		float best = lane_min(least);
		if (!(best < -tol))
			continue;
		for (size_t l = 0; l < LANES; l++)
			if (least[l / VEC][l % VEC] == best)
				*col = (uint32_t)at[l / VEC][l % VEC];
		least_of_column(t, *col, t->v, row);
		return true;
	}
	return false;
}

/* The least reduced cost of all, in double. */
static double price_all(const struct basis *t, uint32_t *col, uint32_t *row)
{
	const double *u = t->potential, *v = u + t->m;
	double least = INFINITY;

	for (size_t j = 0; j < t->m; j++) {
		const float *restrict c = t->cost + j * t->ld;
		double lane[8], best = INFINITY;		/* min_i C_ji - v_i, 8 at a time */
		size_t i = 0;

		for (size_t l = 0; l < 8; l++)
			lane[l] = INFINITY;
		for (; i + 8 <= t->n; i += 8)
			for (size_t l = 0; l < 8; l++) {
				double x = (double)c[i + l] - v[i + l];
				lane[l] = x < lane[l] ? x : lane[l];
			}
		for (; i < t->n; i++)
			best = (double)c[i] - v[i] < best ? (double)c[i] - v[i] : best;
		for (size_t l = 0; l < 8; l++)
			best = lane[l] < best ? lane[l] : best;
		if (best - u[j] >= least)
			continue;
		least = best - u[j];			/* min_ji C_ji - u_j - v_i */
		*col = (uint32_t)j;
		for (i = t->n; i-- > 0; )
			if ((double)c[i] - v[i] == best)
				*row = (uint32_t)i;
	}
	return least;
}

/* Weights to masses; returns the weight of one unit. */
static void whole_masses(int64_t *mass, const float *weight, size_t n)
{
	int64_t rest = (int64_t)1 << 46;
	size_t largest = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)weight[i];
	for (size_t i = 0; i < n; i++) {
		mass[i] = (int64_t)((double)weight[i] / sum * 0x1p46);
		rest -= mass[i];
		largest = mass[i] > mass[largest] ? i : largest;
	}
	mass[largest] += rest;
	for (size_t i = 0; i < n; i++)
		mass[i] *= 1 << 16;
}

/* The weight of a node's flow, without what perturbs the masses: a unit of each column below it,
 * which flows up with the rest from a column, and which the flow of a row lacks. */
static double mass_between(int64_t flow, bool of_column)
{
	return (double)((of_column ? flow : flow + ((1 << 16) - 1)) >> 16) * 0x1p-46;
}

/* The first tree: columns ship to the rows with room of the least C - v; first each to one, then to
 * two, then what is left. pair (m + n - 1, 2), mass. */
static void first_plan(const struct basis *t, uint32_t *pair, int64_t *mass, int64_t *left,
	int64_t *room, float *open)
{
	static const size_t most[] = {1, 2, SIZE_MAX};

	memcpy(open, t->v, t->ld * sizeof *open);
	for (size_t round = 0; round < sizeof most / sizeof *most; round++)
		for (uint32_t j = 0, row; j < t->m; j++)
			for (size_t k = 0; left[j] > 0 && k < most[round]; k++, pair += 2, mass++) {
				least_of_column(t, j, open, &row);
				*mass = left[j] < room[row] ? left[j] : room[row];
				left[j] -= *mass;
				room[row] -= *mass;
				if (room[row] == 0)
					open[row] = -INFINITY;
				pair[0] = j;
				pair[1] = (uint32_t)t->m + row;
			}
}

/* Hangs these pairs as a tree, leaves first. What is left of a node's neighbours and pairs is known
 * by their exclusive or: of a leaf it is the one. */
static void hang_all(struct basis *t, const uint32_t *pair, const int64_t *mass, uint32_t *degree)
{
	uint32_t nodes = (uint32_t)(t->n + t->m), root = nodes - 1;
	uint32_t *neighbour = t->order, *which = t->place, *leaves = t->room, *next = degree;

	for (uint32_t k = 0; k < nodes; k++) {
		degree[k] = neighbour[k] = which[k] = 0;
		t->size[k] = 1;
	}
	for (uint32_t k = 0; k < 2 * (nodes - 1); k++) {
		degree[pair[k]]++;
		neighbour[pair[k]] ^= pair[k ^ 1];
		which[pair[k]] ^= k / 2;
	}
	for (uint32_t k = 0; k < root; k++)
		for (uint32_t leaf = k, up; leaf <= k && degree[leaf] == 1; leaf = up) {
			uint32_t arc = which[leaf];
			up = neighbour[leaf];
			degree[leaf] = 0;
			degree[up]--;
			neighbour[up] ^= leaf;
			which[up] ^= arc;
			t->parent[leaf] = up;
			t->flow[leaf] = mass[arc];
			t->size[up] += t->size[leaf];
			*leaves++ = leaf;
		}
	t->order[0] = root;
	t->place[root] = 0;
	next[root] = 1;
	while (leaves > t->room) {			/* parents before what is below them */
		uint32_t node = *--leaves, parent = t->parent[node], place = next[parent];
		next[parent] += t->size[node];
		next[node] = place + 1;
		t->order[place] = node;
		t->place[node] = place;
	}
	set_potential(t, root, 0);	/* not the caller's: far from 0 potentials are coarse */
	settle(t);
}

size_t KERNEL(emd_workspace)(size_t n, size_t m)
{
	return 4 * (n + m) + 4 * (n + m) + (2 * padded(n) + m + 1) / 2;
}

struct emd KERNEL(emd)(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double largest, float *v, double *workspace)
{
	size_t nodes = n + m, ld = padded(n);
	struct basis t = {n, m, ld, cost, .flow = (int64_t *)workspace,
		.potential = workspace + nodes};
	int64_t *left = t.flow + 2 * nodes, *room = left + m, *mass = left + nodes;
	struct emd result = {0};
	double tol = 1e-12 * largest, least;
	uint32_t col = 0, row = 0;

	t.parent = (uint32_t *)(mass + nodes);
	t.order = t.parent + nodes;
	t.place = t.order + nodes;
	t.size = t.place + nodes;
	t.room = t.size + nodes;
	uint32_t *degree = t.room + nodes, *pair = degree + nodes;
	t.u = (float *)(pair + 2 * nodes);
	t.v = t.u + m;
	float *open = t.v + ld;

	whole_masses(left, b, m);
	whole_masses(room, a, n);
	for (size_t j = 0; j < m; j++)		/* perturbed, so that no flow of a tree is 0 */
		left[j]++;
	room[n - 1] += (int64_t)m;
	for (size_t i = 0; i < ld; i++)
		t.v[i] = i < n ? v[i] : -INFINITY;
	first_plan(&t, pair, mass, left, room, open);
	hang_all(&t, pair, mass, degree);
	for (size_t from = 0; ; pivot(&t, col, (uint32_t)m + row)) {	/* while some r_ji < 0 */
		if (price(&t, &from, (float)(1e5 * tol), &col, &row)
				&& reduced_cost(&t, col, (uint32_t)m + row) < -tol)
			continue;
		settle(&t);
		if ((least = price_all(&t, &col, &row)) >= -tol)
			break;
	}
	for (uint32_t k = 0; k < nodes - 1; k++)		/* <P, C> */
		result.cost += mass_between(t.flow[k], k < m) * cost_between(&t, k, t.parent[k]);
	whole_masses(left, b, m);
	whole_masses(room, a, n);
	for (size_t j = 0; j < m; j++)	/* <b, u> + <a, v>, u lowered until all r_ji >= 0 */
		result.dual += (double)left[j] * 0x1p-62 * (t.potential[j] + fmin(least, 0));
	for (size_t i = 0; i < n; i++) {
		result.dual += (double)room[i] * 0x1p-62 * t.potential[m + i];
		v[i] = (float)t.potential[m + i];
	}
	return result;
}

void KERNEL(emd_plan)(double *plan, size_t n, size_t m, const double *workspace)
{
	const int64_t *flow = (const int64_t *)workspace;
	const uint32_t *parent = (const uint32_t *)(workspace + 4 * (n + m));

	for (size_t k = 0; k < n * m; k++)
		plan[k] = 0;
	for (uint32_t k = 0; k < n + m - 1; k++) {
		size_t j = k < m ? k : parent[k], i = (k < m ? parent[k] : k) - m;
		plan[j * n + i] = mass_between(flow[k], k < m);
	}
}
