// SPDX-License-Identifier: GPL-2.0-only
/* Numbers for people; lib/fmt.h shows what they look like. */
#include <inttypes.h>
#include <stdio.h>
#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "lib/utf8.h"

/*
 * Rounds before choosing the unit: 999,996 ns is "1.00 ms", not "1000.00 us".
 * Whole numbers throughout, so that no figure depends on a rounding mode.
 */
const char *fmt_ns(char *buffer, uint64_t ns, bool utf8)
{
	static const struct {
		const char *name, *utf8_name;
		uint64_t ns;
	} units[] = {{"us", "\u00b5s", 1000}, {"ms", "ms", 1000000}, {"s", "s", 1000000000}};
	unsigned __int128 hundredths = 0;
	size_t i;

	if (ns < 1000) {
		snprintf(buffer, FMT_MAX, "%u ns", (unsigned int)ns);
		return buffer;
	}

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		hundredths = ((unsigned __int128)ns * 100 + units[i].ns / 2) / units[i].ns;
		if (hundredths < 100000 || i == ARRAY_SIZE(units) - 1)
			break;
	}
	snprintf(buffer, FMT_MAX, "%llu.%02u %s", (unsigned long long)(hundredths / 100),
		 (unsigned int)(hundredths % 100), utf8 ? units[i].utf8_name : units[i].name);
	return buffer;
}

const char *fmt_span(char *buffer, uint64_t ns)
{
	static const struct {
		const char *big, *small;
		uint64_t big_s, small_s;
	} steps[] = {
		{"d", "h", 86400, 3600},
		{"h", "min", 3600, 60},
		{"min", "s", 60, 1},
	};
	uint64_t s = ns / 1000000000, rest;
	size_t i = 0;

	if (s < 120)
		return fmt_ns(buffer, ns, false);
	while (s < steps[i].big_s)
		i++;
	rest = s % steps[i].big_s / steps[i].small_s;
	if (rest)
		snprintf(buffer, FMT_MAX, "%" PRIu64 " %s %" PRIu64 " %s", s / steps[i].big_s,
			 steps[i].big, rest, steps[i].small);
	else
		snprintf(buffer, FMT_MAX, "%" PRIu64 " %s", s / steps[i].big_s, steps[i].big);
	return buffer;
}

const char *fmt_bytes(char *buffer, uint64_t bytes)
{
	static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
	uint64_t tenths = 0;
	size_t i;

	if (bytes < 1024) {
		snprintf(buffer, FMT_MAX, "%u B", (unsigned int)bytes);
		return buffer;
	}

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		unsigned __int128 unit = (unsigned __int128)1 << (10 * (i + 1));

		tenths = (uint64_t)(((unsigned __int128)bytes * 10 + unit / 2) / unit);
		if (tenths < 10240 || i == ARRAY_SIZE(units) - 1)
			break;
	}
	snprintf(buffer, FMT_MAX, "%llu.%u %s", (unsigned long long)(tenths / 10),
		 (unsigned int)(tenths % 10), units[i]);
	return buffer;
}

const char *fmt_percent(char *buffer, double fraction)
{
	snprintf(buffer, FMT_MAX, "%.2f%%", fraction * 100);
	return buffer;
}

const char *fmt_count(char *buffer, uint64_t count)
{
	char digits[FMT_MAX], *q = buffer;
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*q++ = ',';
		*q++ = digits[i];
	}
	*q = 0;
	return buffer;
}

char *fmt_safe(const void *bytes, size_t size)
{
	return utf8_copy(bytes, size, utf8_is_unsafe, NULL);
}
