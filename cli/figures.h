/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a function's sums: pure arithmetic on a snapshot. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include <stdbool.h>
#include "snapshot.pb-c.h"

bool figures_timed(const Hotpath__Function *f);	      /* has return legs */
bool figures_has_times(const Hotpath__Function *f);   /* and one call has returned */
bool figures_has_percentiles(const Hotpath__Function *f);
uint64_t figures_avg_ns(const Hotpath__Function *f);
uint64_t figures_percentile_ns(const Hotpath__Function *f, double percentile);

/*
 * What the probes cost the target, an estimate: each call at the price that was
 * calibrated. False: a function that was called has no price.
 */
bool figures_probe_cost_ns(const Hotpath__Target *t, uint64_t *ret_ns);

#endif
