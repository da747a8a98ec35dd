/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between bpf/ and daemon/: map values, ids and limits.
 *
 * Compiles as BPF (after vmlinux.h) and as host C (after <linux/types.h>).
 * All times are CLOCK_MONOTONIC nanoseconds, all sizes bytes. Whoever reads a
 * counter here may see it move; whoever writes one does so with an atomic add,
 * because programs on uprobes can be preempted.
 */
#ifndef HOTPATH_BPF_ABI_H
#define HOTPATH_BPF_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/*
 * A group is one set of functions of one file, probed by one link per kind and
 * shared by every target that asked for the set. A cell is the statistics of
 * one target in one group, named by the number of its first block. 0 is "none"
 * for both.
 */
#define HP_GROUPS_MAX  1024
#define HP_TARGETS_MAX 512

/*
 * The kernel arms at most 64 nested returns per thread, and a longjmp from
 * depth 64 blinds the thread; we stop a little earlier and say `vetoed`.
 */
#define HP_FRAMES_MAX  60
#define HP_FRAMES_SIZE 64 /* a power of two, so that an index can be masked */

/* Probe cookie: the group in the high half, the function's index in the low. */
#define HP_COOKIE(group, func)	(((__u64)(group) << 32) | (__u32)(func))
#define HP_COOKIE_GROUP(cookie) ((__u32)((cookie) >> 32))
#define HP_COOKIE_FUNC(cookie)	((__u32)(cookie))

/* Flags of a target. */
enum {
	/* No new return may be armed: objects arrived and are not judged yet,
	 * or the process was found unsafe. Entries are still counted. */
	HP_TARGET_NO_RETURNS = 1 << 0,
	/* Credentials changed at exec: nothing may be observed any more. */
	HP_TARGET_SILENT = 1 << 1,
	/* It became another program: nothing more is counted for this one. */
	HP_TARGET_EXECED = 1 << 2,
};

/* Per target; the report prints the non-zero ones by name. */
#define HP_COUNTERS(X)                                                                             \
	X(veto_depth, "returns not armed: 60 measured calls deep already")                         \
	X(veto_shared, "returns not armed: another tracer's return probes at the same site")       \
	X(veto_stack, "returns not armed: not on the thread's own stack")                          \
	X(veto_busy, "returns not armed: the process was changing its mappings")                   \
	X(veto_target, "returns not armed: newly loaded objects were not judged yet")              \
	X(veto_memory, "returns not armed: no memory for the thread's frames")                     \
	X(veto_dispatch, "returns not armed: syscall user dispatch or seccomp on this kernel")     \
	X(stray_returns, "returns of calls entered before attach, reset or exec")                  \
	X(silenced, "observation ended because exec changed the credentials")                      \
	X(children, "child processes not followed")                                                \
	X(events_lost, "events that found the ring buffer full")

enum hp_counter {
#define X(name, help) HP_COUNTER_##name,
	HP_COUNTERS(X)
#undef X
	HP_COUNTERS_MAX
};

/*
 * hp_slots: one per target; hp_targets finds it by process, and threads remember
 * it, so that a hit needs no hash. The daemon has it mapped. Slot 0 belongs to
 * nobody and takes what cannot be charged to a target.
 */
struct hp_slot {
	/* HP_TARGET_* in the low half, set by BPF and daemon by atomics. The high half
	 * counts the reasons to judge the process anew (loader's hook, exec), so that
	 * the daemon can clear a flag by compare-and-swap only if nothing has come
	 * since it looked. */
	__u64 state;
	/* This arming, unique while the daemon runs; frames and threads of another
	 * generation are dead. 0: the slot is free. Daemon. */
	__u32 gen;
	__u32 owner;   /* uid of who asked; 0: credentials are not checked at exec */
	__u64 exe_ino; /* of the executable */
	__u32 exe_dev; /* major << 20 | minor, as the kernel has it */
	__u32 pad;
	__u64 counter[HP_COUNTERS_MAX];
	__u32 cell[HP_GROUPS_MAX]; /* group -> cell, 0 = not in that group. Daemon. */
};

/*
 * Histogram of durations: log-linear, 32 buckets per power of two, so that a
 * bucket's middle is within 1.6 % of every value in it. Chunk 0 holds 0..31 ns
 * one by one; chunk k >= 1 holds [2^(k+4), 2^(k+5)). 36 chunks reach 2^40 ns
 * (1,099 s); longer calls land in the last bucket and are exact in max_ns.
 */
#define HP_HIST_SUB_BITS 5
#define HP_HIST_SUB	 (1 << HP_HIST_SUB_BITS)
#define HP_HIST_CHUNKS	 36
#define HP_HIST_BUCKETS	 (HP_HIST_CHUNKS * HP_HIST_SUB)

/*
 * Blocks of 256 bytes are numbered from 0 and come in pages, array maps of equal
 * size that the daemon makes as they are needed and has mapped: with one size the
 * kernel compiles a look-up into a few instructions instead of a call. Block 0 is
 * never used. A cell is a run of blocks, over page boundaries too:
 *   [0]              struct hp_cell_head
 *   [1 .. n]         struct hp_func, one per function of the group
 *   [n+1 .. n+m]     chunks, handed to functions on first use and never taken
 *                    back; when they run out, hist_lost says so.
 * Memory of a cell: 256 * (1 + n + m) bytes, whatever the number of CPUs, and of
 * all of them together at most one page more.
 */
#define HP_PAGE_BITS   12
#define HP_PAGE_BLOCKS (1 << HP_PAGE_BITS)
#define HP_PAGES_MAX   1024

struct hp_cell_head {
	__u32 functions;   /* n */
	__u32 chunks;	   /* m */
	__u32 chunks_used; /* may run past chunks: that many were asked for */
	__u32 pad;
};

struct hp_func {
	/* Returns paired with their entry are not counted apart: their number is
	 * the histogram's sum and hist_lost. */
	__u64 calls;	/* entries seen */
	__u64 total_ns; /* of the calls that returned, callees included */
	__u64 child_ns; /* of that, the time of measured callees */
	__u64 max_ns;
	__u64 min_inv;	 /* ~min_ns, so that zero means none yet */
	__u64 unwound;	 /* frames that longjmp or an exception removed */
	__u64 vetoed;	 /* entries whose return was not armed */
	__u64 lost;	 /* returns that came but could not be paired */
	__u64 cut;	 /* open when the thread exited or called exec */
	__u64 cut_ns;	 /* how long those had run */
	__u64 hist_lost; /* exits that found no chunk for the histogram */
	__u32 chunk[HP_HIST_CHUNKS]; /* the chunk's place in the cell, 0 = none yet */
};

#define HP_BLOCK_SIZE 256

union hp_block {
	struct hp_cell_head head;
	struct hp_func func;
	__u64 bucket[HP_HIST_SUB];
	__u8 bytes[HP_BLOCK_SIZE];
};

/* A call that has been entered and not left. */
struct hp_frame {
	__u64 sp; /* at entry: where the return address lies */
	__u64 start_ns;
	__u64 child_ns; /* of measured callees that returned */
	__u32 func;
	__u32 cell;
	__u32 serial; /* pairs entry and return, with the session cookie */
	__u32 pad2;
};

/* hp_threads: task storage of threads that entered a measured function. */
struct hp_thread {
	__u32 slot; /* of the target, and its generation when the frames were pushed */
	__u32 gen;
	__u32 depth;
	__u32 serial;
	__u64 native_lo, native_hi;   /* the thread's own stack, as last seen */
	__u64 foreign_lo, foreign_hi; /* a mapping that was found not to be it */
	__u64 signal_sp, signal_size; /* the alternate signal stack, as last seen */
	struct hp_frame frame[HP_FRAMES_SIZE];
};

/* hp_groups: per group, what processes that are no target made us pay for. */
struct hp_group {
	__u64 bystander_hits;
};

/* hp_events: rare things the daemon must hear of at once. */
enum hp_event_kind {
	HP_EVENT_EXEC = 1, /* target called exec; arg = the slot's state after it */
	HP_EVENT_OBJECTS,  /* the loader's debug hook ran: objects came or went */
};

struct hp_event {
	__u32 kind;
	__u32 tgid;
	__u64 time_ns;
	__u64 arg;
};

/* What the iterator writes for every thread that has open frames. */
struct hp_open {
	__u32 tgid;
	__u32 tid;
	__u32 gen;
	__u32 depth; /* of the HP_FRAMES_SIZE frames that follow, so many are open */
	__u64 now_ns;
};

/* hp_config: rodata, set before load. */
struct hp_config {
	__u32 seccomp_kills; /* kernels 6.11 .. 6.14-rc1: the uretprobe system call */
	__u32 pad;
};

#endif
