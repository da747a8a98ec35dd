/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names near to one that does not exist: offered for a pattern that matched
 * nothing. Case does not count; a prefix or a part is near, so is a name with a
 * few letters changed.
 *
 *	struct nearest n = {.needle = text_from("procesCommand")};
 *	nearest_offer(&n, name, false);    for every name there is
 *	n.best[0 .. n.count)               nearest first; the texts stay the caller's
 */
#ifndef READER_NEAREST_H
#define READER_NEAREST_H

#include "daemon/reader/text.h"

#define NEAREST_MAX	   5
#define NEAREST_NEEDLE_MAX 64

struct nearest {
	struct text needle;
	struct text best[NEAREST_MAX];
	unsigned int distance[NEAREST_MAX];
	size_t count;
};

/* elsewhere: not in the main executable, a little farther away. */
void nearest_offer(struct nearest *n, struct text name, bool elsewhere);

#endif
