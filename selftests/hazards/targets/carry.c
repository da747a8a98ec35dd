/* SPDX-License-Identifier: GPL-2.0-only */
/* Plain C in a shared object that calls back: it neither catches nor cleans up, and
 * what its callee throws or jumps passes through it. */
#include "carry.h"

__attribute__((noinline)) static int carry_inner(int (*back)(int), int x)
{
	int r = back(x);

	__asm__ volatile("" ::: "memory");
	return r + 1;
}

int carry(int (*back)(int), int x)
{
	int r = carry_inner(back, x);

	__asm__ volatile("" ::: "memory");
	return r + 1;
}
