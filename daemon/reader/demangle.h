/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * C++, Rust and D names as their authors wrote them (lib/demangle), with arguments
 * ("ns::f(int)") and without ("ns::f"), kept for a second pattern.
 *
 *	struct demangled d = {0};
 *	demangle(name, &d);     NULL: not mangled; without it is NULL, too, when it is the same
 *	demangled_free(&d);
 */
#ifndef READER_DEMANGLE_H
#define READER_DEMANGLE_H

#include "daemon/reader/text.h"
#include "lib/demangle.h"

struct demangled {
	bool done;
	char *full;	 /* with arguments */
	char *qualified; /* without */
};

bool demangle_applies(struct text name);
void demangle(struct text name, struct demangled *ret);
void demangled_free(struct demangled *d);

#endif
