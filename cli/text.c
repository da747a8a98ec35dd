// SPDX-License-Identifier: GPL-2.0-only
/* Widths of text on a terminal. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "lib/utf8.h"

#define DOTS ".."

/* Bytes and columns of the character at p. What wcwidth() does not know takes one. */
static size_t step(const char *p, size_t size, size_t *ret_columns)
{
	uint32_t c = 0;
	size_t length = utf8_decode(p, size, &c);
	int columns = length ? wcwidth((wchar_t)c) : 1;

	*ret_columns = columns < 0 ? 1 : (size_t)columns;
	return length ?: 1;
}

size_t text_width(const char *text)
{
	size_t size = strlen(text), width = 0, columns;

	for (size_t i = 0; i < size; width += columns)
		i += step(text + i, size - i, &columns);

	return width;
}

/* Bytes of the longest beginning that fits. */
static size_t fit_head(const char *text, size_t size, size_t limit)
{
	size_t i = 0, width = 0, columns;

	while (i < size) {
		size_t length = step(text + i, size - i, &columns);

		if (width + columns > limit)
			break;
		width += columns;
		i += length;
	}
	return i;
}

/* Where the longest end that fits begins: as many columns are dropped as there
 * are too many. */
static size_t fit_tail(const char *text, size_t size, size_t width, size_t limit)
{
	size_t i = 0, columns;

	while (i < size && width > limit) {
		i += step(text + i, size - i, &columns);
		width -= columns;
	}
	return i;
}

char *text_shorten(const char *text, size_t columns)
{
	size_t size = strlen(text), width = text_width(text), head, tail, room;
	char *shorter;

	if (width <= columns)
		return strdup(text);
	if (columns <= strlen(DOTS))
		return strndup(DOTS, columns);

	room = columns - strlen(DOTS);
	head = fit_head(text, size, room - room / 2);
	tail = fit_tail(text, size, width, room / 2);
	shorter = malloc(head + strlen(DOTS) + (size - tail) + 1);
	if (shorter)
		strcpy(mempcpy(mempcpy(shorter, text, head), DOTS, strlen(DOTS)), text + tail);

	return shorter;
}

void text_to_ascii(char *text)
{
	size_t size = strlen(text), ignored;
	char *q = text;

	for (size_t i = 0; i < size;) {
		size_t length = step(text + i, size - i, &ignored);

		*q++ = (unsigned char)text[i] < 0x80 ? text[i] : '?';
		i += length;
	}
	*q = 0;
}

char *text_safe(const void *bytes, size_t size, bool utf8)
{
	char *text = fmt_safe(bytes, size);

	if (text && !utf8)
		text_to_ascii(text);

	return text;
}
