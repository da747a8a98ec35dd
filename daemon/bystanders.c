// SPDX-License-Identifier: GPL-2.0-only
/* Counts the other processes that run a target's files; see bystanders.h. */
#include "bystanders.h"

#include "lib/cleanup.h"
#include "proc.h"

/* Files whose probes every process will hit: those of shared groups. */
static size_t shared_files(const struct target *t, uint64_t (*files)[2], size_t room)
{
	size_t i, n = 0;

	for (i = 0; i < t->n_members && n < room; i++) {
		const struct group *g = t->member[i].group;

		if (!probe_kind_shared(g->kind))
			continue;
		files[n][0] = g->dev;
		files[n++][1] = g->ino;
	}
	return n;
}

static size_t running_pids(const struct registry *registry, pid_t *pids, size_t room)
{
	const struct target *t;
	size_t n = 0;

	for (t = registry->targets; t && n < room; t = t->next) {
		if (!target_is_finished(t))
			pids[n++] = t->pid;
	}
	return n;
}

int bystanders_count(const struct registry *registry, const struct target *t, uint32_t max,
		     uint32_t *ret)
{
	uint64_t files[256][2];
	pid_t pids[HP_TARGETS_MAX];
	size_t n = shared_files(t, files, ARRAY_SIZE(files));

	*ret = 0;
	if (!n)
		return 0;
	return proc_count_mapping(files, n, pids,
				  running_pids(registry, pids, ARRAY_SIZE(pids)), max, ret);
}
