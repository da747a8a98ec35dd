/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hit costs in one target now, of what it cost when it was calibrated, on a machine
 * at rest: samples in probes against hits by their prices.
 */
#ifndef DAEMON_CONTENTION_H
#define DAEMON_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>

struct target;

struct contention {
	double factor;	   /* 0: not known (yet) */
	uint64_t probe;	   /* samples when it was last weighed */
	uint64_t priced_ns;
};

/* Fewer samples than these since the last time say nothing new: within 7 %. */
#define CONTENTION_SAMPLES 200
/* Farther off something else is wrong, not the prices. */
#define CONTENTION_LEAST 0.5
#define CONTENTION_MOST	 4.0

/* Pure: probe and priced_ns grow; hz: of the samples. True: the factor is another one now. */
bool contention_weigh(struct contention *c, uint64_t probe, uint64_t priced_ns, unsigned int hz);

/* Pure: that as BPF wants it, to take probes off durations. Up to a quarter more than what
 * was calibrated that is the better figure: samples are few. Less than on a machine at rest
 * a hit does not cost. */
#define CONTENTION_MATTERS 1.25
uint32_t contention_scale(const struct contention *c);

/* When enough was sampled since the last time; BPF is told. */
void contention_update(struct target *t);

#endif
