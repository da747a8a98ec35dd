// SPDX-License-Identifier: GPL-2.0-only
/* Counts the other processes that run a target's files; see bystanders.h. */
#include "bystanders.h"

#include "lib/cleanup.h"
#include "proc.h"

int bystanders_count(const struct registry *registry, pid_t pid, const uint64_t (*files)[2],
		     size_t n, uint32_t max, uint32_t *ret)
{
	pid_t pids[HP_TARGETS_MAX + 1] = {pid};
	const struct target *t;
	size_t n_pids = 1;

	*ret = 0;
	if (!n)
		return 0;
	for (t = registry->targets; t && n_pids < ARRAY_SIZE(pids); t = t->next) {
		if (!target_is_finished(t))
			pids[n_pids++] = t->pid;
	}
	return proc_count_mapping(files, n, pids, n_pids, max, ret);
}
