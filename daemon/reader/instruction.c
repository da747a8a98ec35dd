/* SPDX-License-Identifier: GPL-2.0-only */
/* Decoding one instruction, and what Linux's uprobes do with it. */
#include <errno.h>
#include <string.h>
#include <Zydis/Zydis.h>

#include "daemon/reader/decoder.h"
#include "daemon/reader/instruction.h"
#include "lib/cleanup.h"

#define ROW(b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, ba, bb, bc, bd, be, bf)                        \
	(b0 | b1 << 1 | b2 << 2 | b3 << 3 | b4 << 4 | b5 << 5 | b6 << 6 | b7 << 7 | b8 << 8 |      \
	 b9 << 9 | ba << 10 | bb << 11 | bc << 12 | bd << 13 | be << 14 | bf << 15)

/*
 * Opcodes that uprobes accept: the facts of the kernel's good_insns_64 and
 * good_2byte_insns, strictest version of the kernels since 5.15. An opcode they
 * lack makes the attach fail, or worse: attach before the file is mapped and
 * then never fire.
 */
static const uint16_t good_one_byte[16] = {
	/*  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f */
	ROW(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0), /* 0 */
	ROW(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0), /* 1 */
	ROW(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0), /* 2 */
	ROW(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0), /* 3 */
	ROW(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), /* 4: REX */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 5 */
	ROW(0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0), /* 6 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 7 */
	ROW(1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1), /* 8: no mov to segment */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1), /* 9: no popf */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* a */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* b */
	ROW(1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0), /* c */
	ROW(1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* d */
	ROW(1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0), /* e */
	ROW(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1), /* f */
};
static const uint16_t good_two_byte[16] = {
	/*  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f */
	ROW(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0), /* 0 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 1 */
	ROW(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), /* 2 */
	ROW(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), /* 3 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 4 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 5 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 6 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1), /* 7 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 8 */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* 9 */
	ROW(0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1), /* a */
	ROW(1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1), /* b */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* c */
	ROW(0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* d */
	ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), /* e */
	ROW(0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0), /* f */
};

/* cmp 16(%r14), %rsp or %r12, without its REX prefix; only Go keeps a limit there. */
static const uint8_t go_limit[] = {0x3b, 0x66, 0x10};

static const uint8_t nop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

/*
 * push %reg: bare or with REX.B alone (push_setup_xol_ops). rsp and rax, rcx,
 * rdx, ... are emulated as well, but say nothing about a prologue.
 */
static enum probe_kind push_kind(const uint8_t *code, size_t length)
{
	bool extended = length == 2 && code[0] == 0x41;
	uint8_t opcode = code[length - 1];

	if (opcode < 0x50 || opcode > 0x57 || (length != 1 && !extended))
		return PROBE_REFUSED;
	if (extended)
		return opcode >= 0x54 ? PROBE_SAVES : PROBE_EMULATED; /* r12 .. r15 */

	return opcode == 0x53 || opcode == 0x55 ? PROBE_SAVES : PROBE_EMULATED; /* rbx, rbp */
}

/* Direct branches and nops without prefixes, but for 66 90 (branch_setup_xol_ops). */
static bool branch_emulated(const uint8_t *code, size_t length)
{
	static const struct {
		uint8_t first, last, length;
	} one_byte[] = {{0x90, 0x90, 1}, {0xeb, 0xeb, 2}, {0xe8, 0xe9, 5}, {0x70, 0x7f, 2}};

	for (size_t i = 0; i < ARRAY_SIZE(one_byte); i++)
		if (length == one_byte[i].length && code[0] >= one_byte[i].first &&
		    code[0] <= one_byte[i].last)
			return true;
	if (length == 2 && code[0] == 0x66 && code[1] == 0x90)
		return true;

	return length == 6 && code[0] == 0x0f && code[1] >= 0x80 && code[1] <= 0x8f;
}

static bool prefixes_refused(const ZydisDecodedInstruction *in)
{
	for (size_t i = 0; i < in->raw.prefix_count; i++) {
		switch (in->raw.prefixes[i].value) {
		case 0x26: /* es */
		case 0x2e: /* cs: the nop10 that attaches and never fires */
		case 0x36: /* ss */
		case 0x3e: /* ds, notrack */
		case 0xf0: /* lock */
			return true;
		}
	}

	return false;
}

static bool opcode_refused(const ZydisDecodedInstruction *in)
{
	const uint16_t *rows = in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT ? good_one_byte
			       : in->opcode_map == ZYDIS_OPCODE_MAP_0F	  ? good_two_byte
									  : NULL;

	/*
	 * VEX and EVEX: the kernel looks their opcode up as if it were a one-byte one.
	 * Measured on 6.18: vpxor and vmovdqu attach and never fire, vxorps does.
	 */
	if (in->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || !rows)
		return true;
	/* 41 90 is xchg %r8,%rax, which kernels have taken for a nop. */
	if (rows == good_one_byte && in->opcode == 0x90 && in->mnemonic != ZYDIS_MNEMONIC_NOP)
		return true;

	return !(rows[in->opcode >> 4] >> (in->opcode & 15) & 1);
}

static enum probe_kind probe_kind(const uint8_t *code, const ZydisDecodedInstruction *in)
{
	enum probe_kind push = push_kind(code, in->length);

	if (push != PROBE_REFUSED)
		return push;
	if (branch_emulated(code, in->length))
		return PROBE_EMULATED;
	if (in->length == sizeof(nop5) && !memcmp(code, nop5, sizeof(nop5)))
		return PROBE_NOP5;

	return prefixes_refused(in) || opcode_refused(in) ? PROBE_REFUSED : PROBE_STEPPED;
}

/* jmp *x(%rip) reads one fixed slot, as a PLT does: a tail call, not a jump table. */
static bool reads_table(const ZydisDecodedInstruction *in)
{
	bool rip_relative = in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5;

	return in->mnemonic == ZYDIS_MNEMONIC_JMP && !in->raw.imm[0].is_relative && !rip_relative;
}

static struct instruction reduce(const ZydisDecodedInstruction *in, uint64_t vaddr)
{
	struct instruction i = {.length = in->length};
	bool branches = in->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE;

	i.call = in->meta.category == ZYDIS_CATEGORY_CALL;
	i.relative = branches && in->raw.imm[0].is_relative;
	if (i.relative)
		i.target = vaddr + in->length + (uint64_t)in->raw.imm[0].value.s;
	i.indirect_jump = reads_table(in);

	return i;
}

static bool is_control_flow(const ZydisDecodedInstruction *in)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSTEM:
		return true;
	default:
		return in->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
		       in->mnemonic == ZYDIS_MNEMONIC_UD2;
	}
}

static void note_write(struct instruction_effects *e, ZydisRegister reg)
{
	switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg)) {
	case ZYDIS_REGISTER_RSP:
		e->moves_stack = true;
		break;
	case ZYDIS_REGISTER_RDI:
	case ZYDIS_REGISTER_RSI:
	case ZYDIS_REGISTER_RDX:
	case ZYDIS_REGISTER_RCX:
	case ZYDIS_REGISTER_R8:
	case ZYDIS_REGISTER_R9:
		e->argument_lost = true;
		break;
	default:
		break;
	}
}

int instruction_decode(const uint8_t *code, size_t size, uint64_t vaddr, struct instruction *ret)
{
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder_get(), NULL, code, size, &in)))
		return -EILSEQ;
	*ret = reduce(&in, vaddr);

	return 0;
}

int instruction_effects(const uint8_t *code, size_t size, uint64_t vaddr,
			struct instruction_effects *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder_get(), code, size, &in, operands)))
		return -EILSEQ;

	*ret = (struct instruction_effects){
		.base = reduce(&in, vaddr),
		.probe = probe_kind(code, &in),
		.control_flow = is_control_flow(&in),
		.marker = in.mnemonic == ZYDIS_MNEMONIC_ENDBR64,
		.checks_limit = in.length == 4 && (code[0] == 0x49 || code[0] == 0x4d) &&
				!memcmp(code + 1, go_limit, sizeof(go_limit)),
	};
	for (size_t i = 0; i < in.operand_count; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			note_write(ret, operands[i].reg.value);

	return 0;
}
