// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of functions that are armed all the time: how many calls each may make until the
 * next look; see governor.h. What becomes hot in between costs no more than that.
 */
#include <math.h>

#include "governor-inner.h"

/* Limits until the next look. One that was never called has this part of what ARMED ones
 * may take meanwhile, some more if it was asked for, and a few calls in any case; to that
 * come so many times its calls in its busiest, but of all together no more than LIMIT_ALL
 * times what they may take: not all are busiest at once. */
#define LEAST_PARTS  32.0
#define LEAST_ASKED  8.0
#define LEAST_CALLS  16.0
#define LIMIT_PEAKS  4.0
#define LIMIT_ALL    3.0
/* When several trip within a short time more will: so many make the least half as much. */
#define ALARM_TRIPS  2.0

static void set_limit(struct governor *g, uint32_t i, uint64_t limit)
{
	g->f[i].limit = limit;
	g->limited[g->plan.n_limited] = i;
	g->limit[g->plan.n_limited++] = limit;
}

/* What is lost at the most until the next look, and limits are made of. */
struct allowance {
	double own_ns;	 /* until then, at the most */
	double least_ns; /* for one that was never called */
	double scale;	 /* of the expected, for all of them together to have enough */
};

static struct allowance allow(const struct governor *g)
{
	struct allowance a;
	double all_ns, expected_ns = 0;
	size_t i;

	a.own_ns = fmax(g->own_rate, 0.25) * fmin(fmax(1.5 * g->tick_ns, 150 * MS_NS), S_NS);
	all_ns = GOVERNOR_ARMED_PART * g->config.budget * a.own_ns;
	for (i = 0; i < g->n; i++) {
		const struct governed *f = &g->f[i];

		if (f->state == GOVERNOR_ARMED && !f->asked)
			expected_ns += f->peak * a.own_ns * governed_price_ns(g, f);
	}
	a.least_ns = all_ns / LEAST_PARTS / (1 + g->alarm / ALARM_TRIPS);
	a.scale = fmin(LIMIT_PEAKS, LIMIT_ALL * all_ns / fmax(expected_ns, 1));
	return a;
}

/* How many calls it may make until the next look. */
static double headroom(const struct governor *g, const struct governed *f,
		       const struct allowance *a)
{
	double least = a->least_ns / governed_price_ns(g, f);
	double more = f->peak * a->own_ns * (f->asked ? LIMIT_PEAKS : a->scale);

	return fmax(least * (f->asked ? LEAST_ASKED : 1), LEAST_CALLS) + more;
}

/* A limit is left alone while about as much as is wanted is left of it. */
void governor_limit_all(struct governor *g)
{
	struct allowance a = allow(g);
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct governed *f = &g->f[i];
		double wanted, left;

		if (f->state != GOVERNOR_ARMED)
			continue;
		wanted = headroom(g, f, &a);
		left = f->limit > f->calls ? f->limit - f->calls : 0;
		if (!f->limit || left < 0.75 * wanted || left > 2 * wanted)
			set_limit(g, i, f->calls + (uint64_t)wanted);
	}
}
