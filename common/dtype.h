/* Number formats of tensors and arrays, in NumPy's notation, and their conversion to float. */
#ifndef DTYPE_H
#define DTYPE_H

#include <stddef.h>

enum dtype {
	F4, F8, F2, BF16, U1, U2, U4, U8, I2, I4, I8,
	DTYPES
};

/* Streams hold <f4 <f8 <f2 bf16 |u1 <u4 <u8 <i4; files hold <u2 <i2 <i8 as well. */
const char *dtype_name(enum dtype dtype);
enum dtype dtype_named(const char *name);	/* DTYPES when there is none */
size_t dtype_size(enum dtype dtype);

/* y[i] = x[i] as float, for n numbers of any dtype; x need not be aligned. */
void to_float(float *y, const void *x, enum dtype dtype, size_t n);
double to_double(const void *x, enum dtype dtype, size_t i);

#endif
