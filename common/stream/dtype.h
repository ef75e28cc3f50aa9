/* Number formats of tensors and arrays, in NumPy's notation, and their conversion to float. */
#ifndef STREAM_DTYPE_H
#define STREAM_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

enum sm_dtype {
	SM_F4, SM_F8, SM_F2, SM_BF16, SM_U1, SM_U2, SM_U4, SM_U8, SM_I2, SM_I4, SM_I8,
	SM_DTYPES
};

/* Streams hold <f4 <f8 <f2 bf16 |u1 <u4 <u8 <i4; files hold <u2 <i2 <i8 as well. */
const char *sm_dtype_name(enum sm_dtype dtype);
enum sm_dtype sm_dtype_named(const char *name);	/* SM_DTYPES when there is none */
size_t sm_dtype_size(enum sm_dtype dtype);
bool sm_dtype_is_float(enum sm_dtype dtype);

/* y[i] = x[i] as float, for n numbers of any dtype; x need not be aligned. */
void sm_to_float(float *y, const void *x, enum sm_dtype dtype, size_t n);
double sm_to_double(const void *x, enum sm_dtype dtype, size_t i);

/* x[i] = y, rounded to even, for floating dtypes; false where a finite y is beyond what the
 * dtype holds. */
bool sm_from_double(void *x, enum sm_dtype dtype, size_t i, double y);

#endif
