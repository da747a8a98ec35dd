// SPDX-License-Identifier: GPL-2.0-only
/* Sites to pages; see textpages.h. */
#include "textpages.h"

#include <stdlib.h>

#include "group.h"
#include "lib/cleanup.h"

struct page {
	uint64_t dev, ino, number;
};

static int compare(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static size_t add(struct page *pages, size_t n, const struct group *group, const uint64_t *sites,
		  size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		pages[n++] = (struct page){group->dev, group->ino, sites[i] >> 12};
	return n;
}

/* Ways out that a group of sessions only keeps in reserve carry no breakpoints. */
static size_t exits_of(const struct group *group)
{
	return group->kind == PROBE_SITES || group->n_exit_fds ? group->n_exits : 0;
}

uint32_t textpages_count(const struct target *t)
{
	_cleanup_free_ struct page *pages = NULL;
	size_t room = 0, n = 0, i;
	uint32_t distinct = 0;

	for (i = 0; i < t->n_members; i++)
		room += t->member[i].group->count + exits_of(t->member[i].group);
	pages = calloc(room + 1, sizeof(*pages));
	if (!pages)
		return UINT32_MAX;
	for (i = 0; i < t->n_members; i++) {
		const struct group *group = t->member[i].group;

		n = add(pages, n, group, group->sites, group->count);
		n = add(pages, n, group, group->exits, exits_of(group));
	}
	qsort(pages, n, sizeof(*pages), compare);
	for (i = 0; i < n; i++)
		distinct += !i || compare(&pages[i - 1], &pages[i]);
	return distinct;
}
