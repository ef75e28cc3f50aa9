/* Kernels are compiled for several x86-64 levels and chosen when the program starts; elsewhere, and
 * under the sanitizers (which cannot run that early), once. */
#ifndef SIMD_H
#define SIMD_H

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(SANITIZE)
#define MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSION
#endif

#endif
