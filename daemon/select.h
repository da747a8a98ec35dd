/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selectors of an attach request: names, executables, cgroups. Which running processes
 * match, and what BPF is told so that it knows those that start later.
 *
 *	select_parse(request, ...)	the words into what BPF compares
 *	select_running(select, ...)	adds the pids of processes that match now
 *	select_watch(select, ...)	later ones are the family's from their exec on
 *	select_done(select, calls)	nobody is waited for any more
 */
#ifndef DAEMON_SELECT_H
#define DAEMON_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collect-calls.h"
#include "peer.h"
#include "wire.pb-c.h"

struct select_set {
	struct hp_select *what;
	size_t n, n_watched;
};

/* text: why it cannot be done. */
int select_parse(const Hotpath__AttachRequest *request, struct select_set *ret, char *text,
		 size_t size);
/* Of processes that peer may observe; -E2BIG: more than room. */
int select_running(const struct select_set *set, const struct peer *peer, int32_t *pids,
		   size_t room, size_t *ret_n);
int select_watch(struct select_set *set, struct calls *calls, uid_t owner, uint32_t family);
void select_done(struct select_set *set, struct calls *calls);

#endif
