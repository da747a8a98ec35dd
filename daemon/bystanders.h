/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that are no target and pay for probes all the same: a session is
 * linked for every process that runs the file (kernel-facts.md section 2).
 */
#ifndef DAEMON_BYSTANDERS_H
#define DAEMON_BYSTANDERS_H

#include "registry.h"

/* Processes other than those n_pids and the targets that run one of n files (device,
 * inode). -E2BIG: there are more than max. */
int bystanders_count(const struct registry *registry, const pid_t *pids, size_t n_pids,
		     const uint64_t (*files)[2], size_t n, uint32_t max, uint32_t *ret);

/* What was counted in the course of one request, whose pids and max stay the same: to look
 * at every process for each of a hundred children takes seconds. */
struct counted;
struct bystanders {
	struct counted *first;
};
int bystanders_count_once(struct bystanders *known, const struct registry *registry,
			  const pid_t *pids, size_t n_pids, const uint64_t (*files)[2], size_t n,
			  uint32_t max, uint32_t *ret);
void bystanders_done(struct bystanders *known);

#endif
