/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closes links while hotpathd goes on: to remove one the kernel waits 30 to 100 ms, in which
 * a thread that does nothing else waits for it (closing.h waits, and is for a detach).
 *
 *	closer_new(event, &closer)
 *	closer_close(closer, ...)	done() is called from the event loop when they are closed
 *	closer_wait(closer)		until all are, and done() was called for each
 *	closer_free(closer)
 */
#ifndef DAEMON_CLOSER_H
#define DAEMON_CLOSER_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* hotpathd's, and of the threads that remove links. */
#define CLOSER_PRIORITY -10

struct closer;

int closer_new(sd_event *event, struct closer **ret);
struct closer *closer_free(struct closer *closer);

/* Takes over n descriptors in *fds, and frees the array; they are closed after delay_us. Where
 * no thread can be had it happens at once, done() and all. */
void closer_close(struct closer *closer, int **fds, size_t *n, uint32_t delay_us,
		  void (*done)(void *userdata), void *userdata);
void closer_wait(struct closer *closer);

#endif
