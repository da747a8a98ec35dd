// SPDX-License-Identifier: GPL-2.0-only
/* Brackets, commas and indentation around values that jansson writes. */
#include <stdlib.h>
#include "cli/jsonstream.h"
#include "lib/cleanup.h"
#include "lib/utf8.h"

#define INDENT 2

static void new_line(struct jsonstream *s, unsigned int depth)
{
	if (s->pretty)
		fprintf(s->file, "\n%*s", (int)(depth * INDENT), "");
}

static void begin(struct jsonstream *s, const char *key)
{
	if (s->filled)
		putc(',', s->file);
	if (s->depth)
		new_line(s, s->depth);
	if (key)
		fprintf(s->file, s->pretty ? "\"%s\": " : "\"%s\":", key);
	s->filled = true;
}

void jsonstream_open(struct jsonstream *s, const char *key, char bracket)
{
	begin(s, key);
	putc(bracket, s->file);
	s->depth++;
	s->filled = false;
}

void jsonstream_close(struct jsonstream *s, char bracket)
{
	s->depth--;
	if (s->filled)
		new_line(s, s->depth);
	putc(bracket, s->file);
	s->filled = true;
}

/* Strings hold no bare newline: each one that jansson writes is indentation. */
static int write_piece(const char *piece, size_t size, void *data)
{
	struct jsonstream *s = data;

	for (size_t i = 0; i < size; i++) {
		putc(piece[i], s->file);
		if (piece[i] == '\n')
			fprintf(s->file, "%*s", (int)(s->depth * INDENT), "");
	}

	return 0;
}

void jsonstream_value(struct jsonstream *s, const char *key, json_t *value)
{
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(12);

	begin(s, key);
	flags |= s->pretty ? JSON_INDENT(INDENT) : JSON_COMPACT;
	if (!value || json_dump_callback(value, write_piece, s, flags) < 0)
		s->failed = true;
	json_decref(value);
}

json_t *jsonstream_string(const void *bytes, size_t size)
{
	size_t valid_size = 0;
	_cleanup_free_ char *valid = utf8_copy(bytes, size, NULL, &valid_size);

	return valid ? json_stringn(valid, valid_size) : NULL;
}
