// SPDX-License-Identifier: GPL-2.0-only
/* Names of snapshots, demangled by lib/demangle. */
#include <stdlib.h>
#include <string.h>
#include "cli/name.h"
#include "lib/demangle.h"

char *name_copy(const void *bytes, size_t size, size_t *ret_size)
{
	char *text = malloc(size + 1);

	if (!text)
		return NULL;

	if (size)
		memcpy(text, bytes, size);
	text[size] = 0;
	*ret_size = size;
	return text;
}

char *name_demangle(const void *symbol, size_t size, bool arguments, size_t *ret_size)
{
	return demangle_symbol(symbol, size, arguments, ret_size) ?:
	       name_copy(symbol, size, ret_size);
}
