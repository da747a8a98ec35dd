// SPDX-License-Identifier: GPL-2.0-only
/* daemon/handoff.c: nothing is lost or out of order, and nobody waits for the other side. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/handoff.h"

#define MANY 100000

static bool is_ready(const struct handoff *h)
{
	struct pollfd p = {.fd = handoff_fd(h), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void what_nobody_takes_is_kept_in_order_or_refused(void **state)
{
	struct handoff h;
	uint64_t i, seen;

	assert_int_equal(handoff_init(&h, sizeof(i)), 0);
	assert_false(is_ready(&h));
	assert_false(handoff_take(&h, &seen));
	for (i = 0; i < HANDOFF_MAX; i++)
		assert_int_equal(handoff_put(&h, &i), 0);
	assert_int_equal(handoff_put(&h, &i), -ENOSPC);
	for (i = 0; i < HANDOFF_MAX; i++) {
		assert_true(is_ready(&h));
		assert_true(handoff_take(&h, &seen));
		assert_int_equal(seen, i);
		if (i == HANDOFF_MAX / 2)
			assert_int_equal(handoff_put(&h, &(uint64_t){HANDOFF_MAX}), 0);
	}
	assert_true(handoff_take(&h, &seen));
	assert_int_equal(seen, HANDOFF_MAX);
	assert_false(handoff_take(&h, &seen));
	assert_false(is_ready(&h));
	handoff_done(&h);
	handoff_done(&h);
}

static void *puts_many(void *arg)
{
	uint64_t i;

	for (i = 1; i <= MANY;)
		i += handoff_put(arg, &i) == 0;
	return NULL;
}

static void two_threads_and_every_wake_up_is_seen(void **state)
{
	uint64_t seen, n = 0;
	struct handoff h;
	pthread_t thread;

	assert_int_equal(handoff_init(&h, sizeof(seen)), 0);
	assert_int_equal(pthread_create(&thread, NULL, puts_many, &h), 0);
	while (n < MANY) {
		struct pollfd p = {.fd = handoff_fd(&h), .events = POLLIN};

		assert_int_equal(poll(&p, 1, 60000), 1);
		while (handoff_take(&h, &seen))
			assert_int_equal(seen, ++n);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)handoff_take(&h, &seen);
	assert_false(is_ready(&h));
	handoff_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_takes_is_kept_in_order_or_refused),
		cmocka_unit_test(two_threads_and_every_wake_up_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
