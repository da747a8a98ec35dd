// SPDX-License-Identifier: GPL-2.0-only
/* daemon/turn.c: who runs next, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/turn.h"

#define TURNS_MOST 200

static struct turn turn[TURNS_MOST];

/*
 * "Aa.b" is, in the order in which they came: a request of A that runs, one of his that
 * waits, a followed program... A letter is a user: upper case runs, lower case waits;
 * those behind the bar are of the other kind.
 */
static struct turn *list(const char *text)
{
	struct turn *first = NULL, **at = &first;
	enum turn_kind kind = TURN_REQUEST;
	size_t n = 0;

	for (; *text; text++) {
		if (*text == '|') {
			kind = TURN_FOLLOWED;
			continue;
		}
		turn[n] = (struct turn){
			.kind = kind,
			.uid = (*text | 32) - 'a',
			.running = *text < 'a',
			.bytes = 1,
		};
		*at = &turn[n];
		at = &turn[n++].next;
	}
	return first;
}

static void who_has_least_goes_first(void **state)
{
	static const struct {
		const char *text;
		int next; /* -1: nobody */
	} table[] = {
		{"", -1},
		{"a", 0},
		{"AAA", -1},
		{"AAAaa", 3},
		{"AAAAa", -1},	    /* one user's share */
		{"AAAAab", 5},	    /* is not another's */
		{"aaab", 0},	    /* nobody runs: as they came */
		{"Aaab", 3},
		{"AAABBaab", 7},
		{"AAAABBc", -1},    /* all there are */
		{"AAAABB|aa", 6},   /* but of the other kind */
		{"AAAABBb|AAAA", -1},
		{"aaa|AAAABB", 0},
		{"a|b", 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct turn *next = turn_next(list(table[i].text));

		if ((next ? next - turn : -1) != table[i].next)
			fail_msg("row %zu, %s: %d", i, table[i].text,
				 next ? (int)(next - turn) : -1);
	}
}

/* As long as one user's come, another's are done: never more than a user's share waits. */
static void one_user_does_not_starve_another(void **state)
{
	struct turn *first = list("aaaaaaaaaaaaaaab"), *t;
	int done;

	for (done = 0; !turn[15].running; done++) {
		while ((t = turn_next(first)))
			t->running = true;
		assert_true(done < 2);
		turn[done].running = false;
	}
}

static void only_so_many_wait(void **state)
{
	struct turn fresh = {.kind = TURN_REQUEST, .uid = 0, .bytes = 1};
	char text[TURNS_WAITING_OF_ONE + 1];
	struct turn *first;

	memset(text, 'a', TURNS_WAITING_OF_ONE);
	text[TURNS_WAITING_OF_ONE] = '\0';
	first = list(text);
	assert_false(turn_may_wait(first, &fresh));
	fresh.uid = 1;
	assert_true(turn_may_wait(first, &fresh));
	fresh = (struct turn){.kind = TURN_FOLLOWED, .uid = 0, .bytes = 1};
	assert_true(turn_may_wait(first, &fresh));

	fresh = (struct turn){.bytes = 2 * TURNS_BYTES_OF_ONE};
	assert_true(turn_may_wait(NULL, &fresh));
	assert_false(turn_may_wait(list("a"), &fresh));
	fresh.bytes = TURNS_BYTES_OF_ONE - 1;
	assert_true(turn_may_wait(list("a"), &fresh));
	assert_false(turn_may_wait(list("aa"), &fresh));
	assert_true(turn_may_wait(list("aA"), &fresh));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_least_goes_first),
		cmocka_unit_test(one_user_does_not_starve_another),
		cmocka_unit_test(only_so_many_wait),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
