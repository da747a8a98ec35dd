/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuse of functions under a budget: a call beyond its function's limit, or by a link
 * that is not open, is refused. It is not counted and nothing of it is armed; what its
 * probe cost all the same is charged by the number of refused calls.
 */
#ifndef HOTPATH_BPF_FUSE_H
#define HOTPATH_BPF_FUSE_H

#include "events.bpf.h"

#define RING_AVAIL_DATA 0 /* BPF_RB_AVAIL_DATA of linux/bpf.h */

static __always_inline struct hp_group *hp_group_get(u64 cookie)
{
	u32 group = HP_COOKIE_GROUP(cookie);

	return bpf_map_lookup_elem(&hp_groups, &group);
}

static __always_inline bool link_is_open(u64 cookie)
{
	struct hp_group *group = hp_group_get(cookie);
	u32 link = HP_COOKIE_LINK_OF(cookie);

	return group && group->open[link / 64 & (HP_LINKS_MAX / 64 - 1)] >> (link & 63) & 1;
}

/* Is it a way out, or an entry, of a group under a budget? */
static __always_inline bool hit_is_limited(u64 cookie)
{
	struct hp_group *group = hp_group_get(cookie);

	return group && group->limited;
}

/* Once for each limit: the daemon takes HP_LIMIT_TOLD away when it sets another. */
static __noinline int fuse_tell(struct hp_func *func, u32 number, u64 cookie)
{
	struct hp_slot *slot = hp_slot_get(number);
	struct hp_event event = {
		.kind = HP_EVENT_FUSE,
		.arg = cookie,
		.slot = number,
	};

	if (!func || !slot || __sync_fetch_and_or(&func->limit, HP_LIMIT_TOLD) & HP_LIMIT_TOLD)
		return 0;
	/* Functions are many, and may all be over at once; forks, execs and ends that are not
	 * told are calls that nobody counts. The next refused call tries again. */
	if (bpf_ringbuf_query(&hp_events, RING_AVAIL_DATA) > HP_EVENTS_BYTES / 2) {
		__sync_fetch_and_and(&func->limit, ~HP_LIMIT_TOLD);
		return 0;
	}
	event.gen = slot->gen;
	tell(&event);
	return 0;
}

/* May a call be counted that came by this probe? func: its function's, of slot `number`. */
static __always_inline bool fuse_admits(struct hp_slot *slot, u32 number, struct hp_func *func,
					u64 cookie)
{
	u64 limit = func->limit;

	if (HP_COOKIE_LINK_OF(cookie) && !link_is_open(cookie)) {
		hp_count_by(slot, HP_COUNTER_refused);
		return false;
	}
	if (!limit || func->calls < (limit & ~HP_LIMIT_TOLD) - 1)
		return true;
	hp_count_by(slot, HP_COUNTER_refused);
	if (!(limit & HP_LIMIT_TOLD))
		fuse_tell(func, number, cookie);
	return false;
}

#endif
