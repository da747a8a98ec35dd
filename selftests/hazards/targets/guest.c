// SPDX-License-Identifier: GPL-2.0-only
/* A C program, without a landing pad of its own, that a C++ library calls back: what
 * other functions of that library throw passes through the program into it. */
#include "carry.h"
#include "hazard.h"

PROBED int hz_asked(int x)
{
	int r;

	CALLED;
	r = x % 3 ? pass_throw(x) : x;
	RETURNED;
	return r;
}

PROBED int hz_between(int x)
{
	int r;

	CALLED;
	r = carry(hz_asked, x);
	RETURNED;
	return r;
}

PROBED int hz_host(int x)
{
	int r;

	CALLED;
	r = pass_catch(hz_between, x);
	RETURNED;
	return r + 1;
}

static unsigned long run_guest(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 3 + (unsigned long)hz_host((int)i);
	return sum;
}

static unsigned long run_uncaught(unsigned long n)
{
	return (unsigned long)hz_between((int)n);
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "guest", run_guest }, { "uncaught", run_uncaught }, { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
