/* SPDX-License-Identifier: GPL-2.0-only */
/* Glob matching that remembers one star only: an earlier star never needs another try. */
#include "daemon/reader/glob.h"

/* The length of a [...] at p, or 0 when it is not closed: then '[' is itself. */
static size_t set_length(const char *p, size_t size)
{
	size_t i = 1;

	if (i < size && (p[i] == '!' || p[i] == '^'))
		i++;
	if (i < size && p[i] == ']')
		i++;
	while (i < size && p[i] != ']')
		i++;

	return i < size ? i + 1 : 0;
}

static bool set_match(const char *p, size_t length, unsigned char c)
{
	size_t i = 1, end = length - 1;
	bool negated = p[i] == '!' || p[i] == '^';
	bool found = false;

	for (i += negated; i < end; i++) {
		unsigned char low = (unsigned char)p[i], high = low;

		if (i + 2 < end && p[i + 1] == '-') {
			high = (unsigned char)p[i + 2];
			i += 2;
		}
		found |= c >= low && c <= high;
	}

	return found != negated;
}

/* One element of the pattern at p against one byte: its length, or 0. */
static size_t element_match(const char *p, size_t size, char c)
{
	size_t set = *p == '[' ? set_length(p, size) : 0;

	if (set)
		return set_match(p, set, (unsigned char)c) ? set : 0;
	if (*p == '?')
		return 1;
	if (*p == '\\' && size > 1)
		return p[1] == c ? 2 : 0;

	return *p == c;
}

bool glob_match(struct text pattern, struct text name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, star_name = 0;

	while (n < name.size) {
		size_t step = 0;

		if (p < pattern.size && pattern.p[p] == '*') {
			star = ++p;
			star_name = n;
			continue;
		}
		if (p < pattern.size)
			step = element_match(pattern.p + p, pattern.size - p, name.p[n]);
		if (step) {
			p += step;
			n++;
		} else if (star != SIZE_MAX) {
			p = star;
			n = ++star_name;
		} else {
			return false;
		}
	}
	while (p < pattern.size && pattern.p[p] == '*')
		p++;

	return p == pattern.size;
}

bool glob_has_wildcard(struct text pattern)
{
	for (size_t i = 0; i < pattern.size; i++)
		if (pattern.p[i] == '*' || pattern.p[i] == '?' || pattern.p[i] == '[' ||
		    pattern.p[i] == '\\')
			return true;

	return false;
}
