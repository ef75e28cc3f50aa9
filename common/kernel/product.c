/* Goto and van de Geijn 2008, fig. 8: W in panels that stay in the first cache, X in the second, a
 * tile of Y in registers. */
#include "kernel/product.h"

#include "base/simd.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <string.h>

enum { TILE_ROWS = 12, TILE_COLS = 32 };	/* of the largest tile */

struct product_tile {
	size_t rows, cols;
	void (*sum)(float *y, const float *x, const float *w, size_t depth);
};

/* Y (rows, 2 vectors) = X'W: a column of X (depth, rows), times a row of W, is added. */
#define TILE(name, vector, rows, add) \
static void name(float *y, const float *x, const float *w, size_t depth) \
{ \
	vector sum[rows][2] = {0}; \
	const vector *row = (const vector *)w; \
\
	for (size_t k = 0; k < depth; k++, x += rows, row += 2) { \
		vector w0 = row[0], w1 = row[1]; \
		for (size_t i = 0; i < rows; i++) { \
			sum[i][0] = add(sum[i][0], x[i], w0); \
			sum[i][1] = add(sum[i][1], x[i], w1); \
		} \
	} \
	memcpy(y, sum, sizeof sum); \
}

#define ADD(sum, x, w) ((sum) + (x) * (w))
TILE(tile_of_4, quarter, 6, ADD)

#ifdef __x86_64__
typedef float half VECTOR(LANES / 2);
#define ADD_HALF(sum, x, w) ((half)_mm256_fmadd_ps(_mm256_set1_ps(x), (__m256)(w), (__m256)(sum)))
#define ADD_LANES(sum, x, w) ((lanes)_mm512_fmadd_ps(_mm512_set1_ps(x), (__m512)(w), (__m512)(sum)))
__attribute__((target("avx2,fma"))) TILE(tile_of_8, half, 6, ADD_HALF)
__attribute__((target("avx512f"))) TILE(tile_of_16, lanes, 12, ADD_LANES)
#endif

/* As many sums as the registers hold. */
static struct product_tile tile_of_level(int level)
{
#ifdef __x86_64__
	if (level == 4)
		return (struct product_tile){12, 32, tile_of_16};
	if (level == 3)
		return (struct product_tile){6, 16, tile_of_8};
#endif
	(void)level;
	return (struct product_tile){6, 8, tile_of_4};
}

/* packed (n, depth), tile by tile, each the other way round: (depth, rows). */
static void pack_rows(float *packed, const float *x, size_t n, size_t d, size_t depth, size_t rows)
{
	for (size_t i = 0; i < n; i += rows, packed += rows * depth)
		for (size_t q = 0; q < rows; q++)
			for (size_t k = 0; k < depth; k++)
				packed[k * rows + q] = i + q < n ? x[(i + q) * d + k] : 0;
}

/* panel (depth, cols): the columns of W that there are, and zeros. */
static void pack_columns(float *panel, const float *w, size_t stride, size_t depth, size_t cols,
	size_t there)
{
	if (there < cols)
		memset(panel, 0, depth * cols * sizeof *panel);
	for (size_t k = 0; k < depth; k++)
		memcpy(panel + k * cols, w + k * stride, there * sizeof *panel);
}

/* Adds s_b of n <= PRODUCT_ROWS rows. */
static void add_block(float *y, size_t y_stride, const float *packed, const float *w,
	size_t w_stride, size_t n, size_t depth, size_t r, const struct product_tile *t)
{
	_Alignas(64) float panel[PRODUCT_DEPTH * TILE_COLS], sum[TILE_ROWS * TILE_COLS];

	for (size_t j = 0; j < r; j += t->cols) {
		size_t cols = r - j < t->cols ? r - j : t->cols;
		pack_columns(panel, w + j, w_stride, depth, t->cols, cols);
		for (size_t i = 0; i < n; i += t->rows) {
			size_t rows = n - i < t->rows ? n - i : t->rows;
			t->sum(sum, packed + i * depth, panel, depth);
			for (size_t q = 0; q < rows; q++)
				for (size_t c = 0; c < cols; c++)
					y[(i + q) * y_stride + j + c] += sum[q * t->cols + c];
		}
	}
}

void product_add(float *y, size_t y_stride, const float *x, const float *w, size_t w_stride,
	size_t n, size_t d, size_t r, float *work)
{
	struct product_tile tile = tile_of_level(simd_level());

	for (size_t i = 0; i < n; i += PRODUCT_ROWS) {
		size_t rows = n - i < PRODUCT_ROWS ? n - i : PRODUCT_ROWS;
		for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
			size_t depth = d - k < PRODUCT_DEPTH ? d - k : PRODUCT_DEPTH;
			pack_rows(work, x + i * d + k, rows, d, depth, tile.rows);
			add_block(y + i * y_stride, y_stride, work, w + k * w_stride, w_stride,
				rows, depth, r, &tile);
		}
	}
}
