// SPDX-License-Identifier: GPL-2.0-only
/* Finding control groups; see cgroup.h. */
#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#include "lib/cgroup.h"
#include "lib/cleanup.h"

/* Beside version 1 the second is it. */
static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

const char *cgroup_root(void)
{
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		if (statfs(roots[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return roots[i];
	}

	return NULL;
}
