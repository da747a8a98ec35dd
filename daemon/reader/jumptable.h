/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables behind an indirect jump of a switch or a computed goto: recognised by
 * the instructions that lead to the jump, read from memory that nobody writes, entry
 * by entry for as long as these lead into the function.
 */
#ifndef READER_JUMPTABLE_H
#define READER_JUMPTABLE_H

#include <stdbool.h>
#include <stdint.h>

#define JUMPTABLE_ENTRIES_MAX 16384

struct flow;

/*
 * 1: what it leads to was given to the flow; 0: not known as a table; -ENOMEM. guess:
 * also when nothing says how long the table is.
 */
int jumptable_follow(struct flow *f, uint32_t jump, bool guess);

/*
 * Of a jump that was not followed: does it, for all that is seen, lead to other functions?
 * Through an index it does when the table holds functions; through a pointer, as in a
 * vtable, it does.
 */
bool jumptable_leaves(struct flow *f, uint32_t jump);

#endif
