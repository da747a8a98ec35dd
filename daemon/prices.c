// SPDX-License-Identifier: GPL-2.0-only
/* What a probed call costs; see prices.h. */
#include "prices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/hist.h"

#define EMULATED HOTPATH__SITE_CLASS__SITE_EMULATED
#define STEPPED	 HOTPATH__SITE_CLASS__SITE_STEPPED

/* As `hotpath probes` calls them. */
static const char *const class_names[PRICES_CLASSES] = {
	[HOTPATH__SITE_CLASS__SITE_EMULATED] = "emulated",
	[HOTPATH__SITE_CLASS__SITE_STEPPED] = "single-stepped",
};

uint64_t prices_call(const struct prices *prices, Hotpath__Returns returns,
		     Hotpath__SiteClass site_class, Hotpath__SiteClass exit_class)
{
	if ((size_t)site_class >= PRICES_CLASSES || (size_t)exit_class >= PRICES_CLASSES)
		return 0;
	if (returns == HOTPATH__RETURNS__RETURNS_SESSION)
		return prices->session_ns[site_class];
	return returns == HOTPATH__RETURNS__RETURNS_SITES
		       ? prices->sites_ns[site_class][exit_class]
		       : prices->entry_ns[site_class];
}

/* What a way out of that class adds to a call that is counted. */
static uint64_t exit_ns(const struct prices *prices, size_t exit_class)
{
	uint64_t both = prices->sites_ns[EMULATED][exit_class], entry = prices->entry_ns[EMULATED];

	return entry && both > entry ? both - entry : 0;
}

/* BPF's class of a site: a nop of 5 bytes counts with those that are emulated. */
static const size_t bpf_class[2] = {EMULATED, STEPPED};

struct hp_prices prices_for_bpf(const struct prices *prices)
{
	struct hp_prices to = {};
	size_t i, k;

	for (i = 0; i < 2; i++) {
		size_t in = bpf_class[i];

		to.count[i] = prices->entry_ns[in];
		to.session[i] = prices->session_ns[in];
		to.session_inside[i] = prices->session_inside_ns[in];
		for (k = 0; k < 2; k++) {
			to.sites[i][k] = prices->sites_ns[in][bpf_class[k]];
			to.sites_inside[i][k] = prices->sites_inside_ns[in][bpf_class[k]];
		}
	}
	return to;
}

static uint64_t price_of(const struct prices *prices, Hotpath__Returns returns, size_t class,
			 uint64_t *ret_inside)
{
	*ret_inside = 0;
	switch (returns) {
	case HOTPATH__RETURNS__RETURNS_SESSION:
		*ret_inside = prices->session_inside_ns[class];
		return prices->session_ns[class];
	case HOTPATH__RETURNS__RETURNS_SITES:
		*ret_inside = prices->sites_inside_ns[EMULATED][class];
		return exit_ns(prices, class);
	default:
		return prices->entry_ns[class];
	}
}

size_t prices_fill(const struct prices *prices, Hotpath__Price *row, Hotpath__Price **rows)
{
	static const Hotpath__Returns kinds[] = {
		HOTPATH__RETURNS__RETURNS_NONE,
		HOTPATH__RETURNS__RETURNS_SITES,
		HOTPATH__RETURNS__RETURNS_SESSION,
	};
	uint64_t ns, inside;
	size_t n = 0, i, k;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (k = 0; k < PRICES_CLASSES; k++) {
			ns = price_of(prices, kinds[i], k, &inside);
			if (!ns)
				continue;
			hotpath__price__init(&row[n]);
			row[n].class_ = k;
			row[n].returns = kinds[i];
			row[n].ns = ns;
			row[n].inside_ns = inside;
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
	for (k = EMULATED; k < PRICES_CLASSES; k++)
		part(text + n, size - n, &at, class_names[k], prices->entry_ns[k],
		     prices->session_ns[k], exit_ns(prices, k));
}

/* All prices go up and down together: one stands for them. */
static uint64_t key(const struct prices *prices)
{
	return prices->session_ns[EMULATED];
}

static bool is_dearer(const struct prices *a, const struct prices *b)
{
	return key(a) > key(b) + key(b) * 3 / 100;
}

bool prices_agree(const struct prices *a, const struct prices *b)
{
	return !is_dearer(a, b) && !is_dearer(b, a);
}

const struct prices *prices_believe(const struct prices *held, const struct prices *before,
				    const struct prices *fresh)
{
	/* What could not be measured this time was, before. */
	if (*fresh->missing && key(held) && !*held->missing)
		return held;
	if (!key(held) || !is_dearer(fresh, held))
		return fresh;
	if (!is_dearer(before, held))
		return held;
	return key(before) < key(fresh) ? before : fresh;
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

uint64_t prices_histogram_median(const uint32_t *bucket, const uint64_t *count, size_t n)
{
	uint64_t total = 0, below = 0, low, width;
	size_t i;

	for (i = 0; i < n; i++)
		total += count[i];
	for (i = 0; i < n; i++) {
		if (2 * (below + count[i]) < total) {
			below += count[i];
			continue;
		}
		low = hist_low(bucket[i]);
		width = hist_high(bucket[i]) - low;
		/* As if its values lay evenly in the bucket. */
		return low + (total - 2 * below) * width / (2 * count[i]);
	}
	return 0;
}
