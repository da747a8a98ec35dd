// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plain one: "go N" calls work_two 2 N times and work_one 3 N times, 2 N of them from there.
 * "spin MS" calls work_one until that much time has passed and says how often.
 * "fork N" has a child make N calls while the parent waits; "exec", "exec-thread"
 * start this program again, from the main thread or another, "exec-other PATH"
 * another; "stream" goes on calling until a byte comes in and says how many of its
 * results were wrong. "ignore" ignores SIGTERM from now on. "exit N" ends with that
 * status, "raise N" by that signal.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include "target.h"

static unsigned long ones, twos, wrong;
static char *self[] = { NULL, NULL };

PROBED unsigned long work_one(unsigned long x)
{
	PUSHES;
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

PROBED unsigned long work_two(unsigned long x)
{
	unsigned long r = work_one(x);

	NOT_A_TAIL;
	return r + 2;
}

/* The sum is a function of n alone: a wrong one means the profiler did harm. */
static unsigned long go(unsigned long n)
{
	unsigned long sum = n;

	for (unsigned long i = 0; i < n; i++) {
		sum = work_one(sum);
		sum = work_two(sum) + work_two(i);
	}
	ones += 3 * n;
	twos += 2 * n;
	return sum;
}

static void spin(uint64_t ms)
{
	uint64_t end = now_ns() + ms * 1000000;
	unsigned long x = 0;

	while (now_ns() < end) {
		x = work_one(x);
		ones++;
	}
}

static void stream(void)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	unsigned long right = go(1000);

	while (poll(&in, 1, 0) == 0)
		wrong += go(1000) != right;
}

static void *run_again(void *arg)
{
	execv("/proc/self/exe", self);
	abort();
	return arg;
}

static unsigned long in_child(unsigned long n, int *ret_status)
{
	unsigned long sum = 0;
	int fd[2];
	pid_t pid;

	if (pipe(fd))
		abort();
	pid = fork();
	if (pid == 0) {
		sum = go(n);
		_exit(write(fd[1], &sum, sizeof(sum)) == sizeof(sum) ? 0 : 1);
	}
	close(fd[1]);
	if (read(fd[0], &sum, sizeof(sum)) != sizeof(sum))
		sum = 0;
	close(fd[0]);
	waitpid(pid, ret_status, 0);
	return sum;
}

int main(int argc, char **argv)
{
	self[0] = argv[0];
	target_init(argc, argv);
	while (target_command()) {
		unsigned long sum = 0, n = target_number(0);
		int status = 0;

		if (target_is("go"))
			sum = go(n);
		else if (target_is("spin"))
			spin(n);
		else if (target_is("stream"))
			stream();
		else if (target_is("ignore"))
			signal(SIGTERM, SIG_IGN);
		else if (target_is("fork"))
			sum = in_child(n, &status);
		else if (target_is("exec"))
			run_again(NULL);
		else if (target_is("exec-thread")) {
			pthread_t id;

			pthread_create(&id, NULL, run_again, NULL);
			pthread_join(id, NULL);
		} else if (target_is("exec-other")) {
			execl(target_line + strlen("exec-other "), "other", NULL);
			abort();
		} else if (target_is("exit"))
			exit((int)n);
		else if (target_is("raise"))
			raise((int)n);
		target_truth("\"pid\":%d,\"sum\":%lu,\"ones\":%lu,\"twos\":%lu,\"wrong\":%lu,\"status\":%d",
			     getpid(), sum, ones, twos, wrong, status);
	}
	return 0;
}
