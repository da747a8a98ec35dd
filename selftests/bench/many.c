// SPDX-License-Identifier: GPL-2.0-only
/* 20,000 functions, many_0 .. many_19999, each beginning with a push. */
#include "target.h"

__asm__(".text\n"
	".altmacro\n"
	".macro one n\n"
	".balign 16\n.globl many_\\n\n.type many_\\n,@function\n"
	"many_\\n: push %rbp; mov %rsp,%rbp; pop %rbp; ret\n"
	".size many_\\n,.-many_\\n\n"
	".endm\n"
	".set i,0\n"
	".rept 20000\n"
	"one %i\n"
	".set i,i+1\n"
	".endr\n"
	".noaltmacro\n");

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command())
		target_truth("\"ok\":1");
	return 0;
}
