// SPDX-License-Identifier: GPL-2.0-only
/* daemon/returns.c: when may a return be probed? A table of processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/returns.h"

struct object {
	const char *soname, *raises, *loads, *switches, *language, *error;
	bool lands, main;
};

struct process {
	const char *name;
	struct object object[4];
	struct process_facts facts;
	size_t unopened;
	bool no_session, no_hook, seccomp_kills;
	bool allowed;
	const char *says; /* part of the reason */
};

#define EXE  .main = true, .soname = ""
#define LIBC {.soname = "libc.so.6", .lands = true, .loads = "dlopen"}
#define CXX  {.soname = "libstdc++.so.6", .lands = true, .raises = "__cxa_throw"}

static const struct process table[] = {
	{"plain C", {{EXE}, LIBC}, .allowed = true, .says = "raises"},
	{"C linked to a C++ library that neither raises nor catches",
	 {{EXE}, LIBC, CXX},
	 .allowed = true},
	{"C++ that throws and catches",
	 {{EXE, .raises = "__cxa_throw", .lands = true}, LIBC, CXX},
	 .says = "__cxa_throw"},
	{"C that cancels threads, nobody cleans up",
	 {{EXE, .raises = "pthread_cancel"}, LIBC},
	 .allowed = true,
	 .says = "catches"},
	{"C that cancels threads, with a library that cleans up",
	 {{EXE, .raises = "pthread_cancel"}, LIBC, {.soname = "libx.so", .lands = true}},
	 .says = "libx.so"},
	{"a program that calls itself libc.so.6",
	 {{.main = true, .soname = "libc.so.6", .raises = "__cxa_throw", .lands = true}},
	 .says = "raise"},
	{"Go", {{EXE, .language = "go"}}, .says = "Go"},
	{"an object that cannot be read",
	 {{EXE}, {.soname = "", .error = "truncated"}},
	 .says = "truncated"},
	{"a loader of plug-ins that catches: frames are armed before the raiser comes",
	 {{EXE, .loads = "dlopen", .lands = true}, LIBC},
	 .says = "may catch"},
	{"a loader of plug-ins, with the hook",
	 {{EXE, .loads = "dlopen"}, LIBC},
	 .allowed = true},
	{"a loader of plug-ins, without the hook",
	 {{EXE, .loads = "dlopen"}, LIBC},
	 .no_hook = true,
	 .says = "hook"},
	{"a loader of plug-ins, without sessions",
	 {{EXE, .loads = "dlopen", .raises = "__cxa_throw"}, LIBC},
	 .no_session = true,
	 .says = "veto"},
	{"a file that could not be opened", {{EXE}, LIBC}, .unopened = 1, .says = "opened"},
	{"plain C without sessions", {{EXE}, LIBC}, .no_session = true, .allowed = true},
	{"signal stacks without sessions",
	 {{EXE, .switches = "sigaltstack"}, LIBC},
	 .no_session = true,
	 .says = "sigaltstack"},
	{"signal stacks with sessions",
	 {{EXE, .switches = "sigaltstack"}, LIBC},
	 .allowed = true},
	{"coroutines", {{EXE, .switches = "swapcontext"}, LIBC}, .says = "coroutines"},
	{"coroutines in a library, signal stacks in the program",
	 {{EXE, .switches = "sigaltstack"}, LIBC, {.soname = "libcoro.so", .switches = "makecontext"}},
	 .says = "libcoro.so"},
	{"coroutines on stacks of their own, reviewed",
	 {{EXE}, LIBC, {.soname = "libcrypto.so.3", .switches = "makecontext"}},
	 .allowed = true},
	{"a shadow stack", {{EXE}, LIBC}, {.shadow_stack = true}, .says = "shadow"},
	{"seccomp", {{EXE}, LIBC}, {.seccomp = 2}, .allowed = true},
	{"seccomp on a kernel that kills",
	 {{EXE}, LIBC},
	 {.seccomp = 2},
	 .seccomp_kills = true,
	 .says = "seccomp"},
};

static size_t make_objects(const struct process *p, Hotpath__ReaderObjectReply *object,
			   Hotpath__ReaderObjectReply **objects)
{
	size_t n;

	for (n = 0; n < 4 && p->object[n].soname; n++) {
		const struct object *from = &p->object[n];
		Hotpath__ReaderObjectReply *o = &object[n];

		hotpath__reader_object_reply__init(o);
		o->path.data = (uint8_t *)"/usr/lib/x";
		o->path.len = strlen("/usr/lib/x");
		if (*from->soname) {
			o->path.data = (uint8_t *)from->soname;
			o->path.len = strlen(from->soname);
		}
		o->soname = (char *)from->soname;
		o->raises = (char *)(from->raises ?: "");
		o->loads = (char *)(from->loads ?: "");
		o->switches_stacks = (char *)(from->switches ?: "");
		o->language = (char *)(from->language ?: "");
		o->error = (char *)(from->error ?: "");
		o->lands = from->lands;
		o->main = from->main;
		objects[n] = o;
	}
	return n;
}

static void each_process_gets_its_verdict(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct process *p = &table[i];
		const struct features features = {
			.session = !p->no_session,
			.multi = true,
			.returns = true,
			.uretprobe_seccomp = !p->seccomp_kills,
		};
		Hotpath__ReaderObjectReply object[4], *objects[4];
		struct returns_verdict verdict;
		size_t n = make_objects(p, object, objects);

		returns_judge(objects, n, p->unopened, &p->facts, &features, !p->no_hook, &verdict);
		if (verdict.allowed != p->allowed || (p->says && !strstr(verdict.reason, p->says)))
			fail_msg("%s: allowed %d, \"%s\"", p->name, verdict.allowed,
				 verdict.reason);
	}
}

static void only_reviewed_libraries_are_exempt(void **state)
{
	assert_non_null(returns_reviewed("libjemalloc.so.2", "/usr/lib/libjemalloc.so.2"));
	assert_non_null(returns_reviewed("", "/lib64/ld-linux-x86-64.so.2"));
	assert_null(returns_reviewed("libc.so.6.evil", "/tmp/libc.so.6.evil"));
	assert_null(returns_reviewed("libboost_context.so", "/usr/lib/libboost_context.so"));
}

/* Session where the process allows it, else ways out where they are known. */
static void each_function_gets_the_best_that_is_safe(void **state)
{
	const struct returns_verdict safe = {.allowed = true, .reason = "safe"},
				     unsafe = {.reason = "unsafe"};
	Hotpath__ReaderExit exit = HOTPATH__READER_EXIT__INIT, *exits[] = {&exit};
	Hotpath__ReaderFunction f = HOTPATH__READER_FUNCTION__INIT;
	const char *reason;

	f.no_exits = (char *)"falls off its end";
	assert_int_equal(returns_of(&safe, &f, &reason), HOTPATH__RETURNS__RETURNS_SESSION);
	assert_int_equal(returns_of(&unsafe, &f, &reason), HOTPATH__RETURNS__RETURNS_NONE);
	assert_string_equal(reason, "falls off its end");

	f.no_exits = (char *)"";
	f.exits = exits;
	f.n_exits = 1;
	exit.class_ = HOTPATH__SITE_CLASS__SITE_STEPPED;
	assert_int_equal(returns_of(&unsafe, &f, &reason), HOTPATH__RETURNS__RETURNS_SITES);
	assert_string_equal(reason, "unsafe");
	exit.sp_offset = 1u << 25; /* does not fit into a cookie */
	assert_int_equal(returns_of(&unsafe, &f, &reason), HOTPATH__RETURNS__RETURNS_NONE);
	exit.sp_offset = 8;
	exit.condition = 17;
	assert_int_equal(returns_of(&unsafe, &f, &reason), HOTPATH__RETURNS__RETURNS_NONE);
	exit.condition = 16;
	assert_int_equal(returns_of(&unsafe, &f, &reason), HOTPATH__RETURNS__RETURNS_SITES);

	f.never_return = (char *)"looks at its caller";
	assert_int_equal(returns_of(&safe, &f, &reason), HOTPATH__RETURNS__RETURNS_SITES);
	assert_string_equal(reason, "looks at its caller");

	f.never_return = f.no_exits = (char *)"returns twice";
	f.n_exits = 0;
	assert_int_equal(returns_of(&safe, &f, &reason), HOTPATH__RETURNS__RETURNS_NONE);
	assert_string_equal(reason, "returns twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_process_gets_its_verdict),
		cmocka_unit_test(each_function_gets_the_best_that_is_safe),
		cmocka_unit_test(only_reviewed_libraries_are_exempt),
	};

	return cmocka_run_group_tests_name("returns", tests, NULL, NULL);
}
