// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collector calls: entries and returns of functions, counted and summed per
 * target and function.
 *
 * One of these sits on a function, by how its return may be seen:
 *   calls_session            entry and return in one program (kernel >= 6.13)
 *   calls_enter, calls_leave a pair of programs, where there is no session
 *   calls_begin, calls_end   plain probes on the entry and on every way out, which
 *                            arm nothing: where a return may not be touched
 *   calls_count              entry only
 * A thread's open calls are a stack of frames in its task storage. A frame is
 * taken off by its return; by a later call or return that finds it below the
 * stack pointer (`unwound`: longjmp, an exception); or by the thread's end
 * (`cut`). So entries = exits + open + unwound + vetoed + lost, always.
 */
#include "hotpath.bpf.h"
#include "durations.bpf.h"
#include "frames.bpf.h"
#include "fuse.bpf.h"
#include "goroutine.bpf.h"
#include "histogram.bpf.h"
#include "stack.bpf.h"

extern __u64 *bpf_session_cookie(void) __ksym __weak;

/* What a probe hit is about, found before anything is done about it. */
struct call {
	struct task_struct *task;
	struct hp_thread *thread; /* NULL: the thread has none yet */
	struct hp_slot *slot;
	struct hp_func *func;
	u64 cookie;
	u32 number; /* of the slot */
	u32 cell;
	u32 index;
};

/* The thread remembers its slot; the hash is asked only when that is out of date. */
static __always_inline struct hp_slot *call_slot(struct call *call)
{
	struct hp_slot *slot;

	call->task = bpf_get_current_task_btf();
	call->thread = bpf_task_storage_get(&hp_threads, call->task, 0, 0);
	if (call->thread) {
		call->number = call->thread->slot;
		slot = hp_slot_get(call->number);
		if (slot && slot->gen == call->thread->gen)
			return slot;
	}
	return hp_slot_find(call->task->tgid, &call->number);
}

static __always_inline void count_bystander(u32 group)
{
	struct hp_group *all = bpf_map_lookup_elem(&hp_groups, &group);

	if (all)
		hp_count(&all->bystander_hits);
}

/* Whose call it is, and where that is counted; false: nobody's. */
static __always_inline bool call_is_ours(void *ctx, struct call *call)
{
	u32 group;

	call->cookie = bpf_get_attach_cookie(ctx);
	group = HP_COOKIE_GROUP(call->cookie) & (HP_GROUPS_MAX - 1);
	call->slot = call_slot(call);
	call->cell = call->slot ? call->slot->cell[group] : 0;
	if (!call->cell) {
		count_bystander(group);
		return false;
	}
	return !(call->slot->state & (HP_TARGET_SILENT | HP_TARGET_EXECED));
}

static __always_inline bool call_find(void *ctx, struct call *call)
{
	if (!call_is_ours(ctx, call))
		return false;
	call->index = HP_COOKIE_FUNC(call->cookie);
	call->func = hp_func_get(call->cell, call->index);
	return call->func;
}

/* --- entry ----------------------------------------------------------------- */

/* The kernel's own number of the bit: a constant of ours was off by one, and programs
 * like Wine died. */
static __always_inline u64 hp_user_dispatch(void)
{
	return 1UL << bpf_core_enum_value(enum syscall_work_bit,
					  SYSCALL_WORK_BIT_SYSCALL_USER_DISPATCH);
}

static __always_inline bool target_may_arm(struct call *call)
{
	struct task_struct *task = call->task;

	if (call->slot->state & (HP_TARGET_NO_RETURNS | HP_TARGET_NEVER_RETURNS)) {
		hp_count_by(call->slot, HP_COUNTER_veto_target);
		return false;
	}
	if (task->vfork_done) {
		hp_count_by(call->slot, HP_COUNTER_veto_vfork);
		return false;
	}
	if (task->thread_info.syscall_work & hp_user_dispatch() ||
	    (hp_config.seccomp_kills && task->seccomp.mode)) {
		hp_count_by(call->slot, HP_COUNTER_veto_dispatch);
		return false;
	}
	return true;
}

/* A new arming: the old frames' statistics are closed. */
static __always_inline void thread_renew(struct hp_thread *thread, u32 slot, u32 gen)
{
	thread->slot = slot;
	thread->gen = gen;
	thread->depth = 0;
	thread->native_lo = thread->native_hi = 0;
	thread->foreign_lo = thread->foreign_hi = 0;
	thread->signal_sp = thread->signal_size = 0;
}

/*
 * The kernel arms 64 returns of a thread, ours and everybody's, those of an earlier
 * arming and of frames that a longjmp left among them. The latter it forgets when
 * it arms the next, but not at 64: a thread that longjmps from there is blind for
 * good. So the last one is left free, unless the newest is dead.
 */
#define KERNEL_RETURNS_MAX 64

static __always_inline bool kernel_may_arm(struct task_struct *task, u64 sp)
{
	struct uprobe_task *utask = task->utask;
	struct return_instance *newest;

	if (!utask || utask->depth < KERNEL_RETURNS_MAX - 1)
		return true;
	newest = utask->return_instances;
	return utask->depth < KERNEL_RETURNS_MAX && newest && newest->stack <= sp;
}

/*
 * Since 6.14 a used-up return instance waits in a pool with the pointer to its
 * further consumers left in it. When the next call reuses it with one consumer
 * and the thread forks meanwhile, the pointer is copied and freed twice: a kernel
 * BUG (seen with two tracers on one function). We arm a site only once; where
 * another tracer has left such an instance we do not touch it.
 */
static __always_inline bool pool_is_tainted(struct task_struct *task)
{
	struct uprobe_task *utask = task->utask;
	struct return_instance *first = NULL;

	if (!bpf_core_field_exists(utask->ri_pool) ||
	    !bpf_core_field_exists(first->extra_consumers) || !utask)
		return false;
	first = utask->ri_pool;
	return first && first->extra_consumers;
}

/* The thread's frames, rid of dead ones, if the call is on its own stack; else NULL. */
static __always_inline struct hp_thread *thread_on_its_stack(struct call *call, u64 sp)
{
	struct hp_thread *thread = call->thread;
	enum stack_kind kind;

	if (!thread)
		thread = bpf_task_storage_get(&hp_threads, call->task, 0,
					      BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		hp_count_by(call->slot, HP_COUNTER_veto_memory);
		return NULL;
	}
	/* A forked child's returns may still be its parent's, with serials from there:
	 * none of its own may be like them. */
	if (!thread->serial)
		thread->serial = (u32)bpf_ktime_get_ns() | 1;
	if (thread->gen != call->slot->gen)
		thread_renew(thread, call->number, call->slot->gen);
	kind = stack_kind(call->task, thread, sp);
	if (kind != STACK_NATIVE) {
		hp_count_by(call->slot, kind == STACK_FOREIGN ? HP_COUNTER_veto_stack
							      : HP_COUNTER_veto_busy);
		return NULL;
	}
	if (thread->depth && frame_at(thread, thread->depth - 1)->sp <= sp)
		frames_unwind_below(thread, sp);
	return thread;
}

/* Likewise, if one more return may be armed. */
static __always_inline struct hp_thread *thread_for_entry(struct call *call, u64 sp)
{
	struct hp_thread *thread = thread_on_its_stack(call, sp);

	if (!thread)
		return NULL;
	if (thread->depth >= HP_FRAMES_MAX || !kernel_may_arm(call->task, sp)) {
		hp_count_by(call->slot, HP_COUNTER_veto_depth);
		return NULL;
	}
	if (pool_is_tainted(call->task)) {
		hp_count_by(call->slot, HP_COUNTER_veto_shared);
		return NULL;
	}
	return thread;
}

/* Puts a frame on; its number. The clock is read last. */
static __always_inline u32 frame_push(struct hp_thread *thread, const struct call *call, u64 sp,
				      bool armed)
{
	u32 i = thread->depth;
	struct hp_frame *frame = frame_at(thread, i);

	frame->sp = sp;
	frame->child_ns = 0;
	frame->probe_ns = 0;
	frame->func = call->index;
	frame->cell = call->cell;
	frame->serial = ++thread->serial;
	frame->armed = armed;
	frame->stepped = HP_COOKIE_IS_STEPPED(call->cookie);
	thread->depth = i + 1;
	frame->start_ns = bpf_ktime_get_ns();
	return i;
}

/*
 * The frames that a call belongs to: its thread's, or its goroutine's. *sp becomes
 * what orders them. NULL: not to be told, or (not create) nobody has entered yet.
 */
static __always_inline struct hp_thread *frames_of(struct pt_regs *ctx, struct call *call,
						   bool create, u64 *sp)
{
	struct hp_thread *thread = NULL;

	/* C code of a Go program runs on its thread's own stack. */
	if (call->slot->state & HP_TARGET_GOROUTINES)
		thread = goroutine_find(ctx, call->task, create, sp);
	if (!thread && create)
		return thread_on_its_stack(call, *sp);
	if (!thread) {
		thread = call->thread;
		return thread && stack_is_native(call->task, thread, *sp) ? thread : NULL;
	}
	if (thread->gen != call->slot->gen)
		thread_renew(thread, call->number, call->slot->gen);
	if (create && thread->depth && frame_at(thread, thread->depth - 1)->sp <= *sp)
		frames_unwind_below(thread, *sp);
	return thread;
}

/* The frames that a call would be charged to, which itself has none. */
static __always_inline struct hp_thread *call_frames(struct pt_regs *ctx, struct call *call)
{
	struct hp_thread *thread = NULL;
	u64 sp = ctx->sp;

	if (call->slot->state & HP_TARGET_GOROUTINES)
		thread = goroutine_find(ctx, call->task, false, &sp);
	return thread ?: call->thread;
}

/*
 * A call that is refused has no frame. Where returns find theirs by the stack pointer its own
 * must not find one of the same function that a longjmp, an exception or a link that is gone
 * has left at the same place: that would have lasted from then on.
 */
static __always_inline void call_clear_its_place(struct pt_regs *ctx, struct call *call)
{
	u64 sp = ctx->sp;
	struct hp_thread *thread = frames_of(ctx, call, false, &sp);

	if (thread && thread->gen == call->slot->gen && thread->depth &&
	    frame_at(thread, thread->depth - 1)->sp <= sp)
		frames_unwind_below(thread, sp);
}

/* May it be counted? Where it may not, the call in which it is made has paid for the probe. */
static __always_inline bool call_admit(struct pt_regs *ctx, struct call *call, bool by_sp)
{
	if (fuse_admits(call->slot, call->number, call->func, call->cookie))
		return true;
	if (by_sp || call->slot->state & HP_TARGET_EXITS)
		call_clear_its_place(ctx, call);
	hit_charge(call_frames(ctx, call), call->slot, HP_COOKIE_IS_STEPPED(call->cookie));
	return false;
}

/* Counted, and nothing more will be known of it. */
static __always_inline void call_not_timed(struct pt_regs *ctx, struct call *call)
{
	hp_count(&call->func->vetoed);
	hit_charge(call_frames(ctx, call), call->slot, HP_COOKIE_IS_STEPPED(call->cookie));
}

/* A call whose ways out are probed; it was counted. */
static __always_inline void call_begin_unarmed(struct pt_regs *ctx, struct call *call)
{
	u64 sp = ctx->sp;
	struct hp_thread *thread = frames_of(ctx, call, true, &sp);

	if (thread && thread->depth >= HP_FRAMES_MAX) {
		hp_count_by(call->slot, HP_COUNTER_veto_depth);
		thread = NULL;
	}
	if (thread)
		frame_push(thread, call, sp, false);
	else
		call_not_timed(ctx, call);
}

/* Counts the entry and puts a frame on; 0: not armed, else the frame's number. by_sp: its
 * return will find that by the stack pointer. */
static __always_inline u64 call_enter(struct pt_regs *ctx, bool by_sp)
{
	struct hp_thread *thread;
	struct call call = {};
	u64 sp = ctx->sp;
	u32 i;

	if (!call_find(ctx, &call) || !call_admit(ctx, &call, by_sp))
		return 0;

	hp_count(&call.func->calls);
	if (call.slot->state & HP_TARGET_EXITS && call.cookie & HP_COOKIE_HAS_EXITS) {
		call_begin_unarmed(ctx, &call);
		return 0;
	}
	thread = target_may_arm(&call) ? thread_for_entry(&call, sp) : NULL;
	if (!thread) {
		call_not_timed(ctx, &call);
		return 0;
	}
	i = frame_push(thread, &call, sp, true);
	return (u64)frame_at(thread, i)->serial << 8 | (i + 1);
}

/* --- return ---------------------------------------------------------------- */

/* The thread that returns, if its process still is a target. */
static __always_inline bool return_find(struct call *call)
{
	call->slot = call_slot(call);
	if (!call->slot || !call->thread ||
	    call->slot->state & (HP_TARGET_SILENT | HP_TARGET_EXECED))
		return false;
	if (call->thread->gen != call->slot->gen)
		thread_renew(call->thread, call->number, call->slot->gen);
	return true;
}

static __always_inline void frame_leave_session(struct hp_thread *thread, u32 i, u64 now,
						const struct hp_slot *slot)
{
	frame_leave(thread, i, now,
		    price_of_session(frame_at(thread, i), slot->price_scale));
}

/* A return that brings its frame's number; one of an earlier arming is a stray. */
static __always_inline void call_leave_paired(u64 pair, u64 now)
{
	u32 i = (u32)(pair & 0xff) - 1;
	struct hp_thread *thread;
	struct call call = {};

	if (!return_find(&call)) {
		/* Entered by its parent, before the fork. */
		if (call.slot && !call.thread)
			hp_count_by(call.slot, HP_COUNTER_stray_returns);
		return;
	}
	thread = call.thread;
	if (i < thread->depth && i < HP_FRAMES_MAX &&
	    frame_at(thread, i)->serial == (u32)(pair >> 8)) {
		frame_leave_session(thread, i, now, call.slot);
		return;
	}
	hp_count_by(call.slot, HP_COUNTER_stray_returns);
}

/* The frame whose entry had this stack pointer; HP_FRAMES_SIZE: none. */
static __noinline u32 frame_find(struct hp_thread *thread, u64 sp)
{
	u32 n, i;

	if (!thread)
		return HP_FRAMES_SIZE;

	for (n = 0; n < HP_FRAMES_SIZE; n++) {
		i = thread->depth - 1 - n;
		/* Deeper than the top frame: its entry was vetoed, but armed by the kernel. */
		if (i >= HP_FRAMES_MAX || frame_at(thread, i)->sp > sp)
			break;
		if (frame_at(thread, i)->sp == sp)
			return i;
	}
	return HP_FRAMES_SIZE;
}

/* A return that has only its stack pointer: one word above the entry's. */
static __always_inline void call_leave_found(struct pt_regs *ctx, u64 now)
{
	struct call call = {};
	u32 i;

	if (!return_find(&call))
		return;
	i = frame_find(call.thread, ctx->sp - sizeof(u64));
	/* The kernel armed what we vetoed, too; at its place an older frame of another
	 * function may still stand, left by a longjmp or a thread that was cancelled. */
	if (i < HP_FRAMES_MAX &&
	    frame_at(call.thread, i)->func == HP_COOKIE_FUNC(bpf_get_attach_cookie(ctx)))
		frame_leave_session(call.thread, i, now, call.slot);
}

/* --- a way out, nothing armed ------------------------------------------------- */

/* x86: whether a jump with this condition code is taken. */
static __always_inline bool condition_holds(u64 flags, u32 code)
{
	bool carry = flags & 1, parity = flags & 4, zero = flags & 0x40;
	bool sign = flags & 0x80, overflow = flags & 0x800, holds;

	switch (code >> 1) {
	case 0:
		holds = overflow;
		break;
	case 1:
		holds = carry;
		break;
	case 2:
		holds = zero;
		break;
	case 3:
		holds = carry || zero;
		break;
	case 4:
		holds = sign;
		break;
	case 5:
		holds = parity;
		break;
	case 6:
		holds = sign != overflow;
		break;
	default:
		holds = zero || sign != overflow;
		break;
	}
	return holds != (code & 1);
}

static __always_inline void call_end(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns(), sp = ctx->sp, bp = ctx->bp;
	struct hp_thread *thread;
	struct hp_frame *frame;
	struct call call = {};
	u32 condition, i;

	if (!call_is_ours(ctx, &call))
		return;
	if (call.cookie & HP_EXIT_LATE && !(call.slot->state & HP_TARGET_EXITS))
		return;
	condition = HP_EXIT_CONDITION(call.cookie);
	if (condition && !condition_holds(ctx->flags, condition - 1))
		return;
	/* Both were read: the verifier forbids to compute which to read. */
	asm volatile("" : "+r"(sp), "+r"(bp));
	if (HP_EXIT_FRAME_POINTER(call.cookie))
		sp = bp;
	sp += HP_EXIT_OFFSET(call.cookie);
	thread = frames_of(ctx, &call, false, &sp);
	if (!thread || !call.slot || thread->gen != call.slot->gen)
		return;
	i = frame_find(thread, sp);
	/* Deeper than what is timed: that its entry was vetoed is counted. */
	if (i >= HP_FRAMES_MAX && thread->depth >= HP_FRAMES_MAX)
		return;
	frame = frame_at(thread, i);
	/* Armed before its ways out were probed: its return is still to come. */
	if (i < HP_FRAMES_MAX && frame->armed)
		return;
	if (i < HP_FRAMES_MAX && frame->cell == call.cell &&
	    frame->func == HP_COOKIE_FUNC(call.cookie))
		frame_leave(thread, i, now,
			    price_of_sites(frame, HP_EXIT_IS_STEPPED(call.cookie),
					   call.slot->price_scale));
	else if (hit_is_limited(call.cookie)) /* its entry may have been refused */
		hit_charge(thread, call.slot, HP_EXIT_IS_STEPPED(call.cookie));
	else
		hp_count_by(call.slot, HP_COUNTER_stray_returns);
}

/* --- programs on functions ------------------------------------------------- */

/*
 * The kernel hands a call's entry and return the same 8 bytes, zero at entry
 * (handler_chain() in kernel/events/uprobes.c); what we put there is never zero.
 * So one look tells which leg this is: a helper less than asking, and every
 * helper costs a return through the CPU's mitigations (6-8 ns here).
 */
SEC("uprobe")
int calls_session(struct pt_regs *ctx)
{
	u64 *pair = bpf_session_cookie();

	if (!pair)
		return 1;
	if (*pair) {
		call_leave_paired(*pair, bpf_ktime_get_ns());
		return 0;
	}
	*pair = call_enter(ctx, false);
	return !*pair; /* 1, a veto: the kernel leaves the return address alone */
}

SEC("uprobe")
int calls_enter(struct pt_regs *ctx)
{
	call_enter(ctx, true);
	return 0;
}

SEC("uprobe")
int calls_leave(struct pt_regs *ctx)
{
	call_leave_found(ctx, bpf_ktime_get_ns());
	return 0;
}

SEC("uprobe")
int calls_begin(struct pt_regs *ctx)
{
	struct call call = {};

	if (!call_find(ctx, &call) || !call_admit(ctx, &call, true))
		return 0;
	hp_count(&call.func->calls);
	call_begin_unarmed(ctx, &call);
	return 0;
}

SEC("uprobe")
int calls_end(struct pt_regs *ctx)
{
	call_end(ctx);
	return 0;
}

SEC("uprobe")
int calls_count(struct pt_regs *ctx)
{
	struct call call = {};

	if (!call_find(ctx, &call) || !call_admit(ctx, &call, false))
		return 0;
	hp_count(&call.func->calls);
	hit_charge(call_frames(ctx, &call), call.slot, HP_COOKIE_IS_STEPPED(call.cookie));
	return 0;
}

/* --- what is open now ------------------------------------------------------ */

/* Writes the open frames of every thread the iterator visits. */
SEC("iter/task")
int calls_open(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct hp_thread *thread;
	struct hp_open open = {};

	if (!task)
		return 0;
	thread = bpf_task_storage_get(&hp_threads, task, 0, 0);
	if (!thread || !thread->depth || thread->depth > HP_FRAMES_MAX)
		return 0;

	open.tgid = task->tgid;
	open.tid = task->pid;
	open.gen = thread->gen;
	open.depth = thread->depth;
	open.now_ns = bpf_ktime_get_ns();
	bpf_seq_write(seq, &open, sizeof(open));
	bpf_seq_write(seq, thread->frame, sizeof(thread->frame));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
