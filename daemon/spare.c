// SPDX-License-Identifier: GPL-2.0-only
/* Targets made in advance; see spare.h. */
#include "spare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "govern.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "proc.h"
#include "registry.h"
#include "slot.h"

static struct target *spare_bare(struct kit *kit)
{
	struct family *f = kit->family;
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->refs = 1;
	t->calls = f->registry->calls;
	t->blocks = f->registry->blocks;
	t->groups = &f->registry->groups;
	t->registry = f->registry;
	t->pidfd = t->loader_fd = t->asker_fd = -1;
	t->complete = true;
	t->owner = f->owner;
	t->requester = f->peer.uid;
	t->exe_dev = kit->dev;
	t->exe_ino = kit->ino;
	t->kit = kit;
	t->family = f->id;
	t->hooked = kit->hooked;
	t->returns_forbidden = kit->returns_forbidden;
	t->goroutines = kit->goroutines;
	t->spawned = true;
	t->gen = slot_new_gen();
	memcpy(t->returns_reason, kit->returns_reason, sizeof(t->returns_reason));
	if (kit->path && !(t->exe = strdup(kit->path))) {
		free(t);
		return NULL;
	}
	return t;
}

static bool has_group(const struct target *t, const struct group *group)
{
	size_t i;

	for (i = 0; i < t->n_members && t->member[i].group != group; i++)
		;
	return i < t->n_members;
}

/* The kit holds the group's link. */
int spare_complete(struct target *t)
{
	struct kit *kit = t->kit;
	struct member *members;
	size_t i, before = t->n_members;
	int r = 0;

	members = reallocarray(t->member, before + kit->n_groups + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	t->member = members;
	for (i = 0; r >= 0 && i < kit->n_groups; i++) {
		struct member m = {.group = kit->group[i]};

		if (has_group(t, m.group))
			continue;
		r = cell_new(t->blocks, m.group->count, &m.cell);
		if (r < 0)
			break;
		group_ref(m.group);
		t->member[t->n_members++] = m;
	}
	if (t->n_members > before)
		target_publish(t);
	return r;
}

int spare_new(struct kit *kit, struct target **ret)
{
	struct target *t = spare_bare(kit);
	int r;

	if (!t)
		return -ENOMEM;
	t->slot = slot_take(t->calls, t);
	r = t->slot ? spare_complete(t) : -ENOSPC;
	if (r < 0) {
		target_unref(t);
		return r;
	}
	target_publish(t);
	*ret = t;
	return 0;
}

void spare_begin(struct target *t, const struct hp_event *event)
{
	struct kit *kit = t->kit;

	t->pid = event->tgid;
	t->parent_pid = event->arg;
	t->start_ticks = proc_ticks(event->started_ns);
	snprintf(t->comm, sizeof(t->comm), "%.*s", HP_COMM_SIZE, event->comm);
	t->begun_ns = event->time_ns;
	t->hooked |= kit->hooked;
	/* As its parent, when it was forked. */
	t->by_exits = target_state(t) & HP_TARGET_EXITS;
	t->returns_forbidden |= t->by_exits;
	t->begun_unix_ns = clock_ns(CLOCK_REALTIME) -
			   (clock_ns(CLOCK_MONOTONIC) - event->time_ns);
	/* Without memory for the list it is judged from scratch. */
	t->judged = malloc(kit->n_judged * sizeof(*t->judged) + 1);
	if (t->judged) {
		memcpy(t->judged, kit->judged, kit->n_judged * sizeof(*t->judged));
		t->n_judged = kit->n_judged;
	}
}

bool spare_is_untouched(const struct target *t)
{
	size_t i, k;

	for (i = 0; i < t->n_members; i++) {
		for (k = 0; k < t->member[i].group->count; k++) {
			if (cell_func(&t->member[i].cell, k)->calls)
				return false;
		}
	}
	return true;
}

int spare_again(struct target *t, struct target **ret)
{
	struct target *spare = spare_bare(t->kit);
	size_t i;

	if (!spare)
		return -ENOMEM;
	govern_leave(t);
	spare->slot = t->slot;
	spare->member = TAKE(t->member);
	spare->n_members = t->n_members;
	t->n_members = 0;
	t->slot = 0;
	t->kit = NULL;
	for (i = 0; i < spare->n_members; i++)
		cell_clear(&spare->member[i].cell);
	memset(calls_slot(spare->calls, spare->slot), 0, sizeof(struct hp_slot));
	slot_pass(spare->slot, spare);
	target_publish(spare);
	(void)spare_complete(spare);
	*ret = spare;
	return 0;
}
