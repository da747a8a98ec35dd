/* SPDX-License-Identifier: GPL-2.0-only */
/* attach --duration: the time until the report. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/request.h"

/*
 * Returns 0 when the time is over, when a signal asked to end it (INT, TERM, HUP:
 * those who asked still want the report), or when the last process has exited.
 * -EPIPE when the daemon is gone, told.
 */
int wait_for_pids(const char *socket, const struct pids *pids, uint64_t duration_ns);

#endif
