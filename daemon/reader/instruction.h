/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One x86-64 instruction, reduced to what placement asks about it. Besides retaddr
 * the only user of Zydis; the only place that knows what Linux's uprobes accept and
 * emulate (arch/x86/kernel/uprobes.c).
 */
#ifndef READER_INSTRUCTION_H
#define READER_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_kind {
	PROBE_REFUSED, /* uprobes do not accept it, or must not be let near it */
	PROBE_STEPPED,
	PROBE_EMULATED,
	PROBE_SAVES, /* emulated: push of a callee-saved register */
	PROBE_NOP5,
};

struct instruction {
	uint8_t length;
	bool relative; /* direct jump or call, to target */
	bool call;
	bool indirect_jump; /* through a register or a table */
	uint64_t target;
};

/* What the instruction means to a prologue; costs more than the above. */
struct instruction_effects {
	struct instruction base;
	enum probe_kind probe;
	bool control_flow;
	bool marker;	    /* endbr64 */
	bool checks_limit;  /* cmp with 16(%r14), the limit of a Go stack */
	bool moves_stack;   /* writes rsp */
	bool argument_lost; /* writes rdi, rsi, rdx, rcx, r8 or r9 */
};

/* 0, or -EILSEQ when these bytes are no instruction. */
int instruction_decode(const uint8_t *code, size_t size, uint64_t vaddr, struct instruction *ret);
int instruction_effects(const uint8_t *code, size_t size, uint64_t vaddr,
			struct instruction_effects *ret);

#endif
