/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers for people, as product.md shows them. Each writes into a buffer of
 * FMT_MAX bytes and returns it.
 *
 *	fmt_ns(b, 16580, false)   "16.58 us"   17 ns, 1.20 ms, 2.05 s
 *	fmt_bytes(b, 60416)       "59.0 KB"    base 1024
 *	fmt_percent(b, 0.9435)    "94.35%"
 *	fmt_count(b, 1234567)     "1,234,567"
 */
#ifndef LIB_FMT_H
#define LIB_FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FMT_MAX 32

const char *fmt_ns(char *buffer, uint64_t ns, bool utf8);
/* A time that people wait for: as fmt_ns below two minutes, then "1 h 2 min". */
const char *fmt_span(char *buffer, uint64_t ns);
const char *fmt_bytes(char *buffer, uint64_t bytes);
const char *fmt_percent(char *buffer, double fraction);
const char *fmt_count(char *buffer, uint64_t count);

/* Replaces control characters and invalid UTF-8 for a terminal or a log: returns
 * a new string that is valid UTF-8 and one line; NULL without memory. */
char *fmt_safe(const void *bytes, size_t size);

#endif
