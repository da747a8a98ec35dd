// SPDX-License-Identifier: GPL-2.0-only
/* Samples as time; sampled.h. */
#include <math.h>
#include "cli/sampled.h"

uint64_t sampled_base(const Hotpath__Target *t)
{
	const Hotpath__Sampling *s = t->sampling;
	uint64_t left = s ? s->samples : 0;

	if (!s || s->probe > left || s->discarded > left - s->probe ||
	    s->lost > left - s->probe - s->discarded)
		return 0;

	return left - s->probe - s->discarded - s->lost;
}

bool sampled_any(const Hotpath__Target *t)
{
	return sampled_base(t);
}

double sampled_own_ns(const Hotpath__Target *t)
{
	double percent = t->overhead && t->overhead->percent > 0 ? t->overhead->percent : 0;

	/* percent is of this very time. */
	return (double)t->cpu_total_ns / (1 + percent / 100);
}

static double share(const Hotpath__Target *t, uint64_t samples)
{
	uint64_t base = sampled_base(t);

	if (!base)
		return 0;

	return samples < base ? (double)samples / (double)base : 1;
}

double sampled_ns(const Hotpath__Target *t, uint64_t samples)
{
	return share(t, samples) * sampled_own_ns(t);
}

/*
 * Of no sample at all the formula would say that the error is 0: one sample is what
 * could have been missed, and so is the least that is said.
 */
double sampled_se_ns(const Hotpath__Target *t, uint64_t samples)
{
	double p = share(t, samples ?: 1);

	return sampled_any(t) ? sqrt(p * (1 - p) / (double)sampled_base(t)) * sampled_own_ns(t) : 0;
}
