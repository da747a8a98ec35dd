/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the instructions in front of a step say of the registers that it uses: straight
 * back, where no jump has to be followed. A hint, not a proof: others may jump there.
 */
#ifndef READER_LOOKBACK_H
#define READER_LOOKBACK_H

#include <stdbool.h>
#include <stdint.h>
#include <Zydis/Zydis.h>

#define LOOKBACK_STEPS 64

struct flow;

struct decoded {
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* The step itself, with its operands. */
bool lookback_decode(const struct flow *f, uint32_t step, struct decoded *ret);
bool lookback_writes(const struct decoded *d, ZydisRegister reg);
bool lookback_survives_calls(ZydisRegister reg);
/* The step before this one, straight on, that writes a register; FLOW_NONE. */
uint32_t lookback_writer(const struct flow *f, uint32_t step, ZydisRegister reg,
			 struct decoded *ret);
/* The address that a register holds before a step. */
bool lookback_address(const struct flow *f, uint32_t step, ZydisRegister reg, uint64_t *ret);

#endif
