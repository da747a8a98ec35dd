/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an object as a whole can do to an armed return: raise, land, load more
 * objects, switch stacks. Reported plainly, also for libc and libstdc++: the
 * daemon decides what it means. All strings are static.
 */
#ifndef READER_FACTS_H
#define READER_FACTS_H

#include "daemon/reader/symbols.h"

struct facts {
	const char *raises;
	const char *loads;
	const char *switches_stacks;
	const char *language;
	bool lands;
	bool rewrites_stack;
	uint64_t loader_hook; /* file offset of _dl_debug_state */
	uint64_t hook_address, debug_address; /* of that and of _r_debug, 0: not here */
	/* while collecting */
	size_t raises_rank, borrowed_rank, loads_rank, switches_rank;
	const char *borrowed;  /* raised within the C++ library that it imports */
	bool runtime_imported; /* its personality routine is another object's */
	bool named;	       /* has .symtab: a private runtime would show */
};

void facts_add(struct facts *f, const struct object *o, const struct symbol_table *table);
void facts_finish(struct facts *f, const struct object *o);

#endif
