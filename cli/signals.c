// SPDX-License-Identifier: GPL-2.0-only
/* Keeps the two dispositions that hotpath changes for itself, and the mask. */
#include <signal.h>
#include "cli/signals.h"

static struct sigaction kept_pipe, kept_child;
static sigset_t kept_mask;

/*
 * SIGPIPE is ignored so that a closed pipe is an error of write() that can be
 * told. SIGCHLD must not be ignored, as it is under some supervisors, or the
 * status of CMD is thrown away.
 */
void signals_keep(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};

	sigaction(SIGPIPE, &ignore, &kept_pipe);
	sigaction(SIGCHLD, &standard, &kept_child);
	sigprocmask(SIG_SETMASK, NULL, &kept_mask);
}

void signals_give(void)
{
	sigaction(SIGPIPE, &kept_pipe, NULL);
	sigaction(SIGCHLD, &kept_child, NULL);
	sigprocmask(SIG_SETMASK, &kept_mask, NULL);
}
