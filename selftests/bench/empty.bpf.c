// SPDX-License-Identifier: GPL-2.0-only
/* The floor: a session program that does nothing on entry and return. */
__attribute__((section("uprobe"), used)) int empty(void *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] __attribute__((section("license"), used)) = "GPL";
