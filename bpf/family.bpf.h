/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Families in the kernel: a forked child, or a process that calls exec, gets a
 * target before its next instruction. Spares are made by the daemon and taken
 * here; when there is none left a process shares another's, which is counted.
 */
#ifndef HOTPATH_BPF_FAMILY_H
#define HOTPATH_BPF_FAMILY_H

#include "events.bpf.h"
#include "hotpath.bpf.h"

/* kit -> its spares; the daemon has it mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HP_KITS_MAX);
	__type(key, u32);
	__type(value, struct hp_kit);
} hp_kits SEC(".maps");

/* family -> its rules; the daemon has it mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HP_FAMILIES_MAX);
	__type(key, u32);
	__type(value, struct hp_family);
} hp_families SEC(".maps");

/* (family, executable) -> kit; the daemon inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HP_EXES_MAX);
	__type(key, struct hp_exe);
	__type(value, u32);
} hp_exes SEC(".maps");

static __always_inline void tell_of(u32 kind, struct task_struct *task, u32 number, u64 arg)
{
	struct hp_slot *slot = hp_slot_get(number);
	struct hp_event event = {
		.kind = kind,
		.tgid = task->tgid,
		.arg = arg,
		.slot = number,
		.gen = slot ? slot->gen : 0,
		.started_ns = task->group_leader->start_boottime,
	};

	bpf_probe_read_kernel(event.comm, sizeof(event.comm), task->comm);
	tell(&event);
}

static __always_inline struct hp_kit *kit_get(u32 kit)
{
	return bpf_map_lookup_elem(&hp_kits, &kit);
}

static __always_inline struct hp_family *family_get(u32 family)
{
	return bpf_map_lookup_elem(&hp_families, &family);
}

/* A spare of the kit, 0 when there is none. What is read from the ring is still
 * there when the swap succeeds: the daemon fills only behind `taken`. */
static __always_inline u32 spare_take(struct hp_kit *kit)
{
	u32 taken, slot;
	int n;

	for (n = 0; n < 16; n++) {
		taken = *(volatile u32 *)&kit->taken;
		if (taken == *(volatile u32 *)&kit->given)
			return 0;
		slot = *(volatile u32 *)&kit->ring[taken & (HP_SPARES_MAX - 1)];
		if (__sync_val_compare_and_swap(&kit->taken, taken, taken + 1) == taken)
			return slot;
	}
	return 0;
}

/* Makes a spare the process's own; state: HP_TARGET_* to begin with. */
static __always_inline struct hp_slot *spare_own(u32 number, u32 tgid, u64 state)
{
	struct hp_slot *slot = hp_slot_get(number);

	if (!slot)
		return NULL;
	slot->tgid = tgid;
	slot->state = state;
	slot->given = tgid;
	return slot;
}

/* One more, or one less, that counts in a slot which is not its own. */
static __always_inline void slot_share(struct hp_slot *slot)
{
	__sync_fetch_and_add(&slot->sharers, 1);
}

static __always_inline void slot_unshare(struct task_struct *task, u32 number,
					 struct hp_slot *slot)
{
	if (__sync_fetch_and_add(&slot->sharers, -1) == 1 && !slot->tgid)
		tell_of(HP_EVENT_LAST, task, number, 0);
}

static __always_inline void family_enter(u32 number)
{
	struct hp_family *family = family_get(number);

	if (family)
		__sync_fetch_and_add(&family->processes, 1);
}

static __always_inline void family_leave(u32 number)
{
	struct hp_family *family = family_get(number);
	struct hp_event event = {.kind = HP_EVENT_EMPTY, .arg = number};

	if (family && __sync_fetch_and_add(&family->processes, -1) == 1)
		tell(&event);
}

#endif
