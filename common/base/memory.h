/* Memory that the program may have: work that will not fit ends before it begins. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/die.h"

/* Ends the program with one line, such as "4000 x 4000 distances: 320 MB of memory are needed, 100
 * MB may be used: --top K takes less", unless it may have this many bytes beside those that it has.
 * `less` is what takes less, or NULL. */
void memory_need(double bytes, const char *less, const char *format, ...) PRINTF(3, 4);

/* Ends the program where so many threads cannot have the buffers that OpenBLAS takes for each when
 * it is called: it would try again for ever. */
void memory_for_blas(size_t threads);

/* Bytes that the program may have beside those that it has: what it has not touched yet counts as
 * not had. The limits are the machine's memory, that of the control groups, and RLIMIT_AS; what
 * other programs have does not count. */
double memory_left(void);

/* The least limit, infinite without one, of the control groups (v1 and v2) that the lines of `self`
 * name, /proc/self/cgroup, and of those above them, which are folders of `mount`. */
double cgroup_limit(const char *self, const char *mount);

#endif
