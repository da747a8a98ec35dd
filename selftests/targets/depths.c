// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread that stays inside of calls: "enter N" calls deep_hold N times, each
 * inside the last, and the innermost takes the commands; "leave" returns from them
 * all. "work N": N times a chain of 5 calls from there, "libc N": N calls of rand
 * and of malloc. never_one and never_two are never called.
 */
#include "target.h"

static unsigned long held, worked;
static void serve(void);

PROBED void never_one(void)
{
	PUSHES;
	worked += 100000;
}

PROBED void never_two(void)
{
	PUSHES;
	worked += 200000;
}

PROBED void deep_hold(unsigned long n)
{
	held++;
	if (n > 1)
		deep_hold(n - 1);
	else
		serve();
	held--;
}

#define CHAIN(name, callee)                                                                                  \
	PROBED void name(void)                                                                               \
	{                                                                                                    \
		PUSHES;                                                                                      \
		callee;                                                                                      \
		worked++;                                                                                    \
	}
CHAIN(chain_5, NOT_A_TAIL)
CHAIN(chain_4, chain_5())
CHAIN(chain_3, chain_4())
CHAIN(chain_2, chain_3())
CHAIN(chain_1, chain_2())

static void truth(unsigned long sum)
{
	target_truth("\"held\":%lu,\"worked\":%lu,\"sum\":%lu", held, worked, sum);
}

static void serve(void)
{
	if (held)
		truth(0);
	while (target_command()) {
		unsigned long n = target_number(0), sum = 0;

		if (target_is("leave"))
			return;
		if (target_is("enter"))
			deep_hold(n);
		else if (target_is("work"))
			for (unsigned long i = 0; i < n; i++)
				chain_1();
		else if (target_is("libc")) {
			srand(1);
			for (unsigned long i = 0; i < n; i++) {
				char *p = malloc(i % 100 + 1);

				sum = sum * 31 + (unsigned long)rand() % 97 + (p != NULL);
				free(p);
			}
		} else if (target_is("exec"))
			execl(target_line + strlen("exec "), "other", NULL);
		else if (target_is("exit"))
			exit((int)n);
		truth(sum);
	}
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	serve();
	return 0;
}
