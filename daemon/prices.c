// SPDX-License-Identifier: GPL-2.0-only
/* What a probed call costs; see prices.h. */
#include "prices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cleanup.h"

/* As `hotpath probes` calls them. */
static const char *const class_names[PRICES_CLASSES] = {
	[HOTPATH__SITE_CLASS__SITE_EMULATED] = "emulated",
	[HOTPATH__SITE_CLASS__SITE_STEPPED] = "single-stepped",
};

uint64_t prices_call(const struct prices *prices, Hotpath__Returns returns,
		     Hotpath__SiteClass site_class, Hotpath__SiteClass exit_class)
{
	uint64_t entry, exit;

	if ((size_t)site_class >= PRICES_CLASSES || (size_t)exit_class >= PRICES_CLASSES)
		return 0;
	if (returns == HOTPATH__RETURNS__RETURNS_SESSION)
		return prices->session_ns[site_class];
	entry = prices->entry_ns[site_class];
	if (returns != HOTPATH__RETURNS__RETURNS_SITES)
		return entry;
	exit = prices->exit_ns[exit_class];
	return entry && exit ? entry + exit : 0;
}

size_t prices_fill(const struct prices *prices, Hotpath__Price *row, Hotpath__Price **rows)
{
	const struct {
		Hotpath__Returns returns;
		const uint64_t *ns;
	} kinds[] = {
		{HOTPATH__RETURNS__RETURNS_NONE, prices->entry_ns},
		{HOTPATH__RETURNS__RETURNS_SITES, prices->exit_ns},
		{HOTPATH__RETURNS__RETURNS_SESSION, prices->session_ns},
	};
	size_t n = 0, i, k;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (k = 0; k < PRICES_CLASSES; k++) {
			if (!kinds[i].ns[k])
				continue;
			hotpath__price__init(&row[n]);
			row[n].class_ = k;
			row[n].returns = kinds[i].returns;
			row[n].ns = kinds[i].ns[k];
			rows[n] = &row[n];
			n++;
		}
	}
	return n;
}

static void part(char *text, size_t size, size_t *at, const char *name, uint64_t counted,
		 uint64_t timed, uint64_t way_out)
{
	int n;

	if (*at >= size)
		return;
	n = snprintf(text + *at, size - *at, "%s %s %" PRIu64 "/%" PRIu64 "/%" PRIu64 " ns",
		     *at ? "," : "", name, counted, timed, way_out);
	if (n > 0)
		*at += n;
}

void prices_text(const struct prices *prices, char *text, size_t size)
{
	size_t at = 0, k;
	int n;

	n = snprintf(text, size, "a call costs here, counted/timed/way out:");
	if (n < 0 || (size_t)n >= size)
		return;
	/* Of a nop of 5 bytes there is none: nothing is probed there. */
	for (k = HOTPATH__SITE_CLASS__SITE_EMULATED; k < PRICES_CLASSES; k++)
		part(text + n, size - n, &at, class_names[k], prices->entry_ns[k],
		     prices->session_ns[k], prices->exit_ns[k]);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t prices_median(int64_t *value, size_t n)
{
	qsort(value, n, sizeof(*value), compare);
	return value[n / 2];
}
