// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that are called rarely and often. "run MS" works for so long: rates_round()
 * every few milliseconds, which calls rates_warm() ten times, which calls rates_hot() a
 * hundred times with some work after each, 1 to 2 us of it ("calm": works, and does not
 * call it; "busy": does again). It says how often each was called, and how many rounds
 * there are in a second of CPU time. "fork MS N" has N children run.
 */
#include <sys/wait.h>
#include "target.h"

static unsigned long hots, warms, rounds;
static int calm;

PROBED unsigned long rates_hot(unsigned long x)
{
	PUSHES;
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

PROBED unsigned long rates_warm(unsigned long x)
{
	for (int i = 0; i < 100; i++) {
		if (!calm)
			x = rates_hot(x);
		for (int k = 0; k < 1000; k++)
			x = (x ^ (x >> 9)) * 0x9e3779b97f4a7c15ul;
	}
	hots += calm ? 0 : 100;
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
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("run")) {
			run(target_number(0));
		} else if (target_is("calm") || target_is("busy")) {
			calm = target_is("calm");
			target_truth("\"calm\":%d", calm);
		} else if (target_is("fork")) {
			fork_some(target_number(0), target_number(1));
		}
	}
	return 0;
}
