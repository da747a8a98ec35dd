// SPDX-License-Identifier: GPL-2.0-only
/*
 * "enter": a thread enters long_outer, which enters long_inner, which waits.
 * "leave": it returns from both. The answer of "enter" comes when it is inside.
 */
#include <pthread.h>
#include "target.h"

static int inside[2], leave[2];
static uint64_t outer_start, inner_start;

PROBED void long_inner(void)
{
	char c = 'i';

	inner_start = now_ns();
	if (write(inside[1], &c, 1) != 1 || read(leave[0], &c, 1) != 1)
		abort();
	NOT_A_TAIL;
}

PROBED void long_outer(void)
{
	outer_start = now_ns();
	long_inner();
	NOT_A_TAIL;
}

static void *thread(void *arg)
{
	long_outer();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t id = 0;
	char c;

	if (pipe(inside) || pipe(leave))
		abort();
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("enter")) {
			if (pthread_create(&id, NULL, thread, NULL) || read(inside[0], &c, 1) != 1)
				abort();
			target_truth("\"outer_start\":%lu,\"inner_start\":%lu,\"now\":%lu", outer_start,
				     inner_start, now_ns());
		} else if (target_is("leave")) {
			if (write(leave[1], "l", 1) != 1)
				abort();
			pthread_join(id, NULL);
			target_truth("\"now\":%lu", now_ns());
		}
	}
	return 0;
}
