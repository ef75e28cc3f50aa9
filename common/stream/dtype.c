#include "stream/dtype.h"

#include "base/simd.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "streams are little-endian");

static const struct {
	const char *name;
	size_t size;
} table[SM_DTYPES] = {
	[SM_F4] = {"<f4", 4}, [SM_F8] = {"<f8", 8}, [SM_F2] = {"<f2", 2}, [SM_BF16] = {"bf16", 2},
	[SM_U1] = {"|u1", 1}, [SM_U2] = {"<u2", 2}, [SM_U4] = {"<u4", 4}, [SM_U8] = {"<u8", 8},
	[SM_I2] = {"<i2", 2}, [SM_I4] = {"<i4", 4}, [SM_I8] = {"<i8", 8},
};

const char *sm_dtype_name(enum sm_dtype dtype)
{
	return table[dtype].name;
}

enum sm_dtype sm_dtype_named(const char *name)
{
	enum sm_dtype d = 0;

	while (d < SM_DTYPES && strcmp(table[d].name, name) != 0)
		d++;
	return d;
}

size_t sm_dtype_size(enum sm_dtype dtype)
{
	return table[dtype].size;
}

bool sm_dtype_is_float(enum sm_dtype dtype)
{
	return dtype == SM_F4 || dtype == SM_F8 || dtype == SM_F2 || dtype == SM_BF16;
}

static inline float from_bits(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

/* IEEE half to single: shift the exponent and mantissa into place, then rescale by 2^112, which
 * makes subnormals right without a branch; infinities and NaN keep their full exponent. */
static inline float half(uint16_t h)
{
	uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
	float scaled = from_bits(magnitude) * 0x1p112f;
	uint32_t bits;

	memcpy(&bits, &scaled, sizeof bits);
	bits = magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : bits;
	return from_bits(bits | sign);
}

double sm_to_double(const void *x, enum sm_dtype dtype, size_t i)
{
	const char *p = (const char *)x + i * sm_dtype_size(dtype);
	union {
		float f4; double f8; uint8_t u1; uint16_t u2; uint32_t u4; uint64_t u8;
		int16_t i2; int32_t i4; int64_t i8;
	} v;

	memcpy(&v, p, sm_dtype_size(dtype));
	switch (dtype) {
	case SM_F4: return (double)v.f4;
	case SM_F8: return v.f8;
	case SM_F2: return (double)half(v.u2);
	case SM_BF16: return (double)from_bits((uint32_t)v.u2 << 16);
	case SM_U1: return v.u1;
	case SM_U2: return v.u2;
	case SM_U4: return v.u4;
	case SM_U8: return (double)v.u8;
	case SM_I2: return v.i2;
	case SM_I4: return v.i4;
	case SM_I8: return (double)v.i8;
	case SM_DTYPES: break;
	}
	return 0;
}

/* A float of 16 bits with this many of mantissa, 2^lowest being the smallest: rounded to even.
 * Where the mantissa overflows, its carry is the next exponent. */
static uint16_t small_float(double x, int mantissa, int lowest)
{
	unsigned sign = signbit(x) ? 0x8000 : 0, infinity = 0x7fff >> mantissa << mantissa;
	int exponent;

	if (isnan(x))
		return (uint16_t)(infinity | 1u << (mantissa - 1));
	if (isinf(x) || x == 0)
		return (uint16_t)(sign | (x != 0 ? infinity : 0));
	frexp(x, &exponent);
	int unit = exponent - (mantissa + 1) > lowest ? exponent - (mantissa + 1) : lowest;
	double bits = rint(ldexp(fabs(x), -unit)) + ldexp(unit - lowest, mantissa);
	return (uint16_t)(sign | (bits < infinity ? (unsigned)bits : infinity));
}

bool sm_from_double(void *x, enum sm_dtype dtype, size_t i, double y)
{
	if (dtype == SM_F8)
		((double *)x)[i] = y;
	else if (dtype == SM_F4)
		((float *)x)[i] = (float)y;
	else if (dtype == SM_F2)
		((uint16_t *)x)[i] = small_float(y, 10, -24);
	else
		((uint16_t *)x)[i] = small_float(y, 7, -133);
	return !isfinite(y) || isfinite(sm_to_double(x, dtype, i));
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

void sm_to_float(float *y, const void *x, enum sm_dtype dtype, size_t n)
{
	if (dtype == SM_F4)
		memcpy(y, x, n * sizeof *y);
	else if (dtype == SM_F2)
		halves(y, x, n);
	else if (dtype == SM_BF16)
		brains(y, x, n);
	else
		for (size_t i = 0; i < n; i++)
			y[i] = (float)sm_to_double(x, dtype, i);
}
