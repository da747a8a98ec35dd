# SPDX-License-Identifier: GPL-2.0-only
"""Sources of objects that a program loads."""

# Has it call back, and catches what that throws.
CATCHES = """
static int inner(void)
{
	throw 5;
}
extern "C" int plug_entry(int (*back)(int (*inner)(void)))
{
	try {
		return back(inner);
	} catch (int x) {
		return x;
	}
}
"""
