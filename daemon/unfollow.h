/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Children that are not followed have inherited their parent's breakpoints, and would
 * pay for each hit until they exec. Where the links are for the parent alone, the kernel
 * takes them out of the child when one on the same sites, for the child, is made and
 * closed (1,276 -> 2 ns a call, kernel-facts.md section 2). Links for every process
 * (sessions) stay: such a child is a bystander.
 *
 *	unfollow_child(registry, t, event)	soon, if it still runs then
 *	unfollow_free(registry)
 */
#ifndef DAEMON_UNFOLLOW_H
#define DAEMON_UNFOLLOW_H

#include "registry.h"

void unfollow_child(struct registry *registry, const struct target *parent,
		    const struct hp_event *event);
void unfollow_free(struct registry *registry);

#endif
