// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions whose first bytes are exactly known; "SITE N" calls one N times and
 * says how long a call took on average, the loop included. Each is there thrice:
 * site_X ends in a ret that only a probe by single step can see, nop_X has a nop in
 * front of it, and __setjmp_X has a name whose returns are never probed.
 */
#include "target.h"

#define SITE(name, code)                                                                           \
	void name(void);                                                                           \
	__asm__(".pushsection .text\n.balign 64\n.globl " #name "\n.type " #name ",@function\n" #name   \
		":\n" code "\n.size " #name ",.-" #name "\n.popsection")

#define SITES(class, code)                                                                         \
	SITE(site_##class, code "ret");                                                            \
	SITE(nop_##class, code "nop; ret");                                                        \
	SITE(__setjmp_##class, code "ret")

SITES(push, "push %rbp; mov %rsp,%rbp; pop %rbp; ");
SITES(endbr64, "endbr64; push %rbp; mov %rsp,%rbp; pop %rbp; ");
SITES(nop5, ".byte 0x0f,0x1f,0x44,0x00,0x00; push %rbp; mov %rsp,%rbp; pop %rbp; ");
SITES(stepped, "mov %edi,%eax; add $1,%eax; ");

#define ROWS(class)                                                                                \
	{ #class, site_##class }, { "nop-" #class, nop_##class }, { "counted-" #class, __setjmp_##class }

static const struct {
	const char *name;
	void (*call)(void);
} table[] = { ROWS(push), ROWS(endbr64), ROWS(nop5), ROWS(stepped) };

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long n = target_number(0);
		uint64_t start, ns = 0;

		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
			if (!target_is(table[i].name))
				continue;
			start = now_ns();
			for (unsigned long k = 0; k < n; k++)
				table[i].call();
			ns = now_ns() - start;
		}
		target_truth("\"ns_per_call\":%.2f", (double)ns / (double)(n ? n : 1));
	}
	return 0;
}
