// SPDX-License-Identifier: GPL-2.0-only
/* Estimates and costs of several processes; merge-estimates.h. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "lib/cleanup.h"
#include "lib/merge-estimates.h"

/* Files may hold any number: a sum that does not fit stays the largest. */
static void add(uint64_t *into, uint64_t from)
{
	if (__builtin_add_overflow(*into, from, into))
		*into = UINT64_MAX;
}

/* --- estimates ------------------------------------------------------------- */

/* What a function of which every call was seen would say, had it been estimated. */
static Hotpath__Estimated exact(const Hotpath__Function *f)
{
	Hotpath__Estimated e = HOTPATH__ESTIMATED__INIT;

	e.calls = (double)f->calls;
	e.total_ns = (double)f->total_ns;
	e.known = true;
	e.timed = f->exits || (f->probe && f->probe->returns != HOTPATH__RETURNS__RETURNS_NONE);
	return e;
}

static int make(Hotpath__Function *f)
{
	f->estimated = malloc(sizeof(*f->estimated));
	if (!f->estimated)
		return -ENOMEM;

	*f->estimated = exact(f);
	return 0;
}

/* The first reason stays: they are mostly the same. */
static int take_why(Hotpath__Estimated *into, const Hotpath__Estimated *from)
{
	char *why;

	if (!*from->why || *into->why)
		return 0;
	why = strdup(from->why);
	if (!why)
		return -ENOMEM;

	if (into->why != protobuf_c_empty_string)
		free(into->why);
	into->why = why;
	return 0;
}

/* Of calls that are known: the upper end of what they may be; 0 where nobody knows. */
static double most(const Hotpath__Estimated *e)
{
	return e->known ? e->calls + 1.96 * e->calls_se : e->calls_most;
}

/* Both known: not needed. One of which nobody knows: nor of both. */
static double most_of_both(const Hotpath__Estimated *a, const Hotpath__Estimated *b)
{
	bool nobody = (!a->known && !(a->calls_most > 0)) || (!b->known && !(b->calls_most > 0));

	return nobody || (a->known && b->known) ? 0 : most(a) + most(b);
}

static int add_estimate(Hotpath__Estimated *into, const Hotpath__Estimated *from)
{
	into->calls_most = most_of_both(into, from);
	into->calls += from->calls;
	into->calls_se = hypot(into->calls_se, from->calls_se);
	into->total_ns += from->total_ns;
	into->total_se_ns = hypot(into->total_se_ns, from->total_se_ns);
	into->known = into->known && from->known;
	into->timed = into->timed && from->timed;
	add(&into->windows, from->windows);
	add(&into->observed_ns, from->observed_ns);
	add(&into->own_ns, from->own_ns);
	add(&into->censored, from->censored);
	if (from->released_at_ns &&
	    (!into->released_at_ns || from->released_at_ns < into->released_at_ns))
		into->released_at_ns = from->released_at_ns;

	return take_why(into, from);
}

int merge_estimated(Hotpath__Function *into, const Hotpath__Function *from)
{
	Hotpath__Estimated other;

	if (!into->estimated && !from->estimated)
		return 0;
	if (!into->estimated && make(into) < 0)
		return -ENOMEM;

	other = from->estimated ? *from->estimated : exact(from);
	return add_estimate(into->estimated, &other);
}

/* --- costs ----------------------------------------------------------------- */

/* Of the CPU time a target's threads had that share for themselves. */
static double own_ns(const Hotpath__Target *t)
{
	double percent = t->overhead->percent > 0 ? t->overhead->percent : 0;

	return (double)t->cpu_total_ns / (1 + percent / 100);
}

static double together(const Hotpath__Target *a, const Hotpath__Target *b)
{
	double own = own_ns(a) + own_ns(b);
	double cost = own_ns(a) * a->overhead->percent + own_ns(b) * b->overhead->percent;

	if (own > 0)
		return cost / own;

	return a->overhead->percent > b->overhead->percent ? a->overhead->percent
							   : b->overhead->percent;
}

/* By hits: whoever has more of them weighs more. */
static double contention(const Hotpath__Overhead *a, const Hotpath__Overhead *b)
{
	double hits = (double)a->hits + (double)b->hits;

	if (!(a->contention > 0) || !(b->contention > 0) || !(hits > 0))
		return a->contention > 0 ? a->contention : b->contention;

	return (a->contention * (double)a->hits + b->contention * (double)b->hits) / hits;
}

static void keep_most(uint32_t *into, uint32_t from)
{
	if (from > *into)
		*into = from;
}

static void add_overhead(Hotpath__Overhead *into, const Hotpath__Overhead *from)
{
	into->contention = contention(into, from);
	/* One without a limit: there is none for both. */
	if (!(into->budget_percent > 0) || !(from->budget_percent > 0))
		into->budget_percent = 0;
	else if (from->budget_percent > into->budget_percent)
		into->budget_percent = from->budget_percent;
	into->budgeted = into->budgeted && from->budgeted;
	into->sampled = into->sampled && from->sampled;
	add(&into->probes_ns, from->probes_ns);
	add(&into->arming_ns, from->arming_ns);
	add(&into->hits, from->hits);
	add(&into->refused, from->refused);
	add(&into->windows, from->windows);
	add(&into->window_ns, from->window_ns);
	add(&into->trips, from->trips);
	keep_most(&into->armed, from->armed);
	keep_most(&into->windowed, from->windowed);
	keep_most(&into->waiting, from->waiting);
}

static bool has_calls(const Hotpath__Target *t)
{
	for (size_t i = 0; i < t->n_functions; i++)
		if (t->functions[i]->calls)
			return true;

	return false;
}

/* Of a process without a call nothing need be known: its probes have cost nothing. */
static bool fill_in(const Hotpath__Target *t, const Hotpath__Overhead *other,
		    Hotpath__Overhead *ret)
{
	if (t->overhead || !other || has_calls(t))
		return false;

	hotpath__overhead__init(ret);
	ret->budgeted = other->budgeted;
	ret->budget_percent = other->budget_percent;
	ret->sampled = other->sampled;
	return true;
}

int merge_overhead(Hotpath__Target *into, const Hotpath__Target *from)
{
	Hotpath__Overhead nothing;
	Hotpath__Target other = *from;

	if (fill_in(from, into->overhead, &nothing))
		other.overhead = &nothing;
	if (fill_in(into, from->overhead, &nothing)) {
		into->overhead = malloc(sizeof(nothing));
		if (!into->overhead)
			return -ENOMEM;
		*into->overhead = nothing;
	}
	if (!into->overhead || !other.overhead) {
		if (into->overhead)
			hotpath__overhead__free_unpacked(TAKE(into->overhead), NULL);
		return 0;
	}

	into->overhead->percent = together(into, &other);
	add_overhead(into->overhead, other.overhead);
	return 0;
}
