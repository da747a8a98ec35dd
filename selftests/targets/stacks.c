// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tracers break. Each command prints figures that are the same probed and
 * unprobed. "altstack N": N signals handled by alt_work on a signal stack that
 * lies above the thread's. "cancel N": N threads cancelled inside can_wait, each
 * with a cleanup. "setjmp N": N times out of set_inner into set_outer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include "target.h"

static unsigned long handled, cleaned, returned;

PROBED unsigned long alt_work(unsigned long x)
{
	PUSHES;
	handled++;
	return x + 1;
}

static void on_signal(int number)
{
	alt_work((unsigned long)number);
}

PROBED void alt_raise(void)
{
	raise(SIGUSR1);
	NOT_A_TAIL;
}

static void altstack(unsigned long n)
{
	stack_t ss = { .ss_size = 65536 };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	for (unsigned long i = 0; i < n; i++)
		alt_raise();
}

static void clean(void *arg)
{
	(*(unsigned long *)arg)++;
}

PROBED void can_wait(int fd)
{
	char c;

	pthread_cleanup_push(clean, &cleaned);
	while (read(fd, &c, 1) >= 0)
		;
	pthread_cleanup_pop(0);
}

static int can_pipe[2];
static pthread_barrier_t can_started;
static void *can_thread(void *arg)
{
	pthread_barrier_wait(&can_started);
	can_wait(can_pipe[0]);
	return arg;
}

static void cancel(unsigned long n)
{
	if (pipe(can_pipe))
		abort();
	for (unsigned long i = 0; i < n; i++) {
		pthread_t id;
		void *r;

		pthread_barrier_init(&can_started, NULL, 2);
		pthread_create(&id, NULL, can_thread, NULL);
		pthread_barrier_wait(&can_started);
		pthread_cancel(id);
		pthread_join(id, &r);
		returned += r == PTHREAD_CANCELED;
	}
}

static jmp_buf set_mark;
PROBED void set_inner(unsigned long i)
{
	if (i % 2)
		longjmp(set_mark, 1);
	NOT_A_TAIL;
}

PROBED void set_outer(unsigned long i)
{
	if (!setjmp(set_mark))
		set_inner(i);
	else
		returned++;
	NOT_A_TAIL;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long n = target_number(0);

		if (target_is("altstack"))
			altstack(n);
		else if (target_is("cancel"))
			cancel(n);
		else if (target_is("setjmp"))
			for (unsigned long i = 0; i < n; i++)
				set_outer(i);
		target_truth("\"handled\":%lu,\"cleaned\":%lu,\"returned\":%lu", handled, cleaned,
			     returned);
	}
	return 0;
}
