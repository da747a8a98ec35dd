/* SPDX-License-Identifier: GPL-2.0-only */
/* What was inlined at an address, from DWARF by libdw; see debuginfo.h for what that means. */
#ifndef READER_SCOPES_H
#define READER_SCOPES_H

#include "daemon/reader/debuginfo.h"

/* The innermost function that was inlined there, mangled where that is known, in memory of
 * the debug information; NULL: none was, or nothing is known of that address. */
const char *scopes_inlined(const struct debuginfo *info, uint64_t vaddr);

#endif
