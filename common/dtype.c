#include "dtype.h"

#include "simd.h"

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "streams are little-endian");

static const struct {
	const char *name;
	size_t size;
} table[DTYPES] = {
	[F4] = {"<f4", 4}, [F8] = {"<f8", 8}, [F2] = {"<f2", 2}, [BF16] = {"bf16", 2},
	[U1] = {"|u1", 1}, [U2] = {"<u2", 2}, [U4] = {"<u4", 4}, [U8] = {"<u8", 8},
	[I2] = {"<i2", 2}, [I4] = {"<i4", 4}, [I8] = {"<i8", 8},
};

const char *dtype_name(enum dtype dtype)
{
	return table[dtype].name;
}

enum dtype dtype_named(const char *name)
{
	enum dtype d = 0;

	while (d < DTYPES && strcmp(table[d].name, name) != 0)
		d++;
	return d;
}

size_t dtype_size(enum dtype dtype)
{
	return table[dtype].size;
}

static inline float from_bits(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

/* IEEE half to single: shift the exponent and mantissa into place, then rescale by 2^112, which makes
 * subnormals right without a branch; infinities and NaN keep their full exponent. */
static inline float half(uint16_t h)
{
	uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
	float scaled = from_bits(magnitude) * 0x1p112f;
	uint32_t bits;

	memcpy(&bits, &scaled, sizeof bits);
	bits = magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : bits;
	return from_bits(bits | sign);
}

double to_double(const void *x, enum dtype dtype, size_t i)
{
	const char *p = (const char *)x + i * dtype_size(dtype);
	union {
		float f4; double f8; uint8_t u1; uint16_t u2; uint32_t u4; uint64_t u8;
		int16_t i2; int32_t i4; int64_t i8;
	} v;

	memcpy(&v, p, dtype_size(dtype));
	switch (dtype) {
	case F4: return (double)v.f4;
	case F8: return v.f8;
	case F2: return (double)half(v.u2);
	case BF16: return (double)from_bits((uint32_t)v.u2 << 16);
	case U1: return v.u1;
	case U2: return v.u2;
	case U4: return v.u4;
	case U8: return (double)v.u8;
	case I2: return v.i2;
	case I4: return v.i4;
	case I8: return (double)v.i8;
	case DTYPES: break;
	}
	return 0;
}

MULTIVERSION
static void halves(float *restrict y, const char *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t h;
		memcpy(&h, x + 2 * i, 2);
		y[i] = half(h);
	}
}

MULTIVERSION
static void brains(float *restrict y, const char *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t h;
		memcpy(&h, x + 2 * i, 2);
		y[i] = from_bits((uint32_t)h << 16);
	}
}

void to_float(float *y, const void *x, enum dtype dtype, size_t n)
{
	if (dtype == F4)
		memcpy(y, x, n * sizeof *y);
	else if (dtype == F2)
		halves(y, x, n);
	else if (dtype == BF16)
		brains(y, x, n);
	else
		for (size_t i = 0; i < n; i++)
			y[i] = (float)to_double(x, dtype, i);
}
