/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples of instruction pointers as time: arithmetic on a snapshot, shared by sections. */
#ifndef CLI_SAMPLED_H
#define CLI_SAMPLED_H

#include <stdbool.h>
#include "snapshot.pb-c.h"

/* Are there samples that tell where the target was? */
bool sampled_any(const Hotpath__Target *t);
/* How many of them: not those in probes, nor while a window was open. */
uint64_t sampled_base(const Hotpath__Target *t);
/* The CPU time of which they are: the target's, without what probes took. */
double sampled_own_ns(const Hotpath__Target *t);
/* The time that samples stand for, and its standard error (binomial). */
double sampled_ns(const Hotpath__Target *t, uint64_t samples);
double sampled_se_ns(const Hotpath__Target *t, uint64_t samples);

#endif
