/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UTF-8, strictly: no overlong forms, no surrogates, nothing past U+10FFFF.
 * Independent of the locale.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the character at p, its number in *ret; 0: not valid, or size is 0. */
size_t utf8_decode(const void *p, size_t size, uint32_t *ret);

/* Would it move the cursor, break the line or reorder what stands beside it? */
bool utf8_is_unsafe(uint32_t character);

/* Copy with each invalid byte replaced by U+FFFD, and each character for which
 * replace() says so. The caller frees; NULL without memory. */
char *utf8_copy(const void *bytes, size_t size, bool (*replace)(uint32_t), size_t *ret_size);

#endif
