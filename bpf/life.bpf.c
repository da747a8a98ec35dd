// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of targets: exec, exit, fork, and the loader's hook at which shared
 * objects come and go. Runs for every process of the machine, so each program
 * begins with the look-up that ends it for all but targets.
 */
#include "family.bpf.h"
#include "gate.bpf.h"
#include "select.bpf.h"
#include "translator.bpf.h"

/* include/linux/sched/coredump.h: the low two bits of mm->flags, 1 = dumpable */
#define MMF_DUMPABLE_MASK 3
#define SUID_DUMP_USER	  1

/* A thread that ends or execs takes its open calls with it, less what probes within
 * them took. The thread knows its slot: its process may be out of hp_targets already. */
static __always_inline void frames_cut(struct task_struct *task)
{
	struct hp_thread *thread = bpf_task_storage_get(&hp_threads, task, 0, 0);
	u64 now = bpf_ktime_get_ns(), probe_ns = 0;
	struct hp_frame *frame;
	struct hp_slot *slot;
	struct hp_func *func;
	u32 i, n;

	if (!thread)
		return;
	slot = hp_slot_get(thread->slot);
	if (!slot || thread->gen != slot->gen)
		return;

	for (n = 0; n < HP_FRAMES_MAX; n++) {
		if (n >= thread->depth)
			break;
		i = thread->depth - 1 - n;
		asm volatile("" : "+r"(i)); /* else clang drops the mask, and the verifier refuses */
		frame = &thread->frame[i & (HP_FRAMES_SIZE - 1)];
		probe_ns += frame->probe_ns;
		func = hp_func_get(frame->cell, frame->func);
		if (func) {
			hp_count(&func->cut);
			__sync_fetch_and_add(&func->cut_ns, now - frame->start_ns - probe_ns);
		}
	}
	/* After exec the same addresses are other stacks, and it may be another target. */
	thread->gen = HP_GEN_NONE;
	thread->depth = 0;
}

/* 6.18 made mm->flags a struct; the two never match the same kernel. */
static __always_inline u64 mm_flags(struct mm_struct *mm)
{
	struct mm_struct___v618 *newer = (void *)mm;

	if (bpf_core_field_exists(mm->flags))
		return BPF_CORE_READ(mm, flags);
	return BPF_CORE_READ(newer, flags.__mm_flags[0]);
}

/* Is who asked in that group? */
static __always_inline bool family_has_group(struct hp_family *family, u32 gid)
{
	u32 i;

	for (i = 0; i < HP_GIDS_MAX && i < family->gids; i++) {
		if (family->gid[i] == gid)
			return true;
	}
	return false;
}

/*
 * May who asked, uid owner, not observe what the current process is now? The rule of
 * daemon/authority.c: all uids and gids the asker's, no capabilities, dumpable. The
 * groups are the family's, or the one that the process had when it was attached.
 */
static __noinline bool is_beyond(struct task_struct *task, u32 owner, u32 number, u32 had)
{
	struct hp_family *family = number ? family_get(number) : NULL;
	const struct cred *cred = task->cred;
	u64 capabilities = 1;
	u32 gid = cred->gid.val;

	if (!owner)
		return false;
	if (cred->uid.val != owner || cred->euid.val != owner || cred->suid.val != owner)
		return true;
	if (gid != cred->egid.val || gid != cred->sgid.val)
		return true;
	if (family ? !family_has_group(family, gid) : gid != had)
		return true;
	if (bpf_core_read(&capabilities, sizeof(capabilities), &cred->cap_permitted) ||
	    capabilities)
		return true;
	return (mm_flags(task->mm) & MMF_DUMPABLE_MASK) != SUID_DUMP_USER;
}

static __always_inline bool same_executable(struct task_struct *task, struct hp_slot *slot)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

	return BPF_CORE_READ(inode, i_ino) == slot->exe_ino &&
	       BPF_CORE_READ(inode, i_sb, s_dev) == slot->exe_dev;
}

/* --- exec -------------------------------------------------------------------- */

/* What is known of a file in a family; 0: nothing. */
static __always_inline u32 exe_find(u32 family, struct inode *inode)
{
	struct hp_exe key = {
		.family = family,
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.ino = BPF_CORE_READ(inode, i_ino),
	};
	u32 *kit = bpf_map_lookup_elem(&hp_exes, &key);

	return kit ? *kit : 0;
}

static long found_loader(struct task_struct *task, struct vm_area_struct *vma, u32 *ret)
{
	struct file *file = vma->vm_file;

	*ret = file && exe_find(0, BPF_CORE_READ(file, f_inode));
	return 0;
}

/* Does it begin in a loader whose hook is probed? */
static __always_inline bool begins_in_loader(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u32 known = 0;

	bpf_find_vma(task, BPF_CORE_READ(regs, ip), found_loader, &known, 0);
	return known;
}

/*
 * Its own process leaves a slot for good; flag: why. Those that share it go on counting
 * there, and the last of them says that it was. Of the two that leave at once at least
 * one sees that the other has gone.
 */
static __always_inline void slot_abandon(struct task_struct *task, u32 number,
					 struct hp_slot *slot, u64 flag)
{
	*(volatile u32 *)&slot->tgid = 0;
	if (!__sync_fetch_and_add(&slot->sharers, 0))
		hp_slot_flag(slot, flag);
	tell_of(HP_EVENT_EXEC, task, number, slot->state | flag);
}

/* Nothing more is counted of a process; flag: why. It is nobody's from here on. */
static __always_inline void process_drop(struct task_struct *task, struct hp_process *process,
					 struct hp_slot *slot, u64 flag)
{
	u32 tgid = task->tgid, number = process->slot;

	if (!slot->family) {
		hp_slot_flag(slot, flag);
		tell_of(HP_EVENT_EXEC, task, number, slot->state);
		return;
	}
	if (bpf_map_delete_elem(&hp_targets, &tgid))
		return;
	if (slot->tgid == tgid)
		slot_abandon(task, number, slot, flag);
	else
		slot_unshare(task, number, slot);
	family_leave(slot->family);
}

static __always_inline void process_silence(struct task_struct *task, struct hp_process *process,
					    struct hp_slot *slot)
{
	hp_count(&slot->counter[HP_COUNTER_silenced]);
	process_drop(task, process, slot, HP_TARGET_SILENT);
}

/* Its family is being closed: what it becomes is nobody's any more. */
static __always_inline void process_end(struct task_struct *task, struct hp_process *process,
					struct hp_slot *slot)
{
	process_drop(task, process, slot, HP_TARGET_EXECED);
}

/* Leaves the slot it had, being another target from here on. */
static __always_inline void process_leave(struct task_struct *task, u32 number,
					  struct hp_slot *slot)
{
	if (slot->tgid == task->tgid)
		slot_abandon(task, number, slot, HP_TARGET_EXECED);
	else
		slot_unshare(task, number, slot);
}

/* Another program of a family: a spare of its kit, or the slot of what is not probed.
 * False: the kit has neither, its targets being so large that they are made singly. */
static __noinline bool process_become(struct task_struct *task, struct hp_process *process,
				      struct hp_slot *slot, u32 number)
{
	struct hp_kit *kit = kit_get(number);
	u32 was = process->slot, fresh;
	struct hp_slot *own;
	u64 state;

	if (!kit || !number)
		return false;
	state = kit->state | (kit->flags & HP_KIT_STATIC ? 0 : HP_TARGET_NO_RETURNS);
	fresh = spare_take(kit);
	if (!fresh && !kit->common)
		return false;
	own = fresh ? spare_own(fresh, task->tgid, state) : hp_slot_get(kit->common);
	if (!own)
		return false;
	process->slot = fresh ?: kit->common;
	process_leave(task, was, slot);
	if (fresh) {
		tell_of(HP_EVENT_BEGIN, task, fresh, task->real_parent->tgid);
		return true;
	}
	slot_share(own);
	if (!(kit->flags & HP_KIT_PASSIVE))
		hp_count_by(own, HP_COUNTER_children_shared);
	return true;
}

static __always_inline void exec_followed(struct task_struct *task, struct hp_process *process,
					  struct hp_slot *slot)
{
	struct hp_family *family = family_get(slot->family);
	struct hp_kit *kit;
	bool unseen;
	u32 number;

	process->hooks = 0;
	if (!family || !family->passive) {
		process_end(task, process, slot);
		return;
	}
	if (slot->tgid == task->tgid && same_executable(task, slot)) {
		process->flags = HP_PROCESS_UNJUDGED;
		/* It is judged by what it maps anew; who shares its slot maps what it had. */
		hp_slot_flag(slot, slot->sharers ? HP_TARGET_NEVER_RETURNS : HP_TARGET_NO_RETURNS);
		tell_of(HP_EVENT_EXEC, task, process->slot, slot->state);
		return;
	}
	number = exe_find(slot->family, BPF_CORE_READ(task, mm, exe_file, f_inode));
	process->flags = HP_PROCESS_UNJUDGED;
	if (!number || !process_become(task, process, slot, number)) {
		/* Held, it is given what it should have, or a kit is made of it. */
		process->flags = HP_PROCESS_UNPLANNED;
		process_become(task, process, slot, family->passive);
	}
	/* Nothing of it runs before its loader's hook; without one, hold it here. */
	kit = kit_get(number);
	unseen = kit && kit->flags & HP_KIT_AHEAD;
	if ((process->flags & HP_PROCESS_UNPLANNED || unseen) && !begins_in_loader(task) &&
	    !gate_hold(task, process) && unseen)
		tell_of(HP_EVENT_OBJECTS, task, process->slot, 0);
}

/* One that a family waits for: as if it had been of it, and called exec. */
static __noinline int exec_selected(struct task_struct *task)
{
	u32 number = select_family(task), tgid = task->tgid;
	struct hp_family *family = family_get(number);
	struct hp_process *process, fresh = {};
	struct hp_kit *kit;
	struct hp_slot *slot;

	if (!number || !family || !family->passive ||
	    is_beyond(task, family->owner, number, 0))
		return 0;
	kit = kit_get(family->passive);
	slot = kit ? hp_slot_get(kit->common) : NULL;
	if (!slot)
		return 0;
	fresh.slot = kit->common;
	if (bpf_map_update_elem(&hp_targets, &tgid, &fresh, BPF_ANY)) {
		hp_count_by(hp_slot_get(0), HP_COUNTER_processes_lost);
		__sync_fetch_and_add(&family->missed, 1);
		return 0;
	}
	slot_share(slot);
	__sync_fetch_and_add(&family->processes, 1);
	process = hp_process_get(tgid);
	if (process)
		exec_followed(task, process, slot);
	return 0;
}

/* Authority is decided again here, before the first instruction of the new image. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(life_exec, struct task_struct *task)
{
	struct hp_process *process = hp_process_get(task->tgid);
	struct hp_slot *slot = process ? hp_slot_get(process->slot) : NULL;
	bool translates = is_translator(task);

	if (!slot) {
		if (translates)
			translator_hold(task);
		else
			exec_selected(task);
		return 0;
	}

	/* The other threads went through life_exit already. */
	frames_cut(task);
	if (translates) {
		process_drop(task, process, slot, HP_TARGET_EXECED);
		translator_hold(task);
		return 0;
	}
	if (is_beyond(task, slot->owner, slot->family, slot->gid)) {
		process_silence(task, process, slot);
	} else if (slot->kit) {
		exec_followed(task, process, slot);
	} else {
		hp_slot_flag(slot, same_executable(task, slot) ? HP_TARGET_NO_RETURNS
							       : HP_TARGET_EXECED);
		tell_of(HP_EVENT_EXEC, task, process->slot, slot->state);
	}
	return 0;
}

/* --- exit -------------------------------------------------------------------- */

/* Of all its threads; called by the last one. */
static __always_inline u64 cpu_ns(struct task_struct *task)
{
	u64 ns = task->signal->sum_sched_runtime + task->se.sum_exec_runtime;

	if (task->group_leader != task)
		ns += task->group_leader->se.sum_exec_runtime;
	return ns;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(life_exit, struct task_struct *task)
{
	struct hp_process *process;
	struct hp_slot *slot;
	u32 tgid = task->tgid, number;

	frames_cut(task);
	process = hp_process_get(tgid);
	slot = process ? hp_slot_get(process->slot) : NULL;
	if (!slot || !slot->family || task->signal->live.counter)
		return 0;

	/* Two threads that end at once may both find themselves the last. */
	number = process->slot;
	if (bpf_map_delete_elem(&hp_targets, &tgid))
		return 0;
	if (slot->tgid == tgid) {
		slot->tgid = 0;
		tell_of(HP_EVENT_EXIT, task, number, cpu_ns(task));
	} else {
		slot_unshare(task, number, slot);
	}
	family_leave(slot->family);
	return 0;
}

/* --- fork -------------------------------------------------------------------- */

/* A vfork child runs on its parent's memory and counts there, until it calls exec. */
static __always_inline u32 child_spare(struct task_struct *parent, struct task_struct *child,
				       struct hp_slot *slot)
{
	struct hp_kit *kit = kit_get(slot->kit);
	u64 state = kit ? kit->state : 0;
	u32 number;

	if (!kit || kit->flags & HP_KIT_PASSIVE || child->mm == parent->mm)
		return 0;
	number = spare_take(kit);
	if (!number) {
		hp_count(&slot->counter[HP_COUNTER_children_shared]);
		return 0;
	}
	state |= slot->state & (HP_TARGET_NO_RETURNS | HP_TARGET_EXITS);
	/* What its parent has loaded was never judged by itself: then the child is. */
	if (slot->state & HP_TARGET_NEVER_RETURNS)
		state |= HP_TARGET_NO_RETURNS;
	spare_own(number, child->tgid, state);
	return number;
}

/* Before the child's first instruction. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(life_fork, struct task_struct *parent, struct task_struct *child)
{
	struct hp_process *process, fresh = {};
	struct hp_family *family;
	struct hp_slot *slot;
	u32 tgid = child->tgid, own;

	if (parent->tgid == tgid)
		return 0;
	process = hp_process_get(parent->tgid);
	slot = process ? hp_slot_get(process->slot) : NULL;
	if (!slot)
		return 0;
	family = family_get(slot->family);
	if (!slot->kit || !family || !family->passive || slot->state & HP_TARGET_SILENT) {
		hp_count(&slot->counter[HP_COUNTER_children]);
		tell_of(HP_EVENT_CHILD, child, process->slot, parent->tgid);
		return 0;
	}

	own = child_spare(parent, child, slot);
	fresh.slot = own ?: process->slot;
	fresh.hooks = process->hooks;
	if (!own)
		slot_share(slot);
	__sync_fetch_and_add(&family->processes, 1);
	if (own)
		tell_of(HP_EVENT_BEGIN, child, own, parent->tgid);
	if (!bpf_map_update_elem(&hp_targets, &tgid, &fresh, BPF_ANY))
		return 0;

	/* The table is full: it runs on unobserved, and that is said. */
	hp_count(&slot->counter[HP_COUNTER_children]);
	hp_count_by(hp_slot_get(0), HP_COUNTER_processes_lost);
	__sync_fetch_and_add(&family->missed, 1);
	if (own)
		tell_of(HP_EVENT_EXIT, child, own, 0);
	else
		slot_unshare(child, fresh.slot, slot);
	family_leave(slot->family);
	return 0;
}

/* --- the loader's hook --------------------------------------------------------- */

/* Still at its start: what its kit was made for is being mapped. */
static __always_inline bool is_starting(struct hp_process *process, struct hp_kit *kit)
{
	if (!kit || !(process->flags & HP_PROCESS_UNJUDGED) || process->hooks > kit->hook)
		return false;
	if (process->hooks < kit->hook)
		return true;
	process->flags &= ~HP_PROCESS_UNJUDGED;
	return kit->flags & HP_KIT_PASSIVE;
}

/* r_state in <link.h>, which says what the loader is about to do. */
enum { LOADER_DONE, LOADER_ADDS, LOADER_TAKES };

/* The probe's cookie is how far that lies from the hook. Other namespaces (dlmopen) have
 * their own: of them every run seems to be the last, which costs time alone. */
static __always_inline u32 loader_state(struct pt_regs *ctx)
{
	u64 distance = bpf_get_attach_cookie(ctx);
	u32 state = LOADER_DONE;

	if (distance)
		bpf_probe_read_user(&state, sizeof(state), (void *)(ctx->ip + distance));
	return state;
}

/* May anything have come? Not before it is mapped, and not when objects go. */
static __always_inline bool is_arrival(struct hp_process *process, u32 state)
{
	bool unloaded = process->flags & HP_PROCESS_UNLOADING;

	process->flags &= ~HP_PROCESS_UNLOADING;
	if (state == LOADER_TAKES)
		process->flags |= HP_PROCESS_UNLOADING;
	return state == LOADER_DONE && !unloaded;
}

/* _dl_debug_state of the dynamic loader: called before and after objects are
 * mapped, and before their constructors run. No return is armed from here on
 * until the daemon has judged what arrived; meanwhile it is held, as what arrived
 * may have functions to be probed. */
SEC("uprobe")
int life_loader(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct hp_process *process = hp_process_get(task->tgid);
	struct hp_slot *slot = process ? hp_slot_get(process->slot) : NULL;
	bool shared, arrival;
	u32 state;

	if (!slot || !slot->gen)
		return 0;
	process->hooks++;
	state = loader_state(ctx);
	arrival = is_arrival(process, state);
	/* At each run: one that was late at the first has stopped by the second. */
	if (process->flags & HP_PROCESS_UNPLANNED) {
		gate_hold(task, process);
		return 0;
	}
	if (!arrival && state != LOADER_ADDS)
		return 0;
	shared = slot->kit && slot->tgid != task->tgid;
	hp_slot_flag(slot, shared ? HP_TARGET_NEVER_RETURNS : HP_TARGET_NO_RETURNS);
	if (is_starting(process, slot->kit ? kit_get(slot->kit) : NULL))
		return 0;
	/* Vetoed already, lest that state were not true. */
	if (!arrival)
		return 0;
	if (slot->holds && gate_hold(task, process))
		return 0;
	tell_of(HP_EVENT_OBJECTS, task, process->slot, process->hooks);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
