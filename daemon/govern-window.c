// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: the probes are placed with their link shut, which counts nothing; it is opened for
 * a few milliseconds, for all targets at once; shut again, open calls have some time to
 * return; and the probes are removed. See govern.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "govern-inner.h"
#include "group.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "model.h"
#include "registry.h"

#define RETURNS_FIRST_US 50
/* Counters on threads, of all targets in a window: each takes 10 us to make, while its probes
 * stand already. What has none left is measured by its process's clock. */
#define CLOCKS_MAX 256

/* Where in the window a function is; SIZE_MAX: it is not in it. */
static size_t place_of(const struct govern *g, uint32_t f)
{
	size_t k;

	for (k = 0; k < g->window->n; k++) {
		if (g->window->function[k] == f)
			return k;
	}
	return SIZE_MAX;
}

static int on_window(sd_event_source *source, uint64_t usec, void *userdata);

/* From now on: the loop's own now is when it woke, which placing probes has made long ago. */
static bool wait_for(struct govern *g, uint64_t us)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) / 1000 + us;
	int r;

	if (!g->window_timer)
		r = sd_event_add_time(g->registry->event, &g->window_timer, CLOCK_MONOTONIC, until,
				      1, on_window, g);
	else
		r = sd_event_source_set_time(g->window_timer, until);
	if (r >= 0)
		r = sd_event_source_set_enabled(g->window_timer, SD_EVENT_ONESHOT);
	return r >= 0;
}

/* --- opening ---------------------------------------------------------------------- */

static void set_windows(const struct account *a, bool open)
{
	__atomic_store_n(&calls_slot(a->target->calls, a->target->slot)->windows, open,
			 __ATOMIC_RELAXED);
}

static void unlink_all(struct govern *g)
{
	size_t i;

	for (i = 0; i < g->n_groups; i++) {
		if (g->group[i].link && g->group[i].group)
			arming_unlink(g->group[i].group->arming, g->group[i].link);
		g->group[i].link = 0;
	}
}

static int link_all(struct govern *g)
{
	const struct governor_window *w = g->window;
	size_t i, k, n;
	int r = 0;

	for (i = 0; r >= 0 && i < g->n_groups; i++) {
		struct governed_group *gg = &g->group[i];

		for (k = n = 0; k < w->n; k++) {
			if (w->function[k] >= gg->first && w->function[k] - gg->first < gg->count)
				g->scratch[n++] = w->function[k] - gg->first;
		}
		if (n)
			r = gg->group ? arming_link(gg->group->arming, g->scratch, n, &gg->link)
				      : -ESRCH;
	}
	return r;
}

/* Without memory nothing is known of those that outlived the window. */
static void remember_durations(const struct member *m, uint32_t function, struct durations *ret)
{
	uint32_t bucket[HP_HIST_BUCKETS];
	uint64_t count[HP_HIST_BUCKETS];
	size_t n = model_histogram(cell_func(&m->cell, function), m->cell.blocks, m->cell.n_blocks,
				   bucket, count);

	ret->bucket = malloc(n * sizeof(*bucket) + 1);
	ret->count = malloc(n * sizeof(*count) + 1);
	if (!ret->bucket || !ret->count)
		return;
	memcpy(ret->bucket, bucket, n * sizeof(*bucket));
	memcpy(ret->count, count, n * sizeof(*count));
	ret->n = n;
}

/* What it had before, and how much more it may have. */
static void account_prepare(struct govern *g, struct account *a, size_t *clocks)
{
	const struct governor_window *w = g->window;
	size_t k;

	account_forget_window(a);
	a->before = calloc(w->n + 1, sizeof(*a->before));
	a->n_before = a->before ? w->n : 0;
	a->in_window = a->before && cpuclock_start(&a->clock, a->target->pid, *clocks) >= 0;
	*clocks -= a->in_window ? a->clock.n : 0;
	for (k = 0; k < a->n_before; k++) {
		const struct governed_group *gg = govern_group_of(g, w->function[k]);
		const struct member *m = account_member(a, gg);

		if (!m)
			continue;
		account_see(m, w->function[k] - gg->first, true, &a->before[k].seen);
		remember_durations(m, w->function[k] - gg->first, &a->before[k].durations);
	}
}

/* Before its probes are placed: what they meet until the window opens is refused, and paid. */
static void prepare_all(struct govern *g)
{
	size_t clocks = CLOCKS_MAX;
	struct account *a;

	for (a = g->accounts; a; a = a->next)
		account_prepare(g, a, &clocks);
}

static void open_all(struct govern *g)
{
	const struct governor_window *w = g->window;
	struct account *a;
	size_t i, k;

	accounts_read(g, false);
	for (k = 0; k < w->n; k++) {
		accounts_limit(g, w->function[k], g->sum[w->function[k]] + w->cap[k]);
		g->window_part[k] = 1;
	}
	for (a = g->accounts; a; a = a->next) {
		if (!a->in_window)
			continue;
		set_windows(a, true);
		a->window_probe_ns = a->hits_ns + a->refused_ns;
		a->window_cpu_ns = cpuclock_read(&a->clock);
	}
	g->opened_ns = clock_ns(CLOCK_MONOTONIC);
	for (i = 0; i < g->n_groups; i++) {
		if (g->group[i].link)
			arming_open(g->group[i].group->arming, g->group[i].link);
	}
}

static void fail(struct govern *g)
{
	const struct governor_seen seen = {.now_ns = clock_ns(CLOCK_MONOTONIC), .failed = true};
	struct account *a;

	unlink_all(g);
	for (a = g->accounts; a; a = a->next) {
		set_windows(a, false);
		if (a->in_window)
			cpuclock_done(&a->clock);
		a->in_window = false;
	}
	governor_window_done(g->governor, &seen);
	g->window_state = WINDOW_NONE;
	g->window = NULL;
}

/*
 * To place probes takes the event loop 7 to 30 ms. Of many budgets each would have a window
 * several times a second: of all the time half at most is theirs.
 */
static bool must_wait(struct govern *g, uint64_t now)
{
	uint64_t from = g->registry->windows_from_ns;

	return now < from && wait_for(g, (from - now) / 1000 + 1);
}

static void window_open(struct govern *g)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), placed;
	int r;

	if (must_wait(g, now))
		return;
	prepare_all(g);
	r = link_all(g);
	placed = clock_ns(CLOCK_MONOTONIC);
	g->registry->windows_from_ns = placed + (placed - now);
	if (r < 0) {
		log_error_errno(r, "place probes for a window");
		fail(g);
		return;
	}
	open_all(g);
	g->window_state = WINDOW_OPEN;
	if (!wait_for(g, g->window->length_ns / 1000))
		window_abort(g);
}

/* --- shutting --------------------------------------------------------------------- */

static void window_grace(struct govern *g);

static void window_shut(struct govern *g)
{
	struct account *a;
	size_t i;

	for (i = 0; i < g->n_groups; i++) {
		if (g->group[i].link)
			arming_shut(g->group[i].group->arming, g->group[i].link);
	}
	g->shut_ns = clock_ns(CLOCK_MONOTONIC);
	for (a = g->accounts; a; a = a->next) {
		if (!a->in_window)
			continue;
		a->window_cpu_ns = cpuclock_read(&a->clock) - a->window_cpu_ns;
		cpuclock_done(&a->clock);
	}
	/* Of all that was armed, and before what is refused from now on. */
	accounts_read(g, false);
	for (a = g->accounts; a; a = a->next)
		a->window_probe_ns = a->hits_ns + a->refused_ns - a->window_probe_ns;
	g->window_state = WINDOW_GRACE;
	g->deadline_ns = g->shut_ns + g->window->grace_ns;
	g->wait_us = RETURNS_FIRST_US / 2;
	window_grace(g);
}

/* --- the result ------------------------------------------------------------------- */

/* Of the kth function since the window opened. */
static bool account_since(const struct govern *g, const struct account *a, size_t k,
			  struct seen *ret)
{
	const struct governed_group *gg = govern_group_of(g, g->window->function[k]);
	const struct member *m = account_member(a, gg);
	struct seen now;

	if (!m || k >= a->n_before)
		return false;
	account_see(m, g->window->function[k] - gg->first, true, &now);
	if (now.calls < a->before[k].seen.calls)
		return false;
	ret->calls = now.calls - a->before[k].seen.calls;
	ret->exits = now.exits - a->before[k].seen.exits;
	ret->total_ns = now.total_ns - a->before[k].seen.total_ns;
	ret->gone = now.gone - a->before[k].seen.gone;
	return true;
}

static bool is_timed(const struct govern *g, size_t k)
{
	const struct governed_group *gg = govern_group_of(g, g->window->function[k]);

	return gg->group && gg->group->kind != PROBE_COUNT;
}

static uint64_t open_calls(const struct seen *s)
{
	return s->calls > s->exits + s->gone ? s->calls - s->exits - s->gone : 0;
}

static bool all_returned(const struct govern *g)
{
	const struct account *a;
	struct seen since;
	size_t k;

	for (a = g->accounts; a; a = a->next) {
		for (k = 0; a->in_window && k < g->window->n; k++) {
			if (is_timed(g, k) && account_since(g, a, k, &since) && open_calls(&since))
				return false;
		}
	}
	return true;
}

/* Those that the window had no time to see the end of. */
static void correct_censored(const struct govern *g, const struct account *a, size_t k,
			     struct estimate_window *one)
{
	const struct governed_group *gg = govern_group_of(g, g->window->function[k]);
	const struct member *m = account_member(a, gg);
	const struct durations *old = &a->before[k].durations;
	uint32_t bucket[HP_HIST_BUCKETS];
	uint64_t count[HP_HIST_BUCKETS];
	size_t n, i, was = 0;

	n = model_histogram(cell_func(&m->cell, g->window->function[k] - gg->first),
			    m->cell.blocks, m->cell.n_blocks, bucket, count);
	for (i = 0; i < n; i++) {
		while (was < old->n && old->bucket[was] < bucket[i])
			was++;
		if (was < old->n && old->bucket[was] == bucket[i])
			count[i] -= old->count[was];
	}
	estimate_censored(bucket, count, n, g->shut_ns - g->opened_ns, g->ended_ns - g->shut_ns,
			  &one->late_exits, &one->late_total_ns);
}

/* What all windows' functions of a target have in common. */
static struct estimate_window account_window(const struct govern *g, const struct account *a)
{
	struct estimate_cost cost = {
		.cpu_ns = a->window_cpu_ns,
		.probe_ns = a->window_probe_ns,
		.armed_ns = a->window_probe_ns,
		.wall_ns = g->shut_ns - g->opened_ns,
		.width = governor_width(g->governor),
		.duty = governor_duty(g->governor),
	};
	struct seen since;
	size_t k;

	for (k = 0; k < g->window->n; k++) {
		if (account_since(g, a, k, &since))
			cost.armed_ns -= since.calls * account_price_ns(g, a, g->window->function[k]);
	}
	return (struct estimate_window){
		.now_ns = g->opened_ns,
		.cpu_ns = cost.cpu_ns,
		.probe_ns = cost.probe_ns,
		.progress_ns = estimate_progress(&cost),
		.length_ns = g->ended_ns - g->opened_ns,
	};
}

static void account_estimates(struct govern *g, struct account *a)
{
	const struct governor_window *w = g->window;
	const struct estimate_window base = account_window(g, a);
	struct seen since;
	size_t k;

	for (k = 0; k < w->n; k++) {
		struct estimate *e = account_estimate(g, a, w->function[k]);
		struct estimate_window one = base;

		if (!account_since(g, a, k, &since))
			continue;
		g->window_calls[k] += since.calls;
		g->window_censored[k] += is_timed(g, k) ? open_calls(&since) : 0;
		if (!e || !base.cpu_ns)
			continue;
		one.seen = g->window_part[k];
		one.calls = since.calls;
		one.exits = since.exits;
		one.total_ns = since.total_ns;
		one.censored = is_timed(g, k) ? open_calls(&since) : 0;
		if (since.exits)
			correct_censored(g, a, k, &one);
		estimate_window(e, &one);
	}
}

/* On the average of what was called in it: so cost those that were refused before and after. */
static void price_refused(struct govern *g)
{
	double calls = 0, ns = 0;
	size_t k;

	for (k = 0; k < g->window->n; k++) {
		calls += g->window_calls[k];
		ns += g->window_calls[k] * g->refused_ns[g->window->function[k]];
	}
	if (calls > 0)
		g->refusing_ns = ns / calls;
}

static void window_finish(struct govern *g)
{
	struct governor_seen seen = {
		.length_ns = g->shut_ns - g->opened_ns,
		.calls = g->window_calls,
		.censored = g->window_censored,
		.part = g->window_part,
	};
	struct account *a;

	g->ended_ns = clock_ns(CLOCK_MONOTONIC);
	unlink_all(g);
	memset(g->window_calls, 0, g->window->n * sizeof(*g->window_calls));
	memset(g->window_censored, 0, g->window->n * sizeof(*g->window_censored));
	for (a = g->accounts; a; a = a->next) {
		set_windows(a, false);
		if (!a->in_window)
			continue;
		seen.cpu_ns += a->window_cpu_ns;
		account_estimates(g, a);
		a->in_window = false;
	}
	price_refused(g);
	seen.now_ns = clock_ns(CLOCK_MONOTONIC);
	governor_window_done(g->governor, &seen);
	g->window_state = WINDOW_NONE;
	g->window = NULL;
	window_consider(g);
}

static void window_grace(struct govern *g)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now >= g->deadline_ns || all_returned(g)) {
		window_finish(g);
		return;
	}
	g->wait_us *= 2;
	if (now + g->wait_us * 1000 > g->deadline_ns)
		g->wait_us = (g->deadline_ns - now) / 1000 + 1;
	if (!wait_for(g, g->wait_us))
		window_abort(g);
}

/* --- its course ------------------------------------------------------------------- */

static int on_window(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct govern *g = userdata;

	switch (g->window_state) {
	case WINDOW_PLANNED:
		window_open(g);
		break;
	case WINDOW_OPEN:
		window_shut(g);
		break;
	case WINDOW_GRACE:
		window_grace(g);
		break;
	case WINDOW_NONE:
		break;
	}
	return 0;
}

void window_consider(struct govern *g)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (g->window_state != WINDOW_NONE || !g->accounts)
		return;
	g->window = governor_next(g->governor, now);
	if (!g->window)
		return;
	g->window_state = WINDOW_PLANNED;
	if (!wait_for(g, g->window->start_ns > now ? (g->window->start_ns - now) / 1000 : 0))
		fail(g);
}

bool window_tripped(struct govern *g, uint32_t f, uint64_t time_ns)
{
	uint64_t length, until;
	size_t k;

	if (g->window_state != WINDOW_OPEN)
		return g->state[f] == GOVERNOR_WINDOWED;
	k = place_of(g, f);
	if (k == SIZE_MAX)
		return false;
	length = g->window->length_ns;
	until = time_ns > g->opened_ns ? time_ns - g->opened_ns : 0;
	if (length && g->window_part[k] == 1)
		g->window_part[k] = until < length ? (double)until / length : 1;
	return true;
}

void window_abort(struct govern *g)
{
	if (g->window_state != WINDOW_NONE)
		fail(g);
}
