/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a probed call costs on this machine, by the class of its sites, as
 * calibrate.c measured it. Pure: numbers in, numbers and text out. 0: not known.
 */
#ifndef DAEMON_PRICES_H
#define DAEMON_PRICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/hotpath.h"
#include "snapshot.pb-c.h"

#define PRICES_CLASSES (HOTPATH__SITE_CLASS__SITE_STEPPED + 1)
#define PRICES_ROWS    (3 * PRICES_CLASSES)

/* `inside` is the part of a price that lies between the call's two clock readings. */
struct prices {
	uint64_t entry_ns[PRICES_CLASSES];   /* a call that is counted */
	uint64_t session_ns[PRICES_CLASSES]; /* one that is timed by one session */
	uint64_t session_inside_ns[PRICES_CLASSES];
	uint64_t sites_ns[PRICES_CLASSES][PRICES_CLASSES]; /* by its ways out: [entry][way out] */
	uint64_t sites_inside_ns[PRICES_CLASSES][PRICES_CLASSES];
	char missing[160]; /* why some are 0; empty: none is that can be measured */
};

/* Of one call; exit_class is of RETURNS_SITES only. 0 when any part is not known. */
uint64_t prices_call(const struct prices *prices, Hotpath__Returns returns,
		     Hotpath__SiteClass site_class, Hotpath__SiteClass exit_class);

/* What BPF takes off durations. */
struct hp_prices prices_for_bpf(const struct prices *prices);

static inline bool prices_are_known(const struct prices *prices)
{
	return prices->entry_ns[HOTPATH__SITE_CLASS__SITE_EMULATED] != 0;
}

/* The known ones for a reply: rows point into row, of PRICES_ROWS each. */
size_t prices_fill(const struct prices *prices, Hotpath__Price *row, Hotpath__Price **rows);

/* "a call costs here, counted/timed/way out: ...", for the log. */
void prices_text(const struct prices *prices, char *text, size_t size);

/*
 * Which of three measurements holds from now on: what held so far, the one before, which
 * may be what holds, and the fresh one. Disturbed ones are dearer, so what falls is believed
 * at once, and what rises by more than 3 % when two in a row say so.
 */
const struct prices *prices_believe(const struct prices *held, const struct prices *before,
				    const struct prices *fresh);
/* Do they differ by no more than that? */
bool prices_agree(const struct prices *a, const struct prices *b);

/* The middle one of n > 0 values, which it sorts. */
int64_t prices_median(int64_t *value, size_t n);
/* The same of a histogram of n > 0 pairs (lib/hist.h), finer than its buckets. */
uint64_t prices_histogram_median(const uint32_t *bucket, const uint64_t *count, size_t n);

#endif
