// SPDX-License-Identifier: GPL-2.0-only
/* Averages and percentiles of a function; files may hold any nonsense. */
#include "cli/figures.h"
#include "cli/places.h"
#include "lib/hist.h"

bool figures_timed(const Hotpath__Function *f)
{
	return f->probe && f->probe->returns != HOTPATH__RETURNS__RETURNS_NONE;
}

bool figures_has_times(const Hotpath__Function *f)
{
	return f->exits > 0;
}

/* In a damaged histogram one list may be longer: the rest of it has no partner. */
static size_t pairs(const Hotpath__Histogram *h)
{
	if (!h)
		return 0;

	return h->n_bucket < h->n_count ? h->n_bucket : h->n_count;
}

bool figures_has_percentiles(const Hotpath__Function *f)
{
	return f->exits > 0 && pairs(f->durations) > 0;
}

uint64_t figures_percentile_ns(const Hotpath__Function *f, double percentile)
{
	if (!figures_has_percentiles(f))
		return 0;

	return hist_percentile(f->durations->bucket, f->durations->count, pairs(f->durations),
			       percentile, f->min_ns, f->max_ns);
}

uint64_t figures_whole(double estimate)
{
	if (!(estimate > 0))
		return 0;

	return estimate < 0x1p63 ? (uint64_t)(estimate + 0.5) : UINT64_MAX;
}

/* --- what is shown --------------------------------------------------------- */

static void seen(const Hotpath__Function *f, struct figures *ret)
{
	ret->has_calls = true;
	ret->calls = f->calls;
	ret->has_total = figures_timed(f) || figures_has_times(f);
	ret->total_ns = f->total_ns;
	ret->has_avg = ret->returned = figures_has_times(f);
	ret->avg_ns = f->exits ? f->total_ns / f->exits : 0;
	ret->has_percentiles = figures_has_percentiles(f);
}

static void estimated(const Hotpath__Function *f, struct figures *ret)
{
	const Hotpath__Estimated *e = f->estimated;

	ret->estimated = true;
	ret->has_calls = e->known;
	ret->calls = figures_whole(e->calls);
	ret->has_total = e->known && e->timed;
	ret->total_ns = figures_whole(e->total_ns);
	ret->has_avg = ret->returned = ret->has_total && e->calls > 0;
	ret->avg_ns = ret->has_avg ? figures_whole(e->total_ns / e->calls) : 0;
	ret->has_percentiles = ret->has_avg && figures_has_percentiles(f);
}

bool figures_samples_self(const Hotpath__Target *t)
{
	return t->overhead && t->overhead->budgeted && t->overhead->budget_percent > 0;
}

bool figures_any(const Hotpath__Target *t, const Hotpath__Function *f)
{
	return f->calls || f->exits || f->open || f->lost || (f->samples && figures_samples_self(t));
}

static void own_time(const Hotpath__Target *t, const Hotpath__Function *f, struct figures *ret)
{
	if (!figures_samples_self(t)) {
		ret->has_self = ret->has_total && !ret->estimated;
		ret->self_ns = f->self_ns;
		return;
	}

	ret->sampled = ret->has_self = places_own(t);
	ret->self_ns = places_ns(t, f->samples);
	ret->self_se_ns = places_se_ns(t, f->samples);
}

void figures_of(const Hotpath__Target *t, const Hotpath__Function *f, struct figures *ret)
{
	*ret = (struct figures){0};
	if (f->estimated)
		estimated(f, ret);
	else
		seen(f, ret);
	own_time(t, f, ret);
}

/* Prices are true to within 3 % (docs/ARCHITECTURE.md, "Prices"). */
#define PRICE_ERROR_PERCENT 3

uint64_t figures_uncertain_ns(const Hotpath__Function *f)
{
	return f->probe_ns / 100 * PRICE_ERROR_PERCENT;
}

bool figures_is_uncertain(const Hotpath__Function *f)
{
	return figures_has_times(f) && figures_uncertain_ns(f) > f->total_ns;
}

bool figures_probe_cost_ns(const Hotpath__Target *t, uint64_t *ret_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n_functions; i++) {
		const Hotpath__Function *f = t->functions[i];
		uint64_t cost;

		if (!f->calls)
			continue;
		if (!f->probe || !f->probe->price_ns)
			return false;
		if (__builtin_mul_overflow(f->calls, f->probe->price_ns, &cost) ||
		    __builtin_add_overflow(sum, cost, &sum))
			return false; /* no measurement is that large */
	}

	*ret_ns = sum;
	return sum;
}
