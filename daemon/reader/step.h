/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One instruction as a step of a function's control flow: where it leads, and what
 * it does to the distance of rsp and rbp from the return address. Bytes in, facts out.
 */
#ifndef READER_STEP_H
#define READER_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum step_kind {
	STEP_ON,       /* on to the next instruction */
	STEP_CALL,     /* comes back behind itself, unless the callee does not return */
	STEP_JUMP,     /* to target */
	STEP_BRANCH,   /* to target, or on */
	STEP_INDIRECT, /* jmp through a register or memory */
	STEP_RETURN,
	STEP_STOP, /* ud2, hlt, int3: nobody comes past it */
	STEP_ODD,  /* iret and the like: leads nobody knows where */
};

#define STEP_NO_CONDITION 0xff

struct step {
	uint8_t length;
	enum step_kind kind;
	uint8_t condition; /* of a STEP_BRANCH: x86's condition code; loop, jrcxz: none */
	bool direct;	   /* target is known */
	bool slot;	   /* STEP_INDIRECT through one fixed place, as a PLT does */
	bool refers;	   /* has a rip-relative operand, at address */
	bool takes;	   /* lea of it: reads nothing there by itself */
	bool displaced;	   /* has a displacement of 32 bits or more that is not rip-relative */
	bool immediate;	   /* has an operand in itself as wide as that */
	bool nop;
	bool slow; /* may take longer than an instruction: into the kernel, repeated, locked */
	uint64_t target;
	uint64_t address;
	uint64_t displacement, value; /* of those two: addresses, where code knows its own */
};

/*
 * What rsp and rbp hold, less the place of the return address: 0 and LEVEL_UNKNOWN at
 * the entry.
 */
#define LEVEL_UNKNOWN INT32_MIN
struct level {
	int32_t rsp, rbp;
};

struct ZydisDecodedInstruction_;
/* What does not need its operands. */
struct step step_reduce(const struct ZydisDecodedInstruction_ *in, uint64_t vaddr);

/* 0, or -EILSEQ when these bytes are no instruction. level: before it, then behind it. */
int step_decode(const uint8_t *code, size_t size, uint64_t vaddr, struct level *level,
		struct step *ret);

#endif
