/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in a function's code the entry probe goes: the cheapest instruction
 * that every call executes exactly once, with the return address still at
 * (%rsp) and the argument registers as the caller left them (kernel-facts.md
 * section 1). Bytes in, verdict out: no files, no symbols. x86-64.
 *
 * Classes, cheapest first:
 *   NOP5      0f 1f 44 00 00, of which kernels from 6.18 on make a call: taken
 *             nowhere, because children that fork after it die (placement.c).
 *   EMULATED  push, nop, direct jmp/jcc/call: the kernel emulates it.
 *   STEPPED   anything else that the kernel accepts: single-stepped.
 *   NONE      no instruction is safe; reason says why.
 *
 * A site behind the first byte needs proof that nothing jumps into the bytes
 * (start, site]: such a jump would make the probe fire again in the same call.
 * The whole function is decoded for that, and what it jumps to elsewhere (its
 * .cold part; a function without a name). What decoding cannot see (jump tables,
 * jumps to unknown places) leaves only the push of a callee-saved register: a
 * jump to it would save that register twice, which no compiler does.
 *
 * Go functions begin with a check of the stack's limit and a branch to code that
 * grows it and starts over: there the site lies behind that branch.
 */
#ifndef READER_PLACEMENT_H
#define READER_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.pb-c.h"

#define PLACEMENT_INSTRUCTIONS 12	  /* how far into the prologue a site is looked for */
#define PLACEMENT_SCAN_MAX     (1u << 20) /* code bytes decoded for one function */
#define PLACEMENT_PARTS_MAX    16	  /* pieces of code elsewhere that it jumps to */

/* What lies at an address outside the function that a jump of it leads to. */
enum placement_part_kind {
	PART_UNKNOWN,
	PART_FUNCTION, /* its first byte: a tail call */
	PART_CODE,     /* within other code of known bounds: perhaps its own cold part */
};
struct placement_part {
	const uint8_t *code;
	size_t size;
	uint64_t vaddr;
	bool cold; /* its symbol says that it is a part of some function */
};

struct placement_code {
	const uint8_t *code; /* readable: size bytes */
	size_t size;	     /* up to the function's end */
	uint64_t vaddr;
	bool nop5_stepped;   /* kernel before 6.18: single-steps a nop5 */
	bool arguments_free; /* nobody reads the argument registers: they may be lost */
	/* Fills ret for PART_CODE. NULL: everything outside is unknown. */
	enum placement_part_kind (*find_part)(const void *context, uint64_t vaddr,
					      struct placement_part *ret);
	const void *context;
};

struct placement {
	Hotpath__SiteClass class;
	uint32_t skip;
	const char *reason; /* static */
};

struct placement placement_decide(const struct placement_code *code);

#endif
