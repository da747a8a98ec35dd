/* SPDX-License-Identifier: GPL-2.0-only */
/* Is what the current process has become a translator (hotpath.h)? */
#ifndef HOTPATH_BPF_TRANSLATOR_H
#define HOTPATH_BPF_TRANSLATOR_H

#include "gate.bpf.h"

#define TRANSLATOR_NAME_SIZE 64 /* a power of two; longer names are none */

static __always_inline bool is_translator(struct task_struct *task)
{
	const char suffix[] = HP_TRANSLATOR_SUFFIX;
	char name[TRANSLATOR_NAME_SIZE];
	long size;
	u32 i;

	size = bpf_probe_read_kernel_str(name, sizeof(name),
					 BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name));
	if (size < (long)sizeof(suffix) || size >= (long)sizeof(name))
		return false;
	for (i = 0; i < sizeof(suffix); i++) {
		if (name[(size - sizeof(suffix) + i) & (sizeof(name) - 1)] != suffix[i])
			return false;
	}
	return true;
}

/* Whoever's it is: until no probe is left in files that it may map. */
static __always_inline void translator_hold(struct task_struct *task)
{
	struct hp_process process = {.flags = HP_PROCESS_TRANSLATES};

	gate_hold(task, &process);
}

#endif
