// SPDX-License-Identifier: GPL-2.0-only
/*
 * "go N F": memory is allocated N times, and F children on the way do the same a
 * little; what was in the memory adds up to "sum" wherever it lay.
 */
#include <sys/wait.h>
#include "target.h"

static unsigned long children;

PROBED unsigned long mem_once(unsigned long i)
{
	unsigned char *volatile p = malloc(i % 500 + 8);
	unsigned long sum = 0;

	memset(p, (int)(i & 0xff), 8);
	for (int j = 0; j < 8; j++)
		sum += p[j];
	free(p);
	return sum;
}

static void in_child(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		unsigned long sum = 0;

		for (unsigned long i = 0; i < 10; i++)
			sum += mem_once(i);
		_exit(sum == 8 * 45 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	children += status == 0;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long n = target_number(0), forks = target_number(1), sum = 0;

		for (unsigned long i = 0; i < n; i++) {
			sum += mem_once(i);
			if (forks && i % (n / forks) == 0)
				in_child();
		}
		target_truth("\"sum\":%lu,\"children\":%lu", sum, children);
	}
	return 4;
}
