/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols as people write them: C++, Rust and D demangled, anything else as it is.
 * The result is bytes that may still be hostile: text.h makes them harmless.
 */
#ifndef CLI_NAME_H
#define CLI_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* The caller frees; NULL without memory. NUL behind *ret_size bytes. */
char *name_demangle(const void *symbol, size_t size, bool arguments, size_t *ret_size);

/* Bytes of a snapshot as a string of their own, NUL behind; NULL without memory. */
char *name_copy(const void *bytes, size_t size, size_t *ret_size);

#endif
