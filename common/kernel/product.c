/* Goto and van de Geijn 2008, fig. 8: W in panels that stay in the first cache, X in the second, a
 * tile of Y in registers. */
#include "kernel/product.h"

#include "base/simd.h"

#include <stdint.h>
#include <string.h>

LEVELS(product_matrix_size);
LEVELS(product_rows_size);
LEVELS(product_pack_matrix);
LEVELS(product_column);
LEVELS(product_pack_rows);
LEVELS(product_add_packed);
LEVELS(product_add);

/* Tiles of Y as large as the registers hold; FEW (or 0) are rows of a smaller one for the last.
 * Packed, for each PRODUCT_DEPTH of k:
 *
 *	W	panels of COLS columns, each (depth, COLS)
 *	X	panels of ROWS rows, each the other way round: (depth, ROWS) */
enum { ROWS = VEC == 16 ? 12 : 6, COLS = 2 * VEC, FEW = VEC == 16 ? 4 : 0 };

/* Y (rows, COLS) += X'W: a column of X (depth, ROWS), times a row of W, is added. */
static inline __attribute__((always_inline)) void add_rows(float *y, size_t y_stride,
	const float *x, const float *w, size_t depth, size_t rows)
{
	vec sum[ROWS][2];

	for (size_t i = 0; i < rows; i++)
		sum[i][0] = sum[i][1] = (vec){0};
	for (size_t k = 0; k < depth; k++, x += ROWS, w += COLS) {
		vec w0 = ((const vec *)w)[0], w1 = ((const vec *)w)[1];
		for (size_t i = 0; i < rows; i++) {
			sum[i][0] = vec_fma(vec_of(x[i]), w0, sum[i][0]);
			sum[i][1] = vec_fma(vec_of(x[i]), w1, sum[i][1]);
		}
	}
	for (size_t i = 0; i < rows; i++, y += y_stride) {
		((vec *)y)[0] += sum[i][0];
		((vec *)y)[1] += sum[i][1];
	}
}

static void add_tile(float *y, size_t y_stride, const float *x, const float *w, size_t depth)
{
	add_rows(y, y_stride, x, w, depth, ROWS);
}

static void add_few(float *y, size_t y_stride, const float *x, const float *w, size_t depth)
{
	add_rows(y, y_stride, x, w, depth, FEW);
}

static size_t up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Where packed numbers begin in memory of LANES more: no vector of them lies on two cache lines. */
static size_t begin(const float *memory)
{
	return (up((uintptr_t)memory, LANES * sizeof(float)) - (uintptr_t)memory) / sizeof(float);
}

static size_t depth_from(size_t k, size_t d)
{
	return d - k < PRODUCT_DEPTH ? d - k : PRODUCT_DEPTH;
}

size_t KERNEL(product_matrix_size)(size_t d, size_t r)
{
	return d * up(r, PRODUCT_COLUMNS) + LANES;
}

size_t KERNEL(product_rows_size)(size_t d)
{
	return d * PRODUCT_ROWS;
}

/* The place of W_kj from the beginning on. */
static size_t place(size_t k, size_t j, size_t d, size_t r)
{
	size_t k0 = k / PRODUCT_DEPTH * PRODUCT_DEPTH;

	return k0 * up(r, COLS) + j / COLS * COLS * depth_from(k0, d) + (k - k0) * COLS + j % COLS;
}

void KERNEL(product_pack_matrix)(float *matrix, const float *w, const struct product_part *p,
	size_t d, size_t r)
{
	matrix += begin(matrix);
	for (size_t k = 0; k < p->rows; k++)
		for (size_t j = 0, n; j < p->columns; j += n) {
			float *to = matrix + place(p->k0 + k, p->j0 + j, d, r);
			const float *from = w + k * p->row_stride + j * p->column_stride;
			n = COLS - (p->j0 + j) % COLS;
			n = n < p->columns - j ? n : p->columns - j;
			if (p->column_stride == 1)
				memcpy(to, from, n * sizeof *to);
			else
				for (size_t c = 0; c < n; c++)
					to[c] = from[c * p->column_stride];
		}
}

void KERNEL(product_column)(float *column, const float *matrix, size_t j, size_t d, size_t r)
{
	matrix += begin(matrix);
	for (size_t k = 0; k < d; k++)
		column[k] = matrix[place(k, j, d, r)];
}

/* Packs n rows of x, `depth` of their numbers; d from one row to the next. */
static void pack_depth(float *to, const float *x, size_t n, size_t d, size_t depth)
{
	for (size_t i = 0; i < n; i += ROWS)
		for (size_t k = 0; k < depth; k++)
			for (size_t q = i; q < i + ROWS; q++)
				*to++ = q < n ? x[q * d + k] : 0;
}

void KERNEL(product_pack_rows)(float *rows, const float *x, size_t n, size_t d)
{
	for (size_t k = 0; k < d; k += PRODUCT_DEPTH)
		pack_depth(rows + k * up(n, ROWS), x + k, n, d, depth_from(k, d));
}

/* The same for a tile that reaches beyond Y: its n rows and m columns of Y are added. */
static void add_edge(float *y, size_t y_stride, const float *x, const float *w, size_t depth,
	size_t n, size_t m)
{
	_Alignas(64) float sum[ROWS * COLS] = {0};

	add_tile(sum, COLS, x, w, depth);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			y[i * y_stride + j] += sum[i * COLS + j];
}

/* Adds s_b of a panel of W to m columns of Y. Each tile brings a part of the next panel into the
 * caches, unless that is NULL; else the first tile of a panel waits for memory. */
static void add_panel(float *y, size_t y_stride, const float *x, const float *w, const float *next,
	size_t depth, size_t n, size_t m)
{
	size_t part = up((COLS * depth * ROWS + n - 1) / n, LANES);

	for (size_t i = 0; i < n; i += ROWS, x += ROWS * depth, y += ROWS * y_stride) {
		for (size_t k = 0; next && k < part; k += LANES)
			__builtin_prefetch(next + k, 0, 2);
		next = next ? next + part : NULL;
		if (n - i >= ROWS && m >= COLS)
			add_tile(y, y_stride, x, w, depth);
		else if (FEW > 0 && n - i == FEW && m >= COLS)
			add_few(y, y_stride, x, w, depth);
		else
			add_edge(y, y_stride, x, w, depth, n - i < ROWS ? n - i : ROWS,
				m < COLS ? m : COLS);
	}
}

void KERNEL(product_add_packed)(float *y, size_t y_stride, const float *rows, const float *matrix,
	size_t n, size_t d, size_t r, size_t j0, size_t columns)
{
	matrix += begin(matrix);
	for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
		size_t depth = depth_from(k, d);
		for (size_t j = 0; j < columns; j += COLS) {
			const float *panel = matrix + place(k, j0 + j, d, r);
			add_panel(y + j, y_stride, rows + k * up(n, ROWS), panel,
				panel + depth * COLS, depth, n, columns - j);
		}
	}
}

/* panel (depth, COLS): m columns of W, and zeros. */
static void pack_panel(float *panel, const float *w, size_t stride, size_t depth, size_t m)
{
	if (m < COLS)
		memset(panel, 0, depth * COLS * sizeof *panel);
	for (size_t k = 0; k < depth; k++)
		memcpy(panel + k * COLS, w + k * stride, (m < COLS ? m : COLS) * sizeof *panel);
}

void KERNEL(product_add)(float *y, size_t y_stride, const float *x, const float *w, size_t w_stride,
	size_t n, size_t d, size_t r, float *work)
{
	_Alignas(64) float panel[PRODUCT_DEPTH * PRODUCT_COLUMNS];

	for (size_t i = 0; i < n; i += PRODUCT_ROWS) {
		size_t rows = n - i < PRODUCT_ROWS ? n - i : PRODUCT_ROWS;
		for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
			size_t depth = depth_from(k, d);
			pack_depth(work, x + i * d + k, rows, d, depth);
			for (size_t j = 0; j < r; j += COLS) {
				pack_panel(panel, w + k * w_stride + j, w_stride, depth,
					r - j);
				add_panel(y + i * y_stride + j, y_stride, work, panel, NULL,
					depth, rows, r - j);
			}
		}
	}
}
