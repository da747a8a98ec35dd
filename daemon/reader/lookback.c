/* SPDX-License-Identifier: GPL-2.0-only */
/* Backwards from a step of a flow, instruction by instruction. */
#include "daemon/reader/decoder.h"
#include "daemon/reader/flow.h"
#include "daemon/reader/lookback.h"

bool lookback_decode(const struct flow *f, uint32_t step, struct decoded *ret)
{
	const uint8_t *code;
	size_t room;

	code = flow_bytes(f, f->steps[step].at, &room);

	return ZYAN_SUCCESS(
		ZydisDecoderDecodeFull(decoder_get(), code, room, &ret->in, ret->operands));
}

static ZydisRegister whole(ZydisRegister reg)
{
	return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
}

bool lookback_writes(const struct decoded *d, ZydisRegister reg)
{
	for (size_t i = 0; i < d->in.operand_count; i++)
		if (d->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    d->operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    whole(d->operands[i].reg.value) == whole(reg))
			return true;

	return false;
}

bool lookback_survives_calls(ZydisRegister reg)
{
	switch (whole(reg)) {
	case ZYDIS_REGISTER_RBX:
	case ZYDIS_REGISTER_RBP:
	case ZYDIS_REGISTER_R12:
	case ZYDIS_REGISTER_R13:
	case ZYDIS_REGISTER_R14:
	case ZYDIS_REGISTER_R15:
		return true;
	default:
		return false;
	}
}

uint32_t lookback_writer(const struct flow *f, uint32_t step, ZydisRegister reg,
			 struct decoded *ret)
{
	for (int i = 0; i < LOOKBACK_STEPS; i++) {
		step = flow_before(f, step);
		if (step == FLOW_NONE || !lookback_decode(f, step, ret))
			return FLOW_NONE;
		if (f->steps[step].step.kind == STEP_CALL && !lookback_survives_calls(reg))
			return FLOW_NONE;
		if (lookback_writes(ret, reg))
			return step;
	}

	return FLOW_NONE;
}

bool lookback_address(const struct flow *f, uint32_t step, ZydisRegister reg, uint64_t *ret)
{
	struct decoded d;

	for (int i = 0; i < 4; i++) {
		step = lookback_writer(f, step, reg, &d);
		if (step == FLOW_NONE)
			return false;
		if (d.in.mnemonic == ZYDIS_MNEMONIC_LEA && f->steps[step].step.refers) {
			*ret = f->steps[step].step.address;
			return true;
		}
		if (d.in.mnemonic != ZYDIS_MNEMONIC_MOV)
			return false;
		if (d.operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
			*ret = d.operands[1].imm.value.u;
			return true;
		}
		if (d.operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
			return false;
		reg = d.operands[1].reg.value;
	}

	return false;
}
