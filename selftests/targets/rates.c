// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that are called rarely and very often. "run MS" works for that much of its own
 * CPU time: rates_round() once a millisecond, and from there rates_hot() HOT times for each
 * rates_warm() (HOT of "hot HOT", 1,000 at first, 0: never). It says how often each was called, how
 * many rounds there were in a second of CPU time, and whether its sums were right. "slow N"
 * calls rates_slow() N times, which takes 10 ms each. "fork MS N" has N children run.
 */
#include <sys/wait.h>
#include "target.h"

static unsigned long hots, warms, rounds, slows, hot = 1000;

PROBED unsigned long rates_hot(unsigned long x)
{
	PUSHES;
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

PROBED unsigned long rates_warm(unsigned long x)
{
	for (unsigned long i = 0; i < hot; i++) {
		x = rates_hot(x);
		/* Some 50 ns of work between its calls. */
		for (int k = 0; k < 20; k++)
			x = (x ^ (x >> 9)) * 0x9e3779b97f4a7c15ul;
	}
	hots += hot;
	NOT_A_TAIL;
	return x + 1;
}

PROBED unsigned long rates_round(unsigned long x)
{
	PUSHES;
	for (int k = 0; k < 10; k++)
		x = rates_warm(x);
	warms += 10;
	rounds++;
	NOT_A_TAIL;
	return x;
}

PROBED unsigned long rates_slow(unsigned long x)
{
	PUSHES;
	busy(10000000);
	slows++;
	NOT_A_TAIL;
	return x + 1;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Rounds are made of the same work: how many there are in a second is its speed. */
static void run(uint64_t ms)
{
	uint64_t begin = now_ns(), cpu = cpu_ns();
	unsigned long x = 1, before = rounds;

	while (now_ns() - begin < ms * 1000000)
		x = rates_round(x);
	cpu = cpu_ns() - cpu;
	target_truth("\"rounds\":%lu,\"warm\":%lu,\"hot\":%lu,\"speed\":%.3f,\"x\":%lu", rounds,
		     warms, hots, (double)(rounds - before) * 1e9 / (double)cpu, x & 1);
}

static void fork_some(uint64_t ms, uint64_t n)
{
	unsigned long before = rounds;
	int status, bad = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (fork() == 0) {
			uint64_t begin = now_ns();
			unsigned long x = 1;

			while (now_ns() - begin < ms * 1000000)
				x = rates_round(x);
			_exit(x == 0);
		}
	}
	while (wait(&status) > 0)
		bad += status != 0;
	target_truth("\"rounds\":%lu,\"bad\":%d", rounds - before, bad);
}

int main(int argc, char **argv)
{
	unsigned long x = 0;

	target_init(argc, argv);
	while (target_command()) {
		if (target_is("run")) {
			run(target_number(0));
		} else if (target_is("hot")) {
			hot = target_number(0);
			target_truth("\"hot\":%lu", hot);
		} else if (target_is("slow")) {
			for (uint64_t i = target_number(0); i > 0; i--)
				x = rates_slow(x);
			target_truth("\"slows\":%lu", slows);
		} else if (target_is("fork")) {
			fork_some(target_number(0), target_number(1));
		}
	}
	return 0;
}
