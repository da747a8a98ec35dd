// SPDX-License-Identifier: GPL-2.0-only
/* A pattern, a NUL, then a name that it is matched against. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/nearest.h"
#include "daemon/reader/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t length = nul ? (size_t)(nul - data) : size;
	struct text name = {(const char *)data + length, size - length};
	struct demangled cache = {0};
	struct pattern *p = NULL;
	char *error = NULL;

	if (pattern_parse((struct text){(const char *)data, length}, &p, &error) == 0) {
		struct nearest n = {.needle = pattern_needle(p)};

		pattern_fits_object(p, name, name);
		pattern_fits_name(p, name, &cache);
		nearest_offer(&n, name, false);
	}
	demangled_free(&cache);
	pattern_free(p);
	free(error);

	return 0;
}
