// SPDX-License-Identifier: GPL-2.0-only
/* libiberty within bounds; demangle.h. */
#include <libiberty/demangle.h>
#undef ARRAY_SIZE /* libiberty.h has one, too */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "lib/cleanup.h"
#include "lib/demangle.h"

/* Where the pieces go. libiberty's callback can not refuse: it jumps out instead. */
struct output {
	char text[DEMANGLE_OUT_MAX];
	size_t size;
	jmp_buf full;
};

/* No heap memory is held by the demanglers while they print: nothing leaks. */
static void take_piece(const char *piece, size_t size, void *opaque)
{
	struct output *out = opaque;

	if (size > sizeof(out->text) - out->size)
		longjmp(out->full, 1);
	memcpy(out->text + out->size, piece, size);
	out->size += size;
}

static char *copy(const char *text, size_t size, size_t *ret_size)
{
	char *result = malloc(size + 1);

	if (!result)
		return NULL;

	memcpy(result, text, size);
	result[size] = 0;
	*ret_size = size;
	return result;
}

/* Each returns 0 when the symbol is not of its kind. */
static int (*const languages[])(const char *, int, demangle_callbackref, void *) = {
	rust_demangle_callback, /* first: its old symbols look like C++, and keep a hash there */
	cplus_demangle_v3_callback,
};

static char *demangle_bounded(const char *symbol, int options, size_t *ret_size)
{
	static struct output out;

	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		out.size = 0;
		if (setjmp(out.full))
			return NULL;
		if (languages[i](symbol, options, take_piece, &out) && out.size)
			return copy(out.text, out.size, ret_size);
	}

	return NULL;
}

/*
 * D has no callback, and every reference back (Q) may write again all that was written:
 * two of them a level, so that this many give at most 2^(Q/2) times the symbol.
 */
#define D_SYMBOL_MAX	 2048
#define D_REFERENCES_MAX 16

/* Up to the parameters at the end: D's templates have parentheses in the middle, too. */
static size_t before_parameters(const char *name, size_t size)
{
	size_t at = size, depth = 0;

	while (at--) {
		depth += name[at] == ')';
		if (name[at] == '(' && --depth == 0)
			return at;
		if (!depth)
			break;
	}

	return size;
}

static char *demangle_d(const char *symbol, size_t size, bool arguments, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t references = 0, n;

	for (size_t i = 0; i < size; i++)
		references += symbol[i] == 'Q';
	if (size > D_SYMBOL_MAX || references > D_REFERENCES_MAX)
		return NULL;
	text = dlang_demangle(symbol, DMGL_PARAMS | DMGL_ANSI);
	n = text ? strlen(text) : 0;
	if (n && !arguments)
		n = before_parameters(text, n);

	return n && n <= DEMANGLE_OUT_MAX ? copy(text, n, ret_size) : NULL;
}

char *demangle_symbol(const void *symbol, size_t size, bool arguments, size_t *ret_size)
{
	_cleanup_free_ char *word = NULL;
	size_t n;

	if (size < 3 || size > DEMANGLE_IN_MAX || *(const char *)symbol != '_' ||
	    memchr(symbol, 0, size))
		return NULL;
	word = copy(symbol, size, &n);
	if (!word)
		return NULL;
	if (word[1] == 'D')
		return demangle_d(word, size, arguments, ret_size);

	return demangle_bounded(word, DMGL_ANSI | (arguments ? DMGL_PARAMS : 0), ret_size);
}
