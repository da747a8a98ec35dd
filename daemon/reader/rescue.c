/* SPDX-License-Identifier: GPL-2.0-only */
/* The last word of a reader that falls: async-signal-safe. */
#include <signal.h>
#include <unistd.h>

#include "daemon/reader/rescue.h"

/* Sanitizers shall report the crash, not have it covered up. */
#if defined(__SANITIZE_ADDRESS__)
#define RESCUE_CRASHES false
#else
#define RESCUE_CRASHES true
#endif

static const int crash_signals[] = {SIGSEGV, SIGABRT, SIGFPE, SIGILL};

static const uint8_t *volatile ready;
static volatile size_t ready_size;

static void on_signal(int signal)
{
	const uint8_t *at = ready;
	size_t left = ready_size;

	while (left) {
		ssize_t n = write(STDOUT_FILENO, at, left);

		if (n <= 0)
			_exit(1);
		at += n;
		left -= (size_t)n;
	}
	_exit(0);
}

static void set_crash_handlers(void (*handler)(int))
{
	/* A stack of its own: what crashed may be a recursion without end. */
	static uint8_t stack[64 * 1024];
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&own, NULL);
	for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		sigaction(crash_signals[i], &action, NULL);
}

void rescue_arm(const uint8_t *data, size_t size, unsigned int seconds, bool crashes)
{
	struct sigaction action = {.sa_handler = on_signal};

	ready = data;
	ready_size = size;
	if (crashes && RESCUE_CRASHES)
		set_crash_handlers(on_signal);
	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
}

void rescue_disarm(void)
{
	alarm(0);
	if (RESCUE_CRASHES)
		set_crash_handlers(SIG_DFL);
}
