// SPDX-License-Identifier: GPL-2.0-only
/* Budgets: groups, ticks, and what is done of what was decided; see govern.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "govern-inner.h"
#include "group.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "registry.h"
#include "sampling.h"
#include "shares.h"
#include "slot.h"

#define TICK_US	     100000
#define TICK_MAX_US  1000000
/* One more look at that many functions costs some 2 ms: then less often. */
#define TICK_FUNCTIONS 40000
/* Before so many are armed samples tell which are hot. */
#define SAMPLED_FUNCTIONS 64
#define SAMPLED_US	  200000
#define SAMPLED_AGAIN_NS 3000000000ull /* who is hot may be others now */
/* Until something was. */
#define REFUSED_NS 600

struct governed_group *govern_group_of(const struct govern *g, uint32_t f)
{
	size_t lo = 0, hi = g->n_groups, mid;

	/* The last that begins at or before it. */
	while (lo + 1 < hi) {
		mid = lo + (hi - lo) / 2;
		if (g->group[mid].first <= f)
			lo = mid;
		else
			hi = mid;
	}
	return &g->group[lo];
}

struct govern *govern_of(const struct target *t)
{
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->govern)
			return t->member[i].group->govern;
	}
	return NULL;
}

uint32_t govern_budget_ppm(const struct govern *g)
{
	return g->budget_ppm;
}

/* --- life ------------------------------------------------------------------------- */

int govern_new(struct registry *registry, const Hotpath__AttachRequest *request,
	       struct govern **ret)
{
	const struct governor_config config = {
		.seed = clock_ns(CLOCK_MONOTONIC),
		.budget = request->budget_ppm / 1e6,
		.at_once = request->from_start,
	};
	struct govern *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->refs = 1;
	g->registry = registry;
	g->budget_ppm = request->budget_ppm;
	g->at_once = request->from_start;
	g->begun_ns = clock_ns(CLOCK_MONOTONIC);
	g->refusing_ns = REFUSED_NS;
	g->processes = 1;
	g->governor = governor_new(0, &config);
	if (!g->governor) {
		free(g);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

int govern_for(struct registry *registry, const Hotpath__AttachRequest *request,
	       const struct target *t, struct govern **holder, struct govern **ret)
{
	struct govern *g = request->budget_ppm ? govern_of(t) : NULL;
	int r = 0;

	if (request->budget_ppm && !g) {
		r = *holder ? 0 : govern_new(registry, request, holder);
		g = *holder;
	}
	if (r < 0)
		return r;
	if (g)
		g->asked = ask_names_functions(request);
	*ret = g;
	return 0;
}

struct govern *govern_ref(struct govern *g)
{
	g->refs++;
	return g;
}

struct govern *govern_unref(struct govern *g)
{
	if (!g || --g->refs)
		return NULL;
	sd_event_source_disable_unref(g->tick);
	sd_event_source_disable_unref(g->window_timer);
	accounts_done(g);
	governor_free(g->governor);
	free(g->group);
	free(g->price_ns);
	free(g->refused_ns);
	free(g->sum);
	free(g->limit);
	free(g->tripped_ns);
	free(g->released_ns);
	free(g->state);
	free(g->scratch);
	free(g->tripped);
	free(g->window_calls);
	free(g->window_censored);
	free(g->window_part);
	free(g);
	return NULL;
}

/* --- groups ----------------------------------------------------------------------- */

static bool widen(void *array, size_t n, size_t before, size_t size)
{
	char *grown = reallocarray(*(void **)array, n, size);

	if (!grown)
		return false;
	memset(grown + before * size, 0, (n - before) * size);
	*(void **)array = grown;
	return true;
}

static bool govern_widen(struct govern *g, size_t n)
{
#define WIDEN(array) widen(&(array), n, g->n, sizeof(*(array)))
	return WIDEN(g->price_ns) && WIDEN(g->refused_ns) && WIDEN(g->sum) && WIDEN(g->limit) && WIDEN(g->tripped_ns) &&
	       WIDEN(g->released_ns) && WIDEN(g->state) && WIDEN(g->scratch) &&
	       WIDEN(g->tripped) && WIDEN(g->window_calls) && WIDEN(g->window_censored) &&
	       WIDEN(g->window_part) && governor_grow(g->governor, n);
#undef WIDEN
}

static void tell_facts(struct govern *g, const struct governed_group *gg)
{
	uint32_t i;

	for (i = 0; i < gg->count; i++) {
		const struct function *f = &gg->group->functions[i];
		const struct governor_facts facts = {
			.call_ns = govern_price_ns(gg->group, i, &g->registry->prices),
			.refused_ns = govern_refused_ns(gg->group, i, &g->registry->prices),
			.arming_ns = 2 * GOVERN_PLACE_NS * g->processes *
				     arming_sites(gg->group->arming, i),
			.asked = g->asked,
			.expensive = f->class == HOTPATH__SITE_CLASS__SITE_STEPPED,
		};

		g->price_ns[gg->first + i] = facts.call_ns;
		g->refused_ns[gg->first + i] = facts.refused_ns;
		governor_facts(g->governor, gg->first + i, &facts);
	}
}

/* Calibration may end later than the first attach begins; and every process pays for what is
 * placed. */
static void price(struct govern *g)
{
	bool known = prices_are_known(&g->registry->prices);
	const struct account *a;
	uint32_t n = 0;
	size_t i;

	for (a = g->accounts; a; a = a->next)
		n++;
	if (known == g->priced && n <= 2 * g->processes && 2 * n >= g->processes)
		return;
	g->priced = known;
	g->processes = n ?: 1;
	for (i = 0; i < g->n_groups; i++) {
		if (g->group[i].group)
			tell_facts(g, &g->group[i]);
	}
}

/* The numbers of one that is gone, as a program that is built anew again and again leaves
 * them: nobody else's calls are mistaken for its. */
static struct governed_group *group_again(struct govern *g, const struct group *group)
{
	size_t i;

	for (i = 0; i < g->n_groups; i++) {
		if (!g->group[i].group && g->group[i].room >= group->count &&
		    g->group[i].room / 2 <= group->count)
			break;
	}
	return i < g->n_groups ? &g->group[i] : NULL;
}

/* Numbers for it; NULL: there are none left, or no memory. With some to spare, for what it
 * will be when it has been built anew. */
static struct governed_group *group_place(struct govern *g, const struct group *group)
{
	struct governed_group *place = group_again(g, group), *grown;
	uint32_t room = group->count + group->count / 8, f;

	if (place)
		return place;
	grown = reallocarray(g->group, g->n_groups + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	g->group = grown;
	if (g->n + room > GOVERN_FUNCTIONS_MAX || !govern_widen(g, g->n + room))
		return NULL;
	place = &g->group[g->n_groups++];
	*place = (struct governed_group){.first = g->n, .room = room};
	for (f = g->n; f < g->n + room; f++)
		governor_retire(g->governor, f);
	g->n += room;
	return place;
}

int govern_add(struct govern *g, struct group *group)
{
	struct governed_group *place;
	uint32_t f;
	int r;

	window_abort(g);
	place = group_place(g, group);
	if (!place)
		return -ENOMEM;
	r = arming_new(group, g->registry->calls, g->registry->closer, &group->arming);
	if (r < 0)
		return r;
	place->group = group;
	place->count = group->count;
	place->link = 0;
	for (f = place->first; f < place->first + place->count; f++) {
		governor_renew(g->governor, f);
		g->limit[f] = g->tripped_ns[f] = g->released_ns[f] = 0;
	}
	tell_facts(g, place);
	group->govern = govern_ref(g);
	return 0;
}

void govern_remove(struct govern *g, struct group *group, struct closing *closing)
{
	uint32_t f;
	size_t i;

	window_abort(g);
	for (i = 0; i < g->n_groups && g->group[i].group != group; i++)
		;
	for (f = g->group[i].first; f < g->group[i].first + g->group[i].count; f++) {
		governor_retire(g->governor, f);
		g->state[f] = GOVERNOR_WAITING;
	}
	accounts_forget(g, i);
	accounts_charge_arming(g);
	g->changes -= arming_changes(group->arming);
	g->group[i].group = NULL;
	group->arming = arming_free(group->arming, closing);
	group->govern = govern_unref(g);
}

/* --- ticks ------------------------------------------------------------------------ */

static void schedule(struct govern *g, uint64_t us)
{
	if (!g->tick)
		return;
	(void)sd_event_source_set_time(g->tick, clock_ns(CLOCK_MONOTONIC) / 1000 + us);
	(void)sd_event_source_set_enabled(g->tick, SD_EVENT_ONESHOT);
}

static void sight_fill(struct govern *g, struct governor_sight *ret)
{
	const struct account *a;
	uint64_t hits = 0;

	*ret = (struct governor_sight){
		.now_ns = clock_ns(CLOCK_MONOTONIC),
		.cpu_ns = g->gone_cpu_ns,
		.calls = g->sum,
		.refused_ns = g->gone_refused_ns,
		.arming_ns = g->arming_ns,
		.tripped = g->tripped,
		.n_tripped = g->n_tripped,
	};
	for (a = g->accounts; a; a = a->next) {
		ret->cpu_ns += a->cpu_ns;
		ret->refused_ns += a->refused_ns + a->other_ns;
		/* Of the busiest, if some are. */
		if (a->target->contention.factor > 0 && a->hits >= hits) {
			hits = a->hits;
			ret->contention = a->target->contention.factor;
		}
	}
}

/* Those of a list that are in a group, as it numbers them. */
static size_t part_of(const struct governed_group *gg, const uint32_t *functions, size_t n,
		      uint32_t *ret)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (functions[i] >= gg->first && functions[i] - gg->first < gg->count)
			ret[k++] = functions[i] - gg->first;
	}
	return k;
}

/* States that are new, to everybody's figures. */
static void take_states(struct govern *g)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint32_t f;

	for (f = 0; f < g->n; f++) {
		enum governor_state to = governor_state(g->governor, f);

		if (to == g->state[f])
			continue;
		accounts_switch(g, f, g->state[f], to);
		if (g->state[f] == GOVERNOR_ARMED && !g->released_ns[f])
			g->released_ns[f] = now;
		g->state[f] = to;
	}
}

/* What could not be linked, or not be linked anew when another of its link was released, is
 * nobody's: its figures would seem to be all. */
static void check_armed(struct govern *g, const struct governed_group *gg)
{
	uint32_t i;

	for (i = 0; i < gg->count; i++) {
		if (governor_state(g->governor, gg->first + i) == GOVERNOR_ARMED &&
		    !arming_is_armed(gg->group->arming, i))
			governor_failed(g->governor, gg->first + i);
	}
}

static void carry_out(struct govern *g, const struct governor_plan *plan)
{
	size_t i, n, released;
	int r;

	for (i = 0; i < plan->n_limited; i++)
		accounts_limit(g, plan->limited[i], plan->limit[i]);
	for (i = 0; i < g->n_groups; i++) {
		struct governed_group *gg = &g->group[i];

		if (!gg->group)
			continue;
		released = part_of(gg, plan->release, plan->n_release, g->scratch);
		if (released)
			arming_release(gg->group->arming, g->scratch, released);
		n = part_of(gg, plan->arm, plan->n_arm, g->scratch);
		r = n ? arming_arm(gg->group->arming, g->scratch, n) : 0;
		if (r < 0)
			log_error_errno(r, "place probes within a budget");
		if (n || released)
			check_armed(g, gg);
	}
}

static uint64_t next_interval(const struct govern *g, uint64_t cpu_before, uint64_t cpu)
{
	uint64_t us = TICK_US + TICK_US * (g->n / TICK_FUNCTIONS);

	/* Nobody runs: nothing can be called. */
	if (cpu == cpu_before)
		us = g->interval_us * 2;
	return us > TICK_MAX_US ? TICK_MAX_US : us;
}

/* True: not before they have been sampled. */
static bool waits_for_samples(const struct govern *g)
{
	return g->registry->sampling && g->n > SAMPLED_FUNCTIONS && !g->asked && !g->at_once;
}

/* Of a target, added to all. */
static void add_samples(struct govern *g, const struct account *a, uint32_t *count, uint64_t *all)
{
	const struct target *t = a->target;
	_cleanup_free_ uint32_t *own = calloc(target_count_functions(t) + 1, sizeof(*own));
	size_t i, k, at = 0, n;
	uint64_t samples;

	if (!own || shares_of(t, own, &samples) < 0)
		return;
	*all += samples;
	for (i = 0; i < t->n_members; at += t->member[i].group->count, i++) {
		for (n = 0; n < g->n_groups && g->group[n].group != t->member[i].group; n++)
			;
		for (k = 0; n < g->n_groups && k < g->group[n].count; k++)
			count[g->group[n].first + k] += own[at + k];
	}
}

static void tell_samples(struct govern *g)
{
	_cleanup_free_ uint32_t *count = calloc(g->n + 1, sizeof(*count));
	const struct account *a;
	uint64_t all = 0;

	if (!count || !waits_for_samples(g))
		return;
	sampling_drain(g->registry);
	for (a = g->accounts; a; a = a->next)
		add_samples(g, a, count, &all);
	governor_samples(g->governor, count, all);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct govern *g = userdata;
	const struct governor_plan *plan;
	struct governor_sight before, sight;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct account *a;

	g->hurry = false;
	accounts_look(g);
	if (!g->accounts)
		return 0;
	price(g);
	if (!g->sampled_ns || now - g->sampled_ns > SAMPLED_AGAIN_NS) {
		g->sampled_ns = now;
		tell_samples(g);
	}
	for (a = g->accounts; a; a = a->next)
		a->own_before = account_own_ns(a);
	sight_fill(g, &before);
	accounts_charge_arming(g);
	accounts_read(g, true);
	sight_fill(g, &sight);
	plan = governor_tick(g->governor, &sight);
	/* Released ones stay refused until their links are gone: their figures end here. */
	take_states(g);
	carry_out(g, plan);
	take_states(g);
	while (g->n_tripped)
		g->tripped_ns[g->tripped[--g->n_tripped]] = 0;
	window_consider(g);
	g->interval_us = next_interval(g, before.cpu_ns, sight.cpu_ns);
	schedule(g, g->interval_us);
	return 0;
}

void govern_wake(struct govern *g)
{
	int r = 0;

	if (!g->tick)
		r = sd_event_add_time_relative(g->registry->event, &g->tick, CLOCK_MONOTONIC,
					       waits_for_samples(g) ? SAMPLED_US : 0, 1000,
					       on_tick, g);
	else if (g->interval_us > TICK_US || !g->accounts)
		schedule(g, 0);
	if (r < 0)
		log_error_errno(r, "make a timer for a budget: nothing is probed");
}

void govern_begin(struct govern *g)
{
	govern_wake(g);
	if (!waits_for_samples(g))
		(void)on_tick(g->tick, 0, g);
}

/* --- the fuse --------------------------------------------------------------------- */

static const struct member *member_of(const struct target *t, uint32_t group)
{
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->id == group)
			return &t->member[i];
	}
	return NULL;
}

void govern_fuse(struct registry *registry, const struct hp_event *event)
{
	struct target *t = slot_target(event->slot);
	const struct member *m = t && t->gen == event->gen
					 ? member_of(t, HP_COOKIE_GROUP(event->arg))
					 : NULL;
	struct govern *g = m ? m->group->govern : NULL;
	size_t i;
	uint32_t f;

	if (!g || HP_COOKIE_FUNC(event->arg) >= m->group->count)
		return;
	for (i = 0; g->group[i].group != m->group; i++)
		;
	f = g->group[i].first + HP_COOKIE_FUNC(event->arg);
	if (window_tripped(g, f, event->time_ns) || g->tripped_ns[f])
		return;
	if (g->state[f] != GOVERNOR_ARMED)
		return;
	g->tripped_ns[f] = event->time_ns;
	g->refusing_ns = g->refused_ns[f];
	g->tripped[g->n_tripped++] = f;
	if (!g->hurry)
		schedule(g, 0);
	g->hurry = true;
}
