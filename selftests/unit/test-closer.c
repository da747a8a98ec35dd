// SPDX-License-Identifier: GPL-2.0-only
/* daemon/closer.c: descriptors are closed beside the event loop, which is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/closer.h"
#include "lib/cleanup.h"

#define JOBS 40

static unsigned int done;

static void on_done(void *userdata)
{
	unsigned int *order = userdata;

	*order = ++done;
}

/* Two descriptors, the write ends of pipes whose other ends are kept. */
static void start(struct closer *closer, uint32_t delay_us, int keep[2], unsigned int *order)
{
	int *fds = calloc(2, sizeof(*fds)), ends[2];
	size_t n = 0;

	assert_non_null(fds);
	for (; n < 2; n++) {
		assert_int_equal(pipe(ends), 0);
		keep[n] = ends[0];
		fds[n] = ends[1];
	}
	closer_close(closer, &fds, &n, delay_us, on_done, order);
	assert_int_equal(n, 0);
	assert_null(fds);
}

static struct closer *begin(sd_event **event)
{
	struct closer *closer = NULL;

	done = 0;
	assert_true(sd_event_new(event) >= 0);
	assert_int_equal(closer_new(*event, &closer), 0);
	return closer;
}

static void assert_closed(int keep[2])
{
	char c;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(read(keep[i], &c, 1), 0);
		close(keep[i]);
	}
}

static void test_the_loop_is_told_when_they_are_closed(void **state)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	struct closer *closer = begin(&event);
	unsigned int order = 0;
	int keep[2];

	start(closer, 0, keep, &order);
	while (!order)
		assert_true(sd_event_run(event, 1000000) > 0);
	assert_closed(keep);
	closer_free(closer);
}

static void test_to_wait_is_for_all_of_them_and_in_any_order(void **state)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	struct closer *closer = begin(&event);
	unsigned int order[JOBS] = {}, i;
	int keep[JOBS][2];

	for (i = 0; i < JOBS; i++)
		start(closer, i == 0 ? 20000 : 0, keep[i], &order[i]);
	closer_wait(closer);
	assert_int_equal(done, JOBS);
	for (i = 0; i < JOBS; i++) {
		assert_true(order[i] > 0);
		assert_closed(keep[i]);
	}
	closer_free(closer);
}

/* The loop knows of the end of one, and before it says so somebody has waited for it. */
static void test_the_loop_does_not_wait_for_what_was_waited_for(void **state)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	struct closer *closer = begin(&event);
	unsigned int order = 0;
	int keep[2];

	start(closer, 0, keep, &order);
	assert_true(sd_event_prepare(event) >= 0);
	assert_true(sd_event_wait(event, 10000000) > 0);
	closer_wait(closer);
	assert_int_equal(order, 1);
	alarm(10);
	assert_true(sd_event_dispatch(event) >= 0);
	alarm(0);
	assert_closed(keep);
	closer_free(closer);
}

static void test_to_free_it_is_to_wait(void **state)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	struct closer *closer = begin(&event);
	unsigned int order = 0;
	int keep[2];

	start(closer, 20000, keep, &order);
	closer_free(closer);
	assert_int_equal(order, 1);
	assert_closed(keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_loop_is_told_when_they_are_closed),
		cmocka_unit_test(test_to_wait_is_for_all_of_them_and_in_any_order),
		cmocka_unit_test(test_the_loop_does_not_wait_for_what_was_waited_for),
		cmocka_unit_test(test_to_free_it_is_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
