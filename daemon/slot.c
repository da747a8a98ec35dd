// SPDX-License-Identifier: GPL-2.0-only
/* Who has which slot; see slot.h. */
#include "slot.h"

#include <string.h>

static struct target *slot_owner[HP_TARGETS_MAX];
static uint32_t last_gen;
static uint32_t n_taken = 1; /* 0 is nobody's */

uint32_t slot_free(void)
{
	return HP_TARGETS_MAX - n_taken;
}

uint32_t slot_take(struct calls *calls, struct target *t)
{
	uint32_t i;

	for (i = 1; i < HP_TARGETS_MAX; i++) {
		if (slot_owner[i])
			continue;
		slot_owner[i] = t;
		n_taken++;
		memset(calls_slot(calls, i), 0, sizeof(struct hp_slot));
		return i;
	}
	return 0;
}

void slot_give(uint32_t slot)
{
	n_taken -= slot_owner[slot] != NULL;
	slot_owner[slot] = NULL;
}

void slot_pass(uint32_t slot, struct target *t)
{
	slot_owner[slot] = t;
}

struct target *slot_target(uint32_t slot)
{
	return slot < HP_TARGETS_MAX ? slot_owner[slot] : NULL;
}

uint32_t slot_new_gen(void)
{
	return ++last_gen;
}
