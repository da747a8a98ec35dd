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

static void ask_places(struct asked *a, uint64_t *places, uint64_t *weights, size_t n)
{
	*a = (struct asked){.request = HOTPATH__READER_REQUEST__INIT,
			    .object = HOTPATH__READER_OBJECT__INIT,
			    .fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
	a->object.fd = (uint32_t)a->fd;
	a->object.path = (ProtobufCBinaryData){8, (uint8_t *)"/bin/app"};
	a->object.places = places;
	a->object.weights = weights;
	a->object.n_places = a->object.n_weights = n;
	a->objects[0] = &a->object;
	a->request.objects = a->objects;
	a->request.n_objects = 1;
	a->request.places_only = true;
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

__attribute__((always_inline)) static inline uint64_t answer_inlined_steps(uint64_t x)
{
	for (int i = 0; i < 100; i++)
		__asm__ volatile("imul $7, %0, %0" : "+r"(x));
	return x;
}

__attribute__((noinline, used)) static uint64_t places_known_outer(uint64_t x)
{
	return answer_inlined_steps(x);
}

/* Whose code places are; those that are nobody's, too, wherever they lie. */
static void names_places(void **state)
{
	static uint64_t places[6], weights[6] = {1, 1, 1, 5, 1, 1};
	const Hotpath__ReaderPlace *p;
	uint64_t start, size;
	struct asked a;

	ask(&a, 0, (const char *const[]){"places_known_outer", NULL});
	start = a.reply->objects[0]->functions[0]->offset;
	size = a.reply->objects[0]->functions[0]->size;
	done(&a);
	places[0] = 0; /* the ELF header */
	places[1] = start - 1;
	places[2] = start;
	places[3] = start + size * 3 / 4; /* in the loop */
	places[4] = start + size;
	places[5] = UINT64_MAX;
	ask_places(&a, places, weights, 6);
	assert_int_equal(a.reply->objects[0]->n_functions, 0);
	assert_int_equal(a.reply->objects[0]->n_places, 6);
	for (size_t i = 0; i < 6; i++) {
		p = a.reply->objects[0]->places[i];
		assert_int_equal(p->name.len == 18 && !memcmp(p->name.data, "places_known_outer", 18),
				 i == 2 || i == 3);
	}
	assert_int_equal(a.reply->objects[0]->places[0]->name.len, 0);
	assert_int_equal(a.reply->objects[0]->places[5]->name.len, 0);
	assert_int_equal(a.reply->objects[0]->places[3]->start, start);
	assert_int_equal(a.reply->objects[0]->places[3]->size, size);
	answer_places_inlined(a.answer);
	p = a.reply->objects[0]->places[2];
	assert_int_equal(p->inlined.len, 20);
	assert_memory_equal(p->inlined.data, "answer_inlined_steps", 20);
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
		cmocka_unit_test(names_places),
		cmocka_unit_test(notes_lost_lines_until_they_are_found),
		cmocka_unit_test(names_what_matched_nothing),
		cmocka_unit_test(refuses_too_many),
		cmocka_unit_test(takes_all_of_main_when_only_excluding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
