/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread's open calls: a stack of frames, ordered by stack pointer, that goes
 * with the thread (or, in Go, with the goroutine).
 */
#ifndef HOTPATH_BPF_FRAMES_H
#define HOTPATH_BPF_FRAMES_H

#include "hotpath.bpf.h"

/* Of this machine; the daemon has it mapped, and writes it when it has measured. */
struct hp_prices hp_prices = {};

/* The barrier keeps clang from proving the mask needless: the verifier wants it. */
static __always_inline struct hp_frame *frame_at(struct hp_thread *thread, u32 i)
{
	asm volatile("" : "+r"(i));
	return &thread->frame[i & (HP_FRAMES_SIZE - 1)];
}

/*
 * A frame that will never return: its callees' time is still not its caller's own,
 * and what probes took is no call's. Its entry is reckoned as one that is counted,
 * by the price of a machine at rest: less is known here, and such frames are few.
 */
static __always_inline void frame_drop(struct hp_thread *thread, u32 i)
{
	struct hp_frame *frame = frame_at(thread, i), *caller;
	struct hp_func *func = hp_func_get(frame->cell, frame->func);

	if (func)
		hp_count(&func->unwound);
	if (i == 0)
		return;
	caller = frame_at(thread, i - 1);
	caller->child_ns += frame->child_ns;
	caller->probe_ns += frame->probe_ns + hp_prices.count[frame->stepped & 1];
}

/* Keeps the lowest `keep` frames. */
static __noinline int frames_unwind_to(struct hp_thread *thread, u32 keep)
{
	u32 n;

	if (!thread)
		return 0;

	for (n = 0; n < HP_FRAMES_SIZE; n++) {
		if (thread->depth <= keep || !thread->depth)
			break;
		thread->depth--;
		frame_drop(thread, thread->depth);
	}
	return 0;
}

/*
 * A frame that has the same sp as a call that begins: alive if the return address
 * at sp is the kernel's trampoline, this call being a tail call out of it. One that
 * is not armed has left by the probe on that jump already, if it was one.
 */
static __always_inline bool frame_is_alive(const struct hp_frame *frame, u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 trampoline = BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
	u64 address = 0;

	if (!frame->armed)
		return false;
	if (bpf_probe_read_user(&address, sizeof(address), (void *)sp))
		return false;
	return trampoline && address == trampoline;
}

/* Drops the frames that a call with this stack pointer proves dead. */
static __noinline int frames_unwind_below(struct hp_thread *thread, u64 sp)
{
	struct hp_frame *top;
	u32 n;

	if (!thread)
		return 0;

	for (n = 0; n < HP_FRAMES_SIZE; n++) {
		if (!thread->depth)
			break;
		top = frame_at(thread, thread->depth - 1);
		if (top->sp > sp || (top->sp == sp && frame_is_alive(top, sp)))
			break;
		thread->depth--;
		frame_drop(thread, thread->depth);
	}
	return 0;
}

#endif
