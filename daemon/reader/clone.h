/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that compilers make up for copies of a function: foo.constprop.0 has an
 * argument fixed, foo.isra.0 takes others, foo.lto_priv.0 and foo.llvm.123 were static
 * in one of several files, foo.abi0 is Go's with the old calling convention. A copy runs in the place of its function. A part of one does
 * not (foo.part.0, foo.cold): those names stay as they are.
 */
#ifndef READER_CLONE_H
#define READER_CLONE_H

#include "daemon/reader/text.h"

/* The function's own name, without what was appended; the name itself if nothing was. */
struct text clone_base(struct text name);

#endif
