// SPDX-License-Identifier: GPL-2.0-only
/* Words of users into values, strictly; lib/parse.h says what is accepted. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/cleanup.h"
#include "lib/parse.h"

#define PID_MAX (1u << 22)

/* Digits at *word into *ret, *word moves behind them. ASCII digits only: isdigit()
 * asks no locale, strtoull() would take signs and spaces. */
static int take_digits(const char **word, uint64_t *ret)
{
	const char *p = *word;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;

	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;

	*word = p;
	*ret = value;
	return 0;
}

static bool all_digits(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}

int parse_u64(const char *word, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	int r;

	if (!all_digits(word))
		return -EINVAL;

	r = take_digits(&word, &value);
	if (r < 0)
		return r;
	if (value > max)
		return -ERANGE;

	*ret = value;
	return 0;
}

int parse_pid(const char *word, int32_t *ret)
{
	uint64_t value;
	int r;

	r = parse_u64(word, PID_MAX, &value);
	if (r < 0)
		return r;
	if (value == 0)
		return -EINVAL;

	*ret = (int32_t)value;
	return 0;
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"", 1000000000ull},
	{"ns", 1},
	{"us", 1000},
	{"\u00b5s", 1000},
	{"\u03bcs", 1000},
	{"ms", 1000000},
	{"s", 1000000000ull},
	{"m", 60 * 1000000000ull},
	{"min", 60 * 1000000000ull},
	{"h", 3600 * 1000000000ull},
};

static int unit_find(const char *word, uint64_t *ret_ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(word, units[i].name)) {
			*ret_ns = units[i].ns;
			return 0;
		}

	return -EINVAL;
}

/* ".25" at *word as billionths: digits past the ninth are below
 * a nanosecond of the largest unit that people write and are skipped. */
static int take_fraction(const char **word, uint64_t *ret_billionths)
{
	uint64_t value = 0, place = 100000000;
	const char *p = *word;

	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++, place /= 10)
			value += (uint64_t)(*p - '0') * place;
	}

	*word = p;
	*ret_billionths = value;
	return 0;
}

int parse_duration(const char *word, uint64_t *ret_ns)
{
	uint64_t whole, billionths, unit, ns;
	int r;

	r = take_digits(&word, &whole);
	if (r < 0)
		return r;
	r = take_fraction(&word, &billionths);
	if (r < 0)
		return r;
	r = unit_find(word, &unit);
	if (r < 0)
		return r;

	if (__builtin_mul_overflow(whole, unit, &ns) ||
	    __builtin_add_overflow(
		    ns, (uint64_t)((unsigned __int128)unit * billionths / 1000000000), &ns) ||
	    ns > INT64_MAX)
		return -ERANGE;

	*ret_ns = ns;
	return 0;
}

int parse_percent(const char *word, double *ret)
{
	const char *p = word;
	uint64_t whole, billionths;
	int r;

	r = take_digits(&p, &whole);
	if (r < 0)
		return r;
	r = take_fraction(&p, &billionths);
	if (r < 0)
		return r;
	if (*p)
		return -EINVAL;
	if (whole > 100 || (whole == 100 && billionths))
		return -ERANGE;

	/* One division of whole numbers gives the double nearest to what was
	 * written, so that it prints as it was written. */
	*ret = (double)(whole * 1000000000 + billionths) / 1e9;
	return 0;
}

int parse_bool(const char *word, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"1", true},  {"true", true},	{"yes", true}, {"on", true},
		{"0", false}, {"false", false}, {"no", false}, {"off", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(word, words[i].word)) {
			*ret = words[i].value;
			return 0;
		}

	return -EINVAL;
}
