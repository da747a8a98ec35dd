// SPDX-License-Identifier: GPL-2.0-only
/*
 * Demangling by libiberty, bounded: a few hundred bytes of substitutions can
 * stand for gigabytes, and symbols come from targets.
 */
#include <libiberty/demangle.h>
#undef ARRAY_SIZE /* libiberty.h has one, too */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "cli/name.h"
#include "lib/cleanup.h"

#define SYMBOL_MAX    16384
#define NAME_MAX_SIZE 65536

struct growing {
	char *text;
	size_t size;
	jmp_buf full;
};

/*
 * Leaves by longjmp when it is too much: the callback interface offers no other
 * way to stop, and libiberty allocates nothing there but stack.
 */
static void append(const char *piece, size_t size, void *opaque)
{
	struct growing *g = opaque;

	if (size > NAME_MAX_SIZE - g->size)
		longjmp(g->full, 1);
	memcpy(g->text + g->size, piece, size);
	g->size += size;
}

/* Each returns 0 when the symbol is not of its kind. */
static int (*const languages[])(const char *, int, demangle_callbackref, void *) = {
	rust_demangle_callback, /* first: its old symbols look like C++ */
	cplus_demangle_v3_callback,
};

static bool demangle(const char *symbol, int options, struct growing *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		g->size = 0;
		if (setjmp(g->full))
			return false;
		if (languages[i](symbol, options, append, g) && g->size)
			return true;
	}

	return false;
}

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
	_cleanup_free_ char *word = name_copy(symbol, size, ret_size), *buffer = NULL;
	struct growing g = {0};

	if (!word || word[0] != '_' || size > SYMBOL_MAX || memchr(word, 0, size))
		return TAKE(word);
	buffer = malloc(NAME_MAX_SIZE);
	if (!buffer)
		return NULL;

	g.text = buffer;
	if (!demangle(word, DMGL_ANSI | (arguments ? DMGL_PARAMS : 0), &g))
		return TAKE(word);

	return name_copy(g.text, g.size, ret_size);
}
