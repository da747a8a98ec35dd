// SPDX-License-Identifier: GPL-2.0-only
/* Takes breakpoints out of children that nobody follows; see unfollow.h. */
#include "unfollow.h"

#include <errno.h>
#include <stdlib.h>

#include "closing.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "proc.h"

/* Most children exec or exit before this, and those that are left share a wait. */
#define UNFOLLOW_USEC 50000
#define CHILDREN_MAX  1024

struct unfollowing {
	struct {
		pid_t parent, pid;
		uint64_t parent_ticks, ticks; /* when they started: a pid may be another's by then */
	} child[CHILDREN_MAX];
	size_t n;
	sd_event_source *source;
};

static void clean(struct registry *registry, const struct target *t, pid_t pid,
		  struct closing *closing)
{
	size_t i, n;
	int *fds, r;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->shared)
			continue;
		r = group_link_for(t->member[i].group, registry->calls, pid, &fds, &n);
		if (r >= 0)
			closing_add(closing, &fds, &n);
		else if (r != -ESRCH)
			log_warning("pid %d: keeps breakpoints of its parent, %d", pid, t->pid);
	}
}

static bool runs_still(pid_t pid, uint64_t ticks)
{
	uint64_t now;

	return proc_start_time(pid, &now) == 0 && now == ticks;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct registry *registry = userdata;
	struct unfollowing *u = registry->unfollowing;
	struct closing closing = {};
	const struct target *t;
	size_t i;

	u->source = sd_event_source_disable_unref(u->source);
	for (i = 0; i < u->n; i++) {
		t = registry_running(registry, u->child[i].parent);
		if (t && t->start_ticks == u->child[i].parent_ticks &&
		    runs_still(u->child[i].pid, u->child[i].ticks))
			clean(registry, t, u->child[i].pid, &closing);
	}
	u->n = 0;
	closing_run(&closing);
	return 0;
}

static bool has_own_links(const struct target *t)
{
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (!t->member[i].group->shared)
			return true;
	}
	return false;
}

void unfollow_child(struct registry *registry, const struct target *t,
		    const struct hp_event *event)
{
	const pid_t pid = event->tgid;
	struct unfollowing *u = registry->unfollowing;

	if (!has_own_links(t))
		return;
	if (!u)
		u = registry->unfollowing = calloc(1, sizeof(*u));
	if (!u || u->n == CHILDREN_MAX) {
		log_warning("pid %d: keeps breakpoints of its parent, %d", pid, t->pid);
		return;
	}
	u->child[u->n].parent = t->pid;
	u->child[u->n].parent_ticks = t->start_ticks;
	u->child[u->n].ticks = proc_ticks(event->started_ns);
	u->child[u->n++].pid = pid;
	if (!u->source)
		(void)sd_event_add_time_relative(registry->event, &u->source, CLOCK_MONOTONIC,
						 UNFOLLOW_USEC, 1000, on_time, registry);
}

void unfollow_free(struct registry *registry)
{
	if (!registry->unfollowing)
		return;
	sd_event_source_disable_unref(registry->unfollowing->source);
	free(TAKE(registry->unfollowing));
}
