/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that are no target and pay for probes all the same: a session is
 * linked for every process that runs the file (kernel-facts.md section 2).
 */
#ifndef DAEMON_BYSTANDERS_H
#define DAEMON_BYSTANDERS_H

#include "registry.h"

/* Processes other than pid and the targets that run one of n files (device, inode).
 * -E2BIG: there are more than max. */
int bystanders_count(const struct registry *registry, pid_t pid, const uint64_t (*files)[2],
		     size_t n, uint32_t max, uint32_t *ret);

#endif
