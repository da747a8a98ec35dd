// SPDX-License-Identifier: GPL-2.0-only
/*
 * A parent with many children that stay: "grow K" forks K more, "go N" has each of them
 * make N calls of herd_work, at the same time, and answers when all have. "shrink K" ends
 * the K oldest. They end with their parent.
 */
#include <sys/wait.h>
#include "target.h"

#define MOST 1000

static struct child {
	pid_t pid;
	int ask, answer;
} child[MOST];
static unsigned long children, bad;

PROBED unsigned long herd_work(unsigned long x)
{
	PUSHES;
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

/* The sum is a function of n alone. */
static unsigned long go(unsigned long n)
{
	unsigned long sum = n;

	for (unsigned long i = 0; i < n; i++)
		sum = herd_work(sum);
	return sum;
}

static void serve(int ask, int answer)
{
	unsigned long n, sum;

	while (read(ask, &n, sizeof(n)) == sizeof(n)) {
		sum = go(n);
		if (write(answer, &sum, sizeof(sum)) != sizeof(sum))
			break;
	}
	_exit(0);
}

static void grow(void)
{
	int ask[2], answer[2];
	struct child *c = &child[children];

	if (children == MOST || pipe(ask) || pipe(answer))
		abort();
	c->pid = fork();
	if (c->pid == 0) {
		/* Who holds another's end of a pipe keeps that one alive. */
		while (children > 0)
			close(child[--children].ask);
		close(ask[1]);
		serve(ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	c->ask = ask[1];
	c->answer = answer[0];
	children++;
}

static void all_go(unsigned long n)
{
	unsigned long sum, right = go(n);

	for (unsigned long i = 0; i < children; i++)
		bad += write(child[i].ask, &n, sizeof(n)) != sizeof(n);
	for (unsigned long i = 0; i < children; i++)
		bad += read(child[i].answer, &sum, sizeof(sum)) != sizeof(sum) || sum != right;
}

static void shrink(unsigned long k)
{
	for (unsigned long i = 0; i < k; i++) {
		close(child[i].ask);
		close(child[i].answer);
		waitpid(child[i].pid, NULL, 0);
	}
	children -= k;
	memmove(child, child + k, children * sizeof(*child));
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long n = target_number(0);

		if (target_is("grow"))
			for (unsigned long i = 0; i < n; i++)
				grow();
		else if (target_is("go"))
			all_go(n);
		else if (target_is("shrink") && n <= children)
			shrink(n);
		target_truth("\"pid\":%d,\"children\":%lu,\"bad\":%lu", getpid(), children, bad);
	}
	return 0;
}
