// SPDX-License-Identifier: GPL-2.0-only
/* Samples of measured functions; see shares.h. */
#include "shares.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* Where a function lies, and its number among all of the target. */
struct extent {
	uint64_t ino, dev;
	uint64_t start, end; /* the latter 0: up to the next */
	uint32_t number;
};

static int compare(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino > y->ino ? 1 : -1;
	if (x->dev != y->dev)
		return x->dev > y->dev ? 1 : -1;
	return (x->start > y->start) - (x->start < y->start);
}

static struct extent *extents_of(const struct target *t, size_t *ret_n)
{
	struct extent *list = calloc(target_count_functions(t) + 1, sizeof(*list));
	size_t n = 0, i, k;

	for (i = 0; list && i < t->n_members; i++) {
		const struct group *g = t->member[i].group;

		for (k = 0; k < g->count; k++, n++) {
			const struct function *f = &g->functions[k];

			list[n] = (struct extent){g->ino, g->dev, f->offset,
						  f->size ? f->offset + f->size : 0, n};
		}
	}
	if (list)
		qsort(list, n, sizeof(*list), compare);
	*ret_n = n;
	return list;
}

/* The last that begins at or before the place. */
static const struct extent *extent_find(const struct extent *list, size_t n,
					const struct sampled_place *place)
{
	const struct extent key = {place->file->ino, place->file->dev, place->at, 0, 0};
	size_t lo = 0, hi = n;
	const struct extent *e;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(&list[mid], &key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	e = &list[lo - 1];
	if (e->ino != key.ino || e->dev != key.dev || (e->end && place->at >= e->end))
		return NULL;
	return e;
}

int shares_of(const struct target *t, uint32_t *count, uint64_t *ret_all)
{
	_cleanup_free_ struct extent *list = NULL;
	const struct samples *s = &t->samples;
	size_t n, i;

	list = extents_of(t, &n);
	if (!list)
		return -ENOMEM;
	memset(count, 0, n * sizeof(*count));
	for (i = 0; i < s->room; i++) {
		const struct extent *e;

		if (!s->place[i].file || s->place[i].at == SAMPLES_ELSEWHERE)
			continue;
		e = extent_find(list, n, &s->place[i]);
		if (e)
			count[e->number] += s->place[i].count;
	}
	*ret_all = samples_all(s) - s->probe - s->discarded;
	return 0;
}
