// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts and states; see governor.h. Limits are set in governor-limits.c, windows chosen in
 * governor-window.c.
 *
 * A tick is one pass over the functions and, where something changes, a sort of those that
 * may: 40,000 functions take 0.3 ms.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "governor-inner.h"

#define ADVANCE_NS  (40 * MS_NS)
#define BATCH	    512
#define CALL_NS	    1000.0
#define REFUSED     0.65
#define BACKOFF_NS  (2 * S_NS)
#define BACKOFF_MAX_NS (64 * S_NS)
/* Released when ARMED ones cost more than their part by this much;
 * recalled when twice their cost fits, so many each half second. */
#define SHED_MARGIN 1.25
#define RECALL_MARGIN 2.0
#define RECALL_MOST  8
#define RECALL_NS    (0.5 * S_NS)
#define RECALL_WINDOWS 8
#define HOT_SAMPLES  2
/* How long a trip is remembered (governor-limits.c). */
#define ALARM_NS     (200 * MS_NS)
/* This many times the budget, in a tick of some length, is a flood. */
#define FLOOD	     2.0
#define FLOOD_NS     (20 * MS_NS)
/* Seconds of the budget: most that is kept, and that is owed. */
#define KEPT_S	     1.0
#define DEBT_S	     2.0
/* What a window costs is an average of so long. */
#define PAID_NS	     (10 * S_NS)

double governor_random(struct governor *g)
{
	uint64_t z = g->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool widen(void *array, size_t n, size_t before, size_t size)
{
	char *grown = reallocarray(*(void **)array, n ?: 1, size);

	if (!grown)
		return false;
	memset(grown + before * size, 0, (n - before) * size);
	*(void **)array = grown;
	return true;
}

bool governor_grow(struct governor *g, size_t n)
{
	size_t i, before = g->n;

	if (n < before || (n == before && g->f))
		return true;
#define WIDEN(array) widen(&(array), n, before, sizeof(*(array)))
	if (!WIDEN(g->f) || !WIDEN(g->order) || !WIDEN(g->windowed) || !WIDEN(g->window_function) ||
	    !WIDEN(g->window_cap) || !WIDEN(g->candidate) || !WIDEN(g->limited) ||
	    !WIDEN(g->limit) || !WIDEN(g->release) || !WIDEN(g->arm) || !WIDEN(g->sorted) ||
	    !WIDEN(g->counted))
		return false;
#undef WIDEN
	g->window.function = g->window_function;
	g->window.cap = g->window_cap;
	g->n = n;
	g->counts.waiting += n - before;
	for (i = before; i < n; i++) {
		g->f[i].rate = -1;
		governor_facts(g, i, &(struct governor_facts){});
	}
	g->ordered = false;
	g->cursor = 0;
	return true;
}

struct governor *governor_new(size_t n, const struct governor_config *config)
{
	struct governor *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->config = *config;
	g->config.batch = config->batch ?: BATCH;
	g->random = config->seed;
	g->contention = 1;
	g->balance_ns = config->advance_ns ?: ADVANCE_NS;
	g->tick_ns = 100 * MS_NS;
	if (!governor_grow(g, n))
		return governor_free(g);
	return g;
}

struct governor *governor_free(struct governor *g)
{
	if (!g)
		return NULL;
	free(g->f);
	free(g->order);
	free(g->windowed);
	free(g->window_function);
	free(g->window_cap);
	free(g->candidate);
	free(g->limited);
	free(g->limit);
	free(g->release);
	free(g->arm);
	free(g->sorted);
	free(g->counted);
	free(g);
	return NULL;
}

void governor_facts(struct governor *g, uint32_t i, const struct governor_facts *facts)
{
	struct governed *f = &g->f[i];

	f->call_ns = facts->call_ns > 0 ? facts->call_ns : CALL_NS;
	f->refused_ns = facts->refused_ns > 0 ? facts->refused_ns : REFUSED * f->call_ns;
	f->arming_ns = fmax(facts->arming_ns, 0);
	f->asked = facts->asked;
	f->expensive = facts->expensive;
	f->backoff_ns = BACKOFF_NS;
}

void governor_samples(struct governor *g, const uint32_t *count, uint64_t all)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		g->f[i].hot = count[i] >= HOT_SAMPLES && count[i] * 500.0 >= all;
}

static void set_state(struct governor *g, uint32_t i, enum governor_state state)
{
	uint32_t *count[] = {
		[GOVERNOR_WAITING] = &g->counts.waiting,
		[GOVERNOR_ARMED] = &g->counts.armed,
		[GOVERNOR_WINDOWED] = &g->counts.windowed,
	};
	struct governed *f = &g->f[i];

	if (f->state == state)
		return;
	if (f->state == GOVERNOR_WINDOWED)
		governor_window_leave(g, i);
	--*count[f->state];
	++*count[state];
	f->state = state;
	f->since_ns = g->now_ns;
	if (state == GOVERNOR_WINDOWED)
		governor_window_join(g, i);
}

void governor_failed(struct governor *g, uint32_t i)
{
	g->f[i].failed = true;
	set_state(g, i, GOVERNOR_WAITING);
}

void governor_retire(struct governor *g, uint32_t i)
{
	governor_failed(g, i);
	g->counts.waiting -= !g->f[i].retired;
	g->f[i].retired = true;
}

void governor_renew(struct governor *g, uint32_t i)
{
	g->counts.waiting += g->f[i].retired;
	g->f[i] = (struct governed){.calls = g->f[i].calls, .rate = -1};
	governor_facts(g, i, &(struct governor_facts){});
	g->ordered = false;
	g->cursor = 0;
}

/* --- accounts --------------------------------------------------------------- */

/* Of a value that was seen over this much of a time constant. */
static double smooth(double old, double now, double part)
{
	return old + (now - old) * (1 - exp(-part));
}

/* Calls of this tick, and what they took; of that, those of ARMED ones. */
static double count_calls(struct governor *g, const uint64_t *calls, uint32_t *counted,
			  double *ret_armed)
{
	double cost = 0, armed = 0, one;
	size_t i;

	for (i = 0; i < g->n; i++) {
		struct governed *f = &g->f[i];

		counted[i] = 0;
		if (calls[i] == f->calls)
			continue;
		/* Fewer: a target and its counts have gone, or were reset. */
		if (calls[i] > f->calls)
			counted[i] = fmin(calls[i] - f->calls, UINT32_MAX);
		f->calls = calls[i];
		one = counted[i] * governed_price_ns(g, f);
		cost += one;
		armed += f->state == GOVERNOR_ARMED ? one : 0;
	}
	*ret_armed = armed;
	return cost;
}

/*
 * Rates of ARMED ones, and what they cost together. A rate is smoothed over a second, less
 * while it has been armed for less; when all of them together take far too much, what they
 * did in this tick is what counts.
 */
static void take_rates(struct governor *g, const uint32_t *counted, double own, double cost)
{
	double quick = 1 - exp(-own / S_NS), slow = exp(-own / (5 * S_NS));
	bool flood = cost > FLOOD * g->config.budget * own && own >= FLOOD_NS;
	size_t i;

	g->armed = g->asked = 0;
	for (i = 0; i < g->n; i++) {
		struct governed *f = &g->f[i];
		double rate;

		if (f->state != GOVERNOR_ARMED)
			continue;
		f->armed_ns += own;
		if (f->rate <= 0 && !counted[i])
			continue;
		if (own > 0) {
			rate = counted[i] / own;
			f->rate = fmax(f->rate, 0);
			f->rate += (rate - f->rate) * fmax(quick, own / f->armed_ns);
			f->peak = fmax(rate, f->peak * slow);
			if (flood)
				f->rate = fmax(f->rate, rate);
		}
		g->armed += governed_cost(g, f);
		if (f->asked)
			g->asked += governed_cost(g, f);
	}
}

/* What windows cost, and whatever else is not calls of ARMED ones. */
static void account_windows(struct governor *g, double cost, double refused, double wall)
{
	double left = exp(-wall / PAID_NS);

	g->wall_ns = g->wall_ns * left + wall;
	g->windows_ns = g->windows_ns * left + g->done_ns;
	g->done_ns = 0;
	if (governor_begins(g))
		return;
	g->paid_ns = g->paid_ns * left + cost;
	g->shut_ns = g->shut_ns * left + refused;
	g->shut_overhead = g->shut_overhead * left + g->done_overhead;
	g->done_overhead = 0;
	g->paid_windows = g->paid_windows * left + g->done_windows;
	g->done_windows = 0;
}

/* What the beginning took is over when it is; later, what was lost is not regained for ever. */
static void accrue(struct governor *g, double own, double cost, bool began)
{
	double second = g->config.budget * S_NS * fmax(g->own_rate, 0.1);
	double most = fmax(KEPT_S * second, 2 * g->chosen_cost_ns);

	g->balance_ns += g->config.budget * own * (governor_begins(g) ? GOVERNOR_BEGINNING : 1) - cost;
	g->pending_ns = 0;
	if (governor_begins(g))
		return;
	if (began)
		g->balance_ns = fmax(g->balance_ns, 0);
	g->balance_ns = fmax(fmin(g->balance_ns, most), -DEBT_S * second);
}

static void account(struct governor *g, const struct governor_sight *sight)
{
	uint32_t *counted = g->counted;
	double cpu, wall, own, cost, armed, refused;
	bool began;

	if (!g->first_ns)
		g->first_ns = g->now_ns = sight->now_ns;
	wall = fmax((double)sight->now_ns - g->now_ns, 0);
	cpu = fmax(sight->cpu_ns - g->cpu_ns, 0);
	began = governor_begins(g);
	g->now_ns = sight->now_ns;
	g->cpu_ns = sight->cpu_ns;
	if (sight->contention > 0)
		g->contention = sight->contention;
	cost = count_calls(g, sight->calls, counted, &armed);
	g->calls_ns += cost;
	refused = fmax(sight->refused_ns - g->refused_ns, 0);
	cost += refused + fmax(sight->arming_ns - g->arming_ns, 0);
	g->refused_ns = sight->refused_ns;
	g->arming_ns = sight->arming_ns;
	own = fmax(cpu - cost, cpu / 20);
	g->alarm *= exp(-wall / ALARM_NS);
	if (wall > 0) {
		g->tick_ns = smooth(g->tick_ns, wall, 0.2);
		g->own_rate = g->own_rate ? smooth(g->own_rate, own / wall, wall / (2 * S_NS))
					  : own / wall;
		/* Clocks of CPUs are read a little before or after: no single moment counts. */
		if (wall > 20 * MS_NS)
			g->width = fmax(own / wall, g->width * exp(-wall / (2 * S_NS)));
	}
	g->own_ns += own;
	/* CPU clocks may lag behind the calls, and prices be too high: not by orders. */
	take_rates(g, counted, cost > 0 ? fmax(own, fmax(MS_NS / 5, cpu / 3)) : own, cost);
	account_windows(g, cost - armed, refused, wall);
	accrue(g, own, cost, began);
}

/* --- verdicts --------------------------------------------------------------- */

/* What ARMED ones may cost, of own time; those that nobody asked for have what is left. */
static double room(const struct governor *g, bool asked)
{
	double part = g->config.budget * (asked ? GOVERNOR_ASKED_PART : GOVERNOR_ARMED_PART);

	return asked ? part : fmax(part - g->asked, part / 4);
}

static double used(const struct governor *g, bool asked)
{
	return asked ? g->asked : g->armed - g->asked;
}

static void arm(struct governor *g, uint32_t i)
{
	set_state(g, i, GOVERNOR_ARMED);
	g->arm[g->plan.n_arm++] = i;
	g->f[i].limit = 0;
	g->f[i].armed_ns = 0;
	g->armed += governed_cost(g, &g->f[i]);
	if (g->f[i].asked)
		g->asked += governed_cost(g, &g->f[i]);
}

static void release(struct governor *g, uint32_t i)
{
	struct governed *f = &g->f[i];

	/* It was recalled and comes back: let it stay away for longer. */
	if (g->now_ns - f->since_ns > 4 * f->backoff_ns)
		f->backoff_ns = BACKOFF_NS;
	else if (f->recalled)
		f->backoff_ns = fmin(4 * f->backoff_ns, BACKOFF_MAX_NS);
	g->armed -= governed_cost(g, f);
	if (f->asked)
		g->asked -= governed_cost(g, f);
	set_state(g, i, GOVERNOR_WINDOWED);
	g->release[g->plan.n_release++] = i;
}

/* How often it is called nobody knows; at least as often as was counted. */
static void release_tripped(struct governor *g, const struct governor_sight *sight)
{
	size_t k;

	for (k = 0; k < sight->n_tripped; k++) {
		struct governed *f = &g->f[sight->tripped[k]];

		if (f->state != GOVERNOR_ARMED)
			continue;
		g->counts.trips++;
		g->alarm++;
		release(g, sight->tripped[k]);
		f->rate = f->lately = fmax(f->rate, f->peak);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct governor_sortable *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* The dearest go, until the others fit. */
static void shed(struct governor *g, bool asked)
{
	double most = room(g, asked);
	size_t i, n = 0, k;

	if (used(g, asked) <= most * SHED_MARGIN )
		return;
	for (i = 0; i < g->n; i++) {
		const struct governed *f = &g->f[i];

		if (f->state == GOVERNOR_ARMED && f->asked == asked && f->rate > 0)
			g->sorted[n++] = (struct governor_sortable){-governed_cost(g, f), i};
	}
	qsort(g->sorted, n, sizeof(*g->sorted), by_key);
	for (k = 0; k < n && used(g, asked) > most; k++)
		release(g, g->sorted[k].i);
}

/* Of WINDOWED ones: what it costs if it becomes as frequent as it was of late; < 0: it may
 * not come back yet. */
static double recall_cost(const struct governor *g, const struct governed *f)
{
	if (f->windows < RECALL_WINDOWS || f->planned || g->now_ns - f->since_ns < f->backoff_ns)
		return -1;
	return f->lately * governed_price_ns(g, f);
}

/* The cheapest come back, asked ones first, if twice their cost fits. */
static void recall(struct governor *g)
{
	size_t i, n = 0, k;

	if (governor_begins(g) || g->now_ns - g->recalled_ns < RECALL_NS)
		return;
	g->recalled_ns = g->now_ns;
	for (i = 0; i < g->n_windowed; i++) {
		const struct governed *f = &g->f[g->windowed[i]];
		double cost = recall_cost(g, f);

		if (cost >= 0 && used(g, f->asked) + RECALL_MARGIN * cost <= room(g, f->asked))
			g->sorted[n++] = (struct governor_sortable){
				f->asked ? cost - 1e6 : cost, g->windowed[i]};
	}
	qsort(g->sorted, n, sizeof(*g->sorted), by_key);
	for (k = 0; k < n && k < RECALL_MOST; k++) {
		const struct governed *f = &g->f[g->sorted[k].i];

		if (used(g, f->asked) + RECALL_MARGIN * governed_cost(g, f) > room(g, f->asked) ||
		    f->arming_ns > g->balance_ns - g->spent_ns)
			break;
		g->spent_ns += f->arming_ns;
		g->f[g->sorted[k].i].recalled = true;
		arm(g, g->sorted[k].i);
	}
}

/* Asked ones, then cheap ones, then expensive ones. */
static void put_in_order(struct governor *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		g->sorted[i] = (struct governor_sortable){
			g->f[i].asked ? 0 : g->f[i].expensive ? 2 : 1, i};
	qsort(g->sorted, g->n, sizeof(*g->sorted), by_key);
	for (i = 0; i < g->n; i++)
		g->order[i] = g->sorted[i].i;
	g->ordered = true;
}

/* May this one be armed now too, in the tick that has armed so many? */
static bool may_admit(const struct governor *g, const struct governed *f)
{
	double part = governor_begins(g) ? 0.5 : 0.3;

	if (!g->config.budget || (g->config.at_once && !f->expensive))
		return true;
	return g->plan.n_arm < g->config.batch &&
	       g->spent_ns + f->arming_ns <= fmax(g->balance_ns, 0) * part;
}

static void admit(struct governor *g)
{
	for (; g->cursor < g->n; g->cursor++) {
		struct governed *f = &g->f[g->order[g->cursor]];

		if (f->state != GOVERNOR_WAITING || f->failed)
			continue;
		if (f->hot && !f->asked && g->config.budget) {
			set_state(g, g->order[g->cursor], GOVERNOR_WINDOWED);
			continue;
		}
		/* What one of them takes may be more than is kept: it waits for all of it. */
		if (!may_admit(g, f) &&
		    (g->plan.n_arm || g->spent_ns || f->arming_ns > g->balance_ns))
			return;
		g->spent_ns += f->arming_ns;
		arm(g, g->order[g->cursor]);
	}
}

const struct governor_plan *governor_tick(struct governor *g, const struct governor_sight *sight)
{
	g->plan = (struct governor_plan){
		.limited = g->limited, .limit = g->limit, .release = g->release, .arm = g->arm};
	account(g, sight);
	if (!g->ordered)
		put_in_order(g);
	g->spent_ns = 0;
	if (!g->config.budget) {
		admit(g);
		return &g->plan;
	}
	release_tripped(g, sight);
	shed(g, true);
	shed(g, false);
	recall(g);
	admit(g);
	governor_limit_all(g);
	return &g->plan;
}

enum governor_state governor_state(const struct governor *g, uint32_t i)
{
	return g->f[i].state;
}

double governor_rate(const struct governor *g, uint32_t i)
{
	return g->f[i].rate * S_NS;
}

double governor_width(const struct governor *g)
{
	return g->width;
}

double governor_duty(const struct governor *g)
{
	return g->wall_ns > 0 ? fmin(g->windows_ns / g->wall_ns, 1) : 0;
}

double governor_cost_ns(const struct governor *g)
{
	return g->calls_ns + g->refused_ns + g->arming_ns;
}

void governor_counts(const struct governor *g, struct governor_counts *ret)
{
	*ret = g->counts;
}
