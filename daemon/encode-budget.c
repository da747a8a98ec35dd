// SPDX-License-Identifier: GPL-2.0-only
/* Overhead and estimates; see encode-budget.h. */
#include "encode-budget.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "govern.h"
#include "target.h"

int encode_overhead(struct target *t, Hotpath__Target *m)
{
	Hotpath__Overhead *overhead = malloc(sizeof(*overhead));

	if (!overhead)
		return -ENOMEM;
	hotpath__overhead__init(overhead);
	if (!govern_overhead(t, overhead)) {
		free(overhead);
		return 0;
	}
	m->overhead = overhead;
	return 0;
}

static void fill(Hotpath__Estimated *e, const struct estimate_result *r)
{
	e->windows = r->windows;
	e->observed_ns = r->observed_ns;
	e->own_ns = r->own_ns;
	e->known = r->known;
	e->timed = r->timed;
	e->calls = r->calls;
	e->calls_se = r->calls_se;
	e->calls_most = r->calls_most;
	e->total_ns = r->total_ns;
	e->total_se_ns = r->total_se_ns;
	e->censored = r->censored;
}

int encode_estimated(struct target *t, const struct member *member, uint32_t i,
		     Hotpath__Function *m)
{
	struct estimate_result result = {};
	enum govern_seen seen;
	Hotpath__Estimated *e;
	uint64_t released_ns = 0;
	const char *why;

	seen = govern_estimated(t, member, i, &result, &released_ns);
	if (seen == GOVERN_EXACT)
		return 0;
	e = malloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	hotpath__estimated__init(e);
	m->estimated = e;
	if (m->exits)
		estimate_price(&result, (double)m->probe_ns / m->exits);
	fill(e, &result);
	e->released_at_ns = released_ns;
	why = seen == GOVERN_WAITING ? "not armed yet" : result.why;
	e->why = strdup(why);
	return e->why ? 0 : -ENOMEM;
}
