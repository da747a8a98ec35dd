/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text on a terminal: how wide it is, and how to make it narrower. All of it
 * takes and gives strings as fmt_safe() makes them: UTF-8 and one line.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Columns that the string takes, by wcwidth(). */
size_t text_width(const char *text);

/* The string in at most `columns`, with its middle replaced by ".." when it is
 * longer. The caller frees; NULL without memory. */
char *text_shorten(const char *text, size_t columns);

/* For terminals that are not UTF-8: each other character becomes '?'. In place. */
void text_to_ascii(char *text);

/* fmt_safe(), and ASCII when the terminal is not UTF-8. */
char *text_safe(const void *bytes, size_t size, bool utf8);

#endif
