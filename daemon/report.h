/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A report under way: what was sampled gets its names first, for which hotpath-reader
 * may have to be waited for; then all figures are taken at once.
 */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "registry.h"

/* The targets asked for exist. Answers, now or later. */
void report_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__ReportRequest *request, struct reply *reply);
void report_cancel_all(struct registry *registry);

/* Is it one of these? None: all are meant. */
bool pid_is_wanted(const int32_t *pids, size_t n, pid_t pid);

#endif
