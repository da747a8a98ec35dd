/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data in the middle of functions, which look like code: rep movsb; ret. A jump that is
 * never taken leads there, or the call in front of them, as a disassembler sees it. Each
 * function adds them to its argument, so that a breakpoint in them is seen. x86-64.
 */
	.text

.macro FUNCTION name
	.globl \name
	.type \name, @function
\name:
.endm
.macro END name
	.size \name, .-\name
.endm
.macro DATA
	.byte 0xf3, 0xa4, 0xc3
.endm
/* Sums three bytes from %rdx on, and the argument. */
.macro SUM at
	movzbl \at(%rdx), %eax
	movzbl \at+1(%rdx), %ecx
	lea (%rax,%rcx,8), %rax
	movzbl \at+2(%rdx), %ecx
	lea (%rax,%rcx,8), %rax
	add %rdi, %rax
.endm
/* An address as programs that are loaded where they say have it, and as others. */
#ifdef __PIC__
#define ADDRESS(label, to) lea label(%rip), to
#else
#define ADDRESS(label, to) mov $label, to
#endif

FUNCTION hz_own_address_taken
	test %rdi, %rdi
	js 9f
	ADDRESS(9f, %rdx)
	SUM 0
	ret
9:	DATA
END hz_own_address_taken

FUNCTION hz_own_address_pushed
	test %rdi, %rdi
	js 9f
#ifdef __PIC__
	lea 9f(%rip), %rdx
#else
	push $9f
	pop %rdx
#endif
	SUM 0
	ret
9:	DATA
END hz_own_address_pushed

/* By an index, with the address as displacement. */
FUNCTION hz_own_table
	test %rdi, %rdi
	js 9f
	mov $2, %ecx
#ifdef __PIC__
	lea 9f(%rip), %rdx
	movzbl (%rdx,%rcx), %eax
#else
	movzbl 9f(%rcx), %eax
#endif
	add %rdi, %rax
	ret
9:	DATA
END hz_own_table

/* By an address in front of the function that is none of another. */
	.p2align 5
	.skip 16, 0x90
FUNCTION hz_own_from_beside
	test %rdi, %rdi
	js 9f
	ADDRESS(hz_own_from_beside-16, %rdx)
	SUM 9f-hz_own_from_beside+16
	ret
9:	DATA
END hz_own_from_beside

FUNCTION hz_own_from_start
	test %rdi, %rdi
	js 9f
	ADDRESS(hz_own_from_start, %rdx)
	SUM 9f-hz_own_from_start
	ret
9:	DATA
END hz_own_from_start

/* Another function's. */
FUNCTION hz_holds_data
	test %rdi, %rdi
	js hz_held_data
	lea 1(%rdi), %rax
	ret
hz_held_data:
	DATA
END hz_holds_data
	.skip 5000, 0xcc
FUNCTION hz_reads_held_data
	ADDRESS(hz_held_data, %rdx)
	SUM 0
	ret
END hz_reads_held_data

/* --- behind calls: what is called reads them, and comes back behind them --- */

FUNCTION hz_take_pop
	pop %rdx
	SUM 0
	add $3, %rdx
	jmp *%rdx
END hz_take_pop

FUNCTION hz_take_branch
	test %rdi, %rdi
	jns 1f
	ret
1:	pop %rdx
	SUM 0
	add $3, %rdx
	jmp *%rdx
END hz_take_branch

FUNCTION hz_take_inner
	mov 8(%rsp), %rdx
	SUM 0
	addq $3, 8(%rsp)
	ret
END hz_take_inner

FUNCTION hz_take_outer
	call hz_take_inner
	ret
END hz_take_outer

FUNCTION hz_take_late
	push %rdi
	call hz_nothing
	pop %rdi
	pop %rdx
	SUM 0
	add $3, %rdx
	jmp *%rdx
END hz_take_late

FUNCTION hz_nothing
	ret
END hz_nothing

.macro BEHIND name, call
FUNCTION \name
	test %rdi, %rdi
	js 1f
#ifdef __PIC__
	lea hz_take_pop(%rip), %rax
#else
	mov $hz_take_pop, %eax
#endif
	call \call
	DATA
1:	inc %rax
	ret
END \name
.endm

BEHIND hz_behind_branch, hz_take_branch
BEHIND hz_behind_nested, hz_take_outer
BEHIND hz_behind_late, hz_take_late
BEHIND hz_behind_slot, *hz_slot(%rip)
BEHIND hz_behind_register, *%rax

	.data
	.p2align 3
hz_slot:
	.quad hz_take_pop

	.section .note.GNU-stack,"",@progbits
