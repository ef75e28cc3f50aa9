/* Goto and van de Geijn 2008, fig. 8: W in panels that stay in the first cache, X in the second, a
 * tile of Y in registers. */
#include "kernel/product.h"

#include "base/simd.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <stdint.h>
#include <string.h>

/* Tiles of Y as large as the registers hold; `few` are rows of a smaller one for the last. Packed,
 * for each PRODUCT_DEPTH of k:
 *
 *	W	panels of `cols` columns, each (depth, cols)
 *	X	panels of `rows` rows, each the other way round: (depth, rows) */
struct product_tile {
	size_t rows, cols, few;
	void (*add)(float *y, size_t y_stride, const float *x, const float *w, size_t depth);
	void (*add_few)(float *y, size_t y_stride, const float *x, const float *w, size_t depth);
};

/* Y (rows, 2 vectors) += X'W: a column of X (depth, `stride`), times a row of W, is added. */
#define TILE(name, vector, rows, stride, add) \
static void name(float *y, size_t y_stride, const float *x, const float *w, size_t depth) \
{ \
	const vector *row = (const vector *)w; \
	vector sum[rows][2]; \
\
	for (size_t i = 0; i < rows; i++) \
		sum[i][0] = sum[i][1] = (vector){0}; \
	for (size_t k = 0; k < depth; k++, x += stride, row += 2) { \
		vector w0 = row[0], w1 = row[1]; \
		for (size_t i = 0; i < rows; i++) { \
			sum[i][0] = add(sum[i][0], x[i], w0); \
			sum[i][1] = add(sum[i][1], x[i], w1); \
		} \
	} \
	for (size_t i = 0; i < rows; i++, y += y_stride) { \
		((vector *)y)[0] += sum[i][0]; \
		((vector *)y)[1] += sum[i][1]; \
	} \
}

#define ADD(sum, x, w) ((sum) + (x) * (w))
TILE(tile_of_4, quarter, 6, 6, ADD)

#ifdef __x86_64__
typedef float half VECTOR(LANES / 2);
#define ADD_HALF(sum, x, w) ((half)_mm256_fmadd_ps(_mm256_set1_ps(x), (__m256)(w), (__m256)(sum)))
#define ADD_LANES(sum, x, w) ((lanes)_mm512_fmadd_ps(_mm512_set1_ps(x), (__m512)(w), (__m512)(sum)))
__attribute__((target("avx2,fma"))) TILE(tile_of_8, half, 6, 6, ADD_HALF)
__attribute__((target("avx512f"))) TILE(tile_of_16, lanes, 12, 12, ADD_LANES)
__attribute__((target("avx512f"))) TILE(few_of_16, lanes, 4, 12, ADD_LANES)
#endif

static struct product_tile tile_of_level(int level)
{
#ifdef __x86_64__
	if (level == 4)
		return (struct product_tile){12, 32, 4, tile_of_16, few_of_16};
	if (level == 3)
		return (struct product_tile){6, 16, 0, tile_of_8, NULL};
#endif
	(void)level;
	return (struct product_tile){6, 8, 0, tile_of_4, NULL};
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

size_t product_matrix_size(size_t d, size_t r)
{
	return d * up(r, PRODUCT_COLUMNS) + LANES;
}

size_t product_rows_size(size_t d)
{
	return d * PRODUCT_ROWS;
}

/* The place of W_kj from the beginning on. */
static size_t place(size_t k, size_t j, size_t d, size_t r, size_t cols)
{
	size_t k0 = k / PRODUCT_DEPTH * PRODUCT_DEPTH;

	return k0 * up(r, cols) + j / cols * cols * depth_from(k0, d) + (k - k0) * cols + j % cols;
}

void product_pack_matrix(float *matrix, const float *w, const struct product_part *p, size_t d,
	size_t r)
{
	size_t cols = tile_of_level(simd_level()).cols;

	matrix += begin(matrix);
	for (size_t k = 0; k < p->rows; k++)
		for (size_t j = 0, n; j < p->columns; j += n) {
			float *to = matrix + place(p->k0 + k, p->j0 + j, d, r, cols);
			const float *from = w + k * p->row_stride + j * p->column_stride;
			n = cols - (p->j0 + j) % cols;
			n = n < p->columns - j ? n : p->columns - j;
			if (p->column_stride == 1)
				memcpy(to, from, n * sizeof *to);
			else
				for (size_t c = 0; c < n; c++)
					to[c] = from[c * p->column_stride];
		}
}

void product_column(float *column, const float *matrix, size_t j, size_t d, size_t r)
{
	size_t cols = tile_of_level(simd_level()).cols;

	matrix += begin(matrix);
	for (size_t k = 0; k < d; k++)
		column[k] = matrix[place(k, j, d, r, cols)];
}

/* Packs n rows of x, `depth` of their numbers; d from one row to the next. */
static void pack_depth(float *to, const float *x, size_t n, size_t d, size_t depth, size_t rows)
{
	for (size_t i = 0; i < n; i += rows)
		for (size_t k = 0; k < depth; k++)
			for (size_t q = i; q < i + rows; q++)
				*to++ = q < n ? x[q * d + k] : 0;
}

void product_pack_rows(float *rows, const float *x, size_t n, size_t d)
{
	size_t panel = tile_of_level(simd_level()).rows;

	for (size_t k = 0; k < d; k += PRODUCT_DEPTH)
		pack_depth(rows + k * up(n, panel), x + k, n, d, depth_from(k, d), panel);
}

/* The same for a tile that reaches beyond Y: its n rows and m columns of Y are added. */
static void add_edge(const struct product_tile *t, float *y, size_t y_stride, const float *x,
	const float *w, size_t depth, size_t n, size_t m)
{
	_Alignas(64) float sum[PRODUCT_COLUMNS * 12] = {0};

	t->add(sum, t->cols, x, w, depth);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			y[i * y_stride + j] += sum[i * t->cols + j];
}

/* Adds s_b of a panel of W to m columns of Y. Each tile brings a part of the next panel into the
 * caches, unless that is NULL; else the first tile of a panel waits for memory. */
static void add_panel(const struct product_tile *t, float *y, size_t y_stride, const float *x,
	const float *w, const float *next, size_t depth, size_t n, size_t m)
{
	size_t part = up((t->cols * depth * t->rows + n - 1) / n, LANES);

	for (size_t i = 0; i < n; i += t->rows, x += t->rows * depth, y += t->rows * y_stride) {
		for (size_t k = 0; next && k < part; k += LANES)
			__builtin_prefetch(next + k, 0, 2);
		next = next ? next + part : NULL;
		if (n - i >= t->rows && m >= t->cols)
			t->add(y, y_stride, x, w, depth);
		else if (n - i == t->few && m >= t->cols)
			t->add_few(y, y_stride, x, w, depth);
		else
			add_edge(t, y, y_stride, x, w, depth, n - i < t->rows ? n - i : t->rows,
				m < t->cols ? m : t->cols);
	}
}

void product_add_packed(float *y, size_t y_stride, const float *rows, const float *matrix, size_t n,
	size_t d, size_t r, size_t j0, size_t columns)
{
	struct product_tile tile = tile_of_level(simd_level());

	matrix += begin(matrix);
	for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
		size_t depth = depth_from(k, d);
		for (size_t j = 0; j < columns; j += tile.cols) {
			const float *panel = matrix + place(k, j0 + j, d, r, tile.cols);
			add_panel(&tile, y + j, y_stride, rows + k * up(n, tile.rows), panel,
				panel + depth * tile.cols, depth, n, columns - j);
		}
	}
}

/* panel (depth, cols): m columns of W, and zeros. */
static void pack_panel(float *panel, const float *w, size_t stride, size_t depth, size_t cols,
	size_t m)
{
	if (m < cols)
		memset(panel, 0, depth * cols * sizeof *panel);
	for (size_t k = 0; k < depth; k++)
		memcpy(panel + k * cols, w + k * stride, (m < cols ? m : cols) * sizeof *panel);
}

void product_add(float *y, size_t y_stride, const float *x, const float *w, size_t w_stride,
	size_t n, size_t d, size_t r, float *work)
{
	struct product_tile tile = tile_of_level(simd_level());
	_Alignas(64) float panel[PRODUCT_DEPTH * PRODUCT_COLUMNS];

	for (size_t i = 0; i < n; i += PRODUCT_ROWS) {
		size_t rows = n - i < PRODUCT_ROWS ? n - i : PRODUCT_ROWS;
		for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
			size_t depth = depth_from(k, d);
			pack_depth(work, x + i * d + k, rows, d, depth, tile.rows);
			for (size_t j = 0; j < r; j += tile.cols) {
				pack_panel(panel, w + k * w_stride + j, w_stride, depth, tile.cols,
					r - j);
				add_panel(&tile, y + i * y_stride + j, y_stride, work, panel, NULL,
					depth, rows, r - j);
			}
		}
	}
}
