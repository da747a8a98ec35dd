// SPDX-License-Identifier: GPL-2.0-only
/* Both forms of a name, made once; lib/demangle knows how, and the bounds. */
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/demangle.h"
#include "lib/cleanup.h"

bool demangle_applies(struct text name)
{
	return name.size > 2 && name.size <= DEMANGLE_IN_MAX && name.p[0] == '_' &&
	       (name.p[1] == 'Z' || name.p[1] == 'R' || name.p[1] == 'D');
}

void demangle(struct text name, struct demangled *ret)
{
	_cleanup_free_ char *qualified = NULL;
	size_t size;

	if (ret->done)
		return;
	ret->done = true;
	if (!demangle_applies(name))
		return;
	ret->full = demangle_symbol(name.p, name.size, true, &size);
	if (!ret->full)
		return;

	/* Where it is the same nobody has to look twice. */
	qualified = demangle_symbol(name.p, name.size, false, &size);
	if (qualified && strcmp(qualified, ret->full))
		ret->qualified = TAKE(qualified);
}

void demangled_free(struct demangled *d)
{
	free(d->full);
	free(d->qualified);
	*d = (struct demangled){0};
}
