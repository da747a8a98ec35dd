/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prelude of every BPF object: the maps they share (hp_*), and the lookups
 * that every program begins with. An object that shares maps with another gets
 * them by bpf_map__reuse_fd().
 */
#ifndef HOTPATH_BPF_PRELUDE_H
#define HOTPATH_BPF_PRELUDE_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "hotpath.h"

const volatile struct hp_config hp_config = {};

/* tgid -> its slot. The daemon inserts and deletes, and of families that follow
 * life.bpf.c does: in at fork and exec, out at exit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HP_PROCESSES_MAX);
	__type(key, u32);
	__type(value, struct hp_process);
} hp_targets SEC(".maps");

/* slot -> target; the daemon has it mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HP_TARGETS_MAX);
	__type(key, u32);
	__type(value, struct hp_slot);
} hp_slots SEC(".maps");

/* page -> its blocks (hotpath.h); made and dropped by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, HP_PAGES_MAX);
	__type(key, u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(map_flags, BPF_F_MMAPABLE);
		__uint(max_entries, HP_PAGE_BLOCKS);
		__uint(key_size, sizeof(u32));
		__uint(value_size, HP_BLOCK_SIZE);
	});
} hp_pages SEC(".maps");

/* group -> what it costs processes that are no target. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HP_GROUPS_MAX);
	__type(key, u32);
	__type(value, struct hp_group);
} hp_groups SEC(".maps");

/* thread -> its frames; made at the first measured call, gone with the thread. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hp_thread);
} hp_threads SEC(".maps");

/* goroutine -> its frames; the daemon deletes those of a target that is gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HP_GOROUTINES_MAX);
	__type(key, struct hp_goroutine);
	__type(value, struct hp_thread);
} hp_goroutines SEC(".maps");

static __always_inline struct hp_slot *hp_slot_get(u32 slot)
{
	return bpf_map_lookup_elem(&hp_slots, &slot);
}

static __always_inline struct hp_process *hp_process_get(u32 tgid)
{
	return bpf_map_lookup_elem(&hp_targets, &tgid);
}

/* The slot of a process, NULL when it is no target; *ret_slot its number. */
static __always_inline struct hp_slot *hp_slot_find(u32 tgid, u32 *ret_slot)
{
	struct hp_process *process = hp_process_get(tgid);

	if (!process)
		return NULL;
	*ret_slot = process->slot;
	return hp_slot_get(*ret_slot);
}

static __always_inline void hp_count(u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline void hp_count_by(struct hp_slot *slot, enum hp_counter which)
{
	if (slot)
		hp_count(&slot->counter[which]);
}

/* Block `index` of a cell. */
static __always_inline union hp_block *hp_block_get(u32 cell, u32 index)
{
	u32 block = cell + index;
	u32 page = block >> HP_PAGE_BITS, offset = block & (HP_PAGE_BLOCKS - 1);
	void *blocks = bpf_map_lookup_elem(&hp_pages, &page);

	return blocks ? bpf_map_lookup_elem(blocks, &offset) : NULL;
}

static __always_inline struct hp_func *hp_func_get(u32 cell, u32 func)
{
	union hp_block *block = hp_block_get(cell, func + 1);

	return block ? &block->func : NULL;
}

/* Sets a flag; the count in the high half goes first (hotpath.h says why). */
static __always_inline void hp_slot_flag(struct hp_slot *slot, u64 flag)
{
	__sync_fetch_and_add(&slot->state, 1ULL << 32);
	__sync_fetch_and_or(&slot->state, flag);
}

#endif
