/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in for a ret: emulated jumps that every path to it crosses, with nothing
 * but straight code behind them. `jne` of a stack protector's check, whose fall-through
 * returns; the jumps to a shared epilogue.
 *
 * A conditional jump in a loop would be hit by every round: never one of those.
 */
#ifndef READER_SHORTCUT_H
#define READER_SHORTCUT_H

#include "daemon/reader/flow.h"

#define SHORTCUT_STEPS	    24 /* instructions between a site and its ret */
#define SHORTCUT_SITES	    8
#define SHORTCUT_CONDITIONS 2 /* of the sites: each is hit by calls that do not leave there, too */

struct shortcut_site {
	uint32_t step;
	uint8_t condition; /* 0, or 1 + the condition code that must hold */
};

struct shortcut {
	struct shortcut_site sites[SHORTCUT_SITES];
	size_t n;
};

/* Buffers that are kept from one function to the next. */
struct loops {
	int32_t *depth; /* by byte of the flow: how many jumps lead back across it */
	uint32_t room;
	bool ready;
};

/* 1; 0 when there is none; -ENOMEM. l->ready is false for a new flow. */
int shortcut_find(const struct flow *f, struct loops *l, uint32_t ret_step, struct shortcut *ret);
void loops_free(struct loops *l);

#endif
