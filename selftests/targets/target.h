/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every program to be profiled shares. A target takes commands, one a line:
 * from its arguments when it has some (then it ends after the last), else from
 * standard input after it has said "ready PID"; so a test can attach first and
 * say "go" later, and no one has to sleep. Each command answers with one line of
 * JSON: what the program itself counted and measured, the truth to compare with.
 *
 *	int main(int argc, char **argv)
 *	{
 *		target_init(argc, argv);
 *		while (target_command())
 *			if (target_is("work"))
 *				target_truth("\"calls\":%d", work(target_number(0)));
 *		return 0;
 *	}
 */
#ifndef SELFTESTS_TARGET_H
#define SELFTESTS_TARGET_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A function that stays one: not inlined, not cloned, arguments not optimised away. */
#if defined(__clang__)
#define PROBED __attribute__((noinline, used))
#else
#define PROBED __attribute__((noinline, noclone, noipa, used))
#endif
/* Behind a call: what stands here keeps the call from becoming a jump. */
#define NOT_A_TAIL __asm__ volatile("" ::: "memory")

/* Makes a function begin with a push, the site most functions have. */
#if defined(__x86_64__)
#define PUSHES __asm__ volatile("" ::: "rbx")
#else
#define PUSHES NOT_A_TAIL
#endif

static char **target_args;
static int target_args_left = -1;
static char target_line[512];

__attribute__((unused)) static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Returns how long it really took: at least ns. */
__attribute__((unused)) static inline uint64_t busy(uint64_t ns)
{
	uint64_t start = now_ns(), now = start;

	while (now - start < ns)
		now = now_ns();
	return now - start;
}

__attribute__((unused)) static void target_init(int argc, char **argv)
{
	char text[64];
	int n;

	if (argc > 1) {
		target_args = argv + 1;
		target_args_left = argc - 1;
		return;
	}
	n = snprintf(text, sizeof(text), "ready %d\n", (int)getpid());
	if (write(1, text, (size_t)n) != n)
		exit(1);
}

/* The next command into target_line; false when there is none. */
__attribute__((unused)) static bool target_command(void)
{
	size_t n = 0;
	char c;

	if (target_args_left == 0)
		return false;
	if (target_args_left > 0) {
		snprintf(target_line, sizeof(target_line), "%s", *target_args++);
		target_args_left--;
		return true;
	}
	for (;;) {
		ssize_t r = read(0, &c, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		if (c == '\n')
			break;
		if (n < sizeof(target_line) - 1)
			target_line[n++] = c;
	}
	target_line[n] = '\0';
	return true;
}

/* Is the command's first word this one? */
__attribute__((unused)) static bool target_is(const char *word)
{
	size_t n = strlen(word);

	return !strncmp(target_line, word, n) && (target_line[n] == ' ' || !target_line[n]);
}

/* The command's n-th word after the first, as a number; 0 when there is none. */
__attribute__((unused)) static unsigned long target_number(int n)
{
	const char *p = target_line;

	for (int i = 0; i <= n; i++) {
		p = strchr(p, ' ');
		if (!p)
			return 0;
		p++;
	}
	return strtoul(p, NULL, 0);
}

/* One line of JSON; the format gives what stands between the braces. */
__attribute__((unused, format(printf, 1, 2))) static void target_truth(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	putchar('{');
	vprintf(format, ap);
	puts("}");
	va_end(ap);
	fflush(stdout);
}

#endif
