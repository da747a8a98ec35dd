// SPDX-License-Identifier: GPL-2.0-only
/* Orders functions; a column is one line of the table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/figures.h"
#include "cli/sort.h"
#include "lib/cleanup.h"
#include "lib/parse.h"

/* Where no total is shown it is its own time at least: what is hot must not sink below. */
static double by_total(const struct figures *figures, const Hotpath__Function *f, double percentile)
{
	if (figures->has_total && figures->returned)
		return (double)figures->total_ns;

	return figures->sampled ? (double)figures->self_ns : 0;
}

static double by_self(const struct figures *figures, const Hotpath__Function *f, double percentile)
{
	return figures->has_self ? (double)figures->self_ns : 0;
}

static double by_calls(const struct figures *figures, const Hotpath__Function *f, double percentile)
{
	return figures->has_calls ? (double)figures->calls : 0;
}

static double by_avg(const struct figures *figures, const Hotpath__Function *f, double percentile)
{
	return figures->has_avg ? (double)figures->avg_ns : 0;
}

static double by_min(const struct figures *figures, const Hotpath__Function *f, double percentile)
{
	return (double)f->min_ns;
}

static double by_max(const struct figures *figures, const Hotpath__Function *f, double percentile)
{
	return (double)f->max_ns;
}

static double by_percentile(const struct figures *figures, const Hotpath__Function *f,
			    double percentile)
{
	return figures->has_percentiles ? (double)figures_percentile_ns(f, percentile) : 0;
}

static const struct {
	const char *name;
	double (*value)(const struct figures *figures, const Hotpath__Function *f,
			double percentile);
} columns[] = {
	{"total", by_total}, {"self", by_self}, {"calls", by_calls}, {"avg", by_avg},
	{"min", by_min},     {"max", by_max},	{"name", NULL},
};

int sort_parse(const char *word, struct sort *ret, char *why, size_t why_size)
{
	double percentile;

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (!strcasecmp(word, columns[i].name)) {
			*ret = (struct sort){columns[i].value, 0};
			return 0;
		}
	if ((*word == 'p' || *word == 'P') && parse_percent(word + 1, &percentile) == 0) {
		*ret = (struct sort){by_percentile, percentile};
		return 0;
	}

	snprintf(why, why_size,
		 "accepted: total, self, calls, avg, min, max, name or a percentile (p99)");
	return -EINVAL;
}

struct keyed {
	const Hotpath__Function *function;
	double value; /* computed once: a percentile is a walk over a histogram */
	uint64_t samples, calls;
};

static int compare_names(const Hotpath__Function *a, const Hotpath__Function *b)
{
	size_t shorter = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = shorter ? memcmp(a->name.data, b->name.data, shorter) : 0;

	if (order)
		return order;
	if (a->name.len != b->name.len)
		return a->name.len < b->name.len ? -1 : 1;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int compare(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	/* Without times: where it was seen, then the busiest. */
	if (x->samples != y->samples)
		return x->samples > y->samples ? -1 : 1;
	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;

	return compare_names(x->function, y->function);
}

static int compare_only_names(const void *a, const void *b)
{
	return compare_names(*(const Hotpath__Function *const *)a,
			     *(const Hotpath__Function *const *)b);
}

static struct keyed key(const struct sort *sort, const Hotpath__Target *t,
			const Hotpath__Function *f)
{
	struct figures figures;

	figures_of(t, f, &figures);
	return (struct keyed){f, sort->value(&figures, f, sort->percentile), f->samples,
			      figures.has_calls ? figures.calls : 0};
}

void sort_functions(const struct sort *sort, const Hotpath__Target *t,
		    const Hotpath__Function **function, size_t n)
{
	_cleanup_free_ struct keyed *keyed = NULL;

	if (sort->value)
		keyed = calloc(n ?: 1, sizeof(*keyed));
	if (!keyed) { /* without memory a known order is better than none */
		qsort(function, n, sizeof(*function), compare_only_names);
		return;
	}

	for (size_t i = 0; i < n; i++)
		keyed[i] = key(sort, t, function[i]);
	qsort(keyed, n, sizeof(*keyed), compare);
	for (size_t i = 0; i < n; i++)
		function[i] = keyed[i].function;
}
