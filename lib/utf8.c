// SPDX-License-Identifier: GPL-2.0-only
/* UTF-8 as RFC 3629 has it, for names that hostile targets choose. */
#include <stdlib.h>
#include <string.h>
#include "lib/cleanup.h"
#include "lib/utf8.h"

/* How long the character is that begins with this byte, and the bits of it there. */
static size_t lead(uint8_t byte, uint32_t *ret_bits)
{
	static const struct {
		uint8_t mask, value, length;
	} forms[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if ((byte & forms[i].mask) == forms[i].value) {
			*ret_bits = byte & (uint8_t)~forms[i].mask;
			return forms[i].length;
		}

	return 0;
}

size_t utf8_decode(const void *p, size_t size, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *byte = p;
	uint32_t c = 0;
	size_t length;

	if (!size)
		return 0;
	length = lead(byte[0], &c);
	if (!length || length > size)
		return 0;

	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (byte[i] & 0x3f);
	}
	if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;

	*ret = c;
	return length;
}

bool utf8_is_unsafe(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x0000, 0x001f},   /* C0: ESC, newline, NUL */
		{0x007f, 0x009f},   /* DEL and C1: CSI in one byte */
		{0x00ad, 0x00ad},   /* soft hyphen */
		{0x061c, 0x061c},   /* Arabic letter mark */
		{0x180e, 0x180e},   /* Mongolian vowel separator */
		{0x200b, 0x200f},   /* zero width, direction marks */
		{0x2028, 0x202e},   /* line and paragraph separators, bidi overrides */
		{0x2060, 0x206f},   /* invisible operators, bidi isolates */
		{0xfeff, 0xfeff},   /* byte order mark */
		{0xfff9, 0xfffb},   /* interlinear annotation */
		{0xe0000, 0xe007f}, /* tags */
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;

	return false;
}

char *utf8_copy(const void *bytes, size_t size, bool (*replace)(uint32_t), size_t *ret_size)
{
	const uint8_t *p = bytes;
	char *copy, *q;

	/* Every byte becomes at most the three of U+FFFD. */
	if (size > (SIZE_MAX - 1) / 3)
		return NULL;
	copy = q = malloc(size * 3 + 1);
	if (!copy)
		return NULL;

	while (size) {
		uint32_t c;
		size_t length = utf8_decode(p, size, &c);

		if (!length || (replace && replace(c)))
			q = mempcpy(q, UTF8_REPLACEMENT, 3);
		else
			q = mempcpy(q, p, length);
		if (!length)
			length = 1;
		p += length;
		size -= length;
	}
	*q = 0;

	if (ret_size)
		*ret_size = (size_t)(q - copy);
	return copy;
}
