/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Indirect functions: the symbol names a resolver, which the loader asks once for the
 * function to use. The resolver is never probed as if it were that function; what it
 * chooses among is read from its code.
 */
#ifndef READER_IFUNC_H
#define READER_IFUNC_H

#include "daemon/reader/book.h"

/* Why it is not probed, and what could be: a sentence that the caller frees, or NULL
 * without memory. */
char *ifunc_reason(const struct book *b, const struct function *fn);

#endif
