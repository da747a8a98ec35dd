/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a probed call costs on this machine, by the class of its sites, as
 * calibrate.c measured it. Pure: numbers in, numbers and text out. 0: not known.
 */
#ifndef DAEMON_PRICES_H
#define DAEMON_PRICES_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot.pb-c.h"

#define PRICES_CLASSES (HOTPATH__SITE_CLASS__SITE_STEPPED + 1)
#define PRICES_ROWS    (3 * PRICES_CLASSES)

struct prices {
	uint64_t entry_ns[PRICES_CLASSES];   /* a call that is counted */
	uint64_t exit_ns[PRICES_CLASSES];    /* what a probe on a way out adds to that */
	uint64_t session_ns[PRICES_CLASSES]; /* a call that is timed by one session */
	char missing[160]; /* why some are 0; empty: none is that can be measured */
};

/* Of one call; exit_class is of RETURNS_SITES only. 0 when any part is not known. */
uint64_t prices_call(const struct prices *prices, Hotpath__Returns returns,
		     Hotpath__SiteClass site_class, Hotpath__SiteClass exit_class);

/* The known ones for a reply: rows point into row, of PRICES_ROWS each. */
size_t prices_fill(const struct prices *prices, Hotpath__Price *row, Hotpath__Price **rows);

/* "a call costs here, counted/timed/way out: ...", for the log. */
void prices_text(const struct prices *prices, char *text, size_t size);

/* The middle one of n > 0 values, which it sorts. */
int64_t prices_median(int64_t *value, size_t n);

#endif
