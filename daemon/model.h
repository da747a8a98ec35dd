/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The figures of one function, worked out from the blocks that BPF fills. Pure:
 * no kernel, no files, no clock.
 */
#ifndef DAEMON_MODEL_H
#define DAEMON_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/hotpath.h"

/* Calls of a function found open, from the frames of the threads. */
struct model_open {
	uint64_t count;
	uint64_t total_ns; /* how long they have run, summed */
	uint64_t max_ns;
};

struct model_function {
	uint64_t calls, exits, total_ns, self_ns, min_ns, max_ns;
	uint64_t open, cut, open_ns, open_max_ns;
	uint64_t unwound, vetoed, lost, histogram_lost;
	uint64_t probe_ns, clipped; /* taken off total_ns; calls for which it was too much */
};

/* Entries so far; to be read before everything else about the function. */
uint64_t model_calls(const struct hp_func *func);

/*
 * calls: model_calls(). exits: the sum of the histogram. timed: returns are probed.
 * final: the process is gone or the probes are, so entries that are in no other
 * class are lost. Otherwise they are under way: counters and frames cannot be read
 * at one instant, so `open` may differ by what a few microseconds bring.
 */
void model_function(const struct hp_func *func, uint64_t calls, uint64_t exits,
		    const struct model_open *open, bool timed, bool final,
		    struct model_function *ret);

/*
 * The histogram of a function as ascending pairs; returns how many. bucket and
 * count have room for HP_HIST_BUCKETS; n_blocks bounds the chunk numbers.
 */
size_t model_histogram(const struct hp_func *func, const union hp_block *blocks, size_t n_blocks,
		       uint32_t *bucket, uint64_t *count);

#endif
