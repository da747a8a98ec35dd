// SPDX-License-Identifier: GPL-2.0-only
/* Requests answered about this very program. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/reader/answer.h"

#define PATTERNS_MAX 4

enum { LINE_OF_ONE = __LINE__ + 1 };
__attribute__((noinline, used)) static int answer_known_one(int x)
{
	return x + 1;
}

__attribute__((noinline, used)) static int answer_known_two(int x)
{
	return x + 2;
}

struct asked {
	Hotpath__ReaderRequest request;
	Hotpath__ReaderObject object, *objects[1];
	ProtobufCBinaryData patterns[PATTERNS_MAX];
	struct answer *answer;
	const Hotpath__ReaderReply *reply;
	int fd;
};

static void ask(struct asked *a, uint32_t max, const char *const *patterns)
{
	*a = (struct asked){.request = HOTPATH__READER_REQUEST__INIT,
			    .object = HOTPATH__READER_OBJECT__INIT,
			    .fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
	assert_true(a->fd >= 0);
	a->object.fd = (uint32_t)a->fd;
	a->object.path = (ProtobufCBinaryData){8, (uint8_t *)"/bin/app"};
	a->object.main = true;
	a->objects[0] = &a->object;
	a->request.objects = a->objects;
	a->request.n_objects = 1;
	a->request.max_functions = max;
	a->request.lines = true;
	a->request.patterns = a->patterns;
	for (; patterns[a->request.n_patterns]; a->request.n_patterns++)
		a->patterns[a->request.n_patterns] =
			(ProtobufCBinaryData){strlen(patterns[a->request.n_patterns]),
					      (uint8_t *)patterns[a->request.n_patterns]};
	assert_int_equal(answer_new(&a->request, &a->answer), 0);
	a->reply = answer_reply(a->answer);
}

static void done(struct asked *a)
{
	answer_free(a->answer);
	close(a->fd);
}

static void finds_functions_with_their_lines(void **state)
{
	struct asked a;

	ask(&a, 0, (const char *const[]){"app:answer_known_*", "!*_two", NULL});
	assert_string_equal(a.reply->error, "");
	assert_int_equal(a.reply->n_unmatched, 0);
	assert_int_equal(a.reply->objects[0]->n_functions, 1);
	answer_lines(a.answer);
	assert_int_equal(a.reply->objects[0]->functions[0]->line, LINE_OF_ONE);
	assert_non_null(
		strstr((char *)a.reply->objects[0]->functions[0]->file.data, "test-answer.c"));
	done(&a);
}

/* The reply that goes out should the reading of lines fall; taken back when it does not. */
static void notes_lost_lines_until_they_are_found(void **state)
{
	struct asked a;

	ask(&a, 0, (const char *const[]){"answer_known_one", NULL});
	assert_int_equal(a.reply->objects[0]->n_notes, 0);
	assert_int_equal(answer_note_lines_lost(a.answer), 0);
	assert_int_equal(a.reply->objects[0]->n_notes, 1);
	assert_non_null(strstr(a.reply->objects[0]->notes[0], "no file and line"));
	answer_lines(a.answer);
	assert_int_equal(a.reply->objects[0]->n_notes, 0);
	assert_int_equal(a.reply->objects[0]->functions[0]->line, LINE_OF_ONE);
	done(&a);
}

static void names_what_matched_nothing(void **state)
{
	struct asked a;

	ask(&a, 0, (const char *const[]){"answer_known_one", "anser_known_two", NULL});
	assert_int_equal(a.reply->objects[0]->n_functions, 1);
	assert_int_equal(a.reply->n_unmatched, 1);
	assert_string_equal(a.reply->unmatched[0], "anser_known_two");
	assert_true(a.reply->n_nearest > 0);
	assert_string_equal(a.reply->nearest[0], "answer_known_two");
	done(&a);
}

static void refuses_too_many(void **state)
{
	struct asked a;

	ask(&a, 1, (const char *const[]){"answer_known_*", NULL});
	assert_string_equal(a.reply->error,
			    "2 functions match, more than the limit of 1: use a narrower pattern");
	assert_int_equal(a.reply->n_objects, 0);
	done(&a);
}

static void takes_all_of_main_when_only_excluding(void **state)
{
	struct asked all, less;

	ask(&all, 0, (const char *const[]){NULL});
	ask(&less, 0, (const char *const[]){"!answer_known_*", NULL});
	assert_true(all.reply->objects[0]->n_functions > 20);
	assert_int_equal(all.reply->objects[0]->n_functions,
			 less.reply->objects[0]->n_functions + 2);
	assert_int_equal(all.reply->objects[0]->functions_total,
			 all.reply->objects[0]->cheap + all.reply->objects[0]->expensive +
				 all.reply->objects[0]->impossible);
	done(&all);
	done(&less);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_functions_with_their_lines),
		cmocka_unit_test(notes_lost_lines_until_they_are_found),
		cmocka_unit_test(names_what_matched_nothing),
		cmocka_unit_test(refuses_too_many),
		cmocka_unit_test(takes_all_of_main_when_only_excluding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
