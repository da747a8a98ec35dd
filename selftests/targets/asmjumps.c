// SPDX-License-Identifier: GPL-2.0-only
/*
 * setjmp and longjmp under other names, in machine code of the program's own, as
 * interpreters have them. "go N": N times asm_outer marks its place, by asm_mark or
 * by asm_mark_push (whose first instruction is a push, the cheap site), and calls
 * asm_middle, which calls asm_inner, which jumps back every other time.
 */
#include "target.h"

#if defined(__x86_64__)
struct place {
	unsigned long saved[8];
};
int asm_mark(struct place *p) __attribute__((returns_twice));
int asm_mark_push(struct place *p) __attribute__((returns_twice));
void asm_jump(struct place *p, int value) __attribute__((noreturn));

__asm__("	.text\n"
	".macro keep\n"
	"	mov %rbx, (%rdi)\n"
	"	mov %rbp, 8(%rdi)\n"
	"	mov %r12, 16(%rdi)\n"
	"	mov %r13, 24(%rdi)\n"
	"	mov %r14, 32(%rdi)\n"
	"	mov %r15, 40(%rdi)\n"
	"	lea 8(%rsp), %rax\n"
	"	mov %rax, 48(%rdi)\n"
	"	mov (%rsp), %rax\n"
	"	mov %rax, 56(%rdi)\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	".endm\n"
	"	.globl asm_mark\n"
	"	.type asm_mark, @function\n"
	"asm_mark:\n"
	"	keep\n"
	"	.size asm_mark, . - asm_mark\n"
	"	.globl asm_mark_push\n"
	"	.type asm_mark_push, @function\n"
	"asm_mark_push:\n"
	"	push %rbp\n"
	"	pop %rbp\n"
	"	keep\n"
	"	.size asm_mark_push, . - asm_mark_push\n"
	"	.globl asm_jump\n"
	"	.type asm_jump, @function\n"
	"asm_jump:\n"
	"	mov %esi, %eax\n"
	"	mov (%rdi), %rbx\n"
	"	mov 8(%rdi), %rbp\n"
	"	mov 16(%rdi), %r12\n"
	"	mov 24(%rdi), %r13\n"
	"	mov 32(%rdi), %r14\n"
	"	mov 40(%rdi), %r15\n"
	"	mov 48(%rdi), %rsp\n"
	"	jmp *56(%rdi)\n"
	"	.size asm_jump, . - asm_jump\n");
#else
#include <setjmp.h>
struct place {
	jmp_buf saved;
};
#define asm_mark(p) setjmp((p)->saved)
#define asm_mark_push(p) setjmp((p)->saved)
#define asm_jump(p, value) longjmp((p)->saved, value)
#endif

static struct place place;
static unsigned long inner, middle, returned;

PROBED void asm_inner(unsigned long i)
{
	inner++;
	if (i % 2)
		asm_jump(&place, 1);
	inner += 1000;
}

PROBED void asm_middle(unsigned long i)
{
	asm_inner(i);
	middle++;
}

PROBED void asm_outer(unsigned long i)
{
	int again = i % 3 ? asm_mark(&place) : asm_mark_push(&place);

	if (again)
		returned++;
	else
		asm_middle(i);
	NOT_A_TAIL;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		for (unsigned long i = 0; i < target_number(0); i++)
			asm_outer(i);
		target_truth("\"inner\":%lu,\"middle\":%lu,\"returned\":%lu", inner, middle, returned);
	}
	return 3;
}
