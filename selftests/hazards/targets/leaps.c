// SPDX-License-Identifier: GPL-2.0-only
/* Plain C that leaves functions otherwise than by return: longjmp of each family, from
 * any depth, out of signal handlers; tail calls; callbacks; deep recursion; faults. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include "hazard.h"

static jmp_buf mark;
static sigjmp_buf sigmark;

PROBED int hz_leap(int depth, int how)
{
	int r;

	CALLED;
	if (depth) {
		r = hz_leap(depth - 1, how);
		RETURNED;
		return r + 1;
	}
	if (how == 1)
		longjmp(mark, 1);
	if (how == 2)
		_longjmp(mark, 2);
	if (how == 3)
		siglongjmp(sigmark, 3);
	RETURNED;
	return 0;
}

PROBED int hz_ground(int depth, int how)
{
	int r;

	CALLED;
	if (how == 3)
		r = sigsetjmp(sigmark, 1);
	else
		r = how == 2 ? _setjmp(mark) : setjmp(mark);
	if (r == 0)
		r = hz_leap(depth, how) + 10;
	RETURNED;
	return r;
}

static unsigned long run_setjmp(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 3 + (unsigned long)hz_ground((int)(i % 11), (int)(i % 4));
	return sum;
}

/* From about as deep as the kernel nests returns. */
static unsigned long run_nesting(unsigned long n)
{
	static const int depths[] = { 50, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 100, 5 };
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(depths) / sizeof(depths[0]); k++) {
			sum = sum * 3 + (unsigned long)hz_ground(depths[k], 1 + (int)(i % 3));
			sum = sum * 3 + (unsigned long)hz_ground(1, 0);
		}
	}
	return sum;
}

PROBED unsigned long hz_recurse(unsigned long depth)
{
	unsigned long r;

	CALLED;
	r = depth ? hz_recurse(depth - 1) : 0;
	RETURNED;
	return r + 1;
}

static unsigned long run_recursion(unsigned long n)
{
	return hz_recurse(n);
}

static volatile unsigned long interruptions;

PROBED void hz_handler(int number)
{
	CALLED;
	interruptions++;
	if (number == SIGUSR1)
		siglongjmp(sigmark, 5);
	RETURNED;
}

PROBED int hz_interrupted(int number)
{
	CALLED;
	raise(number);
	RETURNED;
	return 1;
}

PROBED int hz_fault(volatile int *where)
{
	int r;

	CALLED;
	r = *where;
	RETURNED;
	return r;
}

static void on_fault(int number)
{
	siglongjmp(sigmark, number);
}

static unsigned long run_handlers(unsigned long n)
{
	volatile unsigned long sum = 0;

	signal(SIGUSR1, hz_handler);
	signal(SIGUSR2, hz_handler);
	signal(SIGSEGV, on_fault);
	for (volatile unsigned long i = 0; i < n; i++) {
		int r = sigsetjmp(sigmark, 1);

		if (r)
			sum = sum * 3 + (unsigned long)r;
		else if (i % 3 == 2)
			sum += (unsigned long)hz_fault((int *)16);
		else
			sum += (unsigned long)hz_interrupted(i % 3 ? SIGUSR1 : SIGUSR2);
	}
	signal(SIGSEGV, SIG_DFL);
	return sum;
}

static volatile sig_atomic_t ticks, ticking;

/* Not counted: one more may come than was waited for. */
PROBED void ticked(int number)
{
	ticks += number == SIGRTMIN;
	if (ticking)
		siglongjmp(sigmark, 1);
}

PROBED unsigned long worked_one(unsigned long x)
{
	PUSHES;
	return hz_mix(x);
}

PROBED unsigned long worked_two(unsigned long x)
{
	unsigned long r = worked_one(x) + worked_one(x + 1);

	NOT_A_TAIL;
	return r;
}

/* A timer jumps out of whatever runs, probes included, n times. */
static unsigned long run_timer(unsigned long n)
{
	timer_t timer;
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec every = { { 0, 700000 }, { 0, 700000 } }, never = { 0 };
	volatile unsigned long x = 1;

	ticks = 0;
	signal(SIGRTMIN, ticked);
	if (timer_create(CLOCK_MONOTONIC, &e, &timer))
		return 0;
	sigsetjmp(sigmark, 1);
	ticking = 1;
	if ((unsigned long)ticks == 0)
		timer_settime(timer, 0, &every, NULL);
	while ((unsigned long)ticks < n)
		x = worked_two(x);
	ticking = 0;
	timer_settime(timer, 0, &never, NULL);
	timer_delete(timer);
	signal(SIGRTMIN, SIG_IGN);
	/* How many came is no one's to say: what they changed is. */
	x = 1;
	for (int i = 0; i < 100; i++)
		x = worked_two(x);
	return x;
}

PROBED unsigned long hz_tail_three(unsigned long x)
{
	CALLED;
	RETURNED;
	return x * 3 + 1;
}

PROBED unsigned long hz_tail_two(unsigned long x)
{
	CALLED;
	RETURNED;
	return hz_tail_three(x + 2);
}

static unsigned long (*volatile indirect)(unsigned long) = hz_tail_two;

PROBED unsigned long hz_tail_one(unsigned long x)
{
	PUSHES;
	CALLED;
	RETURNED;
	return indirect(x + 1);
}

PROBED unsigned long hz_odd(unsigned long x);

PROBED unsigned long hz_even(unsigned long x)
{
	CALLED;
	RETURNED;
	if (!x)
		return 100;
	return hz_odd(x - 1);
}

PROBED unsigned long hz_odd(unsigned long x)
{
	CALLED;
	RETURNED;
	if (!x)
		return 200;
	return hz_even(x - 1);
}

static unsigned long run_tails(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum += hz_tail_one(i) + hz_even(i % 40);
	return sum;
}

PROBED int hz_compare(const void *a, const void *b)
{
	int r;

	CALLED;
	r = *(const int *)a - *(const int *)b;
	RETURNED;
	return r;
}

static int initialised;

PROBED void hz_once(void)
{
	CALLED;
	initialised++;
	RETURNED;
}

static unsigned long run_callbacks(unsigned long n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		int v[16];

		for (int k = 0; k < 16; k++)
			v[k] = (k * 7 + (int)i) % 16;
		qsort(v, 16, sizeof(v[0]), hz_compare);
		pthread_once(&once, hz_once);
		sum = sum * 3 + (unsigned long)v[i % 16];
	}
	return sum + (unsigned long)initialised;
}

/* The compiler's stack protector, with arrays to protect. */
PROBED int hz_guarded(int i)
{
	char text[64];

	CALLED;
	snprintf(text, sizeof(text), "%d:%x", i, i * 7);
	RETURNED;
	return (int)strlen(text) + text[0];
}

static unsigned long run_guarded(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 3 + (unsigned long)hz_guarded((int)i * 1001);
	return sum;
}

PROBED int hz_smashed(size_t n)
{
	char text[16];
	char *volatile p = text;

	CALLED;
	memset(p, 'x', n);
	RETURNED;
	return text[3];
}

static unsigned long run_smash(unsigned long n)
{
	int fd = open("/dev/null", 2);

	dup2(fd, 2);
	return (unsigned long)hz_smashed(16 + n * 32);
}

static volatile int *volatile nowhere;

PROBED int hz_ends(int how)
{
	CALLED;
	if (how == 0)
		exit(21);
	if (how == 1)
		_exit(22);
	if (how == 2)
		kill(getpid(), SIGKILL);
	if (how == 3)
		abort();
	if (how == 4)
		*nowhere = 1;
	if (how == 5)
		__builtin_trap();
	if (how == 6)
		execl("/bin/sh", "sh", "-c", "exit 23", NULL);
	if (how == 7)
		pthread_exit(NULL);
	for (;;)
		pause();
	return 0;
}

static unsigned long run_end(unsigned long n)
{
	return (unsigned long)hz_ends((int)n);
}

static void *end_thread(void *arg)
{
	hz_ends((int)(long)arg);
	return NULL;
}

/* The same, while other threads are inside. */
static unsigned long run_end_thread(unsigned long n)
{
	pthread_t id;

	for (int i = 0; i < 3; i++)
		pthread_create(&id, NULL, end_thread, (void *)99L);
	pthread_create(&id, NULL, end_thread, (void *)(long)n);
	hz_ends(99);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "setjmp", run_setjmp },	{ "nesting", run_nesting },
		{ "recursion", run_recursion }, { "handlers", run_handlers },
		{ "timer", run_timer },		{ "tails", run_tails },
		{ "callbacks", run_callbacks }, { "guarded", run_guarded },
		{ "smash", run_smash },		{ "end", run_end },
		{ "end-thread", run_end_thread }, { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
