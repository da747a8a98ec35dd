// SPDX-License-Identifier: GPL-2.0-only
/*
 * Catches what only libstdc++ raises: nothing here imports __cxa_throw. "cast N":
 * a reference cast that fails; "new N": more memory than there is; "path N": the
 * size of a file that is not there; "at N": past the end of a vector. Each comes
 * out of raise_deep through raise_middle, which has something to clean up.
 */
#include <filesystem>
#include <new>
#include <vector>
#include "target.h"

static unsigned long caught, cleaned, wrong;
static volatile std::size_t huge = (std::size_t)1 << 60;

struct cleanup {
	~cleanup() { cleaned++; }
};

struct base {
	virtual ~base() {}
};

struct derived : base {
	int value = 0;
};

extern "C" PROBED int raise_deep(base *object, std::vector<int> *numbers)
{
	if (target_is("cast"))
		return dynamic_cast<derived &>(*object).value;
	if (target_is("new")) {
		operator delete(operator new(huge));
		return 0;
	}
	if (target_is("path"))
		return (int)std::filesystem::file_size("/nonexistent/file");
	return numbers->at(huge);
}

extern "C" PROBED int raise_middle(base *object, std::vector<int> *numbers)
{
	cleanup c;
	int r = raise_deep(object, numbers);

	NOT_A_TAIL;
	return r + 1;
}

extern "C" PROBED void raise_catch(base *object, std::vector<int> *numbers)
{
	try {
		wrong += (unsigned long)raise_middle(object, numbers) + 1;
	} catch (...) {
		caught++;
	}
}

int main(int argc, char **argv)
{
	std::vector<int> numbers(3);
	base object;

	target_init(argc, argv);
	while (target_command()) {
		for (unsigned long i = 0; i < target_number(0); i++)
			raise_catch(&object, &numbers);
		target_truth("\"caught\":%lu,\"cleaned\":%lu,\"wrong\":%lu", caught, cleaned, wrong);
	}
	return 3;
}
