/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols as their authors wrote them, by libiberty: C++, Rust and D. Bounded: symbols
 * come from targets, and a few hundred bytes of substitutions can stand for gigabytes.
 *
 * Not touched are names of Go and C; of gfortran (__module_MOD_procedure), which
 * libiberty does not know; and of Ada, whose mangling any C name with two underscores
 * would pass for.
 */
#ifndef LIB_DEMANGLE_H
#define LIB_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

#define DEMANGLE_IN_MAX	 16384u
#define DEMANGLE_OUT_MAX 65536u

/*
 * With arguments ("ns::f(int)") or without ("ns::f"). The caller
 * frees; NUL behind *ret_size bytes. NULL when it is not mangled, too much, or without
 * memory: the symbol itself is then the name. Not for several threads at once.
 */
char *demangle_symbol(const void *symbol, size_t size, bool arguments, size_t *ret_size);

#endif
