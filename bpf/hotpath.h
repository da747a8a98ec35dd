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
#define HP_TARGETS_MAX 1024

/*
 * A family is what one request brought in, and all that comes of it. A kit is
 * what a family probes in one executable: it has targets made in advance, spares,
 * which BPF hands to processes as they are forked or call exec. 0 is "none".
 */
#define HP_PROCESSES_MAX 32768
#define HP_FAMILIES_MAX	 128
#define HP_KITS_MAX	 1024
#define HP_SPARES_MAX	 256 /* of a kit; a power of two */
/* Of which a user may take 4,096 (32 families, each 128 with nothing to probe). */
#define HP_EXES_MAX	 32768

/*
 * The kernel arms at most 64 nested returns per thread, and a longjmp from
 * depth 64 blinds the thread; we stop a little earlier and say `vetoed`.
 */
#define HP_FRAMES_MAX  60
#define HP_FRAMES_SIZE 64 /* a power of two, so that an index can be masked */

/*
 * Probe cookie: the group in the high 10 bits, the function's index in the next 22.
 * The rest, of an entry, is whether its ways out are known, whether the kernel steps through
 * the instruction, and [11..2] which link of its group it came by (0: the only one); of a way
 * out, how to tell that a call is over there:
 *   [31]     the return address lies above rbp, not rsp
 *   [30..26] 0: always over; else 1 + the x86 condition code that must hold
 *   [25]     only for targets with HP_TARGET_EXITS
 *   [24]     stepped, too
 *   [23..0]  bytes from that register to the return address
 */
#define HP_FUNCTIONS_MAX	(1u << 22) /* of a group */
#define HP_COOKIE(group, func)	(((__u64)(group) << 54) | ((__u64)(func) << 32))
#define HP_COOKIE_GROUP(cookie) ((__u32)((cookie) >> 54))
#define HP_COOKIE_FUNC(cookie)	((__u32)((cookie) >> 32) & (HP_FUNCTIONS_MAX - 1))

#define HP_COOKIE_HAS_EXITS	  1
#define HP_COOKIE_STEPPED	  2
#define HP_COOKIE_IS_STEPPED(cookie) (((__u32)(cookie) >> 1) & 1)

/* Links of a group under a budget. A hit by one that is not open in struct hp_group is
 * refused. So a link can be placed and removed with nothing counted meanwhile, and be
 * replaced by another on the same functions with none counted twice. */
#define HP_LINKS_MAX		1024
#define HP_COOKIE_LINK(link)	((__u32)(link) << 2)
#define HP_COOKIE_LINK_OF(cookie) ((__u32)(cookie) >> 2 & (HP_LINKS_MAX - 1))

#define HP_EXIT_LATE	   (1u << 25)
#define HP_EXIT_STEPPED	   (1u << 24)
#define HP_EXIT_OFFSET_MAX ((1u << 24) - 1)
#define HP_EXIT(frame_pointer, condition, offset)                                                  \
	(((__u32)!!(frame_pointer) << 31) | ((__u32)(condition) << 26) | (offset))
#define HP_EXIT_FRAME_POINTER(cookie) ((__u32)(cookie) >> 31)
#define HP_EXIT_CONDITION(cookie)     ((__u32)(cookie) >> 26 & 31)
#define HP_EXIT_OFFSET(cookie)	      ((__u32)(cookie) & HP_EXIT_OFFSET_MAX)
#define HP_EXIT_IS_STEPPED(cookie)    (((__u32)(cookie) >> 24) & 1)

/* Flags of a target. */
enum {
	/* No new return may be armed: objects arrived and are not judged yet,
	 * or the process was found unsafe. Entries are still counted. */
	HP_TARGET_NO_RETURNS = 1 << 0,
	/* Credentials changed at exec: nothing may be observed any more. */
	HP_TARGET_SILENT = 1 << 1,
	/* It became another program: nothing more is counted for this one. */
	HP_TARGET_EXECED = 1 << 2,
	/* It is a Go program: open calls go with the goroutine, not with the thread. */
	HP_TARGET_GOROUTINES = 1 << 3,
	/* The ways out of what sessions sit on are probed as well: calls whose return
	 * may no longer be armed are timed by those. */
	HP_TARGET_EXITS = 1 << 4,
	/* As NO_RETURNS, and no judgement takes it back: several processes count here,
	 * and what one of them has loaded is not known of the others. */
	HP_TARGET_NEVER_RETURNS = 1 << 5,
	/* A window is open: what samples see now, probes have distorted. Daemon. */
	HP_TARGET_WINDOW = 1 << 6,
};

#define HP_GEN_NONE (~(__u32)0)

/*
 * What a call's probes cost, in ns, as the daemon measured it; by the class of the
 * entry and of the way out: 0 emulated, 1 stepped. 0 ns: not known, nothing is
 * taken off. A price is what the caller waits longer; `inside` is the part of it
 * that lies between the call's own two clock readings.
 */
struct hp_prices {
	__u32 count[2];
	__u32 session[2], session_inside[2];
	__u32 sites[2][2], sites_inside[2][2]; /* [entry][way out] */
};

#define HP_PRICE_BITS 10
#define HP_PRICE_ONE  (1u << HP_PRICE_BITS) /* as measured; so is 0 */
#define HP_PRICE_NONE 1u		    /* nothing is taken off */

/* Per target; the report prints the non-zero ones by name. */
#define HP_COUNTERS(X)                                                                             \
	X(veto_depth, "returns not armed: 60 measured calls deep already")                         \
	X(veto_shared, "returns not armed: another tracer's return probes at the same site")       \
	X(veto_stack, "returns not armed: not on the thread's own stack")                          \
	X(veto_busy, "returns not armed: the process was changing its mappings")                   \
	X(veto_target, "returns not armed: newly loaded objects were not judged yet")              \
	X(veto_memory, "returns not armed: no memory for the thread's frames")                     \
	X(veto_dispatch, "returns not armed: syscall user dispatch or seccomp on this kernel")     \
	X(stray_returns, "returns of calls entered before attach, reset, fork or exec")                  \
	X(silenced, "observation ended because exec changed the credentials")                      \
	X(veto_vfork, "returns not armed: in a vfork child, on its parent's stack")                \
	X(children, "child processes not followed")                                                \
	X(children_shared, "processes that count into another's figures: no target was ready")     \
	X(held_late, "programs that may have run before their probes were in place")               \
	X(held_not, "programs that could not be held: another tracer had them")                    \
	X(events_lost, "events that found the ring buffer full")                                  \
	X(processes_lost, "processes that found the table of followed ones full")                  \
	X(samples_lost, "samples of the CPU that found no room")                                   \
	X(refused, "calls that were not counted: their function was over the budget")

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
	 * generation are dead. 0: the slot is free; HP_GEN_NONE: no slot's. Daemon. */
	__u32 gen;
	__u32 owner;   /* uid of who asked; 0: credentials are not checked at exec */
	__u32 gid;     /* of the process, with an owner and without a family */
	__u32 windows; /* open now, in which many probes are in place: samples of what it
			* does by itself are discarded. Daemon */
	__u64 exe_ino; /* of the executable */
	__u32 exe_dev; /* major << 20 | minor, as the kernel has it */
	__u32 tgid;    /* whose it is; 0: nobody's own, or that one has exited. BPF */
	__u32 kit;     /* its children's spares come from there; 0: not followed */
	__u32 family;
	__u32 sharers; /* processes that count here besides its own. BPF, atomics */
	__u32 given;   /* the process that got this spare, also when that has ended. BPF */
	__u32 holds;   /* what it loads is searched: it is held at the loader's hook. Daemon */
	__u32 price_scale; /* HP_PRICE_*: what a hit costs here, of its price. Daemon */
	__u64 counter[HP_COUNTERS_MAX];
	__u32 cell[HP_GROUPS_MAX]; /* group -> cell, 0 = not in that group. Daemon. */
};

/* hp_targets: what a process is. */
struct hp_process {
	__u32 slot;
	__u16 flags; /* HP_PROCESS_* */
	__u16 hooks; /* times the loader's hook ran since exec. BPF */
};

enum {
	/* What it runs is not known yet: it is held at the loader's hook. */
	HP_PROCESS_UNPLANNED = 1 << 0,
	/* Its returns are armed once what it has loaded was compared: held there, too. */
	HP_PROCESS_UNJUDGED = 1 << 1,
	/* It takes objects away: nothing new at the next run of the hook. */
	HP_PROCESS_UNLOADING = 1 << 2,
	/* It could not be measured, which was said: it is not tried again. Daemon */
	HP_PROCESS_GIVEN_UP = 1 << 3,
	/* It came to the gate, nobody could be told, and that was counted. */
	HP_PROCESS_MISSED = 1 << 4,
	/* Of a hold alone: a translator begins, and waits until no probe is in its way. */
	HP_PROCESS_TRANSLATES = 1 << 15,
};

/*
 * A translator executes other programs by code of its own that it makes of theirs: a
 * breakpoint in what it reads becomes a part of that, and ends it by SIGTRAP. Told by the
 * end of its executable's name: valgrind's tools are memcheck-amd64-linux and the like.
 */
#define HP_TRANSLATOR_SUFFIX "-amd64-linux"

/*
 * The gate: a thread that has to stop before its next instruction in user space waits
 * in BPF, up to HP_GATE_NS, until the daemon has seized it (daemon/gate.c).
 */
#define HP_GATE_NS	 2000000
#define HP_GATE_WAITERS	 64 /* a power of two */
#define HP_GATE_LATE	 4096 /* likewise; more than wait to be asked for at once */
#define HP_GATE_BYTES	 65536

/* What waits; the gate's own ring buffer brings them, in the order of their ids. */
struct hp_hold {
	__u64 id;
	__u32 tgid, tid;
	__u32 slot;
	__u16 flags, hooks; /* as in hp_process */
};

/* hp_gate, one. The daemon has it mapped. */
struct hp_gate {
	__u64 next;			  /* BPF, atomics */
	__u64 answered[HP_GATE_WAITERS]; /* id & mask -> the last id that was seized. Daemon */
	__u64 late[HP_GATE_LATE];	  /* the last that did not wait for it. BPF, daemon */
};

/*
 * hp_kits. The ring is filled by the daemon at `given`, and emptied by BPF at
 * `taken`, by compare-and-swap; both only grow. The daemon has it mapped.
 */
struct hp_kit {
	__u32 given, taken;
	__u32 common; /* slot for who finds no spare; 0: the parent's */
	__u32 flags;  /* HP_KIT_* */
	__u32 hook;   /* at which run of the loader's hook after exec all is mapped */
	__u32 state;  /* HP_TARGET_* of its processes from the start */
	__u32 ring[HP_SPARES_MAX];
};

enum {
	/* Nothing of it is probed; its processes all have the slot `common`. */
	HP_KIT_PASSIVE = 1 << 0,
	/* Returns are armed in it by sessions: judged anew after exec. */
	HP_KIT_SESSIONS = 1 << 1,
	/* It has no loader: what was judged once holds for every exec. */
	HP_KIT_STATIC = 1 << 2,
	/* It was made before any process of it was seen: what loader it has is not known. */
	HP_KIT_AHEAD = 1 << 3,
};

/* hp_exes: which kit a family has for an executable; of family 0, which files are
 * loaders whose hook is probed. */
struct hp_exe {
	__u32 family;
	__u32 dev; /* as hp_slot's */
	__u64 ino;
};

/* hp_selectors: which family waits for such processes to start. What a kind does not
 * use is zero. */
enum {
	HP_SELECT_EXE = 1, /* dev and id: of the executable */
	HP_SELECT_NAME,	   /* the process's name, or its executable's */
	HP_SELECT_CGROUP,  /* id: of it, or of one above it */
};

#define HP_NAME_SIZE	 64
#define HP_SELECTORS_MAX 1024

struct hp_select {
	__u32 kind;
	__u32 dev;
	__u64 id;
	__u32 owner; /* uid of who waits; root's before a user's */
	__u32 pad;
	char name[HP_NAME_SIZE];
};

/* hp_families. Number 0 is nobody's; its `processes` says how many selectors there are. */
#define HP_GIDS_MAX 65

struct hp_family {
	__u32 passive;	 /* its passive kit; 0: it follows nobody (any more). Daemon */
	__u32 processes; /* alive. BPF and daemon, atomics */
	__u32 owner;	 /* as hp_slot's */
	__u32 gids;	 /* how many groups who asked is in; their numbers: */
	__u32 gid[HP_GIDS_MAX];
	__u32 missed; /* programs that nobody was told of, to hold them. BPF and daemon, atomics */
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
	/* Sums of signed values: a call that took less than its probes were reckoned
	 * to have added counts below zero, so that errors of prices cancel out. */
	__u64 total_ns; /* of the calls that returned, callees included, probes taken off */
	__u64 child_ns; /* of that, the time of measured callees */
	__u64 probe_ns; /* what probes added to total_ns, and was taken off; in the same cache
			 * line, which CPUs that run the function at once take from each other */
	__u64 max_ns;
	__u64 min_inv;	 /* ~min_ns, so that zero means none yet */
	__u64 unwound;	 /* frames that longjmp or an exception removed */
	__u64 vetoed;	 /* entries whose return was not armed */
	__u64 lost;	 /* returns that came but could not be paired */
	__u64 cut;	 /* open when the thread exited or called exec */
	__u64 cut_ns;	 /* how long those had run, probes within them taken off */
	__u64 hist_lost; /* exits that found no chunk for the histogram */
	__u64 clipped;	 /* exits for which that was more than they had taken */
	__u64 limit;	 /* the fuse: HP_LIMIT() or 0. Daemon, but for HP_LIMIT_TOLD */
	__u32 chunk[HP_HIST_CHUNKS]; /* the chunk's place in the cell, 0 = none yet */
};

/* The fuse: once so many calls of a function have been counted, none is; and the first that
 * is not is told, HP_EVENT_FUSE. */
#define HP_LIMIT(calls) ((__u64)(calls) + 1)
#define HP_LIMIT_TOLD	(1ULL << 63)

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
	__u64 probe_ns; /* what probes added so far: of callees, and what was hit within them */
	__u32 func;
	__u32 cell;
	__u32 serial; /* pairs entry and return, with the session cookie */
	__u16 armed;  /* by the kernel; else its ways out are probed */
	__u16 stepped; /* the class of its entry, an index of hp_prices */
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

/*
 * hp_goroutines: the frames of a goroutine, that take no note of threads. In them
 * sp is less than zero: the distance to the upper end of its stack, which stays
 * the same when the stack is moved.
 */
struct hp_goroutine {
	__u64 g; /* address of the runtime's structure */
	__u32 tgid;
	__u32 pad;
};
#define HP_GOROUTINES_MAX 16384

/* hp_groups: per group, what processes that are no target made us pay for, and which of its
 * links are open, a bit each. */
struct hp_group {
	__u64 bystander_hits;
	__u64 open[HP_LINKS_MAX / 64]; /* daemon */
	__u32 limited;		       /* it is under a budget. Daemon */
	__u32 pad;
};

/* hp_events: rare things the daemon must hear of at once. */
enum hp_event_kind {
	HP_EVENT_EXEC = 1, /* target called exec; arg = the slot's state after it */
	HP_EVENT_OBJECTS,  /* the loader's debug hook ran: objects came or went */
	HP_EVENT_BEGIN,	   /* a process got a spare; arg = it was forked by that one */
	HP_EVENT_EXIT,	   /* a slot's own process ended; arg = its CPU time */
	HP_EVENT_LAST,	   /* the last that shared the slot of one that has ended, too */
	HP_EVENT_EMPTY,	   /* a family's last process ended; arg = the family */
	HP_EVENT_CHILD,	   /* one that is not followed; arg = its parent */
	HP_EVENT_FUSE,	   /* a function reached its limit; arg = the cookie */
};

#define HP_COMM_SIZE 16
/* Of the ring buffer: some 14,000 events. */
#define HP_EVENTS_BYTES (1024 * 1024)

struct hp_event {
	__u32 kind;
	__u32 tgid;
	__u64 time_ns;
	__u64 arg;
	__u32 slot, gen;
	__u64 started_ns; /* CLOCK_BOOTTIME: when the process started */
	char comm[HP_COMM_SIZE];
};

/* What the iterator writes for every thread that has open frames. */
struct hp_open {
	__u32 tgid;
	__u32 tid;
	__u32 gen;
	__u32 depth; /* of the HP_FRAMES_SIZE frames that follow, so many are open */
	__u64 now_ns;
};

/*
 * hp_samples: how often the clock of a CPU found a target at one place. BPF inserts
 * and adds, the daemon takes everything out when it wants to know, or is told that
 * half is in use, that a file came to hp_sampled_files, or that probes take their time.
 */
enum hp_sample_kind {
	HP_SAMPLE_FILE = 1,  /* dev, ino: the file's; at: offset in it */
	HP_SAMPLE_ANONYMOUS, /* in memory that no file is mapped to */
	HP_SAMPLE_VDSO,
	HP_SAMPLE_UNKNOWN,   /* the mappings were being changed */
	HP_SAMPLE_KERNEL,
	HP_SAMPLE_PROBE,     /* in the kernel, for one of hotpath's probes */
	HP_SAMPLE_DISCARDED, /* while the slot's `windows` were open, and none of the last two */
};

struct hp_sample {
	__u32 slot, gen;
	__u32 kind;
	__u32 dev; /* as hp_slot's; like ino what /proc/PID/maps shows */
	__u64 ino;
	__u64 at;
};

#define HP_SAMPLE_HZ	    499
#define HP_SAMPLES_PER_CPU 768 /* places that are kept: a second's samples and a half */

/* hp_sampled_files: those that samples fell in. Of each the daemon is told once, and may
 * look at it while it is mapped. */
struct hp_sampled_file {
	__u32 dev, pad;
	__u64 ino;
};
#define HP_SAMPLED_FILES_MAX 1024

/*
 * hp_mapped: mappings that samples fell in, of each CPU, as they were a moment ago: to
 * look one up takes the mappings' lock, and an interrupt more to give it back (5 us).
 */
struct hp_mapped {
	__u64 mm; /* address of the kernel's structure, which may be another process's soon */
	__u32 tgid, pad;
	__u64 start, end;
	__u64 until_ns;
	__u64 offset; /* in the file, of its start */
	__u64 ino;
	__u32 dev;
	__u32 kind; /* HP_SAMPLE_* */
};
#define HP_MAPPED_MAX 16 /* a power of two */
#define HP_MAPPED_NS  200000000

/* After so many samples in probes the daemon is to look what they cost; a power of two. */
#define HP_SAMPLED_PROBES 512

/* Where the kernel is entered by a probe: by its
 * breakpoint, and when the instruction below it has been stepped. 0: not known. */
struct hp_stubs {
	__u64 int3_lo, int3_hi;
	__u64 debug_lo, debug_hi;
	__u64 call_lo, call_hi; /* any system call */
};

/* hp_sample_config: rodata of sample.bpf.c. */
struct hp_sample_config {
	struct hp_stubs stubs;
	__u64 places_half;
};

/* hp_config: rodata, set before load. */
struct hp_config {
	__u32 seccomp_kills; /* kernels 6.11 .. 6.14-rc1: the uretprobe system call */
	__u32 pad;
};

#endif
