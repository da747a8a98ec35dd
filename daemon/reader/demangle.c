/* SPDX-License-Identifier: GPL-2.0-only */
/* Demangling of hostile names: bounded input, bounded output. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <libiberty/demangle.h>

#include "daemon/reader/demangle.h"

/* Where the pieces go. libiberty's callback can not refuse: it jumps out instead. */
struct output {
	char bytes[DEMANGLE_OUT_MAX];
	size_t size;
	jmp_buf overflow;
};

static void take_piece(const char *piece, size_t size, void *context)
{
	struct output *out = context;

	/* No heap memory is held by the demanglers while they print: nothing leaks. */
	if (size > sizeof(out->bytes) - out->size)
		longjmp(out->overflow, 1);
	memcpy(out->bytes + out->size, piece, size);
	out->size += size;
}

static char *demangle_with(int (*demangler)(const char *, int, demangle_callbackref, void *),
			   const char *mangled, int options)
{
	static struct output out;

	out.size = 0;
	if (setjmp(out.overflow) || !demangler(mangled, options, take_piece, &out))
		return NULL;

	return strndup(out.bytes, out.size);
}

bool demangle_applies(struct text name)
{
	return name.size > 2 && name.size <= DEMANGLE_IN_MAX && name.p[0] == '_' &&
	       (name.p[1] == 'Z' || name.p[1] == 'R' || name.p[1] == 'D');
}

void demangle(struct text name, struct demangled *ret)
{
	char mangled[DEMANGLE_IN_MAX + 1];

	if (ret->done)
		return;
	ret->done = true;
	if (!demangle_applies(name))
		return;
	memcpy(mangled, name.p, name.size);
	mangled[name.size] = '\0';

	if (mangled[1] == 'D') {
		ret->full = dlang_demangle(mangled, DMGL_PARAMS | DMGL_ANSI);
		return;
	}

	/* Rust first: the C++ demangler takes its older names, too, and keeps their hash. */
	ret->full = demangle_with(rust_demangle_callback, mangled, DMGL_PARAMS | DMGL_ANSI);
	if (ret->full || mangled[1] == 'R')
		return;
	ret->full = demangle_with(cplus_demangle_v3_callback, mangled, DMGL_PARAMS | DMGL_ANSI);
	if (ret->full)
		ret->qualified = demangle_with(cplus_demangle_v3_callback, mangled, DMGL_ANSI);
}

void demangled_free(struct demangled *d)
{
	free(d->full);
	free(d->qualified);
	*d = (struct demangled){0};
}
