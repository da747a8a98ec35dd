/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes with a length: compared, looked up in tables, made printable. */
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/text.h"

struct text text_from(const char *string)
{
	return (struct text){string, strlen(string)};
}

bool text_equal(struct text a, struct text b)
{
	return a.size == b.size && (!a.size || !memcmp(a.p, b.p, a.size));
}

bool text_is(struct text t, const char *string)
{
	return text_equal(t, text_from(string));
}

bool text_begins(struct text t, const char *prefix)
{
	size_t n = strlen(prefix);

	return t.size >= n && !memcmp(t.p, prefix, n);
}

bool text_ends(struct text t, const char *suffix)
{
	size_t n = strlen(suffix);

	return t.size >= n && !memcmp(t.p + t.size - n, suffix, n);
}

bool text_contains(struct text t, const char *needle)
{
	return t.size && memmem(t.p, t.size, needle, strlen(needle));
}

static bool rule_fits(const struct name_rule *rule, struct text name)
{
	switch (rule->match) {
	case NAME_IS:
		return text_is(name, rule->name);
	case NAME_BEGINS:
		return text_begins(name, rule->name);
	case NAME_ENDS:
		return text_ends(name, rule->name);
	}

	return false;
}

const struct name_rule *name_rule_find(const struct name_rule *rules, size_t n, struct text name)
{
	for (size_t i = 0; i < n; i++) {
		/* Most names fail here: tens of thousands of symbols meet every row. */
		if (rules[i].match != NAME_ENDS && (!name.size || name.p[0] != rules[i].name[0]))
			continue;
		if (rule_fits(&rules[i], name))
			return &rules[i];
	}

	return NULL;
}

/* Length of a valid UTF-8 sequence of two to four bytes at p, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	size_t n = p[0] >= 0xc2 && p[0] < 0xe0	 ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates and code points past 10ffff; C1 controls. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ||
	    (p[0] == 0xc2 && p[1] < 0xa0))
		return 0;

	return n;
}

char *text_printable(struct text t, size_t max)
{
	char *s = malloc((t.size < max ? t.size : max) + 4);
	size_t used = 0, i = 0;

	if (!s)
		return NULL;

	while (i < t.size) {
		const unsigned char *p = (const unsigned char *)t.p + i;
		size_t n = utf8_sequence(p, t.size - i);

		if (used + (n ? n : 1) > max)
			break;
		if (n)
			memcpy(s + used, p, n);
		else
			s[used] = *p >= 0x20 && *p < 0x7f ? (char)*p : '?';
		used += n ? n : 1;
		i += n ? n : 1;
	}
	strcpy(s + used, i < t.size ? "..." : "");

	return s;
}
