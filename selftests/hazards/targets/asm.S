/* SPDX-License-Identifier: GPL-2.0-only */
/* Machine code as no compiler writes it; asm.c calls it. x86-64. */
	.text

.macro FUNCTION name
	.globl \name
	.type \name, @function
\name:
.endm
.macro END name
	.size \name, .-\name
.endm

/* A leaf that keeps its data below the stack pointer. */
FUNCTION hz_red_zone
	mov %rdi, -8(%rsp)
	mov %rsi, -16(%rsp)
	movq $7, -128(%rsp)
	mov -8(%rsp), %rax
	imul -16(%rsp), %rax
	add -128(%rsp), %rax
	ret
END hz_red_zone

/* The same behind a 5-byte nop, and with the write before it. */
FUNCTION hz_red_nop
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	mov %rdi, -8(%rsp)
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	mov -8(%rsp), %rax
	add $3, %rax
	ret
END hz_red_nop

/* Two ways out, one of them with the prefix of old processors. */
FUNCTION hz_two_ways
	test $1, %dil
	je 1f
	lea 1(%rdi), %rax
	repz ret
1:	lea 2(%rdi), %rax
	ret
END hz_two_ways

/* Its callee clears the argument from the stack. */
FUNCTION hz_ret_imm
	mov 8(%rsp), %rax
	add $5, %rax
	ret $8
END hz_ret_imm

FUNCTION hz_calls_ret_imm
	push %rdi
	call hz_ret_imm
	add $1, %rax
	ret
END hz_calls_ret_imm

/* A table of offsets between the code that jumps by it and the code it leads to. */
FUNCTION hz_jump_table
	and $3, %edi
	lea 9f(%rip), %rax
	movslq (%rax,%rdi,4), %rcx
	add %rcx, %rax
	notrack jmp *%rax
	.p2align 2
9:	.long 1f-9b, 2f-9b, 3f-9b, 4f-9b
1:	mov $101, %eax
	ret
2:	mov $102, %eax
	ret
3:	mov $103, %eax
	jmp 5f
4:	mov $104, %eax
5:	add $10, %eax
	ret
END hz_jump_table

/* Sums what lies in the text beside it: bytes that look like returns and pushes. */
FUNCTION hz_sums_text
	lea hz_bytes(%rip), %rdx
	xor %eax, %eax
	mov $64, %ecx
1:	movzbl (%rdx), %esi
	lea (%rax,%rax,2), %rax
	add %rsi, %rax
	inc %rdx
	dec %ecx
	jnz 1b
	ret
hz_bytes:
	.rept 16
	.byte 0x55, 0xc3, 0x90, 0xcb
	.endr
END hz_sums_text

/* Data under a symbol of its own, beside functions. */
	.globl hz_not_code
	.type hz_not_code, @object
hz_not_code:
	.rept 8
	.byte 0xc3, 0x55, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3
	.endr
END hz_not_code

FUNCTION hz_sums_not_code
	lea hz_not_code(%rip), %rdx
	xor %eax, %eax
	mov $64, %ecx
1:	movzbl (%rdx), %esi
	lea (%rax,%rax,2), %rax
	add %rsi, %rax
	inc %rdx
	dec %ecx
	jnz 1b
	ret
END hz_sums_not_code

/* A loop that begins where the function does. */
FUNCTION hz_loop_at_entry
	dec %rdi
	jnz hz_loop_at_entry
	mov $77, %eax
	ret
END hz_loop_at_entry

/* The same with a cheap first instruction: balanced by the end. */
FUNCTION hz_push_at_entry
	push %rbx
	pop %rbx
	dec %rdi
	jnz hz_push_at_entry
	mov $78, %eax
	ret
END hz_push_at_entry

/* Falls through into the next one; both are called. */
FUNCTION hz_falls
	add $1000, %rdi
END hz_falls
FUNCTION hz_fallen
	lea 1(%rdi), %rax
	ret
END hz_fallen

/* Two functions that share an end. */
FUNCTION hz_shared_one
	push %rbx
	lea 1(%rdi), %rbx
	jmp hz_shared_end
END hz_shared_one
FUNCTION hz_shared_two
	push %rbx
	lea 2(%rdi), %rbx
	jmp hz_shared_end
END hz_shared_two
	.type hz_shared_end, @notype
hz_shared_end:
	mov %rbx, %rax
	pop %rbx
	ret

/* Jumps past its own prefix: two instructions in the same bytes. */
FUNCTION hz_overlap
	mov $1, %eax
	test %rdi, %rdi
	je 1f+1
1:	lock addq $2, -8(%rsp)
	add $4, %eax
	ret
END hz_overlap

/* Leaves by a conditional jump to another function. */
FUNCTION hz_jcc_out
	test $1, %dil
	jne hz_fallen
	lea 5(%rdi), %rax
	ret
END hz_jcc_out

/* Keeps its return address in a register, as thunks do, and returns by a jump. */
FUNCTION hz_pops_return
	pop %rdx
	lea 9(%rdi), %rax
	jmp *%rdx
END hz_pops_return

/* Returns to where it is told, one word further down. */
FUNCTION hz_pushes_return
	lea 1f(%rip), %rax
	push %rax
	ret
1:	lea 11(%rdi), %rax
	ret
END hz_pushes_return

/* Gets its own address by a call to the next instruction. */
FUNCTION hz_own_address
	call 1f
1:	pop %rdx
	lea 1b(%rip), %rcx
	xor %eax, %eax
	cmp %rdx, %rcx
	sete %al
	add %rdi, %rax
	ret
END hz_own_address

/* An own frame with the flags kept over the first instructions. */
FUNCTION hz_flags
	stc
	push %rbp
	mov %rsp, %rbp
	mov $0, %eax
	adc %rdi, %rax
	pop %rbp
	ret
END hz_flags

/* Every register in use, the direction flag set, SSE state kept. */
FUNCTION hz_registers
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rdi, %rbx
	lea 1(%rdi), %rbp
	lea 2(%rdi), %r12
	lea 3(%rdi), %r13
	lea 4(%rdi), %r14
	lea 5(%rdi), %r15
	movq %rdi, %xmm7
	std
	call hz_fallen
	cld
	movq %xmm7, %rdi
	add %rbx, %rax
	add %rbp, %rax
	add %r12, %rax
	add %r13, %rax
	add %r14, %rax
	add %r15, %rax
	add %rdi, %rax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
END hz_registers

	.section .note.GNU-stack,"",@progbits
