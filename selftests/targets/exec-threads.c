// SPDX-License-Identifier: GPL-2.0-only
/*
 * "go N": a thread executes this file again, as "again ADDRESS N". The new image,
 * whose only thread is that thread for the kernel, maps other stacks where the
 * old one was (or anywhere, when that place is taken) and uses them: N signals
 * handled on one, N switches between two, by machine code of its own.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "target.h"

enum { STACK = 65536 };
static unsigned long handled, raised, switched, rounds;
static char *self;

PROBED void ex_warm(void)
{
	PUSHES;
	raised++;
}

PROBED void ex_handle(int number)
{
	(void)number;
	ex_warm();
	handled++;
}

PROBED void ex_raise(void)
{
	raise(SIGUSR1);
	handled++;
}

#if defined(__x86_64__)
typedef void *place;
void ex_switch(place *from, place to);
__asm__("	.text\n"
	"	.globl ex_switch\n"
	"	.type ex_switch, @function\n"
	"ex_switch:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	"	.size ex_switch, . - ex_switch\n");
static place ground, stack[2];

PROBED void ex_step(int me)
{
	switched++;
	if (me == 0 && --rounds == 0)
		ex_switch(&stack[0], ground);
	else
		ex_switch(&stack[me], stack[!me]);
	switched += 1000;
}

static void body0(void)
{
	for (;;)
		ex_step(0);
}

static void body1(void)
{
	for (;;)
		ex_step(1);
}

static void switches(char *memory)
{
	for (int i = 0; i < 2; i++) {
		void **top = (void **)(memory + (i + 1) * STACK);

		*--top = NULL;
		*--top = NULL;
		*--top = i ? (void *)body1 : (void *)body0;
		stack[i] = top - 6;
	}
	ex_switch(&ground, stack[0]);
}
#else
static void switches(char *memory)
{
	memory[0] = 0;
}
#endif

static void *run_again(void *arg)
{
	volatile char much[3 * STACK];
	char text[64];

	for (int i = 0; i < 10; i++)
		ex_warm();
	much[0] = much[sizeof(much) - 1] = 1;
	snprintf(text, sizeof(text), "again %p %lu", __builtin_frame_address(0), target_number(0));
	execl(self, self, text, NULL);
	abort();
	return arg;
}

static void again(void)
{
	char *address = (char *)(target_number(0) & ~(unsigned long)(STACK - 1));
	char *memory = mmap(address - 2 * STACK, 4 * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t ss = { .ss_sp = memory + 2 * STACK, .ss_size = STACK };
	struct sigaction sa = { .sa_handler = ex_handle, .sa_flags = SA_ONSTACK };

	if (memory == MAP_FAILED || sigaltstack(&ss, NULL) || sigaction(SIGUSR1, &sa, NULL))
		abort();
	usleep(200000); /* the daemon judges the new image: returns may be armed from then on */
	for (unsigned long i = 0; i < target_number(1); i++)
		ex_raise();
	ss.ss_flags = SS_DISABLE;
	sigaltstack(&ss, NULL);
	rounds = target_number(1);
	switches(memory);
}

int main(int argc, char **argv)
{
	self = argv[0];
	target_init(argc, argv);
	while (target_command()) {
		pthread_t id;

		if (target_is("go")) {
			pthread_create(&id, NULL, run_again, NULL);
			pthread_join(id, NULL);
		} else
			again();
		target_truth("\"handled\":%lu,\"raised\":%lu,\"switched\":%lu", handled, raised, switched);
	}
	return 3;
}
