// SPDX-License-Identifier: GPL-2.0-only
/* daemon/model.c: counters and blocks into the figures of a function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/model.h"
#include "lib/hist.h"

static const struct model_open none;

static uint64_t sum_of_ways(const struct model_function *f)
{
	return f->exits + f->open + f->unwound + f->vetoed + f->lost;
}

static void entries_under_way_are_open_while_it_runs(void **state)
{
	const struct hp_func func = {.calls = 10, .vetoed = 2, .unwound = 1, .cut = 1};
	struct model_function f;

	model_function(&func, model_calls(&func), 4, &none, true, false, &f);
	assert_int_equal(f.open, 3); /* one cut, two on their way */
	assert_int_equal(f.lost, 0);
	assert_int_equal(sum_of_ways(&f), f.calls);
}

static void entries_without_a_way_out_are_lost_at_the_end(void **state)
{
	const struct hp_func func = {.calls = 10, .vetoed = 2, .unwound = 1, .cut = 1};
	const struct model_open open = {.count = 1, .total_ns = 500, .max_ns = 500};
	struct model_function f;

	model_function(&func, model_calls(&func), 4, &open, true, true, &f);
	assert_int_equal(f.open, 2); /* cut by a thread's end, cut by ours */
	assert_int_equal(f.cut, 2);
	assert_int_equal(f.lost, 1);
	assert_int_equal(f.open_ns, 500);
	assert_int_equal(sum_of_ways(&f), f.calls);
}

static void more_ways_out_than_entries_are_entries_that_came_since(void **state)
{
	const struct hp_func func = {.calls = 3};
	struct model_function f;

	model_function(&func, model_calls(&func), 4, &none, true, false, &f);
	assert_int_equal(f.open, 0);
	assert_int_equal(f.calls, 4);
	assert_int_equal(sum_of_ways(&f), f.calls);
}

static void counted_only_functions_have_no_ways_out(void **state)
{
	const struct hp_func func = {.calls = 10};
	struct model_function f;

	model_function(&func, model_calls(&func), 0, &none, false, true, &f);
	assert_int_equal(f.calls, 10);
	assert_int_equal(f.open + f.lost + f.exits, 0);
}

static void exits_beyond_the_histogram_count(void **state)
{
	const struct hp_func func = {.calls = 5, .hist_lost = 2, .total_ns = 100, .child_ns = 30,
				     .max_ns = 60, .min_inv = ~7ull};
	struct model_function f;

	model_function(&func, model_calls(&func), 3, &none, true, true, &f);
	assert_int_equal(f.exits, 5);
	assert_int_equal(f.histogram_lost, 2);
	assert_int_equal(f.self_ns, 70);
	assert_int_equal(f.min_ns, 7);
	assert_int_equal(f.max_ns, 60);
}

static void callees_that_took_longer_leave_no_negative_self(void **state)
{
	const struct hp_func func = {.calls = 1, .total_ns = 10, .child_ns = 11};
	struct model_function f;

	model_function(&func, model_calls(&func), 1, &none, true, true, &f);
	assert_int_equal(f.self_ns, 0);
}

static void sums_below_zero_are_zero(void **state)
{
	const struct hp_func func = {.calls = 2, .total_ns = -10ull, .child_ns = -3ull,
				     .probe_ns = 1300, .clipped = 2, .min_inv = ~0ull};
	struct model_function f;

	model_function(&func, model_calls(&func), 2, &none, true, true, &f);
	assert_int_equal(f.total_ns, 0);
	assert_int_equal(f.self_ns, 0);
	assert_int_equal(f.min_ns, 0);
	assert_int_equal(f.probe_ns, 1300);
	assert_int_equal(f.clipped, 2);
}

/* What BPF does with a duration, by the layout in bpf/hotpath.h. */
static void put(union hp_block *blocks, struct hp_func *func, uint64_t ns, uint32_t *next)
{
	uint32_t bucket = hist_bucket(ns), k = bucket / HP_HIST_SUB;

	if (!func->chunk[k])
		func->chunk[k] = (*next)++;
	blocks[func->chunk[k]].bucket[bucket % HP_HIST_SUB]++;
}

static void histogram_is_read_in_ascending_order(void **state)
{
	static union hp_block blocks[8];
	struct hp_func *func = &blocks[1].func;
	uint32_t bucket[HP_HIST_BUCKETS], next = 2;
	uint64_t count[HP_HIST_BUCKETS];
	size_t n;

	memset(blocks, 0, sizeof(blocks));
	put(blocks, func, 1000000, &next); /* the highest gets the first chunk */
	put(blocks, func, 3, &next);
	put(blocks, func, 700, &next);
	put(blocks, func, 700, &next);
	n = model_histogram(func, blocks, 8, bucket, count);
	assert_int_equal(n, 3);
	assert_int_equal(bucket[0], 3);
	assert_int_equal(bucket[1], hist_bucket(700));
	assert_int_equal(count[1], 2);
	assert_int_equal(bucket[2], hist_bucket(1000000));
}

static void chunk_numbers_out_of_bounds_are_not_followed(void **state)
{
	static union hp_block blocks[2];
	uint32_t bucket[HP_HIST_BUCKETS];
	uint64_t count[HP_HIST_BUCKETS];

	memset(blocks, 0, sizeof(blocks));
	blocks[1].func.chunk[3] = 2;
	blocks[1].func.chunk[4] = 0xffffffff;
	assert_int_equal(model_histogram(&blocks[1].func, blocks, 2, bucket, count), 0);
}

static void layout_of_the_histogram_is_that_of_lib_hist(void **state)
{
	assert_int_equal(HP_HIST_SUB_BITS, HIST_SUB_BITS);
	assert_int_equal(HP_HIST_BUCKETS, HIST_BUCKETS);
	assert_int_equal(sizeof(union hp_block), HP_BLOCK_SIZE);
	assert_true(sizeof(struct hp_func) <= HP_BLOCK_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_under_way_are_open_while_it_runs),
		cmocka_unit_test(entries_without_a_way_out_are_lost_at_the_end),
		cmocka_unit_test(more_ways_out_than_entries_are_entries_that_came_since),
		cmocka_unit_test(counted_only_functions_have_no_ways_out),
		cmocka_unit_test(exits_beyond_the_histogram_count),
		cmocka_unit_test(callees_that_took_longer_leave_no_negative_self),
		cmocka_unit_test(sums_below_zero_are_zero),
		cmocka_unit_test(histogram_is_read_in_ascending_order),
		cmocka_unit_test(chunk_numbers_out_of_bounds_are_not_followed),
		cmocka_unit_test(layout_of_the_histogram_is_that_of_lib_hist),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
