// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collector sample: where the target's threads are when the clock of their CPU ticks.
 * One program, on a software clock of every CPU; a thread that sleeps is never seen.
 * A place is a file and an offset in it, not an address: what the address meant is not
 * known any more when the process has ended, called exec or unmapped the file.
 */
#include "hotpath.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct hp_sample_config hp_sample_config = {};
__u64 hp_sample_places; /* since the daemon took them out, and made this zero */
__u64 hp_sample_probes; /* since the start */

/* place -> how often. Preallocated: an interrupt may have come in the middle of the
 * allocator. The daemon sets its size, by the number of CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HP_SAMPLES_PER_CPU);
	__type(key, struct hp_sample);
	__type(value, u64);
} hp_samples SEC(".maps");

/* BPF inserts, the daemon deletes what it has forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HP_SAMPLED_FILES_MAX);
	__type(key, struct hp_sampled_file);
	__type(value, u8);
} hp_sampled_files SEC(".maps");

/* See hotpath.h; a place by address. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HP_MAPPED_MAX);
	__type(key, u32);
	__type(value, struct hp_mapped);
} hp_mapped SEC(".maps");

/* Wakes the daemon; what is in it says nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} hp_sample_wakes SEC(".maps");

#define SYSCALL_URETPROBE 335 /* of the kernel's trampoline, since 6.11 */
#define SYSCALL_UPROBE	  336 /* of a probed nop5, since 6.18 */

#define BREAKPOINT 0xcc

extern int LINUX_KERNEL_VERSION __kconfig;
/* Since 6.7; another bit since 6.14. */
#define FMODE_BACKING (1u << (LINUX_KERNEL_VERSION < (6 << 16 | 14 << 8) ? 25 : 24))
#define PAGE_BITS     12
#define PAGE_SIZE     (1ul << PAGE_BITS)

/* --- in user space ----------------------------------------------------------- */

/* The inode that /proc/PID/maps shows. */
static __always_inline struct inode *inode_shown(struct file *file)
{
	struct backing_file *backing = (void *)file;
	struct inode *inode;

	if (bpf_core_field_exists(backing->user_path) &&
	    BPF_CORE_READ(file, f_mode) & FMODE_BACKING) {
		inode = BPF_CORE_READ(backing, user_path.dentry, d_inode);
		if (inode)
			return inode;
	}
	return BPF_CORE_READ(file, f_inode);
}

static long vma_found(struct task_struct *task, struct vm_area_struct *vma,
		      struct hp_mapped *mapped)
{
	struct file *file = vma->vm_file;
	struct inode *inode;

	mapped->start = vma->vm_start;
	mapped->end = vma->vm_end;
	mapped->offset = vma->vm_pgoff << PAGE_BITS;
	if (!file) {
		u64 vdso = (u64)BPF_CORE_READ(task, mm, context.vdso);

		mapped->kind = vma->vm_start == vdso ? HP_SAMPLE_VDSO : HP_SAMPLE_ANONYMOUS;
		return 0;
	}
	inode = inode_shown(file);
	mapped->kind = HP_SAMPLE_FILE;
	mapped->ino = BPF_CORE_READ(inode, i_ino);
	mapped->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	return 0;
}

/*
 * Where probed instructions are stepped, and where probed returns go to. Or right behind a
 * breakpoint: much of the way through the kernel interrupts are off, and the clock's comes
 * as soon as the thread is back. Not where code is aligned: lld, Go and others fill what is
 * before a function with breakpoints, and its first instruction is the program's.
 */
#define ALIGNED 15

static __always_inline bool is_beside_probe(struct task_struct *task, u64 ip)
{
	u64 page = BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
	u8 before = 0;

	if (page && ip - page < PAGE_SIZE)
		return true;
	if (!(ip & ALIGNED))
		return false;
	return !bpf_probe_read_user(&before, sizeof(before), (void *)(ip - 1)) &&
	       before == BREAKPOINT;
}

/* NULL: the mappings are being changed. */
static __always_inline struct hp_mapped *mapped_at(struct task_struct *task, u64 ip)
{
	u32 place = (ip >> 14 ^ ip >> 20) & (HP_MAPPED_MAX - 1);
	struct hp_mapped *known = bpf_map_lookup_elem(&hp_mapped, &place);
	struct hp_mapped found = {};
	u64 now_ns = bpf_ktime_get_ns();

	if (!known)
		return NULL;
	if (known->mm == (u64)task->mm && known->tgid == task->tgid && ip - known->start < known->end - known->start &&
	    now_ns < known->until_ns)
		return known;
	if (bpf_find_vma(task, ip, vma_found, &found, 0))
		return NULL;
	found.mm = (u64)task->mm;
	found.tgid = task->tgid;
	found.until_ns = now_ns + HP_MAPPED_NS;
	*known = found;
	return known;
}

static __always_inline void sample_user(struct task_struct *task, u64 ip, struct hp_sample *sample)
{
	const struct hp_mapped *mapped = mapped_at(task, ip);

	sample->kind = mapped ? mapped->kind : HP_SAMPLE_UNKNOWN;
	if (sample->kind != HP_SAMPLE_FILE)
		return;
	sample->dev = mapped->dev;
	sample->ino = mapped->ino;
	sample->at = ip - mapped->start + mapped->offset;
}

/* --- in the kernel ------------------------------------------------------------ */

/*
 * How the thread came into the kernel: the entry code calls what handles it with the
 * thread's registers on top of the stack, so that the return address lies below them.
 * orig_ax alone does not tell a breakpoint from a page fault or an interrupt.
 */
static __always_inline bool in_stub(u64 address, u64 lo, u64 hi)
{
	return address - lo < hi - lo;
}

static __always_inline bool is_probe(struct task_struct *task)
{
	const volatile struct hp_stubs *stubs = &hp_sample_config.stubs;
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u64 from = 0;
	long call = regs->orig_ax;

	if (call == SYSCALL_URETPROBE || call == SYSCALL_UPROBE)
		return true;
	if (call != -1)
		return false;
	if (!stubs->int3_lo)
		return true;
	bpf_probe_read_kernel(&from, sizeof(from), (void *)((u64)regs - sizeof(from)));
	/* uretprobe's system call says so, too, for it returns to somewhere else. */
	return in_stub(from, stubs->int3_lo, stubs->int3_hi) ||
	       in_stub(from, stubs->debug_lo, stubs->debug_hi) ||
	       in_stub(from, stubs->call_lo, stubs->call_hi);
}

/* --- both ----------------------------------------------------------------------- */

static __always_inline void sample_wake(void)
{
	u8 one = 1;

	bpf_ringbuf_output(&hp_sample_wakes, &one, sizeof(one), 0);
}

/* Is it one too many, or in a new file? */
static __always_inline void sample_new_place(const struct hp_sample *sample)
{
	struct hp_sampled_file file = {.dev = sample->dev, .ino = sample->ino};
	u64 places = __sync_fetch_and_add(&hp_sample_places, 1) + 1;
	u8 one = 1;

	if (places != hp_sample_config.places_half &&
	    (sample->kind != HP_SAMPLE_FILE || bpf_map_lookup_elem(&hp_sampled_files, &file) ||
	     bpf_map_update_elem(&hp_sampled_files, &file, &one, BPF_NOEXIST)))
		return;
	sample_wake();
}

static __always_inline void sample_add(struct hp_slot *slot, const struct hp_sample *sample)
{
	u64 *count = bpf_map_lookup_elem(&hp_samples, sample), one = 1;

	if (!count && bpf_map_update_elem(&hp_samples, sample, &one, BPF_NOEXIST) == 0) {
		sample_new_place(sample);
		return;
	}
	/* Another CPU may have been faster. */
	if (!count)
		count = bpf_map_lookup_elem(&hp_samples, sample);
	if (count)
		hp_count(count);
	else
		hp_count_by(slot, HP_COUNTER_samples_lost);
}

SEC("perf_event")
int sample_tick(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct hp_sample sample = {};
	struct hp_slot *slot;
	bool user;

	slot = hp_slot_find(bpf_get_current_pid_tgid() >> 32, &sample.slot);
	if (!slot || !slot->gen || slot->gen == HP_GEN_NONE ||
	    slot->state & (HP_TARGET_SILENT | HP_TARGET_EXECED))
		return 0;
	sample.gen = slot->gen;
	user = (ctx->regs.cs & 3) == 3;
	if (user ? is_beside_probe(task, ctx->regs.ip) : is_probe(task))
		sample.kind = HP_SAMPLE_PROBE;
	else if (slot->windows)
		sample.kind = HP_SAMPLE_DISCARDED;
	else if (user)
		sample_user(task, ctx->regs.ip, &sample);
	else
		sample.kind = HP_SAMPLE_KERNEL;
	sample_add(slot, &sample);
	if (sample.kind == HP_SAMPLE_PROBE &&
	    __sync_fetch_and_add(&hp_sample_probes, 1) % HP_SAMPLED_PROBES == HP_SAMPLED_PROBES - 1)
		sample_wake();
	return 0;
}
