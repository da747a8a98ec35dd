// SPDX-License-Identifier: GPL-2.0-only
/* Averages and percentiles of a function; files may hold any nonsense. */
#include "cli/figures.h"
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

uint64_t figures_avg_ns(const Hotpath__Function *f)
{
	return f->exits ? f->total_ns / f->exits : 0;
}

uint64_t figures_percentile_ns(const Hotpath__Function *f, double percentile)
{
	if (!figures_has_percentiles(f))
		return 0;

	return hist_percentile(f->durations->bucket, f->durations->count, pairs(f->durations),
			       percentile, f->min_ns, f->max_ns);
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
