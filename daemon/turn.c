// SPDX-License-Identifier: GPL-2.0-only
/* Who runs next; see turn.h. */
#include "turn.h"

bool turn_may_wait(const struct turn *first, const struct turn *fresh)
{
	size_t n = 0, bytes = fresh->bytes;
	const struct turn *t;

	for (t = first; t; t = t->next) {
		if (t->running || t->uid != fresh->uid || t->kind != fresh->kind)
			continue;
		n++;
		bytes += t->bytes;
	}
	/* However large, one may wait. */
	return !n || (n < TURNS_WAITING_OF_ONE && bytes <= TURNS_BYTES_OF_ONE);
}

static size_t running(const struct turn *first, enum turn_kind kind, const uid_t *uid)
{
	const struct turn *t;
	size_t n = 0;

	for (t = first; t; t = t->next)
		n += t->running && t->kind == kind && (!uid || t->uid == *uid);
	return n;
}

/* Of as many as wait here, a few hundred, the square is a fraction of a millisecond. */
struct turn *turn_next(struct turn *first)
{
	struct turn *t, *best = NULL;
	size_t n, least = TURNS_RUNNING_OF_ONE;

	for (t = first; t; t = t->next) {
		if (t->running || running(first, t->kind, NULL) >= TURNS_RUNNING)
			continue;
		n = running(first, t->kind, &t->uid);
		if (n >= least)
			continue;
		least = n;
		best = t;
	}
	return best;
}
