/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Holds what a request brought in within its budget: timers, figures and probes for what
 * governor.h decides. One struct govern per budget; it has groups (under a budget nothing
 * else links them), and an account for each target that is a member of one.
 *
 *	govern_new(registry, request, &g)	a reference
 *	govern_add(g, group)			by group.c, for a group that is wanted under it; it
 *						takes a reference, until govern_remove()
 *	govern_wake(g)				there is a target to look at
 *	govern_enter(t)				the same; t has limits when this returns
 *	govern_leave(t)				before a target's cells go, or are cleared
 *	govern_fuse(registry, event)		BPF refused a call
 *	govern_charge(t, ns)			what else costs a target is of the same budget
 *	govern_overhead / _estimated		for the report
 *
 * Whatever else observes a target for a price (markers, allocations, the scheduler) tells it
 * by govern_charge(), and the functions' probes have the rest.
 */
#ifndef DAEMON_GOVERN_H
#define DAEMON_GOVERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "closing.h"
#include "estimate.h"
#include "snapshot.pb-c.h"
#include "wire.pb-c.h"

struct govern;
struct group;
struct hp_event;
struct member;
struct registry;
struct target;

int govern_new(struct registry *registry, const Hotpath__AttachRequest *request,
	       struct govern **ret);
/* That which what a request wants of t is under: t's own, or the one in *holder, which is
 * made when it is needed. NULL: the request has no budget. */
int govern_for(struct registry *registry, const Hotpath__AttachRequest *request,
	       const struct target *t, struct govern **holder, struct govern **ret);
struct govern *govern_ref(struct govern *g);
struct govern *govern_unref(struct govern *g);

int govern_add(struct govern *g, struct group *group);
void govern_remove(struct govern *g, struct group *group, struct closing *closing);

/* That of a target's first group that has one; NULL: it is under no budget. */
struct govern *govern_of(const struct target *t);
uint32_t govern_budget_ppm(const struct govern *g);

void govern_wake(struct govern *g);
/* The same; what is run from its start, or asked for by name, is armed before this returns. */
void govern_begin(struct govern *g);
void govern_enter(struct target *t);
void govern_leave(struct target *t);
void govern_fuse(struct registry *registry, const struct hp_event *event);
void govern_charge(struct target *t, uint64_t ns);
/* What its probes have cost by their prices, those that were refused too. False: it is under
 * no budget. */
bool govern_priced(const struct target *t, uint64_t *ret_ns);

/* How many of its functions were armed so late that their figures are not of all the time. */
uint32_t govern_late(const struct target *t);

/* What its probes have cost; prices times calls where there is no budget. False: no prices. */
bool govern_overhead(struct target *t, Hotpath__Overhead *ret);

/* How a function of a member was seen. */
enum govern_seen {
	GOVERN_EXACT,	  /* armed all the time */
	GOVERN_ESTIMATED, /* result holds; what the cell has is a part */
	GOVERN_WAITING,	  /* never armed yet */
};
enum govern_seen govern_estimated(struct target *t, const struct member *m, uint32_t function,
				  struct estimate_result *ret, uint64_t *ret_released_ns);

#endif
