// SPDX-License-Identifier: GPL-2.0-only
/*
 * "WHERE N": two contexts hand over to each other N times inside co_step, on stacks
 * that lie WHERE: "static" in .bss, "frame" in an array of main's own stack, "tls"
 * in thread-local memory of another thread, "heap"; or "moved": each is resumed
 * by another thread than the one it began on.
 */
#include <pthread.h>
#include <ucontext.h>
#include "target.h"

#define STACK_BYTES 65536

static ucontext_t co_main, co_one, co_two;
static unsigned long steps, co_rounds;

PROBED void co_step(ucontext_t *from, ucontext_t *to)
{
	steps++;
	swapcontext(from, to);
	steps += 1000000;
}

static void co_body_one(void)
{
	for (unsigned long i = 0; i < co_rounds; i++)
		co_step(&co_one, &co_two);
	setcontext(&co_main);
}

static void co_body_two(void)
{
	for (;;)
		co_step(&co_two, &co_one);
}

static void co_prepare(ucontext_t *co, void (*body)(void), void *stack)
{
	getcontext(co);
	co->uc_stack.ss_sp = stack;
	co->uc_stack.ss_size = STACK_BYTES;
	makecontext(co, body, 0);
}

static void co_run(char (*stack)[STACK_BYTES])
{
	co_prepare(&co_one, co_body_one, stack[0]);
	co_prepare(&co_two, co_body_two, stack[1]);
	swapcontext(&co_main, &co_one);
}

PROBED void on_static(void)
{
	static char stack[2][STACK_BYTES];

	co_run(stack);
	NOT_A_TAIL;
}

PROBED void on_frame(void)
{
	char stack[2][STACK_BYTES];

	co_run(stack);
	__asm__ volatile("" ::"r"(stack) : "memory");
}

PROBED void on_heap(void)
{
	char(*stack)[STACK_BYTES] = malloc(2 * STACK_BYTES);

	if (!stack)
		abort();
	co_run(stack);
	free(stack);
}

static void *on_tls(void *arg)
{
	static __thread char stack[2][STACK_BYTES];

	co_run(stack);
	return arg;
}

/* Begun here, left at its first hand-over, and gone on with by a thread. */
static void *go_on(void *arg)
{
	swapcontext(&co_main, &co_two);
	return arg;
}

PROBED void begin(void)
{
	co_step(&co_main, &co_two);
}

static void in_thread(void *(*body)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, NULL))
		abort();
	pthread_join(thread, NULL);
}

static void co_back(void)
{
	for (unsigned long i = 0; i < co_rounds; i++)
		co_step(&co_two, &co_main);
	for (;;)
		setcontext(&co_main);
}

static void moved(void)
{
	static char stack[STACK_BYTES];

	co_prepare(&co_two, co_back, stack);
	begin();
	for (unsigned long i = 0; i < co_rounds; i++)
		in_thread(go_on);
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		co_rounds = target_number(0);
		if (target_is("static"))
			on_static();
		else if (target_is("frame"))
			on_frame();
		else if (target_is("heap"))
			on_heap();
		else if (target_is("tls"))
			in_thread(on_tls);
		else if (target_is("moved"))
			moved();
		target_truth("\"steps\":%lu", steps);
	}
	return 0;
}
