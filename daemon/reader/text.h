/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run of bytes inside something else (a string table, a request): not owned,
 * not NUL-terminated, may hold anything. And tables of names: the rules in
 * never.c and facts.c are rows of name, how it is compared, and what it means.
 */
#ifndef READER_TEXT_H
#define READER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	const char *p;
	size_t size;
};

enum name_match { NAME_IS, NAME_BEGINS, NAME_ENDS };

struct name_rule {
	const char *name;
	enum name_match match;
	const char *reason;
};

struct text text_from(const char *string);
bool text_is(struct text t, const char *string);
bool text_begins(struct text t, const char *prefix);
bool text_ends(struct text t, const char *suffix);
bool text_contains(struct text t, const char *needle);
bool text_equal(struct text a, struct text b);

/* The first row that fits, or NULL. */
const struct name_rule *name_rule_find(const struct name_rule *rules, size_t n, struct text name);

/*
 * A new printable string: what is no printable ASCII or UTF-8 continuation
 * becomes '?', more than max bytes end in "...". NULL without memory.
 */
char *text_printable(struct text t, size_t max);

#endif
