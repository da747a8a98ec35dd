/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The symbol tables of an object, one entry at a time.
 *
 *	symbols_open(o, SYMBOLS_STATIC, &table)   -ENOENT: it has none
 *	for (i = 0; i < table.count; i++)
 *		if (symbols_get(&table, i, &symbol)) ...
 *
 * The table points into the object's image and owns nothing.
 */
#ifndef READER_SYMBOLS_H
#define READER_SYMBOLS_H

#include "daemon/reader/object.h"

#define SYMBOLS_MAX	 2000000u /* of one table; more are counted, not read */
#define SYMBOLS_NAME_MAX 65536u

enum symbols_kind { SYMBOLS_STATIC, SYMBOLS_DYNAMIC };

struct symbol_table {
	const uint8_t *symbols;
	size_t count;
	size_t ignored; /* entries beyond SYMBOLS_MAX */
	const char *strings;
	size_t strings_size;
};

struct symbol {
	struct text name; /* without the version after '@' */
	uint64_t value;
	uint64_t size;
	uint8_t type;
	uint8_t binding;
	uint16_t section; /* SHN_UNDEF: imported */
	bool too_long;	  /* name longer than SYMBOLS_NAME_MAX: not given */
};

int symbols_open(const struct object *o, enum symbols_kind kind, struct symbol_table *ret);
/* False: no name, or one outside the string table. */
bool symbols_get(const struct symbol_table *table, size_t i, struct symbol *ret);

#endif
