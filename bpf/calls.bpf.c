// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collector calls: entries and returns of functions, counted and summed per
 * target and function.
 *
 * One of these sits on a function, by how its return may be seen:
 *   calls_session            entry and return in one program (kernel >= 6.13)
 *   calls_enter, calls_leave a pair of programs, where there is no session
 *   calls_count              entry only
 * A thread's open calls are a stack of frames in its task storage. A frame is
 * taken off by its return; by a later call or return that finds it below the
 * stack pointer (`unwound`: longjmp, an exception); or by the thread's end
 * (`cut`). So entries = exits + open + unwound + vetoed + lost, always.
 */
#include "hotpath.bpf.h"
#include "stack.bpf.h"

extern __u64 *bpf_session_cookie(void) __ksym __weak;

/* include/linux/thread_info.h: SYSCALL_WORK_BIT_SYSCALL_USER_DISPATCH */
#define SYSCALL_WORK_USER_DISPATCH (1UL << 6)

/* What a probe hit is about, found before anything is done about it. */
struct call {
	struct task_struct *task;
	struct hp_thread *thread; /* NULL: the thread has none yet */
	struct hp_slot *slot;
	struct hp_func *func;
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

static __always_inline bool call_find(void *ctx, struct call *call)
{
	u64 cookie = bpf_get_attach_cookie(ctx);
	u32 group = HP_COOKIE_GROUP(cookie) & (HP_GROUPS_MAX - 1);

	call->slot = call_slot(call);
	call->cell = call->slot ? call->slot->cell[group] : 0;
	if (!call->cell) {
		count_bystander(group);
		return false;
	}
	if (call->slot->state & (HP_TARGET_SILENT | HP_TARGET_EXECED))
		return false;

	call->index = HP_COOKIE_FUNC(cookie);
	call->func = hp_func_get(call->cell, call->index);
	return call->func;
}

/* --- frames ---------------------------------------------------------------- */

/* The barrier keeps clang from proving the mask needless: the verifier wants it. */
static __always_inline struct hp_frame *frame_at(struct hp_thread *thread, u32 i)
{
	asm volatile("" : "+r"(i));
	return &thread->frame[i & (HP_FRAMES_SIZE - 1)];
}

/* A frame that will never return: its callees' time is still not its caller's own. */
static __always_inline void frame_drop(struct hp_thread *thread, u32 i)
{
	struct hp_frame *frame = frame_at(thread, i);
	struct hp_func *func = hp_func_get(frame->cell, frame->func);

	if (func)
		hp_count(&func->unwound);
	if (i > 0)
		frame_at(thread, i - 1)->child_ns += frame->child_ns;
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

/* Is the return address at sp the kernel's trampoline? Then the frame that has
 * the same sp is alive, and this call is a tail call out of it. */
static __always_inline bool frame_is_alive(u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 trampoline = BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
	u64 address = 0;

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
		if (top->sp > sp || (top->sp == sp && frame_is_alive(sp)))
			break;
		thread->depth--;
		frame_drop(thread, thread->depth);
	}
	return 0;
}

/* --- entry ----------------------------------------------------------------- */

static __always_inline bool target_may_arm(struct call *call)
{
	struct task_struct *task = call->task;

	if (call->slot->state & HP_TARGET_NO_RETURNS) {
		hp_count_by(call->slot, HP_COUNTER_veto_target);
		return false;
	}
	if (task->thread_info.syscall_work & SYSCALL_WORK_USER_DISPATCH ||
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

/* The thread's frames, rid of dead ones, if one more may be put on; else NULL. */
static __always_inline struct hp_thread *thread_for_entry(struct call *call, u64 sp)
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

/* Counts the entry and puts a frame on; 0: not armed, else the frame's number. */
static __always_inline u64 call_enter(struct pt_regs *ctx)
{
	struct hp_thread *thread;
	struct hp_frame *frame;
	struct call call = {};
	u64 sp = ctx->sp;
	u32 i;

	if (!call_find(ctx, &call))
		return 0;

	hp_count(&call.func->calls);
	thread = target_may_arm(&call) ? thread_for_entry(&call, sp) : NULL;
	if (!thread) {
		hp_count(&call.func->vetoed);
		return 0;
	}

	i = thread->depth;
	frame = frame_at(thread, i);
	frame->sp = sp;
	frame->child_ns = 0;
	frame->func = call.index;
	frame->cell = call.cell;
	frame->serial = ++thread->serial;
	thread->depth = i + 1;
	frame->start_ns = bpf_ktime_get_ns();
	return (u64)frame->serial << 8 | (i + 1);
}

/* --- return ---------------------------------------------------------------- */

static __always_inline void raise_to(u64 *slot, u64 value)
{
	u64 old = *slot, seen;
	int n;

	/* Each failed try means that another CPU raised it: 16 in a row do not happen. */
	for (n = 0; n < 16 && value > old; n++) {
		seen = __sync_val_compare_and_swap(slot, old, value);
		if (seen == old)
			break;
		old = seen;
	}
}

static __always_inline u32 log2_of(u64 v)
{
	u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r += 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (v >> 1);
}

/* 64 bits wide and behind barriers: the verifier must see one register checked
 * and then used. */
static __always_inline u32 *chunk_of(struct hp_func *func, u64 k)
{
	asm volatile("" : "+r"(k));
	if (k >= HP_HIST_CHUNKS)
		return NULL;
	asm volatile("" : "+r"(k));
	return &func->chunk[k];
}

/* Hands a function one more chunk of its cell; 0 when they ran out. */
static __noinline u32 chunk_new(u32 cell, u32 func_index, u64 k)
{
	union hp_block *block = hp_block_get(cell, 0);
	struct hp_func *func = hp_func_get(cell, func_index);
	u32 used, index, seen, *chunk;

	if (!block || !func || block->head.chunks_used >= block->head.chunks)
		return 0;
	chunk = chunk_of(func, k);
	if (!chunk)
		return 0;

	used = __sync_fetch_and_add(&block->head.chunks_used, 1);
	if (used >= block->head.chunks)
		return 0;

	/* Lost the race to another CPU: use its chunk, ours stays empty. */
	index = 1 + block->head.functions + used;
	seen = __sync_val_compare_and_swap(chunk, 0, index);
	return seen ?: index;
}

static __always_inline u64 hist_chunk(u64 ns, u32 *sub)
{
	u32 e;

	*sub = ns;
	if (ns < HP_HIST_SUB)
		return 0;
	e = log2_of(ns);
	if (e >= HP_HIST_SUB_BITS + HP_HIST_CHUNKS - 1) {
		*sub = HP_HIST_SUB - 1;
		return HP_HIST_CHUNKS - 1;
	}
	*sub = ns >> (e - HP_HIST_SUB_BITS);
	return e - (HP_HIST_SUB_BITS - 1);
}

static __always_inline void hist_add(struct hp_frame *frame, struct hp_func *func, u64 ns)
{
	union hp_block *block = NULL;
	u32 sub, index, *chunk;
	u64 k;

	k = hist_chunk(ns, &sub);
	chunk = chunk_of(func, k);
	index = chunk ? *chunk : 0;
	if (!index)
		index = chunk_new(frame->cell, frame->func, k);
	if (index)
		block = hp_block_get(frame->cell, index);
	if (block)
		hp_count(&block->bucket[sub & (HP_HIST_SUB - 1)]);
	else
		hp_count(&func->hist_lost);
}

static __always_inline void call_add(struct hp_frame *frame, u64 ns)
{
	struct hp_func *func = hp_func_get(frame->cell, frame->func);

	if (!func)
		return;
	__sync_fetch_and_add(&func->total_ns, ns);
	if (frame->child_ns)
		__sync_fetch_and_add(&func->child_ns, frame->child_ns);
	raise_to(&func->max_ns, ns);
	raise_to(&func->min_inv, ~ns);
	hist_add(frame, func, ns);
}

/* Takes frame i off, and what lies above it. */
static __always_inline void frame_leave(struct hp_thread *thread, u32 i, u64 now)
{
	struct hp_frame *frame = frame_at(thread, i);
	u64 ns;

	if (thread->depth > i + 1)
		frames_unwind_to(thread, i + 1);
	thread->depth = i;

	ns = now - frame->start_ns;
	if (i > 0)
		frame_at(thread, i - 1)->child_ns += ns;
	call_add(frame, ns);
}

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

/* A return that brings its frame's number; one of an earlier arming is a stray. */
static __always_inline void call_leave_paired(u64 pair, u64 now)
{
	u32 i = (u32)(pair & 0xff) - 1;
	struct hp_thread *thread;
	struct call call = {};

	if (!return_find(&call))
		return;
	thread = call.thread;
	if (i < thread->depth && i < HP_FRAMES_MAX &&
	    frame_at(thread, i)->serial == (u32)(pair >> 8)) {
		frame_leave(thread, i, now);
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
	if (i < HP_FRAMES_MAX)
		frame_leave(call.thread, i, now);
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
	*pair = call_enter(ctx);
	return !*pair; /* 1, a veto: the kernel leaves the return address alone */
}

SEC("uprobe")
int calls_enter(struct pt_regs *ctx)
{
	call_enter(ctx);
	return 0;
}

SEC("uprobe")
int calls_leave(struct pt_regs *ctx)
{
	call_leave_found(ctx, bpf_ktime_get_ns());
	return 0;
}

SEC("uprobe")
int calls_count(struct pt_regs *ctx)
{
	struct call call = {};

	if (call_find(ctx, &call))
		hp_count(&call.func->calls);
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
