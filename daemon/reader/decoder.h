/* SPDX-License-Identifier: GPL-2.0-only */
/* The decoder of x86-64 instructions, and how its registers are numbered. */
#ifndef READER_DECODER_H
#define READER_DECODER_H

#include <Zydis/Zydis.h>

/* Ready for 64-bit code. */
const ZydisDecoder *decoder_get(void);
/* 0 (rax) .. 15 (r15), as instructions encode it, also of a part of one; -1: another. */
int decoder_register(ZydisRegister reg);

#endif
