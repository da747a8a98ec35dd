/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose code the sampled places are: hotpath-reader is asked when somebody wants to
 * know, once for all files, and what it says is kept with them (codefile.h).
 */
#ifndef DAEMON_NAMING_H
#define DAEMON_NAMING_H

#include "registry.h"

struct naming;

/*
 * Of all targets that are meant. done is called once, from the event loop, when no more
 * will be known, after NAMING_USEC at most. 0: nothing had to be asked, done is not called;
 * 1: it was begun.
 */
#define NAMING_USEC (5 * 1000 * 1000)
int naming_start(struct registry *registry, uid_t uid, bool (*is_meant)(const struct target *, void *),
		 void *what, void (*done)(void *userdata), void *userdata, struct naming **ret);
struct naming *naming_cancel(struct naming *naming);

#endif
