// SPDX-License-Identifier: GPL-2.0-only
/*
 * "go N": throw_deep throws through throw_middle, which has something to clean
 * up, into throw_catch; N times. A return probe armed on one of them would end
 * this program by SIGABRT.
 */
#include <stdexcept>
#include <string>
#include "target.h"

static unsigned long caught, cleaned, thrown;

struct cleanup {
	~cleanup() { cleaned++; }
};

extern "C" PROBED int throw_deep(unsigned long i)
{
	if (i % 2) {
		thrown++;
		throw std::runtime_error("odd " + std::to_string(i));
	}
	return 1;
}

extern "C" PROBED int throw_middle(unsigned long i)
{
	cleanup c;
	int r = throw_deep(i);

	NOT_A_TAIL;
	return r + 1;
}

extern "C" PROBED int throw_catch(unsigned long i)
{
	try {
		return throw_middle(i);
	} catch (const std::exception &e) {
		caught++;
		return 0;
	}
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long sum = 0;

		for (unsigned long i = 0; i < target_number(0); i++)
			sum += (unsigned long)throw_catch(i);
		target_truth("\"sum\":%lu,\"thrown\":%lu,\"caught\":%lu,\"cleaned\":%lu", sum, thrown, caught,
			     cleaned);
	}
	return 3;
}
