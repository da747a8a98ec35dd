// SPDX-License-Identifier: GPL-2.0-only
/*
 * 1,000 functions, hit_0 .. hit_999, called in turn by two threads at 1,000,000 calls a
 * second, or as many as they can: what the daemon is to bear. Says each 100 ms
 * "NS CALLS LONGEST", see spin.c.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "target.h"

enum {
	FUNCTIONS = 1000,
	THREADS = 2,
	RATE = 1000000,
	SLOT_NS = 100000000,
};

extern void hit_0(void);

__asm__(".text\n"
	".altmacro\n"
	".macro one n\n"
	".balign 16\n.globl hit_\\n\n.type hit_\\n,@function\n"
	"hit_\\n: push %rbp; mov %rsp,%rbp; pop %rbp; ret\n"
	".size hit_\\n,.-hit_\\n\n"
	".endm\n"
	".set i,0\n"
	".rept 1000\n"
	"one %i\n"
	".set i,i+1\n"
	".endr\n"
	".noaltmacro\n");

static atomic_ullong calls;

/* They are 16 bytes each, one behind the other. */
static void call_all(void)
{
	for (int i = 0; i < FUNCTIONS; i++)
		((void (*)(void))((char *)hit_0 + i * 16))();
}

static void *work(__attribute__((unused)) void *nothing)
{
	uint64_t start = now_ns(), mine = 0;
	struct timespec nap = {.tv_nsec = 500000};

	for (;;) {
		while (mine > (now_ns() - start) * (RATE / THREADS) / 1000000000)
			nanosleep(&nap, NULL);
		call_all();
		mine += FUNCTIONS;
		atomic_fetch_add(&calls, FUNCTIONS);
	}
	return NULL;
}

int main(void)
{
	struct timespec slot = {.tv_nsec = SLOT_NS};
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, work, NULL))
			return 1;
	do {
		nanosleep(&slot, NULL);
	} while (printf("%llu %llu 0\n", (unsigned long long)now_ns(), (unsigned long long)calls) > 0 &&
		 !fflush(stdout));
	return 0;
}
