/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every hazardous program shares, on top of target.h: a table of cases, and
 * counters that say for each probed function how often it was entered and how often
 * it returned by itself; what lies between was unwound, jumped over or cut off. So
 * the program's own output is all that a report is compared with.
 *
 *	PROBED int hz_one(int x)
 *	{
 *		CALLED;
 *		...
 *		RETURNED;
 *		return x;
 *	}
 *
 * Commands: "CASE N" answers with a line of JSON; "fork CASE N" and "vfork CASE N" run
 * it in a child, and answer with the child's result and how it ended; "stream CASE N"
 * repeats it until a byte comes in and says how many results were wrong.
 */
#ifndef SELFTESTS_HAZARD_H
#define SELFTESTS_HAZARD_H

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "../../targets/target.h"

struct hz_counter {
	const char *name;
	unsigned long calls, returns, unused;
};

struct hz_case {
	const char *name;
	unsigned long (*run)(unsigned long n);
};

extern struct hz_counter hz_counters_first[] __asm__("__start_hz_counters");
extern struct hz_counter hz_counters_end[] __asm__("__stop_hz_counters");

#define CALLED                                                                            \
	static struct hz_counter hz_self __attribute__((used, section("hz_counters"), aligned(32))) = { \
		__func__, 0, 0, 0                                                          \
	};                                                                                \
	__atomic_add_fetch(&hz_self.calls, 1, __ATOMIC_RELAXED)
#define RETURNED __atomic_add_fetch(&hz_self.returns, 1, __ATOMIC_RELAXED)

/* The child's result: it survives however the child ends. */
static unsigned long *hz_shared;

__attribute__((unused)) static unsigned long hz_mix(unsigned long x)
{
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

static const struct hz_case *hz_find(const struct hz_case *cases, const char *text, unsigned long *ret_n)
{
	size_t n = strcspn(text, " ");

	*ret_n = strtoul(text + n, NULL, 0);
	for (; cases->name; cases++) {
		if (strlen(cases->name) == n && !strncmp(cases->name, text, n))
			return cases;
	}
	fprintf(stderr, "no case %s\n", text);
	exit(99);
}

static void hz_answer(const char *text, unsigned long result, int status)
{
	const struct hz_counter *c;
	const char *between = "";

	printf("{\"case\":\"%s\",\"result\":%lu,\"status\":%d,\"calls\":{", text, result, status);
	for (c = hz_counters_first; c < hz_counters_end; c++) {
		if (!c->calls)
			continue;
		printf("%s\"%s\":[%lu,%lu]", between, c->name, c->calls, c->returns);
		between = ",";
	}
	puts("}}");
	fflush(stdout);
}

__attribute__((noinline)) static void hz_child(const struct hz_case *c, unsigned long n, bool vforked)
{
	static struct hz_counter saved[256];
	size_t bytes = (size_t)((char *)hz_counters_end - (char *)hz_counters_first);
	int status;
	pid_t pid;

	fflush(stdout);
	*hz_shared = 0;
	memcpy(saved, hz_counters_first, bytes);
	pid = vforked ? vfork() : fork();
	if (pid == 0) {
		*hz_shared = c->run(n);
		_exit(11);
	}
	waitpid(pid, &status, 0);
	/* What a vfork child counted is not this process's. */
	memcpy(hz_counters_first, saved, bytes);
	hz_answer(target_line, *hz_shared, status);
}

static void hz_stream(const struct hz_case *c, unsigned long n)
{
	struct pollfd in = { 0, POLLIN, 0 };
	unsigned long right = c->run(n), wrong = 0;

	puts("{\"streaming\":1}");
	fflush(stdout);
	/* Mostly at rest: the test is about moments, not about load. */
	while (poll(&in, 1, 20) == 0)
		wrong += c->run(n) != right;
	printf("{\"wrong\":%lu,\"result\":%lu}\n", wrong, right);
	fflush(stdout);
}

__attribute__((unused)) static int hz_main(int argc, char **argv, const struct hz_case *cases)
{
	const struct rlimit none = { 0, 0 };
	const struct hz_case *c;
	unsigned long n;

	setrlimit(RLIMIT_CORE, &none);
	hz_shared = (unsigned long *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("fork")) {
			c = hz_find(cases, target_line + 5, &n);
			hz_child(c, n, false);
		} else if (target_is("vfork")) {
			c = hz_find(cases, target_line + 6, &n);
			hz_child(c, n, true);
		} else if (target_is("stream")) {
			c = hz_find(cases, target_line + 7, &n);
			hz_stream(c, n);
		} else {
			c = hz_find(cases, target_line, &n);
			hz_answer(target_line, c->run(n), 0);
		}
	}
	return 3;
}

#endif
