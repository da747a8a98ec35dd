/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a called function takes its return address: pops it, reads or changes it. Then
 * what lies behind the call may be data that it reads, as in hand-written assembly, and
 * it may come back anywhere. Bytes in, verdict out.
 *
 * Looked at are the ways from its entry, both sides of conditional jumps, what it jumps
 * to, and what it calls, by name, through a PLT, or through a slot whose contents the
 * file tells: a function called by it may reach past its own return address. Bounded by
 * CALLEE_STEPS_MAX instructions: those nearest to the entry come first, called functions
 * last. Registers are followed, memory is not.
 */
#ifndef READER_CALLEE_H
#define READER_CALLEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLEE_STEPS_MAX 192
#define CALLEE_DEPTH_MAX 3  /* calls within calls */
#define CALLEE_CALLED	 32 /* steps of one called function */

struct flow_code;

/* False also when its code is not to be had: then it is another object's, by a PLT. */
bool callee_takes_return(const struct flow_code *code, uint64_t vaddr);

#endif
