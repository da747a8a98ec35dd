/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words of users into values. 0, or -EINVAL for what is not one, -ERANGE for
 * what is one but too large; nothing is written then. No trailing garbage, no
 * silent default.
 */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include <stdbool.h>
#include <stdint.h>

int parse_u64(const char *word, uint64_t max, uint64_t *ret);
int parse_pid(const char *word, int32_t *ret);		/* 1 .. 2^22 */
int parse_duration(const char *word, uint64_t *ret_ns); /* 500ms 10s 1.5m 1h 250us; bare: seconds */
int parse_percent(const char *word, double *ret);		/* 0 .. 100, decimals allowed */
int parse_bool(const char *word, bool *ret);		/* 1 0 true false yes no on off */

#endif
