/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slots of hp_slots (bpf/hotpath.h): which are in use, and by which target.
 * Slot 0 is nobody's. One daemon has one set.
 */
#ifndef DAEMON_SLOT_H
#define DAEMON_SLOT_H

#include <stdint.h>

#include "collect-calls.h"

struct target;

/* How many are nobody's. */
uint32_t slot_free(void);
/* A zeroed slot for that target; 0: none is left. */
uint32_t slot_take(struct calls *calls, struct target *target);
/* BPF must not find it any more (blocks_barrier()). */
void slot_give(uint32_t slot);
/* It is another's from now on. */
void slot_pass(uint32_t slot, struct target *target);
/* Whose it is; NULL: nobody's. */
struct target *slot_target(uint32_t slot);
/* A generation that was never used before. */
uint32_t slot_new_gen(void);

#endif
