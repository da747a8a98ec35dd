/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A spare: a target made in advance, with its slot and cells, that BPF hands to a
 * process which is forked or calls exec (bpf/family.bpf.h). From then on it is a
 * target as others are, and when its process is gone the slot and the cells,
 * cleared, are a spare again.
 *
 *	spare_new(kit, ...)	counts in the kit's groups
 *	spare_begin(t, event)	it has been given to a process
 *	spare_again(t, ...)	from a target that is finished and was not stopped
 */
#ifndef DAEMON_SPARE_H
#define DAEMON_SPARE_H

#include "kit.h"
#include "target.h"

int spare_new(struct kit *kit, struct target **ret);
void spare_begin(struct target *target, const struct hp_event *event);
/* Has its process counted anything at all? */
bool spare_is_untouched(const struct target *target);
/* Gives it cells in what its kit has got since it was made. */
int spare_complete(struct target *target);
/* A barrier (blocks.h) must have passed since BPF last knew it. */
int spare_again(struct target *target, struct target **ret);

#endif
