/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the caller on its thread's own stack? Returns are armed nowhere else: a
 * frame on a coroutine's or a signal's stack may be left by another thread, or
 * never, and the kernel's list of hijacked returns would no longer match.
 *
 * The thread's own stack is the mapping that holds mm->start_stack for the
 * thread-group leader, and for other threads the mapping that holds the thread
 * pointer, below it; never inside the alternate signal stack.
 */
#ifndef HOTPATH_BPF_STACK_H
#define HOTPATH_BPF_STACK_H

#include "hotpath.bpf.h"

/*
 * So near to the anchor a stack pointer is in the anchor's mapping, whatever the
 * mapping's size: the main stack begins with 132 KiB (fs/exec.c), a thread's has
 * at least PTHREAD_STACK_MIN (16 KiB) with the thread control block on top. This
 * needs no look at the mappings, whose lock another thread may hold: threads that
 * start while others are being made had 8 % of their calls refused without it.
 */
#define STACK_NEAR_MAIN	  (64 * 1024)
#define STACK_NEAR_THREAD (12 * 1024)

enum stack_kind {
	STACK_NATIVE,
	STACK_FOREIGN,
	STACK_UNKNOWN, /* the mappings are being changed: try again at the next call */
};

struct stack_search {
	u64 anchor; /* address that the thread's own stack mapping holds */
	u64 lo, hi; /* the mapping found */
};

static long stack_found(struct task_struct *task, struct vm_area_struct *vma,
			struct stack_search *search)
{
	search->lo = vma->vm_start;
	search->hi = vma->vm_end;
	return 0;
}

static __always_inline enum stack_kind stack_keep(struct hp_thread *thread, u64 lo, u64 hi)
{
	thread->native_lo = lo;
	thread->native_hi = hi;
	return STACK_NATIVE;
}

/* Out of line: once or twice per thread, and again when the main stack has grown. */
static __noinline int stack_search(struct hp_thread *thread, u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool leader = task->pid == task->tgid;
	struct stack_search search = {};
	u64 near = leader ? STACK_NEAR_MAIN : STACK_NEAR_THREAD;

	if (!thread)
		return STACK_UNKNOWN;

	search.anchor = leader ? BPF_CORE_READ(task, mm, start_stack) : task->thread.fsbase;
	if (search.anchor - sp < near)
		return stack_keep(thread, search.anchor - near, search.anchor);
	if (bpf_find_vma(task, sp, stack_found, &search, 0))
		return STACK_UNKNOWN;

	/* Thread-local blocks lie above a thread's stack, in the same mapping. */
	if (search.anchor >= search.lo && search.anchor < search.hi &&
	    (leader || sp < search.anchor))
		return stack_keep(thread, search.lo, leader ? search.hi : search.anchor);

	thread->foreign_lo = search.lo;
	thread->foreign_hi = search.hi;
	return STACK_FOREIGN;
}

/* With SS_AUTODISARM the kernel forgets the signal stack while a handler runs on
 * it: so we remember it. */
static __always_inline bool on_signal_stack(struct task_struct *task, struct hp_thread *thread,
					    u64 sp)
{
	u64 size = task->sas_ss_size;

	if (size && (size != thread->signal_size || task->sas_ss_sp != thread->signal_sp)) {
		thread->signal_sp = task->sas_ss_sp;
		thread->signal_size = size;
	}
	return sp - thread->signal_sp < thread->signal_size;
}

static __always_inline enum stack_kind stack_kind(struct task_struct *task,
						  struct hp_thread *thread, u64 sp)
{
	if (on_signal_stack(task, thread, sp))
		return STACK_FOREIGN;
	if (sp - thread->native_lo < thread->native_hi - thread->native_lo)
		return STACK_NATIVE;
	if (sp - thread->foreign_lo < thread->foreign_hi - thread->foreign_lo)
		return STACK_FOREIGN;
	return stack_search(thread, sp);
}

/* As last seen, without a look at the mappings: good enough for a way out, whose
 * entry has had one. */
static __always_inline bool stack_is_native(struct task_struct *task, struct hp_thread *thread,
					    u64 sp)
{
	return !on_signal_stack(task, thread, sp) &&
	       sp - thread->native_lo < thread->native_hi - thread->native_lo;
}

#endif
