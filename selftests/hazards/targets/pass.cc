// SPDX-License-Identifier: GPL-2.0-only
/* C++ in a shared object: throws, catches and cleans up for others; see carry.h. */
#include "carry.h"

static int cleaned;

struct cleanup {
	~cleanup() { cleaned++; }
};

extern "C" int pass_cleaned(void)
{
	return cleaned;
}

extern "C" int pass_through(int (*back)(int), int x)
{
	cleanup c;

	return back(x) + 1;
}

extern "C" int pass_catch(int (*back)(int), int x)
{
	try {
		return back(x);
	} catch (int y) {
		return y + 1000;
	} catch (...) {
		return x + 1000;
	}
}

extern "C" int pass_throw(int x)
{
	throw x;
}

extern "C" int pass_rethrow(int (*back)(int), int x)
{
	try {
		return back(x);
	} catch (int) {
		throw;
	} catch (...) {
		throw x + 1;
	}
}
