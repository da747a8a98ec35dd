/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate, kernel side: a thread waits here until the daemon has seized it, so that
 * it stops before its next instruction in user space. BPF cannot sleep in these
 * programs, so it spins, HP_GATE_NS at most.
 */
#ifndef HOTPATH_BPF_GATE_H
#define HOTPATH_BPF_GATE_H

#include "family.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct hp_gate);
} hp_gate SEC(".maps");

/* To the gate's thread alone: what else happens must not be in its way. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HP_GATE_BYTES);
} hp_holds SEC(".maps");

/* The clock costs as much as some hundred looks. */
#define GATE_LOOKS_PER_CLOCK 256
#define GATE_LOOKS_MAX	     (1 << 23)

struct gate_wait {
	u64 id, until_ns;
	u64 answered;
};

static long gate_look(u32 i, struct gate_wait *wait)
{
	u32 zero = 0;
	struct hp_gate *gate = bpf_map_lookup_elem(&hp_gate, &zero);

	if (!gate)
		return 1;
	if (*(volatile u64 *)&gate->answered[wait->id & (HP_GATE_WAITERS - 1)] >= wait->id) {
		wait->answered = 1;
		return 1;
	}
	return i % GATE_LOOKS_PER_CLOCK == 0 && bpf_ktime_get_ns() > wait->until_ns;
}

/* In the low bits of an owner: MUTEX_FLAGS. */
#define MUTEX_OWNER_MASK (~7ull)

/*
 * A thread of the process is in execve, or is just being seized: ptrace waits for the end of
 * that, for as long as who execs has the file read, and by then that has ended the others.
 */
static __always_inline bool gate_is_guarded(void)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct mutex___rt *rt = (void *)&signal->cred_guard_mutex;
	u64 owner;

	if (bpf_core_field_exists(signal->cred_guard_mutex.owner))
		owner = BPF_CORE_READ(signal, cred_guard_mutex.owner.counter);
	else
		owner = (u64)BPF_CORE_READ(rt, rtmutex.owner);
	return owner & MUTEX_OWNER_MASK;
}

/* How often it is tried to tell: a translator must not go on before its probes are gone; the
 * others do not run on for another's being seized, which takes some microseconds. */
#define GATE_TELLS 256

struct gate_tell {
	struct hp_hold hold;
	u64 until_ns;
	u64 told;
};

static long gate_try(u32 i, struct gate_tell *tell)
{
	u32 zero = 0;
	struct hp_gate *gate = bpf_map_lookup_elem(&hp_gate, &zero);

	if (!gate)
		return 1;
	if (!gate_is_guarded()) {
		tell->hold.id = __sync_fetch_and_add(&gate->next, 1) + 1;
		/* At once: the daemon need not be asked whether it sleeps. */
		tell->told = !bpf_ringbuf_output(&hp_holds, &tell->hold, sizeof(tell->hold),
						 BPF_RB_FORCE_WAKEUP);
	}
	return tell->told ||
	       (i % GATE_LOOKS_PER_CLOCK == GATE_LOOKS_PER_CLOCK - 1 &&
		bpf_ktime_get_ns() > tell->until_ns);
}

/* Nobody was told, the ring being full or another thread in execve: what is not known yet
 * runs without probes. */
static __always_inline void gate_missed(struct hp_process *process)
{
	struct hp_slot *slot = hp_slot_get(process->slot);
	struct hp_family *family = slot ? family_get(slot->family) : NULL;

	if (process->flags & HP_PROCESS_TRANSLATES)
		hp_count_by(hp_slot_get(0), HP_COUNTER_held_late);
	if (!family || !(process->flags & HP_PROCESS_UNPLANNED) ||
	    process->flags & HP_PROCESS_MISSED)
		return;
	process->flags |= HP_PROCESS_MISSED;
	__sync_fetch_and_add(&family->missed, 1);
	hp_count_by(hp_slot_get(0), HP_COUNTER_held_late);
}

/* Returns when the daemon has the current thread, or has not got it in time; false: it
 * is not told, as there was no room in the ring, or it could not have it. */
static __always_inline bool gate_hold(struct task_struct *task, struct hp_process *process)
{
	u32 zero = 0;
	struct hp_gate *gate = bpf_map_lookup_elem(&hp_gate, &zero);
	struct gate_wait wait = {.until_ns = bpf_ktime_get_ns() + HP_GATE_NS};
	struct gate_tell tell = {
		.hold = {
			.tgid = task->tgid,
			.tid = task->pid,
			.slot = process->slot,
			.flags = process->flags,
			.hooks = process->hooks,
		},
		.until_ns = wait.until_ns,
	};
	bool translates = process->flags & HP_PROCESS_TRANSLATES;

	/* From when it is told on, `process` may have been replaced by the daemon. */
	if (!gate)
		return false;
	bpf_loop(translates ? GATE_LOOKS_MAX : GATE_TELLS, gate_try, &tell, 0);
	wait.id = tell.hold.id;
	if (tell.told)
		bpf_loop(GATE_LOOKS_MAX, gate_look, &wait, 0);
	else
		gate_missed(process);
	if (!wait.answered)
		*(volatile u64 *)&gate->late[wait.id & (HP_GATE_LATE - 1)] = wait.id;
	return tell.told;
}

#endif
