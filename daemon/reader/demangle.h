/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * C++, Rust and D names as their authors wrote them, by libiberty: with
 * arguments ("ns::f(int)") and without ("ns::f"). Names come from targets: a
 * few hundred bytes can demangle into gigabytes, so the output is cut off.
 *
 *	struct demangled d = {0};
 *	demangle(name, &d);     both NULL when it is not mangled
 *	demangled_free(&d);
 */
#ifndef READER_DEMANGLE_H
#define READER_DEMANGLE_H

#include "daemon/reader/text.h"

#define DEMANGLE_IN_MAX	 8192u
#define DEMANGLE_OUT_MAX 32768u

struct demangled {
	bool done;
	char *full;	 /* with arguments */
	char *qualified; /* without */
};

bool demangle_applies(struct text name);
void demangle(struct text name, struct demangled *ret);
void demangled_free(struct demangled *d);

#endif
