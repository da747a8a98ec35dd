// SPDX-License-Identifier: GPL-2.0-only

package main

/*
typedef unsigned long (*back_fn)(unsigned long);
extern unsigned long goBack(unsigned long);
static unsigned long __attribute__((noinline)) c_calls(unsigned long x)
{
	unsigned long r = goBack(x) + 1;
	__asm__ volatile("" ::: "memory");
	return r;
}
*/
import "C"

//export goBack
func goBack(x C.ulong) C.ulong {
	return C.ulong(hzGrow(int(x%20), uint64(x)))
}

// Go, C, Go again, whose stack grows and whose panics pass C.
func overC(n uint64) (sum uint64) {
	for i := uint64(0); i < n; i++ {
		sum = sum*3 + uint64(C.c_calls(C.ulong(i)))
	}
	return sum
}
