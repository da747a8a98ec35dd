/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that a family waits for: told by their executable, name or cgroup when
 * they call exec.
 */
#ifndef HOTPATH_BPF_SELECT_H
#define HOTPATH_BPF_SELECT_H

#include "family.bpf.h"

/* what -> family; the daemon inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HP_SELECTORS_MAX);
	__type(key, struct hp_select);
	__type(value, u32);
} hp_selectors SEC(".maps");

/* Deeper ones are told by those above them, down to this. */
#define CGROUP_LEVELS 32

/* What one user waits for is nothing to others, and keeps nobody from waiting for it. */
static __always_inline u32 select_look(struct hp_select *key, u32 uid)
{
	u32 *family;

	key->owner = 0;
	family = bpf_map_lookup_elem(&hp_selectors, key);
	if (!family && uid) {
		key->owner = uid;
		family = bpf_map_lookup_elem(&hp_selectors, key);
	}
	return family ? *family : 0;
}

static __always_inline u32 select_by_exe(struct file *exe, u32 uid)
{
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	struct hp_select key = {
		.kind = HP_SELECT_EXE,
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.id = BPF_CORE_READ(inode, i_ino),
	};

	return select_look(&key, uid);
}

/* An exec names the process after the executable, cut to 15 bytes. */
static __always_inline u32 select_by_name(struct file *exe, u32 uid)
{
	struct hp_select key = {.kind = HP_SELECT_NAME};
	struct hp_select cut = {.kind = HP_SELECT_NAME};

	bpf_get_current_comm(cut.name, HP_COMM_SIZE);
	bpf_probe_read_kernel_str(key.name, sizeof(key.name),
				  BPF_CORE_READ(exe, f_path.dentry, d_name.name));
	return select_look(&key, uid) ?: select_look(&cut, uid);
}

static __always_inline u32 select_by_cgroup(u32 uid)
{
	struct hp_select key = {.kind = HP_SELECT_CGROUP, .id = bpf_get_current_cgroup_id()};
	u32 family = select_look(&key, uid);
	int level;

	for (level = 0; !family && level < CGROUP_LEVELS; level++) {
		key.id = bpf_get_current_ancestor_cgroup_id(level);
		if (!key.id)
			break;
		family = select_look(&key, uid);
	}
	return family;
}

/* The family that waits for what the current process has just become; 0: none. */
static __always_inline u32 select_family(struct task_struct *task)
{
	struct hp_family *all = family_get(0);
	u32 uid = task->cred->uid.val;
	struct file *exe;

	if (!all || !all->processes)
		return 0;
	exe = BPF_CORE_READ(task, mm, exe_file);
	return select_by_exe(exe, uid) ?: select_by_name(exe, uid) ?: select_by_cgroup(uid);
}

#endif
