/* SPDX-License-Identifier: GPL-2.0-only */
/* Edit distance and likeness of names, bounded. */
#include <ctype.h>
#include <string.h>

#include "daemon/reader/nearest.h"

#define FAR UINT32_MAX

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Levenshtein's, row by row; gives up once a whole row is beyond the limit. */
static unsigned int edit_distance(struct text a, struct text b, unsigned int limit)
{
	unsigned int row[NEAREST_NEEDLE_MAX + 1];

	for (size_t j = 0; j <= a.size; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= b.size; i++) {
		unsigned int diagonal = row[0], lowest = row[0] = (unsigned int)i;

		for (size_t j = 1; j <= a.size; j++) {
			unsigned int changed = diagonal + !same(a.p[j - 1], b.p[i - 1]);

			diagonal = row[j];
			row[j] = least(changed, least(row[j], row[j - 1]) + 1);
			lowest = least(lowest, row[j]);
		}
		if (lowest > limit)
			return FAR;
	}

	return row[a.size] <= limit ? row[a.size] : FAR;
}

static bool contains(struct text name, struct text part)
{
	for (size_t at = 0; at + part.size <= name.size; at++) {
		size_t i = 0;

		while (i < part.size && same(name.p[at + i], part.p[i]))
			i++;
		if (i == part.size)
			return true;
	}

	return false;
}

/* In tenths of an edit, so that ties can be broken by length. */
static unsigned int distance(struct text needle, struct text name)
{
	size_t longer = name.size > needle.size ? name.size - needle.size : needle.size - name.size;
	unsigned int limit = needle.size < 6 ? 2 : (unsigned int)needle.size / 3;
	unsigned int edits = longer <= limit ? edit_distance(needle, name, limit) : FAR;

	if (edits != FAR)
		return edits * 10;
	if (needle.size >= 3 && contains(name, needle))
		return 15 + least((unsigned int)longer, 60);

	/* What was asked for is longer than the name: zaddGenericCommandX. */
	if (name.size >= 5 && name.size * 2 >= needle.size && contains(needle, name))
		return 40 + (unsigned int)longer;

	return FAR;
}

static bool known(const struct nearest *n, struct text name)
{
	for (size_t i = 0; i < n->count; i++)
		if (text_equal(n->best[i], name))
			return true;

	return false;
}

void nearest_offer(struct nearest *n, struct text name, bool elsewhere)
{
	struct text needle = n->needle;
	unsigned int d;
	size_t at;

	if (needle.size > NEAREST_NEEDLE_MAX)
		needle.size = NEAREST_NEEDLE_MAX;
	if (!needle.size || !name.size || name.size > 1024)
		return;
	d = distance(needle, name);
	if (d == FAR || known(n, name))
		return;
	d += elsewhere ? 5 : 0;

	for (at = n->count; at > 0 && n->distance[at - 1] > d; at--)
		;
	if (at == NEAREST_MAX)
		return;
	if (n->count < NEAREST_MAX)
		n->count++;
	memmove(&n->best[at + 1], &n->best[at], (n->count - at - 1) * sizeof(n->best[0]));
	memmove(&n->distance[at + 1], &n->distance[at],
		(n->count - at - 1) * sizeof(n->distance[0]));
	n->best[at] = name;
	n->distance[at] = d;
}
