/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes that look like a load of the stack pointer. */
#include "daemon/reader/rewrites.h"

#define RSP 4
#define RBP 5

/* Three bytes: REX.W, opcode, ModRM; b[2] is the opcode itself for xchg %rax,%rsp. */
static bool loads_rsp(const uint8_t *b)
{
	bool memory = b[2] >> 6 != 3, odd = !memory && b[0] & 2; /* REX.X without an index */
	unsigned int reg = (b[2] >> 3 & 7) | (b[0] & 4) << 1;
	unsigned int rm = (b[2] & 7) | (b[0] & 1) << 3;

	if (odd && b[1] != 0x94)
		return false;
	switch (b[1]) {
	case 0x8b: /* mov rm, reg */
		return reg == RSP && (memory || (rm != RBP && rm != RSP));
	case 0x89: /* mov reg, rm */
		return !memory && rm == RSP && reg != RBP && reg != RSP;
	case 0x87: /* xchg */
		return reg == RSP || (!memory && rm == RSP);
	case 0x94: /* xchg %rax, %rsp */
		return b[0] == 0x48;
	default:
		return false;
	}
}

bool rewrites_in(const uint8_t *code, size_t size)
{
	for (size_t i = 0; i + 3 <= size; i++)
		if ((code[i] & 0xf8) == 0x48 && loads_rsp(code + i))
			return true;

	return false;
}

bool rewrites_stack(const struct object *o)
{
	for (size_t i = 0; i < o->n_segments; i++) {
		const Elf64_Phdr *p = &o->segments[i];
		const uint8_t *code = image_at(&o->image, p->p_offset, p->p_filesz);

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		/* A segment that the file does not hold all of may hold anything. */
		if (!code || rewrites_in(code, p->p_filesz))
			return true;
	}

	return false;
}
