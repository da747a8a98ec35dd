/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of merge.h: what is estimated of several processes, and what their probes cost.
 * Both are called before the figures that they are computed from are added up.
 */
#ifndef LIB_MERGE_ESTIMATES_H
#define LIB_MERGE_ESTIMATES_H

#include "snapshot.pb-c.h"

/*
 * Sums of estimates; variances add, the processes being independent. A process that saw
 * every call adds its figures without an error. Known only where both are. -ENOMEM.
 */
int merge_estimated(Hotpath__Function *into, const Hotpath__Function *from);

/*
 * Costs and the time that they are of are summed, a budget is the larger of the two; how
 * many functions are armed is the most of one process. Where one has calls and no Overhead,
 * both together have none. -ENOMEM.
 */
int merge_overhead(Hotpath__Target *into, const Hotpath__Target *from);

#endif
