/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that were inlined, from DWARF: how many copies there are, and whether there
 * is one that can be called, too. A copy within an inlined copy of another function
 * counts by itself: the debug information has one entry for each place in the code.
 */
#ifndef READER_INLINED_H
#define READER_INLINED_H

#include "daemon/reader/object.h"

struct inlined {
	char *name; /* mangled where that is known */
	char *file; /* where it was declared; NULL: unknown */
	uint32_t line;
	uint32_t sites;
	bool out_of_line;
};

struct inlined_list {
	struct inlined *list; /* sorted by name */
	size_t n;
	bool cut; /* trees too deep, or too many functions: there may be more */
};

/* Is this one looked for? Asked once for each function that was inlined. */
typedef bool (*inlined_wants)(struct text name, void *context);

/* 0, also when there is no DWARF to be read; -ENOMEM. */
int inlined_find(const struct object *o, inlined_wants wants, void *context,
		 struct inlined_list *ret);
void inlined_done(struct inlined_list *list);

#endif
