// SPDX-License-Identifier: GPL-2.0-only
/* C++ exceptions every way they go: thrown, passed through, thrown again, inside
 * destructors and constructors, across shared objects and through C, to another thread,
 * and those that end the program. */
#include <exception>
#include <functional>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include "carry.h"
#include "hazard.h"

static unsigned long cleaned;

struct cleanup {
	~cleanup() { cleaned++; }
};

extern "C" PROBED int hz_deep(int i)
{
	CALLED;
	if (i % 2)
		throw std::runtime_error("odd " + std::to_string(i));
	RETURNED;
	return 1;
}

extern "C" PROBED int hz_middle(int i)
{
	CALLED;
	cleanup c;
	int r = hz_deep(i);

	RETURNED;
	return r + 1;
}

/* No landing pad: an exception passes without stopping here. */
extern "C" PROBED int hz_pass(int i)
{
	CALLED;
	int r = hz_middle(i);

	RETURNED;
	return r + 1;
}

extern "C" PROBED int hz_catch(int i)
{
	CALLED;
	try {
		int r = hz_pass(i);

		RETURNED;
		return r;
	} catch (const std::exception &e) {
		RETURNED;
		return (int)strlen(e.what());
	}
}

static unsigned long run_throw(unsigned long n)
{
	unsigned long sum = 0, before = cleaned;

	for (unsigned long i = 0; i < n; i++)
		sum += (unsigned long)hz_catch((int)i);
	return sum * 1000 + cleaned - before;
}

extern "C" PROBED int hz_again(int level, int i)
{
	CALLED;
	try {
		int r = level ? hz_again(level - 1, i) : hz_deep(i | 1);

		RETURNED;
		return r;
	} catch (const std::runtime_error &) {
		cleanup c;

		if (level == 3)
			throw std::logic_error("other");
		throw;
	}
}

static unsigned long run_rethrow(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		try {
			hz_again(5, (int)i);
		} catch (const std::logic_error &e) {
			sum += strlen(e.what());
		}
	}
	return sum;
}

/* A destructor that throws and catches while an exception passes. */
struct nested {
	int depth;
	explicit nested(int d) : depth(d) {}
	~nested();
};

extern "C" PROBED int hz_nest(int depth)
{
	CALLED;
	nested n(depth);

	hz_deep(1);
	RETURNED;
	return 0;
}

nested::~nested()
{
	cleaned++;
	if (!depth)
		return;
	try {
		hz_nest(depth - 1);
	} catch (...) {
		cleaned += 10u * (unsigned int)std::uncaught_exceptions();
	}
}

static unsigned long run_nested(unsigned long n)
{
	unsigned long sum = 0, before = cleaned;

	for (unsigned long i = 0; i < n; i++) {
		try {
			hz_nest(4);
		} catch (const std::exception &) {
			sum++;
		}
	}
	return sum * 100000 + cleaned - before;
}

struct part {
	cleanup c;
	explicit part(int i) { hz_deep(i); }
};

struct whole {
	part a, b, c;
	explicit whole(int i) : a(0), b(2), c(i) {}
};

extern "C" PROBED int hz_make(int i)
{
	CALLED;
	whole *w = new whole(i);

	delete w;
	RETURNED;
	return 1;
}

/* The whole function's body and its handler are one. */
/* The whole body and its handler are one; what it counts is counted by hz_make. */
extern "C" PROBED int whole_body(int i)
try {
	return hz_make(i);
} catch (const std::exception &) {
	return 5;
}

static unsigned long run_constructor(unsigned long n)
{
	unsigned long sum = 0, before = cleaned;

	for (unsigned long i = 0; i < n; i++)
		sum += (unsigned long)whole_body((int)i);
	return sum * 1000 + cleaned - before;
}

static unsigned long run_callback(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		try {
			sum += (unsigned long)carry(hz_pass, (int)i);
		} catch (const std::exception &) {
			sum += 7;
		}
	}
	return sum;
}

extern "C" PROBED int hz_compare(const void *a, const void *b)
{
	CALLED;
	int x = *(const int *)a, y = *(const int *)b;

	if (x == 9 && y % 2)
		throw 4;
	RETURNED;
	return x - y;
}

static unsigned long run_sort(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		int v[6] = { 5, (int)(i % 12), 3, 9, 1, 2 };

		try {
			qsort(v, 6, sizeof(v[0]), hz_compare);
			sum += (unsigned long)v[4];
		} catch (int x) {
			sum += (unsigned long)x * 100;
		}
	}
	return sum;
}

extern "C" PROBED int hz_object(int i)
{
	CALLED;
	int r = i % 3 ? pass_throw(i) : i;

	RETURNED;
	return r;
}

extern "C" PROBED int hz_through(int i)
{
	CALLED;
	int r = pass_through(hz_object, i);

	RETURNED;
	return r;
}

extern "C" PROBED int hz_rethrown(int i)
{
	CALLED;
	int r = pass_rethrow(hz_pass, i);

	RETURNED;
	return r;
}

static unsigned long run_objects(unsigned long n)
{
	unsigned long sum = 0, before = (unsigned long)pass_cleaned();

	for (unsigned long i = 0; i < n; i++) {
		sum += (unsigned long)pass_catch(hz_through, (int)i);
		sum += (unsigned long)pass_catch(hz_rethrown, (int)i);
		sum += (unsigned long)carry([](int x) { return pass_catch(hz_object, x); }, (int)i);
	}
	return sum * 1000 + (unsigned long)pass_cleaned() - before;
}

struct base {
	virtual ~base() {}
};

struct derived : base {
	int x = 3;
};

extern "C" PROBED int hz_library(int i)
{
	CALLED;
	int r = 0;

	if (i % 5 == 0) {
		std::vector<int> v(3);
		r = v.at((size_t)i + 3);
	} else if (i % 5 == 1) {
		base b;
		r = dynamic_cast<derived &>(b).x;
	} else if (i % 5 == 2) {
		r = std::stoi("none");
	} else if (i % 5 == 3) {
		std::function<int()> f;
		r = f();
	} else {
		volatile size_t much = ~(size_t)0 / 4;
		char *p = new char[much];
		r = p[0];
		delete[] p;
	}
	RETURNED;
	return r;
}

static unsigned long run_library(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		try {
			sum += (unsigned long)hz_library((int)i);
		} catch (const std::exception &e) {
			sum = hz_mix(sum) + (unsigned char)e.what()[0];
		}
	}
	return sum;
}

extern "C" PROBED int hz_thread(int i)
{
	CALLED;
	int r = hz_pass(i);

	RETURNED;
	return r;
}

static unsigned long run_threads(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		std::future<int> f = std::async(std::launch::async, hz_thread, (int)i);
		try {
			sum += (unsigned long)f.get();
		} catch (const std::exception &e) {
			sum += strlen(e.what());
		}
	}
	return sum;
}

extern "C" PROBED int hz_down(int depth)
{
	CALLED;
	int r = depth ? hz_down(depth - 1) : hz_deep(1);

	RETURNED;
	return r + 1;
}

static unsigned long run_depth(unsigned long n)
{
	try {
		hz_down((int)n);
	} catch (const std::exception &) {
		return n;
	}
	return 0;
}

/* --- those that end the program ---------------------------------------------- */

extern "C" PROBED int hz_noexcept(int i) noexcept
{
	CALLED;
	int r = hz_pass(i);

	RETURNED;
	return r;
}

static unsigned long run_noexcept(unsigned long n)
{
	try {
		return (unsigned long)hz_noexcept((int)n | 1);
	} catch (...) {
		return 1;
	}
}

static unsigned long run_uncaught(unsigned long n)
{
	return (unsigned long)hz_middle((int)n | 1);
}

struct bomb {
	~bomb() noexcept(false) { throw 2; }
};

extern "C" PROBED int hz_bomb(int i)
{
	CALLED;
	bomb b;

	return hz_pass(i);
}

static unsigned long run_bomb(unsigned long n)
{
	try {
		return (unsigned long)hz_bomb((int)n | 1);
	} catch (...) {
		return 1;
	}
}

static unsigned long run_handler(unsigned long n)
{
	std::set_terminate([] { _exit(77); });
	return run_noexcept(n);
}

static unsigned long run_in_thread(unsigned long n)
{
	std::thread t(hz_thread, (int)n | 1);

	t.join();
	return 0;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "throw", run_throw },	      { "rethrow", run_rethrow },
		{ "nested", run_nested },     { "constructor", run_constructor },
		{ "callback", run_callback }, { "sort", run_sort },
		{ "objects", run_objects },   { "library", run_library },
		{ "threads", run_threads },   { "depth", run_depth },
		{ "noexcept", run_noexcept }, { "uncaught", run_uncaught },
		{ "bomb", run_bomb },	      { "handler", run_handler },
		{ "in-thread", run_in_thread }, { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
