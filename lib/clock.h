/* SPDX-License-Identifier: GPL-2.0-only */
/* The time in nanoseconds: clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME). */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
