// SPDX-License-Identifier: GPL-2.0-only
/* C++20 coroutines: frames on the heap, resumed here and on other threads, and
 * exceptions that pass through them. */
#include <coroutine>
#include <exception>
#include <stdexcept>
#include <thread>
#include "hazard.h"

struct generator {
	struct promise_type {
		unsigned long value = 0;
		std::exception_ptr error;
		generator get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
		std::suspend_always initial_suspend() { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		std::suspend_always yield_value(unsigned long v)
		{
			value = v;
			return {};
		}
		void return_void() {}
		void unhandled_exception() { error = std::current_exception(); }
	};
	std::coroutine_handle<promise_type> handle;
};

extern "C" PROBED unsigned long hz_leaf(unsigned long x)
{
	CALLED;
	if (x % 7 == 6)
		throw std::runtime_error("seven");
	RETURNED;
	return hz_mix(x);
}

static generator numbers(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		unsigned long v;

		try {
			v = hz_leaf(i);
		} catch (const std::exception &) {
			v = 1;
		}
		co_yield v;
	}
	co_yield hz_leaf(6);
}

extern "C" PROBED bool hz_next(generator *g, unsigned long *sum)
{
	CALLED;
	g->handle.resume();
	*sum = *sum * 3 + g->handle.promise().value;
	if (g->handle.promise().error) {
		std::exception_ptr e = g->handle.promise().error;

		g->handle.promise().error = nullptr;
		std::rethrow_exception(e);
	}
	RETURNED;
	return !g->handle.done();
}

static unsigned long run_generator(unsigned long n)
{
	generator g = numbers(n);
	unsigned long sum = 0;

	try {
		while (hz_next(&g, &sum))
			;
	} catch (const std::exception &e) {
		sum += strlen(e.what());
	}
	g.handle.destroy();
	return sum;
}

static unsigned long run_moved(unsigned long n)
{
	generator g = numbers(n);
	unsigned long sum = 0;
	bool more = true;

	while (more) {
		std::thread([&] {
			try {
				more = hz_next(&g, &sum);
			} catch (const std::exception &e) {
				sum += strlen(e.what());
				more = false;
			}
		}).join();
	}
	g.handle.destroy();
	return sum;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "generator", run_generator }, { "moved", run_moved }, { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
