/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose turn it is when only so many may run at once: few of one kind, fewer of one
 * user, and who has the least goes first. Pure: a list in, a choice out.
 */
#ifndef DAEMON_TURN_H
#define DAEMON_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* At once, of each kind: of all users, and of one. */
#define TURNS_RUNNING	     6
#define TURNS_RUNNING_OF_ONE 4
/* That wait, of one user. */
#define TURNS_WAITING_OF_ONE 128
#define TURNS_BYTES_OF_ONE   (16u << 20)

/* Requests of users do not wait for programs that start, nor these for them. */
enum turn_kind {
	TURN_REQUEST,
	TURN_FOLLOWED,
};

struct turn {
	enum turn_kind kind;
	uid_t uid;
	bool running;
	size_t bytes; /* what it keeps while it waits */
	struct turn *next; /* in the order in which they came */
};

/* May this one be added to them? */
bool turn_may_wait(const struct turn *first, const struct turn *fresh);
/* One that waits and may run now; NULL: there is none. */
struct turn *turn_next(struct turn *first);

#endif
