// SPDX-License-Identifier: GPL-2.0-only
/* Linked to sites.c: a program that throws and catches, so that no return of it may
 * be armed and its functions are timed by their ways out. */
#include <cstdio>
#include <stdexcept>

extern "C" __attribute__((used)) int raises(int depth)
{
	try {
		if (depth > 0)
			throw std::runtime_error("deep");
	} catch (const std::exception &e) {
		return std::puts(e.what());
	}
	return 0;
}
