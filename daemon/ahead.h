/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Planning ahead: a kit for an executable that a family waits for, from the file alone,
 * before any process of it exists. Its functions are counted from the first process's
 * first instruction; whether returns may be armed is judged when a process has mapped
 * what it needs (arrive.c).
 *
 *	ahead_start(registry, family, nth, ...)	of that file of the family's request
 *	  done(userdata)	there is a kit, or there can be none yet
 *	ahead_cancel(ahead)	ends it without a call
 */
#ifndef DAEMON_AHEAD_H
#define DAEMON_AHEAD_H

#include "family.h"

struct ahead;

/* An error: nothing is planned ahead, and done not called. */
int ahead_start(struct registry *registry, struct family *family, size_t nth,
		void (*done)(void *userdata), void *userdata, struct ahead **ret);
struct ahead *ahead_cancel(struct ahead *ahead);

#endif
