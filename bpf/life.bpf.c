// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of targets: exec, exit, fork, and the loader's hook at which shared
 * objects come and go. Runs for every process of the machine, so each program
 * begins with the look-up that ends it for all but targets.
 */
#include "hotpath.bpf.h"

/* include/linux/sched/coredump.h: the low two bits of mm->flags, 1 = dumpable */
#define MMF_DUMPABLE_MASK 3
#define SUID_DUMP_USER	  1

/* A thread that ends or execs takes its open calls with it. */
static __always_inline void frames_cut(struct task_struct *task, struct hp_slot *slot)
{
	struct hp_thread *thread = bpf_task_storage_get(&hp_threads, task, 0, 0);
	u64 now = bpf_ktime_get_ns();
	struct hp_frame *frame;
	struct hp_func *func;
	u32 i;

	if (!thread || thread->gen != slot->gen)
		return;

	for (i = 0; i < HP_FRAMES_MAX; i++) {
		if (i >= thread->depth)
			break;
		frame = &thread->frame[i];
		func = hp_func_get(frame->cell, frame->func);
		if (func) {
			hp_count(&func->cut);
			__sync_fetch_and_add(&func->cut_ns, now - frame->start_ns);
		}
	}
	thread->depth = 0;
	/* After exec the same addresses are other stacks. */
	thread->native_lo = thread->native_hi = 0;
	thread->foreign_lo = thread->foreign_hi = 0;
	thread->signal_sp = thread->signal_size = 0;
}

/* 6.18 made mm->flags a struct; the two never match the same kernel. */
static __always_inline u64 mm_flags(struct mm_struct *mm)
{
	struct mm_struct___v618 *newer = (void *)mm;

	if (bpf_core_field_exists(mm->flags))
		return BPF_CORE_READ(mm, flags);
	return BPF_CORE_READ(newer, flags.__mm_flags[0]);
}

static __always_inline bool creds_changed(struct task_struct *task, u32 owner)
{
	const struct cred *cred = task->cred;

	if (!owner)
		return false;
	if (cred->uid.val != owner || cred->euid.val != owner || cred->suid.val != owner)
		return true;
	if (cred->gid.val != cred->egid.val || cred->gid.val != cred->sgid.val)
		return true;
	return (mm_flags(task->mm) & MMF_DUMPABLE_MASK) != SUID_DUMP_USER;
}

static __always_inline bool same_executable(struct task_struct *task, struct hp_slot *slot)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

	return BPF_CORE_READ(inode, i_ino) == slot->exe_ino &&
	       BPF_CORE_READ(inode, i_sb, s_dev) == slot->exe_dev;
}

/* Authority is decided again here, before the first instruction of the new image. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(life_exec, struct task_struct *task)
{
	u32 number;
	struct hp_slot *slot = hp_slot_find(task->tgid, &number);

	if (!slot)
		return 0;

	if (creds_changed(task, slot->owner)) {
		hp_count(&slot->counter[HP_COUNTER_silenced]);
		hp_slot_flag(slot, HP_TARGET_SILENT);
	} else if (!same_executable(task, slot)) {
		hp_slot_flag(slot, HP_TARGET_EXECED);
	} else {
		hp_slot_flag(slot, HP_TARGET_NO_RETURNS);
	}

	/* The other threads went through life_exit already. */
	frames_cut(task, slot);
	hp_tell(HP_EVENT_EXEC, task->tgid, slot->state);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(life_exit, struct task_struct *task)
{
	u32 number;
	struct hp_slot *slot = hp_slot_find(task->tgid, &number);

	if (slot)
		frames_cut(task, slot);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(life_fork, struct task_struct *parent, struct task_struct *child)
{
	struct hp_slot *slot;
	u32 number;

	if (parent->tgid == child->tgid)
		return 0;
	slot = hp_slot_find(parent->tgid, &number);
	hp_count_by(slot, HP_COUNTER_children);
	return 0;
}

/* _dl_debug_state of the dynamic loader: called before and after objects are
 * mapped, and before their constructors run. No return is armed from here on
 * until the daemon has judged what arrived. */
SEC("uprobe")
int life_loader(void *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, number;
	struct hp_slot *slot = hp_slot_find(tgid, &number);

	if (!slot)
		return 0;

	hp_slot_flag(slot, HP_TARGET_NO_RETURNS);
	hp_tell(HP_EVENT_OBJECTS, tgid, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
