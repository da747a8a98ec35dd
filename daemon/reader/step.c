/* SPDX-License-Identifier: GPL-2.0-only */
/* Decoding one instruction for the control flow and the stack's level. */
#include <errno.h>
#include <Zydis/Zydis.h>

#include "daemon/reader/decoder.h"
#include "daemon/reader/step.h"

#define LEVEL_MAX (1 << 30)
#define WORD	  8

/* 0x70 + cc, or 0x0f 0x80 + cc. */
static uint8_t condition_of(const ZydisDecodedInstruction *in)
{
	bool far = in->opcode_map == ZYDIS_OPCODE_MAP_0F && in->opcode >> 4 == 8;
	bool near = in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->opcode >> 4 == 7;

	return far || near ? in->opcode & 15 : STEP_NO_CONDITION;
}

static bool is_slow(const ZydisDecodedInstruction *in)
{
	if (in->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
			      ZYDIS_ATTRIB_HAS_REPNE | ZYDIS_ATTRIB_HAS_LOCK))
		return true;
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_SYSCALL:
	case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_INT:
	case ZYDIS_MNEMONIC_PAUSE:
	case ZYDIS_MNEMONIC_CPUID:
	case ZYDIS_MNEMONIC_RDTSC:
	case ZYDIS_MNEMONIC_RDTSCP:
	case ZYDIS_MNEMONIC_TPAUSE:
	case ZYDIS_MNEMONIC_UMWAIT:
		return true;
	default:
		return in->meta.category == ZYDIS_CATEGORY_XSAVE;
	}
}

static enum step_kind kind_of(const ZydisDecodedInstruction *in)
{
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT3:
		return STEP_STOP;
	case ZYDIS_MNEMONIC_XBEGIN:
	case ZYDIS_MNEMONIC_XABORT:
	case ZYDIS_MNEMONIC_UIRET:
		return STEP_ODD;
	case ZYDIS_MNEMONIC_RET:
		return in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? STEP_ODD : STEP_RETURN;
	default:
		break;
	}
	if (in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return STEP_ODD;
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return STEP_CALL;
	case ZYDIS_CATEGORY_COND_BR:
		return STEP_BRANCH;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return in->raw.imm[0].is_relative ? STEP_JUMP : STEP_INDIRECT;
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SYSRET:
		return STEP_ODD;
	default:
		return in->meta.branch_type == ZYDIS_BRANCH_TYPE_NONE ? STEP_ON : STEP_ODD;
	}
}

static bool is_rip_relative(const ZydisDecodedInstruction *in)
{
	return in->attributes & ZYDIS_ATTRIB_HAS_MODRM && in->raw.modrm.mod == 0 &&
	       in->raw.modrm.rm == 5;
}

/* What may be an address in a program that is loaded where its file says: below 4 GiB. */
static void reduce_constants(const ZydisDecodedInstruction *in, struct step *s)
{
	if (in->raw.disp.size >= 32 && !s->refers) {
		s->displaced = true;
		s->displacement = (uint64_t)in->raw.disp.value;
	}
	for (int i = 0; i < 2 && !s->immediate; i++) {
		if (in->raw.imm[i].size < 32 || in->raw.imm[i].is_relative)
			continue;
		s->immediate = true;
		s->value = in->raw.imm[i].size == 64 ? in->raw.imm[i].value.u
						     : (uint32_t)in->raw.imm[i].value.u;
	}
}

struct step step_reduce(const ZydisDecodedInstruction *in, uint64_t vaddr)
{
	struct step s = {.length = in->length, .kind = kind_of(in)};

	s.condition = s.kind == STEP_BRANCH ? condition_of(in) : STEP_NO_CONDITION;
	if (s.kind == STEP_CALL || s.kind == STEP_JUMP || s.kind == STEP_BRANCH)
		s.direct = in->raw.imm[0].is_relative;
	if (s.direct)
		s.target = vaddr + in->length + (uint64_t)in->raw.imm[0].value.s;
	s.slow = is_slow(in);
	s.nop = in->mnemonic == ZYDIS_MNEMONIC_NOP;
	if (is_rip_relative(in)) {
		s.slot = s.kind == STEP_INDIRECT;
		s.refers = true;
		s.takes = in->mnemonic == ZYDIS_MNEMONIC_LEA;
		s.address = vaddr + in->length + (uint64_t)in->raw.disp.value;
	}
	reduce_constants(in, &s);

	return s;
}

/* --- the stack's level ----------------------------------------------------- */

static int32_t moved(int32_t level, int64_t by)
{
	int64_t to = level + by;

	if (level == LEVEL_UNKNOWN || by > LEVEL_MAX || by < -LEVEL_MAX || to > LEVEL_MAX ||
	    to < -LEVEL_MAX)
		return LEVEL_UNKNOWN;

	return (int32_t)to;
}

/*
 * Whether it may write rsp or rbp: operands are decoded for those alone, which halves
 * the time. Registers 4 and 5 stand in ModRM or in the opcode's low bits.
 */
static bool may_move(const ZydisDecodedInstruction *in)
{
	bool modrm = in->attributes & ZYDIS_ATTRIB_HAS_MODRM;

	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_PUSHFQ:
	case ZYDIS_MNEMONIC_POPFQ:
	case ZYDIS_MNEMONIC_LEAVE:
	case ZYDIS_MNEMONIC_ENTER:
		return true;
	default:
		break;
	}
	if (in->meta.category == ZYDIS_CATEGORY_NOP || in->meta.category == ZYDIS_CATEGORY_CALL ||
	    in->meta.category == ZYDIS_CATEGORY_COND_BR)
		return false;
	if (!modrm)
		return (in->opcode & 6) == 4;
	/* blsr and its like write the register that VEX itself names. */
	if (in->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
	    in->opcode_map != ZYDIS_OPCODE_MAP_0F)
		return true;

	return (in->raw.modrm.reg & 6) == 4 ||
	       (in->raw.modrm.mod == 3 && (in->raw.modrm.rm & 6) == 4);
}

static int32_t *level_of(struct level *l, ZydisRegister reg)
{
	switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg)) {
	case ZYDIS_REGISTER_RSP:
		return &l->rsp;
	case ZYDIS_REGISTER_RBP:
		return &l->rbp;
	default:
		return NULL;
	}
}

static int32_t value_of(const struct level *l, ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_RSP   ? l->rsp
	       : reg == ZYDIS_REGISTER_RBP ? l->rbp
					   : LEVEL_UNKNOWN;
}

/* What the first operand, a register, becomes. */
static int32_t result_of(const struct level *l, const ZydisDecodedInstruction *in,
			 const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *to = &operands[0], *from = &operands[1];
	bool immediate = from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (in->operand_width != 64 || in->operand_count_visible != 2)
		return LEVEL_UNKNOWN;
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return from->type == ZYDIS_OPERAND_TYPE_REGISTER ? value_of(l, from->reg.value)
								 : LEVEL_UNKNOWN;
	case ZYDIS_MNEMONIC_LEA:
		return from->mem.index == ZYDIS_REGISTER_NONE && in->address_width == 64
			       ? moved(value_of(l, from->mem.base), from->mem.disp.value)
			       : LEVEL_UNKNOWN;
	case ZYDIS_MNEMONIC_ADD:
		return immediate ? moved(value_of(l, to->reg.value), from->imm.value.s)
				 : LEVEL_UNKNOWN;
	case ZYDIS_MNEMONIC_SUB:
		return immediate && from->imm.value.s != INT64_MIN
			       ? moved(value_of(l, to->reg.value), -from->imm.value.s)
			       : LEVEL_UNKNOWN;
	default:
		return LEVEL_UNKNOWN;
	}
}

/* Everything that it writes is unknown but what result_of() knows. */
static void write_registers(struct level *l, const ZydisDecodedInstruction *in,
			    const ZydisDecodedOperand *operands)
{
	struct level before = *l;

	for (size_t i = 0; i < in->operand_count; i++) {
		const ZydisDecodedOperand *o = &operands[i];
		int32_t *to = o->type == ZYDIS_OPERAND_TYPE_REGISTER ? level_of(l, o->reg.value)
								     : NULL;

		if (to && o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			*to = i ? LEVEL_UNKNOWN : result_of(&before, in, operands);
	}
}

static void move_level(struct level *l, const ZydisDecodedInstruction *in,
		       const ZydisDecodedOperand *operands)
{
	int32_t rsp = l->rsp, by = in->operand_width == 16 ? 2 : WORD;

	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_PUSHFQ:
		l->rsp = moved(rsp, -by);
		return;
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_POPFQ: {
		int32_t *to = in->operand_count_visible &&
					      operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER
				      ? level_of(l, operands[0].reg.value)
				      : NULL;

		l->rsp = moved(rsp, by);
		if (to)
			*to = LEVEL_UNKNOWN;
		return;
	}
	case ZYDIS_MNEMONIC_LEAVE:
		l->rsp = moved(l->rbp, WORD);
		l->rbp = LEVEL_UNKNOWN;
		return;
	case ZYDIS_MNEMONIC_ENTER:
		*l = (struct level){LEVEL_UNKNOWN, LEVEL_UNKNOWN};
		return;
	default:
		write_registers(l, in, operands);
	}
}

int step_decode(const uint8_t *code, size_t size, uint64_t vaddr, struct level *level,
		struct step *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecoderContext context;
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder_get(), &context, code, size, &in)))
		return -EILSEQ;
	*ret = step_reduce(&in, vaddr);
	if (!may_move(&in))
		return 0;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(decoder_get(), &context, &in, operands,
						     in.operand_count)))
		return -EILSEQ;
	move_level(level, &in, operands);

	return 0;
}
