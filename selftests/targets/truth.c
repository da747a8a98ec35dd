// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of 2 ns to 10 us and callers of 1, 10 and 100 of them, and of such as are
 * dear to probe or cannot be timed. "measure": what a
 * call of each takes, in picoseconds, by the program's own clock, which is the truth
 * when nothing is probed. "work N": N rounds of all of them.
 */
#include "target.h"

#define BATCHES 101
#define BATCH_NS 20000 /* short: few of them are disturbed */

/* Each multiplication waits for the one before, in the call before, too: else a CPU
 * that runs ahead would do several calls at once, and a probed one could not. */
static inline void spin(unsigned int n)
{
	static unsigned long chain = 3;
	unsigned long x = chain;

	while (n-- > 0)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	chain = x;
}

#define LEAF(name, rounds)                                                                         \
	PROBED void true_##name(void)                                                              \
	{                                                                                          \
		PUSHES;                                                                            \
		spin(rounds);                                                                      \
	}
PROBED void true_2ns(void)
{
	PUSHES;
}

LEAF(25ns, 30)
LEAF(250ns, 340)
LEAF(10us, 14000)

/* Begins with an instruction that the kernel steps through. */
__asm__(".text; .type true_stepped, @function; true_stepped: lea 1(%rdi), %rax; ret;"
	".size true_stepped, . - true_stepped");
void true_stepped(void);

/* Its way in is its way out: where returns are not armed it is counted only. */
__asm__(".text; .type true_jump, @function; true_jump: jmp true_2ns;"
	".size true_jump, . - true_jump");
void true_jump(void);

#define CALLER(times, name)                                                                        \
	PROBED void true_##times##_of_##name(void)                                                 \
	{                                                                                          \
		for (int i = 0; i < (times); i++)                                                  \
			true_##name();                                                             \
		NOT_A_TAIL;                                                                        \
	}
CALLER(1, 2ns)
CALLER(10, 2ns)
CALLER(100, 2ns)
CALLER(1, 25ns)
CALLER(10, 25ns)
CALLER(100, 25ns)
CALLER(1, 250ns)
CALLER(10, 250ns)
CALLER(100, 250ns)
CALLER(10, stepped)
CALLER(10, jump)

static const struct {
	const char *name;
	void (*call)(void);
	unsigned int times; /* a round */
} table[] = {
#define ROW(name, times) {"true_" #name, true_##name, times}
	ROW(1_of_2ns, 1),    ROW(10_of_2ns, 1),	  ROW(100_of_2ns, 1),
	ROW(1_of_25ns, 1),   ROW(10_of_25ns, 1),  ROW(100_of_25ns, 1),
	ROW(1_of_250ns, 1),  ROW(10_of_250ns, 1), ROW(100_of_250ns, 1),
	ROW(10_of_stepped, 1), ROW(10_of_jump, 1),
	ROW(2ns, 1),	     ROW(25ns, 1),	  ROW(250ns, 1),	ROW(10us, 30),
};
#define ROWS (sizeof(table) / sizeof(*table))

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t batch_ns(void (*call)(void), unsigned int calls)
{
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < calls; i++)
		call();
	return now_ns() - start;
}

/* Picoseconds a call: the median of batches. */
static uint64_t measure(void (*call)(void))
{
	uint64_t seen[BATCHES];
	unsigned int calls = 1;

	while (batch_ns(call, calls) < BATCH_NS)
		calls *= 2;
	for (int i = 0; i < BATCHES; i++)
		seen[i] = batch_ns(call, calls);
	qsort(seen, BATCHES, sizeof(*seen), ascending);
	return seen[BATCHES / 2] * 1000 / calls;
}

PROBED void true_work(unsigned long rounds)
{
	for (unsigned long n = 0; n < rounds; n++)
		for (size_t i = 0; i < ROWS; i++)
			for (unsigned int k = 0; k < table[i].times; k++)
				table[i].call();
	NOT_A_TAIL;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("measure")) {
			printf("{");
			for (size_t i = 0; i < ROWS; i++)
				printf("%s\"%s\":%lu", i ? "," : "", table[i].name,
				       measure(table[i].call));
			puts("}");
			fflush(stdout);
		} else if (target_is("work")) {
			uint64_t start = now_ns();

			true_work(target_number(0));
			target_truth("\"work_ns\":%lu", now_ns() - start);
		}
	}
	return 0;
}
