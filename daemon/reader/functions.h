/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions that an object's symbol tables name, one per address, sorted by
 * address. Symbols at one address are one function with several names: the
 * first is the one to show (global before local, without leading underscores,
 * short).
 *
 *	functions_add(&f, o, &table)     for each table, in any order
 *	functions_finish(&f, o)          sorts and groups
 *	functions_name(&f, &f.list[i], k)
 *	functions_free(&f)
 *
 * Names point into the images of the tables.
 */
#ifndef READER_FUNCTIONS_H
#define READER_FUNCTIONS_H

#include "daemon/reader/symbols.h"

struct function_name {
	struct text name;
	uint64_t vaddr;
	uint64_t size;
	uint8_t binding;
	uint8_t type;
	bool unnamed; /* made up: unnamed.h */
};

struct function {
	uint64_t vaddr;
	uint64_t size;	/* as the symbol says; 0: unknown */
	uint64_t bound; /* bytes up to the next function or the end of what is mapped */
	struct place place;
	bool mapped;
	bool resolver;	/* STT_GNU_IFUNC: the symbol names the resolver */
	bool unnamed;	/* no symbol: its name was made up */
	uint32_t first; /* into names */
	uint32_t n_names;
};

struct functions {
	struct function *list;
	size_t count;
	struct function_name *names;
	size_t n_names;
	size_t names_room;
	size_t skipped; /* names too long, symbols beyond the limit */
	size_t n_unnamed;
};

int functions_add(struct functions *f, const struct symbol_table *table);
/* Room for so many names more, for who adds them by itself. 0, or -ENOMEM. */
int functions_reserve(struct functions *f, size_t more);
/* May be called again when names were added. */
int functions_finish(struct functions *f, const struct object *o);
void functions_free(struct functions *f);

struct text functions_name(const struct functions *f, const struct function *fn, uint32_t k);
/* The last function that begins at or before vaddr, whatever its size, or NULL. */
const struct function *functions_around(const struct functions *f, uint64_t vaddr);

#endif
