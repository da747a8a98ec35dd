/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that look at their own return address, or save or switch the stack
 * that they return on, whatever their name: setjmp, coroutine switches, checks of
 * the caller. Under an armed return they would see or keep the trampoline's
 * address. Bytes in, verdict out, like placement.h.
 *
 * What is looked at is the way from the entry straight on, past conditional jumps
 * (not taken) and up to the first call or jump: there every register's distance
 * from the return address is known exactly; callee.h looks at the other ways. In a
 * function with a frame pointer 8(%rbp) is the return address everywhere, so there all
 * of it is looked at.
 */
#ifndef READER_RETADDR_H
#define READER_RETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETADDR_SCAN_MAX (1u << 20) /* bytes decoded for one function with a frame pointer */

#define RETADDR_TAKES "takes its own return address" /* callee.h's word */

/* Why its return must not be armed (static); NULL: nothing was seen. */
const char *retaddr_objection(const uint8_t *code, size_t size);
/* Does it, by that objection, come back on another stack or at another time? */
bool retaddr_leaves_stack(const char *objection);

#endif
