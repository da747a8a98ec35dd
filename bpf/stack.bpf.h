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

struct stack_search {
	u64 anchor; /* address that the thread's own stack mapping holds */
	u64 lo, hi; /* the mapping found */
	bool native;
};

static long stack_found(struct task_struct *task, struct vm_area_struct *vma,
			struct stack_search *search)
{
	search->lo = vma->vm_start;
	search->hi = vma->vm_end;
	search->native = search->anchor >= search->lo && search->anchor < search->hi;
	return 0;
}

/* Out of line: once per thread, and again when the main stack has grown. */
static __noinline bool stack_search(struct hp_thread *thread, u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool leader = task->pid == task->tgid;
	struct stack_search search = {};

	if (!thread)
		return false;

	search.anchor = leader ? BPF_CORE_READ(task, mm, start_stack) : task->thread.fsbase;

	/* -EBUSY when someone changes the mappings: not known is not native, and not cached. */
	if (bpf_find_vma(task, sp, stack_found, &search, 0))
		return false;

	/* Thread-local blocks lie above the stack in the same mapping. */
	if (!leader && search.hi > search.anchor)
		search.hi = search.anchor;

	if (search.native && sp < search.hi) {
		thread->native_lo = search.lo;
		thread->native_hi = search.hi;
		return true;
	}

	thread->foreign_lo = search.lo;
	thread->foreign_hi = search.hi;
	return false;
}

static __always_inline bool stack_is_native(struct task_struct *task, struct hp_thread *thread,
					    u64 sp)
{
	if (sp - task->sas_ss_sp < task->sas_ss_size)
		return false;
	if (sp - thread->native_lo < thread->native_hi - thread->native_lo)
		return true;
	if (sp - thread->foreign_lo < thread->foreign_hi - thread->foreign_lo)
		return false;
	return stack_search(thread, sp);
}

#endif
