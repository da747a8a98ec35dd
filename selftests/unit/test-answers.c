// SPDX-License-Identifier: GPL-2.0-only
/* daemon/answers.c: which processes are told the same, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/answers.h"

#define EXE  {.dev = 1, .ino = 10, .version = 100, .path = (char *)"/bin/x", .fd = 3, .main = true}
#define LIB  {.dev = 1, .ino = 11, .version = 100, .path = (char *)"/lib/y", .fd = 4}
#define GONE {.dev = 1, .ino = 12, .path = (char *)"/lib/z (deleted)", .fd = -1}

static Hotpath__ReaderReply *reply_new(void)
{
	Hotpath__ReaderReply *reply = malloc(sizeof(*reply));

	hotpath__reader_reply__init(reply);
	return reply;
}

static void the_same_files_in_the_same_order_get_the_same_answer(void **state)
{
	static struct proc_object asked[] = {EXE, LIB, GONE};
	static const struct proc_objects first = {asked, 3, 1};
	static const struct {
		const char *what, *called;
		struct proc_object object[3];
		size_t n;
		bool same;
	} table[] = {
		{"itself", "x", {EXE, LIB, GONE}, 3, true},
		{"elsewhere in memory", "x",
		 {{.dev = 1, .ino = 10, .version = 100, .path = (char *)"/bin/x", .fd = 7, .main = true,
		   .start = 4096, .end = 8192}, LIB}, 2, true},
		{"another is not opened", "x", {GONE, EXE, LIB}, 3, true},
		{"called otherwise", "w", {EXE, LIB}, 2, false},
		{"another order", "x", {LIB, EXE}, 2, false},
		{"one less", "x", {EXE}, 1, false},
		{"one more", "x", {EXE, LIB, LIB}, 3, false},
		{"none", "x", {EXE}, 0, false},
		{"written since", "x", {EXE, {.dev = 1, .ino = 11, .version = 101,
		   .path = (char *)"/lib/y", .fd = 4}}, 2, false},
		{"by another name", "x", {EXE, {.dev = 1, .ino = 11, .version = 100,
		   .path = (char *)"/lib/w", .fd = 4}}, 2, false},
		{"of another device", "x", {EXE, {.dev = 2, .ino = 11, .version = 100,
		   .path = (char *)"/lib/y", .fd = 4}}, 2, false},
		{"not its executable", "x", {{.dev = 1, .ino = 10, .version = 100,
		   .path = (char *)"/bin/x", .fd = 3}, LIB}, 2, false},
	};
	Hotpath__ReaderReply *reply = reply_new();
	struct answers answers = {};
	size_t i;

	assert_null(answers_find(&answers, &first, "x"));
	assert_int_equal(answers_add(&answers, &first, "x", reply, 100), 0);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct proc_objects objects = {(struct proc_object *)table[i].object,
						     table[i].n, 0};
		const Hotpath__ReaderReply *found = answers_find(&answers, &objects,
								 table[i].called);

		if (found != (table[i].same ? reply : NULL))
			fail_msg("%s: %s", table[i].what, found ? "the same" : "another");
	}
	answers_done(&answers);
}

/* Large answers push out the oldest, but never the one that is in use. */
static void large_answers_are_not_all_kept(void **state)
{
	static struct proc_object exe[] = {EXE};
	static const struct proc_objects objects = {exe, 1, 0};
	struct answers answers = {};
	const char *called[] = {"a", "b", "c"};
	size_t i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(answers_add(&answers, &objects, called[i], reply_new(), 20u << 20), 0);
		assert_non_null(answers_find(&answers, &objects, called[i]));
	}
	assert_null(answers_find(&answers, &objects, "a"));
	assert_int_equal(answers_add(&answers, &objects, "huge", reply_new(), 1u << 30), 0);
	assert_non_null(answers_find(&answers, &objects, "huge"));
	assert_null(answers_find(&answers, &objects, "c"));
	answers_done(&answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_files_in_the_same_order_get_the_same_answer),
		cmocka_unit_test(large_answers_are_not_all_kept),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
