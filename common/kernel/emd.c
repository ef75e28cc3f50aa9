#include "kernel/emd.h"

#include "base/simd.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

LEVELS(emd);
LEVELS(emd_workspace);

#define NONE UINT32_MAX
enum { BLOCK = 1024 };		/* pairs, about, that are priced at a time */

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
	float *u, *v;	/* the same for pricing; v (ld) is -infinity beyond n */
	uint32_t *parent, *depth, *child, *next, *last;	/* first child, next and last sibling */
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

static void hang(struct basis *t, uint32_t node, uint32_t parent, int64_t flow)
{
	uint32_t first = t->child[parent];

	t->parent[node] = parent;
	t->flow[node] = flow;
	t->next[node] = first;
	t->last[node] = NONE;
	if (first != NONE)
		t->last[first] = node;
	t->child[parent] = node;
}

static void unhang(struct basis *t, uint32_t node)
{
	uint32_t next = t->next[node], last = t->last[node];

	if (next != NONE)
		t->last[next] = last;
	if (last != NONE)
		t->next[last] = next;
	else
		t->child[t->parent[node]] = next;
}

static void set_potential(struct basis *t, uint32_t node, double x)
{
	t->potential[node] = x;
	*(node < t->m ? t->u + node : t->v + node - t->m) = (float)x;
}

/* The next node below `top` in the order of depth first, or NONE; *depth is that of the node. */
static inline uint32_t next_below(const struct basis *t, uint32_t top, uint32_t node,
	uint32_t *depth)
{
	if (t->child[node] != NONE) {
		++*depth;
		return t->child[node];
	}
	for (; node != top; node = t->parent[node], --*depth)
		if (t->next[node] != NONE)
			return t->next[node];
	return NONE;
}

/* New depths below and with `top`, and potentials: those of its own side rise by `rise`, the others
 * fall. */
static void shift(struct basis *t, uint32_t top, double rise)
{
	uint32_t depth = t->depth[t->parent[top]] + 1;
	double of_col = top < t->m ? rise : -rise;

	for (uint32_t node = top; node != NONE; node = next_below(t, top, node, &depth)) {
		t->depth[node] = depth;
		set_potential(t, node, t->potential[node] + (node < t->m ? of_col : -of_col));
	}
}

/* All depths and potentials from the root's, so that rounding does not add up. */
static void settle(struct basis *t)
{
	uint32_t root = (uint32_t)(t->n + t->m) - 1, depth = 0;

	t->depth[root] = 0;
	for (uint32_t node = root; (node = next_below(t, root, node, &depth)) != NONE; ) {
		uint32_t parent = t->parent[node];
		t->depth[node] = depth;
		set_potential(t, node, cost_between(t, node, parent) - t->potential[parent]);
	}
}

/* The part below the pair of `out` and its parent is hung by its node a below b, with this flow
 * between them. */
static void rehang(struct basis *t, uint32_t out, uint32_t a, uint32_t b, int64_t flow)
{
	double excess = reduced_cost(t, a, b);

	for (uint32_t node = a, parent = b, up; ; parent = node, node = up) {
		int64_t below = t->flow[node];
		up = t->parent[node];
		unhang(t, node);
		hang(t, node, parent, flow);
		flow = below;
		if (node == out)
			break;
	}
	shift(t, a, excess);
}

/* The pair of column j and row i joins the tree, and takes mass round the cycle that it closes
 * until a pair has none. */
static void pivot(struct basis *t, uint32_t j, uint32_t i)
{
	int64_t mass = INT64_MAX;
	uint32_t a = j, b = i, out = NONE;
	bool out_below_row = false;

	while (a != b)		/* up to where the paths meet; the least flow that falls leaves */
		if (t->depth[a] >= t->depth[b]) {
			if (a < t->m && t->flow[a] < mass)
				mass = t->flow[out = a], out_below_row = false;
			a = t->parent[a];
		} else {
			if (b >= t->m && t->flow[b] < mass)
				mass = t->flow[out = b], out_below_row = true;
			b = t->parent[b];
		}
	for (uint32_t k = j; k != a; k = t->parent[k])	/* +mass, -mass by turns round the cycle */
		t->flow[k] += k < t->m ? -mass : mass;
	for (uint32_t k = i; k != a; k = t->parent[k])
		t->flow[k] += k < t->m ? mass : -mass;
	if (out_below_row)
		rehang(t, out, i, j, mass);
	else
		rehang(t, out, j, i, mass);
}

/* The least C_ji - v_i of a column and its row, lowest first. */
static inline float least_of_column(const struct basis *t, size_t j, const float *v, uint32_t *row)
{
	const float *c = t->cost + j * t->ld;
	float best = least_difference((const vec *)c, (const vec *)v, t->ld / VEC);

	for (*row = 0; !(c[*row] - v[*row] == best); )
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
			const vec *c = (const vec *)t->cost + j * width;
			vec best[PARTS];
			for (size_t q = 0; q < PARTS; q++)
				best[q] = c[q] - v[q];
			for (size_t i = PARTS; i < width; i += PARTS)
				for (size_t q = 0; q < PARTS; q++)
					best[q] = vec_min(c[i + q] - v[i + q], best[q]);
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
	uint32_t *neighbour = t->depth, *which = t->last;

	for (uint32_t k = 0; k < nodes; k++) {
		degree[k] = neighbour[k] = which[k] = 0;
		t->child[k] = NONE;
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
		}
	for (uint32_t k = 0; k < root; k++)
		hang(t, k, t->parent[k], t->flow[k]);
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
	t.depth = t.parent + nodes;
	t.child = t.depth + nodes;
	t.next = t.child + nodes;
	t.last = t.next + nodes;
	uint32_t *degree = t.last + nodes, *pair = degree + nodes;
	t.v = (float *)(pair + 2 * nodes);
	t.u = t.v + ld;
	float *open = t.u + m;

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
		result.cost += (double)t.flow[k] * 0x1p-62 * cost_between(&t, k, t.parent[k]);
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
