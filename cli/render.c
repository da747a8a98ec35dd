// SPDX-License-Identifier: GPL-2.0-only
/* The table of formats. */
#include <stdio.h>
#include <string.h>
#include "cli/render.h"
#include "lib/cleanup.h"

static const struct render table[] = {
#define RENDER(id, name, json, pretty, silent, write) {name, json, pretty, silent, write},
#define RENDER_LATER(name)
#include "cli/renders.def"
#undef RENDER
#undef RENDER_LATER
};

static const char *const later[] = {
#define RENDER(...)
#define RENDER_LATER(name) name,
#include "cli/renders.def"
#undef RENDER
#undef RENDER_LATER
};

const struct render *render_find(const char *name, char *why, size_t why_size)
{
	int n;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(name, table[i].name))
			return &table[i];
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (!strcmp(name, later[i])) {
			snprintf(why, why_size, "this format is not available yet");
			return NULL;
		}

	n = snprintf(why, why_size, "accepted: ");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		n += snprintf(why + n, why_size - n, "%s%s", i ? ", " : "", table[i].name);
	return NULL;
}
