/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hands items from one thread to one other, in order. Nobody ever waits for the other
 * side, not even for a lock: who has it may be kept from running by just the program that
 * waits for us (gate.bpf.h). What finds no room is refused.
 *
 *	handoff_init(&h, sizeof(item))
 *	handoff_put(&h, &item)		-ENOSPC: it was not taken
 *	handoff_take(&h, &item)		false: there is none
 *	handoff_fd(&h)			to wait on, for reading, while there is none
 *	handoff_done(&h)
 */
#ifndef DAEMON_HANDOFF_H
#define DAEMON_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDOFF_MAX 4096 /* items; a power of two */

struct handoff {
	int fd; /* an eventfd; -1: not initialised */
	size_t item; /* bytes of one */
	char *items;
	uint32_t given, taken; /* both only grow */
};

int handoff_init(struct handoff *handoff, size_t item);
void handoff_done(struct handoff *handoff);

int handoff_put(struct handoff *handoff, const void *item);
bool handoff_take(struct handoff *handoff, void *item);
int handoff_fd(const struct handoff *handoff);

#endif
