// SPDX-License-Identifier: GPL-2.0-only
/* The cost of probes in words and in JSON; overhead.h. */
#include <math.h>
#include "cli/figures.h"
#include "cli/overhead.h"
#include "cli/section.h"
#include "lib/cleanup.h"

/* --- known by prices alone ------------------------------------------------- */

/*
 * A snapshot without Overhead: each call at its price, of the time that the threads ran
 * for themselves. False: not known.
 */
static bool priced(const Hotpath__Target *t, Hotpath__Overhead *ret)
{
	uint64_t cost_ns;

	if (!figures_probe_cost_ns(t, &cost_ns) || t->cpu_total_ns <= cost_ns)
		return false;

	hotpath__overhead__init(ret);
	ret->probes_ns = cost_ns;
	ret->percent = 100 * (double)cost_ns / (double)(t->cpu_total_ns - cost_ns);
	for (size_t i = 0; i < t->n_functions; i++)
		ret->hits += t->functions[i]->calls;
	return true;
}

/* Files may hold any nonsense: what is no percentage is not shown. */
static bool is_percentage(double percent)
{
	return isfinite(percent) && percent >= 0 && percent < 1e12;
}

static const Hotpath__Overhead *overhead_of(const Hotpath__Target *t, Hotpath__Overhead *own)
{
	const Hotpath__Overhead *o = t->overhead;

	if (!o)
		return priced(t, own) ? own : NULL;

	return is_percentage(o->percent) && is_percentage(o->budget_percent) ? o : NULL;
}

/* --- words ----------------------------------------------------------------- */

bool overhead_text(FILE *f, const Hotpath__Target *t)
{
	Hotpath__Overhead own;
	const Hotpath__Overhead *o = overhead_of(t, &own);

	if (!o)
		return false;

	fprintf(f, ", probes cost %s%.*f %%", o->sampled ? "" : "about ", o->percent < 0.995 ? 2 : 1,
		o->percent);
	if (o->budgeted && o->budget_percent > 0)
		fprintf(f, " (budget %.9g %%)", o->budget_percent);
	else if (o == t->overhead)
		fputs(" (no budget)", f);
	return true;
}

/* --- JSON ------------------------------------------------------------------ */

/* Four decimals: what is smaller is noise. */
static json_t *percent(double value)
{
	return json_real(round(value * 1e4) / 1e4);
}

static void json_counts(struct jsonstream *s, const Hotpath__Overhead *o)
{
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{"arming_ns", o->arming_ns}, {"refused", o->refused},	  {"trips", o->trips},
		{"windows", o->windows},     {"window_ns", o->window_ns}, {"armed", o->armed},
		{"windowed", o->windowed},   {"waiting", o->waiting},
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		jsonstream_value(s, counts[i].key, sheet_integer(counts[i].value));
}

void overhead_json(struct jsonstream *s, const Hotpath__Target *t)
{
	Hotpath__Overhead own;
	const Hotpath__Overhead *o = overhead_of(t, &own);

	if (!o)
		return;

	jsonstream_open(s, "overhead", '{');
	jsonstream_value(s, "percent", percent(o->percent));
	jsonstream_value(s, "measured_by", json_string(o->sampled ? "samples" : "prices"));
	if (o == t->overhead)
		jsonstream_value(s, "budget_percent", percent(o->budgeted ? o->budget_percent : 0));
	jsonstream_value(s, "probes_ns", sheet_integer(o->probes_ns));
	jsonstream_value(s, "hits", sheet_integer(o->hits));
	if (is_percentage(o->contention) && o->contention > 0)
		jsonstream_value(s, "contention", percent(o->contention));
	if (o == t->overhead)
		json_counts(s, o);
	jsonstream_close(s, '}');
}
