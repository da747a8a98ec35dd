/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log-linear histogram of nanoseconds, as BPF fills it (bpf/hotpath.h says the
 * layout): 32 buckets per power of two, a bucket's middle is within 1.6 % of
 * every value in it. Pure numbers: no memory is owned, nothing is printed.
 *
 *	b = hist_bucket(ns);                 which bucket a value falls into
 *	hist_low(b), hist_high(b)            its first value and one past its last
 *	hist_percentile(...)                 the value at a percentile
 */
#ifndef LIB_HIST_H
#define LIB_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB_BITS 5
#define HIST_SUB      (1u << HIST_SUB_BITS)
#define HIST_CHUNKS   36
#define HIST_BUCKETS  (HIST_CHUNKS * HIST_SUB)

/* Values of 2^40 ns and more fall into the last bucket. */
uint32_t hist_bucket(uint64_t ns);
uint64_t hist_low(uint32_t bucket);
uint64_t hist_high(uint32_t bucket);

/*
 * The value below which `percentile` (0 .. 100) per cent of the values lie, by
 * nearest rank: the middle of the bucket that holds that rank, kept within
 * [min_ns, max_ns]; 0 gives min_ns and 100 max_ns exactly. The histogram is
 * sparse: n pairs with ascending bucket numbers. No values: 0.
 */
uint64_t hist_percentile(const uint32_t *bucket, const uint64_t *count, size_t n,
			 double percentile, uint64_t min_ns, uint64_t max_ns);

#endif
