/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a function's sums: pure arithmetic on a snapshot. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include <stdbool.h>
#include "snapshot.pb-c.h"

bool figures_timed(const Hotpath__Function *f);	      /* has return legs */
bool figures_has_times(const Hotpath__Function *f);   /* and one call has returned */
bool figures_has_percentiles(const Hotpath__Function *f);
uint64_t figures_percentile_ns(const Hotpath__Function *f, double percentile);
/*
 * What is shown of a function: of every call where it was armed all the time, else
 * estimated; and under a budget its own time by samples, because not all of its callees
 * are armed. What is not known is absent: has_...
 */
struct figures {
	bool estimated; /* calls, total, average, percentiles */
	bool sampled;	/* self */
	bool has_calls, has_total, has_avg, has_self, has_percentiles;
	bool returned;	/* a total of 0 is of no call, else */
	uint64_t calls, total_ns, avg_ns, self_ns;
	uint64_t self_se_ns; /* of a sampled one: standard error */
};

void figures_of(const Hotpath__Target *t, const Hotpath__Function *f, struct figures *ret);

/* An estimate as a whole number: files may hold any nonsense. */
uint64_t figures_whole(double estimate);

/* Are own times of this target by samples? */
bool figures_samples_self(const Hotpath__Target *t);
/* Something is known of a function, a call or its own time: it has a row. */
bool figures_any(const Hotpath__Target *t, const Hotpath__Function *f);

/* What total_ns may be wrong by: the error of what was taken off for probes. */
uint64_t figures_uncertain_ns(const Hotpath__Function *f);
bool figures_is_uncertain(const Hotpath__Function *f); /* that is more than total_ns */

/*
 * What the probes cost the target, an estimate: each call at the price that was
 * calibrated. False: a function that was called has no price.
 */
bool figures_probe_cost_ns(const Hotpath__Target *t, uint64_t *ret_ns);

#endif
