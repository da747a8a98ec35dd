// SPDX-License-Identifier: GPL-2.0-only
/* daemon/arming.c: which links there are, without a kernel to make them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "bpf/hotpath.h"
#include "daemon/arming.h"
#include "daemon/collect-calls.h"
#include "daemon/group.h"
#include "lib/cleanup.h"

#define FUNCTIONS 6000
#define MAIN	  150

static struct hp_group shared;
static int fail_with, links_made, links_of_main;

/* --- in place of the kernel's interface ---------------------------------------------- */

struct hp_group *calls_group(struct calls *calls, uint32_t group)
{
	return &shared;
}

int calls_link(struct calls *calls, enum probe_kind kind, const struct link_sites *sites,
	       const struct link_sites *exits, pid_t pid, int **ret_fds, size_t *ret_n)
{
	int *fds = calloc(1, sizeof(*fds));

	assert_non_null(fds);
	if (fail_with) {
		free(fds);
		return fail_with;
	}
	links_made++;
	for (size_t i = 0; i < sites->count; i++)
		links_of_main += sites->offsets[i] == MAIN;
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fds[0] >= 0);
	*ret_fds = fds;
	*ret_n = 1;
	return 0;
}

void links_close(int **fds, size_t *n)
{
	while (*n > 0)
		close((*fds)[--*n]);
	free(*fds);
	*fds = NULL;
}

/* --- tests ----------------------------------------------------------------------------- */

struct place {
	sd_event *event;
	struct closer *closer;
	struct group group;
	struct arming *arming;
};

static void place_make(struct place *p)
{
	fail_with = links_made = links_of_main = 0;
	assert_true(sd_event_new(&p->event) >= 0);
	assert_true(closer_new(p->event, &p->closer) >= 0);
	p->group = (struct group){.id = 1, .kind = PROBE_SESSION, .count = FUNCTIONS};
	p->group.sites = calloc(FUNCTIONS, sizeof(*p->group.sites));
	p->group.cookies = calloc(FUNCTIONS, sizeof(*p->group.cookies));
	p->group.functions = calloc(FUNCTIONS, sizeof(*p->group.functions));
	assert_non_null(p->group.sites);
	assert_non_null(p->group.functions);
	for (size_t i = 0; i < FUNCTIONS; i++)
		p->group.functions[i].name = i == MAIN ? "main" : "other", p->group.sites[i] = i;
	assert_non_null(p->group.cookies);
	assert_int_equal(arming_new(&p->group, NULL, p->closer, &p->arming), 0);
}

static void place_free(struct place *p)
{
	arming_free(p->arming, NULL);
	closer_free(p->closer);
	sd_event_unref(p->event);
	free(p->group.sites);
	free(p->group.cookies);
	free(p->group.functions);
}

static unsigned int links_open(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(shared.open); i++)
		n += __builtin_popcountll(shared.open[i]);
	return n;
}

static void turn(struct place *p)
{
	while (sd_event_run(p->event, 0) > 0)
		;
}

static void test_a_few_at_a_time_never_need_more_links_than_there_are(void **state)
{
	struct place p = {};
	uint32_t f;

	place_make(&p);
	for (f = 0; f < FUNCTIONS; f++) {
		assert_int_equal(arming_arm(p.arming, &f, 1), 0);
		turn(&p);
	}
	for (f = 0; f < FUNCTIONS; f++)
		assert_true(arming_is_armed(p.arming, f));
	assert_true(links_open() <= HP_LINKS_MAX / 2 + 1);
	place_free(&p);
}

static void test_what_is_released_is_no_more_and_its_neighbours_are(void **state)
{
	struct place p = {};
	uint32_t all[200], f, third[200], n = 0;

	place_make(&p);
	for (f = 0; f < 200; f++) {
		all[f] = f;
		if (f % 3 == 0)
			third[n++] = f;
	}
	assert_int_equal(arming_arm(p.arming, all, 200), 0);
	arming_release(p.arming, third, n);
	for (f = 0; f < 200; f++)
		assert_int_equal(arming_is_armed(p.arming, f), f % 3 != 0);
	assert_int_equal(links_open(), 4);
	place_free(&p);
	assert_int_equal(links_open(), 0);
}

/* A link that is replaced would lose its return. */
static void test_main_has_a_link_that_is_not_replaced(void **state)
{
	struct place p = {};
	uint32_t all[200], f;
	int made;

	place_make(&p);
	for (f = 0; f < 200; f++)
		all[f] = f;
	assert_int_equal(arming_arm(p.arming, all, 200), 0);
	assert_int_equal(links_open(), 5);
	for (f = 0; f < 200; f++) {
		if (f == MAIN)
			continue;
		arming_release(p.arming, &f, 1);
		turn(&p);
	}
	assert_true(arming_is_armed(p.arming, MAIN));
	assert_int_equal(links_open(), 1);
	made = links_made;
	for (; f < FUNCTIONS; f++) {
		assert_int_equal(arming_arm(p.arming, &f, 1), 0);
		turn(&p);
	}
	assert_true(links_made > made);
	assert_int_equal(links_of_main, 1);
	place_free(&p);
}

static void test_without_a_link_nothing_is_armed(void **state)
{
	struct place p = {};
	uint32_t all[] = {0, 1, 2}, one = 1;

	place_make(&p);
	assert_int_equal(arming_arm(p.arming, all, 3), 0);
	fail_with = -ENOMEM;
	arming_release(p.arming, &one, 1);
	for (uint32_t f = 0; f < 3; f++)
		assert_false(arming_is_armed(p.arming, f));
	assert_int_equal(links_open(), 0);
	assert_int_equal(arming_arm(p.arming, all, 3), -ENOMEM);
	place_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_few_at_a_time_never_need_more_links_than_there_are),
		cmocka_unit_test(test_what_is_released_is_no_more_and_its_neighbours_are),
		cmocka_unit_test(test_main_has_a_link_that_is_not_replaced),
		cmocka_unit_test(test_without_a_link_nothing_is_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
