// SPDX-License-Identifier: GPL-2.0-only
/* The arithmetic of the log-linear histogram; lib/hist.h says its shape. */
#include "lib/hist.h"

uint32_t hist_bucket(uint64_t ns)
{
	uint32_t exponent, chunk;

	if (ns < HIST_SUB)
		return (uint32_t)ns;

	exponent = 63 - __builtin_clzll(ns);
	chunk = exponent - (HIST_SUB_BITS - 1);
	if (chunk >= HIST_CHUNKS)
		return HIST_BUCKETS - 1;

	return chunk * HIST_SUB + (uint32_t)((ns >> (chunk - 1)) & (HIST_SUB - 1));
}

/* How many values fall into each bucket of that bucket's chunk. */
static uint64_t bucket_width(uint32_t bucket)
{
	uint32_t chunk = bucket / HIST_SUB;

	return chunk ? 1ull << (chunk - 1) : 1;
}

/* A snapshot file may name any bucket: past the end is the last. */
static uint32_t bucket_within(uint32_t bucket)
{
	return bucket < HIST_BUCKETS ? bucket : HIST_BUCKETS - 1;
}

uint64_t hist_low(uint32_t bucket)
{
	bucket = bucket_within(bucket);
	if (bucket < HIST_SUB)
		return bucket;

	return (HIST_SUB + bucket % HIST_SUB) * bucket_width(bucket);
}

uint64_t hist_high(uint32_t bucket)
{
	bucket = bucket_within(bucket);

	return hist_low(bucket) + bucket_width(bucket);
}

/*
 * Nearest rank, 1 .. total. The product is taken down by a hair first, or
 * 99.9 % of 1000 would be 999.0000000000001 and round up to 1000.
 */
static uint64_t rank_of(double percentile, uint64_t total)
{
	double exact = percentile / 100 * (double)total;
	uint64_t rank;

	exact -= exact * 1e-12;
	rank = (uint64_t)exact;
	if (exact > (double)rank)
		rank++;
	if (rank < 1)
		rank = 1;

	return rank < total ? rank : total;
}

static uint64_t within(uint64_t value, uint64_t min, uint64_t max)
{
	if (value < min)
		value = min;

	return value > max ? max : value;
}

uint64_t hist_percentile(const uint32_t *bucket, const uint64_t *count, size_t n, double percentile,
			 uint64_t min_ns, uint64_t max_ns)
{
	uint64_t total = 0, seen = 0, rank;
	uint32_t last = 0;

	for (size_t i = 0; i < n; i++)
		total += count[i];
	if (!total)
		return 0;
	if (percentile <= 0)
		return min_ns;
	if (percentile >= 100)
		return max_ns;

	rank = rank_of(percentile, total);
	for (size_t i = 0; i < n; i++) {
		last = bucket[i];
		seen += count[i];
		if (seen >= rank)
			break;
	}

	return within(hist_low(last) + (hist_high(last) - 1 - hist_low(last)) / 2, min_ns, max_ns);
}
