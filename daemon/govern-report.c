// SPDX-License-Identifier: GPL-2.0-only
/* What a report says of a target under a budget; see govern.h. */
#include <math.h>
#include <stdio.h>

#include "govern-inner.h"
#include "group.h"
#include "lib/clock.h"
#include "model.h"
#include "registry.h"

/* Were calls of it refused that no tick has heard of? Some may end before there is one. */
static bool is_over(const struct member *m, uint32_t function)
{
	const struct hp_func *func = cell_func(&m->cell, function);

	return __atomic_load_n(&func->limit, __ATOMIC_RELAXED) & HP_LIMIT_TOLD;
}

static enum govern_seen tell_over(struct estimate_result *ret)
{
	snprintf(ret->why, sizeof(ret->why), "it was over the budget, and not seen in windows yet");
	return GOVERN_ESTIMATED;
}

enum govern_seen govern_estimated(struct target *t, const struct member *m, uint32_t function,
				  struct estimate_result *ret, uint64_t *ret_released_ns)
{
	struct govern *g = m->group->govern;
	struct account *a = g && govern_of(t) == g ? t->account : NULL;
	const struct stratum *s;
	struct estimate copy;
	struct seen now;
	size_t i;
	uint32_t f;

	if (!g)
		return GOVERN_EXACT;
	for (i = 0; i < g->n_groups && g->group[i].group != m->group; i++)
		;
	f = g->group[i].first + function;
	*ret_released_ns = g->released_ns[f] > t->begun_ns ? g->released_ns[f] - t->begun_ns : 0;
	*ret = (struct estimate_result){};
	if (g->state[f] == GOVERNOR_ARMED && is_over(m, function))
		return tell_over(ret);
	/* One that ended before it was looked at had what was armed then. */
	s = a ? account_stratum(g, a, f) : NULL;
	if (!s || g->state[f] == GOVERNOR_WAITING)
		return !s && g->state[f] == GOVERNOR_ARMED ? GOVERN_EXACT : GOVERN_WAITING;
	if (!s->estimate)
		return g->state[f] == GOVERNOR_ARMED ? GOVERN_EXACT : GOVERN_WAITING;
	copy = *s->estimate;
	if (g->state[f] == GOVERNOR_ARMED) {
		account_see(m, function, true, &now);
		stratum_exact(s, &now, &copy);
		estimate_result(&copy, clock_ns(CLOCK_MONOTONIC), 0, ret);
	} else {
		estimate_result(&copy, clock_ns(CLOCK_MONOTONIC), account_own_ns(a) - s->from_own,
				ret);
	}
	return GOVERN_ESTIMATED;
}

uint32_t govern_late(const struct target *t)
{
	const struct account *a = t->account;

	return a ? a->late : 0;
}

/* Of a target under no budget: all its calls by their prices. */
static void overhead_of_all(struct target *t, Hotpath__Overhead *ret)
{
	size_t i, k;

	for (i = 0; i < t->n_members; i++) {
		const struct group *group = t->member[i].group;

		for (k = 0; k < group->count; k++) {
			uint64_t calls = model_calls(cell_func(&t->member[i].cell, k));

			ret->hits += calls;
			ret->probes_ns += calls * govern_price_ns(group, k, &t->registry->prices);
		}
	}
}

static void overhead_of_account(const struct govern *g, const struct account *a,
				Hotpath__Overhead *ret)
{
	struct governor_counts counts;

	governor_counts(g->governor, &counts);
	ret->hits = a->hits;
	ret->refused = a->refused;
	ret->probes_ns = a->hits_ns + a->refused_ns + a->other_ns;
	ret->arming_ns = a->arming_ns;
	ret->windows = counts.windows;
	ret->window_ns = counts.window_ns;
	ret->armed = counts.armed;
	ret->windowed = counts.windowed;
	ret->waiting = counts.waiting;
	ret->trips = counts.trips;
}

bool govern_overhead(struct target *t, Hotpath__Overhead *ret)
{
	struct govern *g = govern_of(t);
	struct account *a = g ? t->account : NULL;
	uint64_t cpu = target_cpu_ns(t);
	double own;

	if (!g && (!t->registry || !prices_are_known(&t->registry->prices)))
		return false;
	ret->budgeted = g != NULL;
	ret->budget_percent = g ? g->budget_ppm / 10000.0 : 0;
	if (a) {
		account_read(g, a, false);
		overhead_of_account(g, a, ret);
		/* The account's is of its last look, and this one's known of a zombie. */
		cpu = a->cpu_ns > cpu ? a->cpu_ns : cpu;
	} else if (!g) {
		overhead_of_all(t, ret);
	}
	/* Prices may say more than all that it ran: that is a lot, not nothing. */
	own = fmax((double)cpu - ret->probes_ns - ret->arming_ns, cpu / 20.0);
	if (own > 0)
		ret->percent = 100.0 * (ret->probes_ns + ret->arming_ns) / own;
	return true;
}
