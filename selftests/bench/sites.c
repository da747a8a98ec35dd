// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions whose first bytes are exactly known; "SITE N" calls one N times and
 * says how long a call took on average, the loop included.
 */
#include "target.h"

#define SITE(name, code)                                                                           \
	void name(void);                                                                           \
	__asm__(".pushsection .text\n.balign 64\n.globl " #name "\n.type " #name ",@function\n" #name   \
		":\n" code "\n.size " #name ",.-" #name "\n.popsection")

SITE(site_push, "push %rbp; mov %rsp,%rbp; pop %rbp; ret");
SITE(site_endbr64, "endbr64; push %rbp; mov %rsp,%rbp; pop %rbp; ret");
SITE(site_nop5, ".byte 0x0f,0x1f,0x44,0x00,0x00; push %rbp; mov %rsp,%rbp; pop %rbp; ret");

static const struct {
	const char *name;
	void (*call)(void);
} table[] = { { "push", site_push }, { "endbr64", site_endbr64 }, { "nop5", site_nop5 } };

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
