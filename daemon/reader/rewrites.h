/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether an object's code may switch stacks by itself, without any function of
 * that name: an instruction loads rsp from memory, or from a register that is not
 * rbp. A scan of bytes, not of instructions: it also sees such bytes within other
 * instructions and in data between functions, and in the end of a block with an
 * array of variable length. It does not see pop %rsp, lea and leave. For kernels on
 * which nothing can be asked at the moment of a call.
 */
#ifndef READER_REWRITES_H
#define READER_REWRITES_H

#include "daemon/reader/object.h"

bool rewrites_stack(const struct object *o);
bool rewrites_in(const uint8_t *code, size_t size);

#endif
