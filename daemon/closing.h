/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closes many links at once. To remove one link the kernel waits some 50 ms for
 * programs that may still run; links that are closed at the same time share the
 * wait. So a list is closed by a few threads, which do nothing else and have ended
 * when closing_run() returns: hotpathd is one thread again.
 */
#ifndef DAEMON_CLOSING_H
#define DAEMON_CLOSING_H

#include <stddef.h>

struct closing {
	int *fds;
	size_t n, room;
};

/* Takes over n descriptors in *fds, and frees the array. Without memory for the
 * list they are closed at once. */
void closing_add(struct closing *closing, int **fds, size_t *n);
/* Closes all; the list is empty afterwards. */
void closing_run(struct closing *closing);
/* The same whatever is held (below), from any thread. */
void closing_close(struct closing *closing);

/* Between these nothing is closed, and then everything at once, in one wait: for who takes
 * much away and makes nothing new meanwhile. */
void closing_hold(void);
void closing_release(void);

#endif
