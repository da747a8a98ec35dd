// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signal stacks that disarm themselves (SS_AUTODISARM), so that nothing says the
 * handler is on one, and that lie where the thread's own stack is: N signals each.
 * "frame N": in a frame of main's callee, above the functions that raise; "thread
 * N": the same in a thread; "mapping N": below a thread's stack, in one mapping
 * with it.
 */
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "target.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
enum { SIGNAL_STACK = 65536, THREAD_STACK = 1 << 20 };

static unsigned long handled, inner, outer, count;

PROBED unsigned long over_work(unsigned long x)
{
	PUSHES;
	handled++;
	return x + 1;
}

PROBED void over_handle(int number)
{
	over_work((unsigned long)number);
	over_work((unsigned long)number);
	NOT_A_TAIL;
}

PROBED void over_raise(void)
{
	raise(SIGUSR1);
	inner++;
}

PROBED void over_outer(void)
{
	over_raise();
	outer++;
}

static void signals_on(void *stack)
{
	stack_t ss = { .ss_sp = stack, .ss_size = SIGNAL_STACK, .ss_flags = (int)SS_AUTODISARM }, old;
	struct sigaction sa = { .sa_handler = over_handle, .sa_flags = SA_ONSTACK };

	if (sigaltstack(&ss, &old) || sigaction(SIGUSR1, &sa, NULL))
		abort();
	for (unsigned long i = 0; i < count; i++)
		over_outer();
	sigaltstack(&old, NULL);
}

PROBED void over_frame(void)
{
	signals_on(alloca(SIGNAL_STACK));
	NOT_A_TAIL;
}

static void *thread(void *stack)
{
	if (stack)
		signals_on(stack);
	else
		over_frame();
	return NULL;
}

static void in_thread(bool below)
{
	char *map = mmap(NULL, 2 * THREAD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t id;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, map + THREAD_STACK, THREAD_STACK);
	if (map == MAP_FAILED || pthread_create(&id, below ? &attr : NULL, thread, below ? map : NULL))
		abort();
	pthread_join(id, NULL);
	munmap(map, 2 * THREAD_STACK);
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		count = target_number(0);
		if (target_is("frame"))
			over_frame();
		else
			in_thread(target_is("mapping"));
		target_truth("\"handled\":%lu,\"inner\":%lu,\"outer\":%lu", handled, inner, outer);
	}
	return 3;
}
