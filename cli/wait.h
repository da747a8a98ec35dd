/* SPDX-License-Identifier: GPL-2.0-only */
/* attach --duration: the time until the report. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/request.h"

/*
 * Returns 0 when the time is over (end_ns, of CLOCK_MONOTONIC), or when a signal asked
 * to end it (INT, TERM, HUP: those who asked still want the report). Returns 1 when the
 * last process has exited; with others_come that ends nothing. -EPIPE when the daemon
 * is gone, told.
 */
int wait_for_pids(const char *socket, const struct pids *pids, bool others_come, uint64_t end_ns);

/* Is it there, and has it not ended? */
bool wait_is_running(int32_t pid);

#endif
