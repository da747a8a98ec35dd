// SPDX-License-Identifier: GPL-2.0-only
/* The figures of targets under a budget; see govern.h. */
#include <stdlib.h>
#include <string.h>

#include "govern-inner.h"
#include "group.h"
#include "lib/clock.h"
#include "model.h"
#include "proc.h"
#include "registry.h"
#include "slot.h"

/* What the beginning of an attach takes; a function that is armed later has missed calls. */
#define LATE_NS 5000000000

struct member *account_member(const struct account *a, const struct governed_group *gg)
{
	size_t i;

	for (i = 0; gg->group && i < a->target->n_members; i++) {
		if (a->target->member[i].group == gg->group)
			return &a->target->member[i];
	}
	return NULL;
}

struct stratum *account_stratum(const struct govern *g, const struct account *a, uint32_t f)
{
	const struct governed_group *gg = govern_group_of(g, f);
	size_t i = gg - g->group;

	return i < a->n && a->of[i] ? &a->of[i][f - gg->first] : NULL;
}

void account_see(const struct member *m, uint32_t function, bool exits, struct seen *ret)
{
	const struct hp_func *func = cell_func(&m->cell, function);
	uint32_t bucket[HP_HIST_BUCKETS];
	uint64_t count[HP_HIST_BUCKETS];
	size_t n, i;

	*ret = (struct seen){.calls = model_calls(func)};
	if (!exits || !ret->calls || m->group->kind == PROBE_COUNT)
		return;
	n = model_histogram(func, m->cell.blocks, m->cell.n_blocks, bucket, count);
	for (i = 0; i < n; i++)
		ret->exits += count[i];
	ret->exits += __atomic_load_n(&func->hist_lost, __ATOMIC_RELAXED);
	ret->total_ns = __atomic_load_n(&func->total_ns, __ATOMIC_RELAXED);
	ret->gone = __atomic_load_n(&func->vetoed, __ATOMIC_RELAXED) +
		    __atomic_load_n(&func->unwound, __ATOMIC_RELAXED) +
		    __atomic_load_n(&func->cut, __ATOMIC_RELAXED);
}

double account_own_ns(const struct account *a)
{
	double own = a->cpu_ns - a->hits_ns - a->refused_ns - a->arming_ns - a->other_ns;

	return own > 0 ? own : 0;
}

/* --- coming and going ------------------------------------------------------------- */

static bool is_under(const struct govern *g, const struct target *t)
{
	return t && t->pid && !target_is_finished(t) && govern_of(t) == g;
}

static void set_limit(const struct govern *g, const struct account *a, uint32_t f, uint64_t limit)
{
	struct governed_group *gg = govern_group_of(g, f);
	const struct stratum *s = account_stratum(g, a, f);
	struct member *m = account_member(a, gg);
	uint64_t value = 0;

	if (!m || !s)
		return;
	/* Each may make what is left for all: what one makes another has no CPU for. */
	if (limit)
		value = HP_LIMIT(s->last + (limit > g->sum[f] ? limit - g->sum[f] : 0));
	__atomic_store_n(&m->cell.blocks[1 + f - gg->first].func.limit, value, __ATOMIC_SEQ_CST);
}

void accounts_limit(struct govern *g, uint32_t f, uint64_t limit)
{
	struct account *a;

	g->limit[f] = limit;
	for (a = g->accounts; a; a = a->next)
		set_limit(g, a, f, limit);
}

static void strata_free(struct govern *g, struct account *a, size_t i)
{
	uint32_t k;

	for (k = 0; a->of[i] && k < g->group[i].count; k++) {
		g->n_estimates -= a->of[i][k].estimate != NULL;
		free(a->of[i][k].estimate);
	}
	free(a->of[i]);
	a->of[i] = NULL;
}

/* Of groups that it is a member of: a budget may have a hundred programs' and a hundred
 * processes. Without memory for one nothing is known of its functions. */
static void account_widen(struct govern *g, struct account *a)
{
	struct stratum **grown;
	size_t i;

	if (a->n < g->n_groups) {
		grown = reallocarray(a->of, g->n_groups, sizeof(*grown));
		if (!grown)
			return;
		memset(grown + a->n, 0, (g->n_groups - a->n) * sizeof(*grown));
		a->of = grown;
		a->n = g->n_groups;
	}
	for (i = 0; i < a->n; i++) {
		if (!account_member(a, &g->group[i]))
			strata_free(g, a, i);
		else if (!a->of[i])
			a->of[i] = calloc(g->group[i].count + 1, sizeof(**a->of));
	}
}

void account_forget_window(struct account *a)
{
	size_t i;

	for (i = 0; i < a->n_before; i++) {
		free(a->before[i].durations.bucket);
		free(a->before[i].durations.count);
	}
	free(a->before);
	a->before = NULL;
	a->n_before = 0;
}

void accounts_forget(struct govern *g, size_t group)
{
	struct account *a;

	for (a = g->accounts; a; a = a->next) {
		if (group < a->n)
			strata_free(g, a, group);
	}
}

static void account_free(struct govern *g, struct account *a)
{
	size_t i;

	if (a->in_window)
		cpuclock_done(&a->clock);
	for (i = 0; i < a->n; i++)
		strata_free(g, a, i);
	account_forget_window(a);
	a->target->account = NULL;
	free(a->of);
	free(a);
}

/* What is armed already has begun with it, and so has what is seen in windows. */
static void account_begin_group(struct govern *g, struct account *a,
				const struct governed_group *gg)
{
	struct estimate *e;
	uint32_t f;

	for (f = gg->first; f < gg->first + gg->count; f++) {
		if (g->state[f] == GOVERNOR_ARMED && g->limit[f])
			set_limit(g, a, f, g->limit[f]);
		e = g->state[f] == GOVERNOR_WINDOWED ? account_estimate(g, a, f) : NULL;
		if (e)
			estimate_open(e, a->target->begun_ns, 0);
	}
}

static void account_begin(struct govern *g, struct account *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (a->of[i])
			account_begin_group(g, a, &g->group[i]);
	}
}

static uint64_t counter_refused(const struct target *t)
{
	return __atomic_load_n(&calls_slot(t->calls, t->slot)->counter[HP_COUNTER_refused],
			       __ATOMIC_RELAXED);
}

static void account_new(struct govern *g, struct target *t)
{
	struct account *a = calloc(1, sizeof(*a));

	if (!a)
		return;
	a->target = t;
	account_widen(g, a);
	a->gen = t->gen;
	a->cpu_base = t->cpu_begun_ns;
	a->refused = counter_refused(t);
	a->next = g->accounts;
	g->accounts = a;
	t->account = a;
	account_begin(g, a);
}

void govern_enter(struct target *t)
{
	struct govern *g = govern_of(t);

	if (g && !t->account && is_under(g, t))
		account_new(g, t);
	if (g)
		govern_wake(g);
}

void accounts_look(struct govern *g)
{
	struct account *a;
	uint32_t i;

	for (i = 1; i < HP_TARGETS_MAX; i++) {
		struct target *t = slot_target(i);

		if (is_under(g, t) && !t->account)
			account_new(g, t);
	}
	for (a = g->accounts; a; a = a->next)
		account_widen(g, a);
}

/* --- reading ---------------------------------------------------------------------- */

static double contention_of(const struct account *a)
{
	double factor = a->target->contention.factor;

	return factor > 0 ? factor : 1;
}

/* There is one counter for all: by what is refused now, most of the time. */
static void account_charge_refused(const struct govern *g, struct account *a)
{
	uint64_t refused = counter_refused(a->target);
	double ns = refused > a->refused ? (refused - a->refused) * g->refusing_ns : 0;

	a->priced_ns += ns;
	a->refused_ns += ns * contention_of(a);
	a->refused = refused;
}

double account_price_ns(const struct govern *g, const struct account *a, uint32_t f)
{
	return g->price_ns[f] * contention_of(a);
}

static void account_read_group(struct govern *g, struct account *a, struct governed_group *gg,
			       bool is_tick)
{
	struct stratum *first = gg->count ? account_stratum(g, a, gg->first) : NULL;
	struct member *m = account_member(a, gg);
	uint32_t f;

	for (f = gg->first; m && first && f < gg->first + gg->count; f++) {
		struct stratum *s = &first[f - gg->first];
		uint64_t calls;

		/* Nothing is counted but what is linked, or was a moment ago. */
		if (g->state[f] == GOVERNOR_WAITING)
			continue;
		calls = model_calls(cell_func(&m->cell, f - gg->first));
		if (is_tick)
			s->before_tick = s->last;
		if (calls <= s->last)
			continue;
		a->hits += calls - s->last;
		a->priced_ns += (calls - s->last) * g->price_ns[f];
		a->hits_ns += (calls - s->last) * account_price_ns(g, a, f);
		g->sum[f] += calls - s->last;
		s->last = calls;
	}
}

void account_read(struct govern *g, struct account *a, bool is_tick)
{
	uint64_t cpu;
	size_t i;

	if (proc_cpu_ns(a->target->pid, &cpu) >= 0 && cpu > a->cpu_base + a->cpu_ns)
		a->cpu_ns = cpu - a->cpu_base;
	for (i = 0; i < g->n_groups; i++)
		account_read_group(g, a, &g->group[i], is_tick);
	account_charge_refused(g, a);
}

void accounts_read(struct govern *g, bool is_tick)
{
	struct account *a;

	for (a = g->accounts; a; a = a->next)
		account_read(g, a, is_tick);
}

void accounts_charge_arming(struct govern *g)
{
	uint64_t changes = 0;
	struct account *a;
	double ns;
	size_t i;

	for (i = 0; i < g->n_groups; i++)
		changes += g->group[i].group ? arming_changes(g->group[i].group->arming) : 0;
	/* Of a group that is gone nothing more is charged. */
	ns = changes > g->changes ? (changes - g->changes) * GOVERN_PLACE_NS : 0;
	g->changes = changes;
	for (a = g->accounts; a; a = a->next) {
		a->arming_ns += ns;
		g->arming_ns += ns;
	}
}

static void account_leave(struct govern *g, struct account *a)
{
	struct account **at;

	account_read(g, a, false);
	g->gone_cpu_ns += a->cpu_ns;
	g->gone_refused_ns += a->refused_ns + a->other_ns;
	for (at = &g->accounts; *at != a; at = &(*at)->next)
		;
	*at = a->next;
	account_free(g, a);
}

void govern_leave(struct target *t)
{
	struct govern *g = govern_of(t);
	struct account *a = g ? t->account : NULL;

	if (!a)
		return;
	__atomic_store_n(&calls_slot(t->calls, t->slot)->windows, 0, __ATOMIC_RELAXED);
	account_leave(g, a);
}

void accounts_done(struct govern *g)
{
	while (g->accounts) {
		struct account *a = g->accounts;

		g->accounts = a->next;
		account_free(g, a);
	}
}

void govern_charge(struct target *t, uint64_t ns)
{
	struct govern *g = govern_of(t);
	struct account *a = g ? t->account : NULL;

	if (a)
		a->other_ns += ns;
}

bool govern_priced(const struct target *t, uint64_t *ret_ns)
{
	const struct account *a = t->account;

	if (a)
		*ret_ns = a->priced_ns;
	return a;
}

/* --- strata ----------------------------------------------------------------------- */

struct estimate *account_estimate(struct govern *g, struct account *a, uint32_t f)
{
	struct stratum *s = account_stratum(g, a, f);

	if (!s)
		return NULL;
	if (s->estimate || g->n_estimates >= GOVERN_ESTIMATES_MAX)
		return s->estimate;
	s->estimate = calloc(1, sizeof(*s->estimate));
	g->n_estimates += s->estimate != NULL;
	return s->estimate;
}

void stratum_exact(const struct stratum *s, const struct seen *now, struct estimate *e)
{
	estimate_exact(e, now->calls - s->from.calls, now->exits - s->from.exits,
		       now->total_ns - s->from.total_ns);
}

/* Own time when it was no longer armed all the time: it was refused a moment before. */
static double own_when_refused(const struct govern *g, const struct account *a, uint32_t f)
{
	double own = account_own_ns(a), since;

	if (!g->tripped_ns[f])
		return own;
	since = clock_ns(CLOCK_MONOTONIC) - g->tripped_ns[f];
	return own - since > a->own_before ? own - since : a->own_before;
}

/* What it did before it was armed at all is as in windows. */
static void open_stratum(const struct govern *g, const struct account *a, uint32_t f,
			 bool was_armed, struct estimate *e)
{
	struct stratum *s = account_stratum(g, a, f);
	uint64_t since = was_armed && g->tripped_ns[f] ? g->tripped_ns[f]
						       : clock_ns(CLOCK_MONOTONIC);
	double busy;

	s->from_own = was_armed ? own_when_refused(g, a, f) : 0;
	if (!was_armed)
		since = a->target->begun_ns;
	/* It made what the tick allowed it in less than a tick. */
	busy = s->from_own - a->own_before;
	if (e)
		estimate_open(e, since,
			      was_armed && g->tripped_ns[f] && busy > 0
				      ? (s->last - s->before_tick) / busy
				      : 0);
}

static void account_switch(struct govern *g, struct account *a, uint32_t f,
			   enum governor_state from, enum governor_state to)
{
	const struct governed_group *gg = govern_group_of(g, f);
	struct member *m = account_member(a, gg);
	struct stratum *s = account_stratum(g, a, f);
	struct estimate *e = NULL;
	struct seen now;

	if (!m || !s)
		return;
	account_see(m, f - gg->first, true, &now);
	if (to == GOVERNOR_WINDOWED || s->estimate)
		e = account_estimate(g, a, f);
	if (from == GOVERNOR_ARMED && e)
		stratum_exact(s, &now, e);
	if (from == GOVERNOR_WINDOWED && e)
		estimate_close(e, clock_ns(CLOCK_MONOTONIC), account_own_ns(a) - s->from_own);
	if (to == GOVERNOR_ARMED)
		s->from = now;
	a->late += from == GOVERNOR_WAITING && to == GOVERNOR_ARMED &&
		   clock_ns(CLOCK_MONOTONIC) - a->target->begun_ns > LATE_NS;
	if (to == GOVERNOR_WINDOWED)
		open_stratum(g, a, f, from == GOVERNOR_ARMED, e);
}

void accounts_switch(struct govern *g, uint32_t f, enum governor_state from,
		     enum governor_state to)
{
	struct account *a;

	for (a = g->accounts; a; a = a->next)
		account_switch(g, a, f, from, to);
}

/* --- prices ----------------------------------------------------------------------- */

/* Where they were not measured: of the order of what they are elsewhere. */
static double price_assumed(enum probe_kind kind, const struct function *f)
{
	double entry = f->class == HOTPATH__SITE_CLASS__SITE_STEPPED ? 9000 : 600;
	double exit = f->exit_class == HOTPATH__SITE_CLASS__SITE_STEPPED ? 9000 : 600;

	switch (kind) {
	case PROBE_COUNT:
		return entry;
	case PROBE_SITES:
		return entry + exit;
	default:
		return entry + 400;
	}
}

double govern_price_ns(const struct group *group, uint32_t i, const struct prices *prices)
{
	const struct function *f = &group->functions[i];
	Hotpath__Returns returns = HOTPATH__RETURNS__RETURNS_SESSION;
	uint64_t ns;

	if (group->kind == PROBE_COUNT)
		returns = HOTPATH__RETURNS__RETURNS_NONE;
	else if (group->kind == PROBE_SITES)
		returns = HOTPATH__RETURNS__RETURNS_SITES;
	ns = prices_call(prices, returns, f->class, f->exit_class);
	return ns ? ns : price_assumed(group->kind, f);
}

double govern_refused_ns(const struct group *group, uint32_t i, const struct prices *prices)
{
	const struct function *f = &group->functions[i];
	uint64_t ns;

	if (group->kind != PROBE_SESSION)
		return govern_price_ns(group, i, prices);
	ns = prices_call(prices, HOTPATH__RETURNS__RETURNS_NONE, f->class, f->exit_class);
	return ns ? ns : price_assumed(PROBE_COUNT, f);
}
