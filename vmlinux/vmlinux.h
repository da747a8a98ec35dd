/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types that bpf/ reads, and of those only the fields it reads. Kept
 * by hand: the loader finds the real offsets in the running kernel's BTF (CO-RE),
 * so the build needs no kernel of its own. Layout here means nothing, except in
 * pt_regs and the BPF contexts, which are ABI.
 */
#ifndef VMLINUX_H
#define VMLINUX_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef int pid_t;
#define true  1
#define false 0
#define NULL  ((void *)0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
};

enum {
	BPF_RB_FORCE_WAKEUP = 2,
};

enum {
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

/* arch/x86/include/asm/ptrace.h; ABI. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

/* What programs on perf events get; ABI. */
struct bpf_perf_event_data {
	struct pt_regs regs;
	__u64 sample_period;
	__u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_info {
	unsigned long syscall_work;
};

struct thread_struct {
	unsigned long fsbase;
};

struct xol_area {
	unsigned long vaddr;
};

struct uprobes_state {
	struct xol_area *xol_area;
};

struct return_consumer;

struct return_instance {
	unsigned long stack;
	struct return_consumer *extra_consumers; /* since 6.14 */
};

struct uprobe_task {
	unsigned int depth;
	struct return_instance *return_instances; /* newest first */
	struct return_instance *ri_pool;	  /* since 6.14 */
};

struct super_block {
	u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	unsigned int f_mode;
};

/* What overlayfs maps, a file of the layer below; since 6.8 with the path of its own. */
struct backing_file {
	struct path user_path;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_pgoff; /* of 4 KiB */
	struct file *vm_file;
};

typedef struct {
	void *vdso;
} mm_context_t;

struct mm_struct {
	unsigned long start_stack;
	unsigned long flags;
	struct file *exe_file;
	struct uprobes_state uprobes_state;
	mm_context_t context;
};

/* Since 6.18 the flags of an mm are a bitmap in a struct. */
typedef struct {
	unsigned long __mm_flags[1];
} mm_flags_t;

struct mm_struct___v618 {
	mm_flags_t flags;
};

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

/* Two words of 32 bits before 6.3. */
typedef struct {
	u64 val;
} kernel_cap_t;

struct cred {
	kuid_t uid, euid, suid;
	kgid_t gid, egid, sgid;
	kernel_cap_t cap_permitted;
};

struct seccomp {
	int mode;
};

enum syscall_work_bit {
	SYSCALL_WORK_BIT_SYSCALL_USER_DISPATCH = 5,
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

struct mutex {
	atomic64_t owner; /* a task, and flags in the low bits */
};

struct rt_mutex_base {
	struct task_struct *owner; /* likewise */
};

/* With PREEMPT_RT. */
struct mutex___rt {
	struct rt_mutex_base rtmutex;
};

struct signal_struct {
	atomic_t live; /* threads */
	unsigned long long sum_sched_runtime; /* of threads that are gone */
	struct mutex cred_guard_mutex;	      /* a thread execs, or is being traced from now on */
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct completion;

struct task_struct {
	struct thread_info thread_info;
	struct sched_entity se;
	pid_t pid;
	pid_t tgid;
	struct mm_struct *mm;
	unsigned long sas_ss_sp;
	unsigned long sas_ss_size;
	const struct cred *cred;
	char comm[16];
	u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct completion *vfork_done; /* in a vfork child until exec or exit */
	struct seccomp seccomp;
	struct uprobe_task *utask;
	struct thread_struct thread;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#endif
