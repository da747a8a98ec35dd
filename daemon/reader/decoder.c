/* SPDX-License-Identifier: GPL-2.0-only */
/* One decoder for all who look at machine code; see decoder.h. */
#include <stdbool.h>

#include "daemon/reader/decoder.h"

const ZydisDecoder *decoder_get(void)
{
	static ZydisDecoder d;
	static bool ready;

	if (!ready)
		ready = ZYAN_SUCCESS(
			ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));

	return &d;
}

int decoder_register(ZydisRegister reg)
{
	reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (reg < ZYDIS_REGISTER_RAX || reg > ZYDIS_REGISTER_R15)
		return -1;

	return (int)reg - ZYDIS_REGISTER_RAX;
}
