/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON written piece by piece, so that a report of any size needs the memory of
 * one row. One line, or indented by two.
 *
 *	jsonstream_open(&s, NULL, '{');
 *	jsonstream_value(&s, "pid", json_integer(42));
 *	jsonstream_open(&s, "data", '[');
 *	...
 *	jsonstream_close(&s, ']');
 *	jsonstream_close(&s, '}');
 */
#ifndef CLI_JSONSTREAM_H
#define CLI_JSONSTREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct jsonstream {
	FILE *file; /* keeps errors for whoever closes it */
	bool pretty;
	unsigned int depth;
	bool filled; /* the object or array that is open has something in it */
	bool failed; /* no memory */
};

/* key: ASCII, NULL within an array. */
void jsonstream_open(struct jsonstream *s, const char *key, char bracket);
void jsonstream_close(struct jsonstream *s, char bracket);
/* Takes over the value; NULL means that there was no memory for it. */
void jsonstream_value(struct jsonstream *s, const char *key, json_t *value);

/* Bytes of anyone as a JSON string: what is not UTF-8 becomes U+FFFD. */
json_t *jsonstream_string(const void *bytes, size_t size);

#endif
