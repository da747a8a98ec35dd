// SPDX-License-Identifier: GPL-2.0-only
/* Other stacks than the thread's own: signal stacks above, below and inside it, and
 * coroutines by ucontext and by machine code, resumed here and on other threads. */
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include "hazard.h"

#define STACK_BYTES 65536

PROBED unsigned long hz_work(unsigned long x)
{
	CALLED;
	x = hz_mix(x);
	RETURNED;
	return x;
}

PROBED unsigned long hz_twice(unsigned long x)
{
	CALLED;
	x = hz_work(hz_work(x));
	RETURNED;
	return x;
}

/* --- signal stacks ------------------------------------------------------------ */

static volatile unsigned long handled;

PROBED void hz_handle(int number)
{
	CALLED;
	handled = hz_twice(handled + (unsigned long)number);
	if (number == SIGUSR1)
		raise(SIGUSR2);
	RETURNED;
}

PROBED unsigned long hz_raise(unsigned long x)
{
	CALLED;
	handled = x;
	raise(SIGUSR1);
	x = hz_twice(handled);
	RETURNED;
	return x;
}

static unsigned long on_stack(void *stack, unsigned long n, int flags)
{
	stack_t new = { .ss_sp = stack, .ss_size = STACK_BYTES, .ss_flags = flags }, old;
	struct sigaction sa = { .sa_handler = hz_handle, .sa_flags = SA_ONSTACK };
	unsigned long sum = 0;

	sigaltstack(&new, &old);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	for (unsigned long i = 0; i < n; i++)
		sum += hz_raise(i);
	sigaltstack(&old, NULL);
	return sum;
}

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static __thread char tls_stack[2][STACK_BYTES] __attribute__((aligned(16)));
static char bss_stack[2][STACK_BYTES] __attribute__((aligned(16)));

static unsigned long run_signal(unsigned long n)
{
	char frame[STACK_BYTES];
	void *heap = malloc(STACK_BYTES);
	unsigned long sum = on_stack(bss_stack[0], n, 0);

	sum = sum * 3 + on_stack(frame, n, 0);
	sum = sum * 3 + on_stack(heap, n, 0);
	sum = sum * 3 + on_stack(tls_stack[0], n, 0);
	sum = sum * 3 + on_stack(heap, n, (int)SS_AUTODISARM);
	free(heap);
	return sum;
}

static void *signal_thread(void *arg)
{
	unsigned long *sum = arg;

	*sum = run_signal(*sum);
	return NULL;
}

/* In threads whose stacks lie below and above the signal stacks, in one mapping. */
static unsigned long run_thread(unsigned long n)
{
	char *block = mmap(NULL, 32 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long sum = 0, one = n;
	pthread_attr_t attr;
	pthread_t id;

	for (int i = 0; i < 2; i++) {
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, block + (i ? 16 : 4) * STACK_BYTES, 12 * STACK_BYTES);
		one = n;
		pthread_create(&id, &attr, signal_thread, &one);
		pthread_join(id, NULL);
		sum = sum * 3 + one;
	}
	munmap(block, 32 * STACK_BYTES);
	one = n;
	pthread_create(&id, NULL, signal_thread, &one);
	pthread_join(id, NULL);
	return sum * 3 + one;
}

/* --- ucontext ------------------------------------------------------------------- */

static ucontext_t out, left, right;
static unsigned long co_rounds, co_sum;

PROBED void hz_step(ucontext_t *from, ucontext_t *to)
{
	CALLED;
	co_sum = hz_twice(co_sum);
	swapcontext(from, to);
	co_sum = hz_work(co_sum + 1);
	RETURNED;
}

static void co_left(void)
{
	for (unsigned long i = 0; i < co_rounds; i++)
		hz_step(&left, &right);
	setcontext(&out);
}

static void co_right(void)
{
	for (;;)
		hz_step(&right, &left);
}

static void prepare(ucontext_t *co, void (*body)(void), char *stack)
{
	getcontext(co);
	co->uc_stack.ss_sp = stack;
	co->uc_stack.ss_size = STACK_BYTES;
	makecontext(co, body, 0);
}

static unsigned long on_contexts(char (*stack)[STACK_BYTES], unsigned long n)
{
	co_rounds = n;
	co_sum = n;
	prepare(&left, co_left, stack[0]);
	prepare(&right, co_right, stack[1]);
	swapcontext(&out, &left);
	return co_sum;
}

static unsigned long run_context(unsigned long n)
{
	char frame[2][STACK_BYTES];
	char (*heap)[STACK_BYTES] = malloc(2 * STACK_BYTES);
	unsigned long sum = on_contexts(bss_stack, n);

	sum = sum * 3 + on_contexts(frame, n);
	sum = sum * 3 + on_contexts(heap, n);
	sum = sum * 3 + on_contexts(tls_stack, n);
	free(heap);
	return sum;
}

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *context_thread(void *arg)
{
	unsigned long *n = arg;

	pthread_mutex_lock(&turn);
	*n = run_context(*n);
	pthread_mutex_unlock(&turn);
	return NULL;
}

static unsigned long run_context_thread(unsigned long n)
{
	unsigned long results[3] = { n, n + 1, n + 2 };
	pthread_t id[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&id[i], NULL, context_thread, &results[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(id[i], NULL);
	return results[0] + results[1] * 3 + results[2] * 9;
}

/* --- resumed on another thread than it began on ---------------------------------- */

static ucontext_t moved, back;
static unsigned long moves;

PROBED void hz_move(void)
{
	CALLED;
	moves = hz_twice(moves);
	swapcontext(&moved, &back);
	moves = hz_work(moves);
	RETURNED;
}

static void moving(void)
{
	for (;;)
		hz_move();
}

static void *resume(void *arg)
{
	swapcontext(&back, &moved);
	return arg;
}

static unsigned long run_moved(unsigned long n)
{
	/* A stack in a mapping of its own, then between thread stacks. */
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t id;

	moves = n;
	prepare(&moved, moving, stack);
	for (unsigned long i = 0; i < n; i++) {
		pthread_create(&id, NULL, resume, NULL);
		pthread_join(id, NULL);
	}
	munmap(stack, STACK_BYTES);
	return moves;
}

/* --- by machine code, as libraries of fibres do ---------------------------------- */

void hz_switch(void **save, void *load);
__asm__(".text\n.globl hz_switch\n.type hz_switch,@function\nhz_switch:\n"
	"push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
	"mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
	"pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
	".size hz_switch,.-hz_switch\n");

static void *fibre_main, *fibre_other;
static unsigned long fibres;

PROBED void hz_yield(void **from, void **to)
{
	CALLED;
	fibres = hz_twice(fibres);
	hz_switch(from, *to);
	fibres = hz_work(fibres);
	RETURNED;
}

static void fibre_body(void)
{
	for (;;)
		hz_yield(&fibre_other, &fibre_main);
}

static unsigned long run_fibre(unsigned long n)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void **top = (void **)(stack + STACK_BYTES - 64);

	top[0] = 0;
	top[-1] = (void *)fibre_body;
	fibre_other = top - 7;
	fibres = n;
	for (unsigned long i = 0; i < n; i++)
		hz_yield(&fibre_main, &fibre_other);
	munmap(stack, STACK_BYTES);
	return fibres;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "signal", run_signal },   { "signal-thread", run_thread },
		{ "context", run_context }, { "context-thread", run_context_thread },
		{ "moved", run_moved },	    { "fibre", run_fibre },
		{ NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
