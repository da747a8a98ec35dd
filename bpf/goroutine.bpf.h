/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Go: a goroutine moves between threads, and its stack moves in memory. What stays
 * is its g, whose first two words are the bounds of its stack (runtime/runtime2.go),
 * and the distance of a frame to the upper one.
 */
#ifndef HOTPATH_BPF_GOROUTINE_H
#define HOTPATH_BPF_GOROUTINE_H

#include "hotpath.bpf.h"

/* A new goroutine's frames begin as this: too large for the stack of a program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct hp_thread);
} goroutine_blank SEC(".maps");

/* Bytes below the upper end of g's stack; 0: sp is not on it, or g is no g. */
static __always_inline u64 goroutine_depth(u64 g, u64 sp)
{
	u64 bounds[2];

	if (!g || bpf_probe_read_user(bounds, sizeof(bounds), (void *)g))
		return 0;
	return sp > bounds[0] && sp < bounds[1] ? bounds[1] - sp : 0;
}

/* In r14 wherever Go's own calling convention holds; else, at least in programs
 * that the Go linker made, one word below the thread pointer. */
static __always_inline u64 goroutine_of(struct pt_regs *ctx, struct task_struct *task, u64 *depth)
{
	u64 g = ctx->r14;

	*depth = goroutine_depth(g, ctx->sp);
	if (*depth)
		return g;
	if (bpf_probe_read_user(&g, sizeof(g), (void *)(task->thread.fsbase - sizeof(g))))
		return 0;
	*depth = goroutine_depth(g, ctx->sp);
	return *depth ? g : 0;
}

/* Its frames. *sp, on its stack, becomes what stays when that moves. */
static __always_inline struct hp_thread *goroutine_find(struct pt_regs *ctx,
							struct task_struct *task, bool create,
							u64 *sp)
{
	struct hp_goroutine key = {.tgid = task->tgid};
	struct hp_thread *frames, *blank;
	u64 depth = 0;
	u32 zero = 0;

	key.g = goroutine_of(ctx, task, &depth);
	if (!key.g)
		return NULL;
	*sp = *sp - ctx->sp - depth;
	frames = bpf_map_lookup_elem(&hp_goroutines, &key);
	if (frames || !create)
		return frames;
	blank = bpf_map_lookup_elem(&goroutine_blank, &zero);
	if (!blank || bpf_map_update_elem(&hp_goroutines, &key, blank, BPF_NOEXIST))
		return NULL;
	return bpf_map_lookup_elem(&hp_goroutines, &key);
}

#endif
