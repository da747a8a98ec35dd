// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of known length. "NAME COUNT" calls dur_NAME COUNT times; each call is
 * measured inside and outside; the answer has both lists, sorted. What a probe
 * sees of a call lies between, so each of its percentiles lies between theirs.
 */
#include "target.h"

#define MAX_CALLS 20000
static uint64_t inner[MAX_CALLS], outer[MAX_CALLS];
static size_t calls;

#define SPIN(name, ns)                                                                             \
	PROBED void dur_##name(void)                                                               \
	{                                                                                          \
		inner[calls] = busy(ns);                                                           \
	}
#define SLEEP(name, ns)                                                                            \
	PROBED void dur_##name(void)                                                               \
	{                                                                                          \
		struct timespec t = { (ns) / 1000000000, (ns) % 1000000000 };                      \
		uint64_t start = now_ns();                                                         \
		nanosleep(&t, NULL);                                                               \
		inner[calls] = now_ns() - start;                                                   \
	}

SPIN(spin_1us, 1000)
SPIN(spin_10us, 10000)
SPIN(spin_100us, 100000)
SPIN(spin_1ms, 1000000)
SPIN(spin_10ms, 10000000)
SLEEP(sleep_1ms, 1000000)
SLEEP(sleep_10ms, 10000000)
SLEEP(sleep_100ms, 100000000)
SLEEP(sleep_1s, 1000000000)

/* 500 ns to 4 ms, evenly over the powers of two. */
PROBED void dur_mixed(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	inner[calls] = busy((500u << (state % 13)) + (state >> 20) % 500);
}

static const struct {
	const char *name;
	void (*call)(void);
} table[] = {
#define ROW(name) { #name, dur_##name }
	ROW(spin_1us), ROW(spin_10us),	ROW(spin_100us),   ROW(spin_1ms), ROW(spin_10ms),
	ROW(sleep_1ms), ROW(sleep_10ms), ROW(sleep_100ms), ROW(sleep_1s), ROW(mixed),
};

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *key, uint64_t *value)
{
	qsort(value, calls, sizeof(*value), ascending);
	printf("\"%s\":[", key);
	for (size_t i = 0; i < calls; i++)
		printf("%s%lu", i ? "," : "", value[i]);
	putchar(']');
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		size_t n = target_number(0);

		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
			if (!target_is(table[i].name))
				continue;
			for (calls = 0; calls < n && calls < MAX_CALLS; calls++) {
				uint64_t t = now_ns();

				table[i].call();
				outer[calls] = now_ns() - t;
			}
		}
		putchar('{');
		print("inner", inner);
		putchar(',');
		print("outer", outer);
		puts("}");
		fflush(stdout);
	}
	return 0;
}
