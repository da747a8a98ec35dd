// SPDX-License-Identifier: GPL-2.0-only
/* daemon/fold.c: whatever there is no memory for, a sum is never half of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/fold.h"

static long allocations_left = -1; /* then one fails; less than 0: none does */

static bool fails(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* --- targets that have ended -------------------------------------------------- */

static void pack(struct target *t, const char *const *names, size_t n)
{
	Hotpath__Target message = HOTPATH__TARGET__INIT;
	Hotpath__Counter counter = HOTPATH__COUNTER__INIT, *health[] = {&counter};
	Hotpath__Function function[8], *functions[8];
	Hotpath__Histogram histogram[8];
	uint32_t bucket[] = {t->pid};
	uint64_t count[] = {2};
	size_t i;

	for (i = 0; i < n; i++) {
		hotpath__function__init(&function[i]);
		hotpath__histogram__init(&histogram[i]);
		histogram[i].bucket = bucket;
		histogram[i].count = count;
		histogram[i].n_bucket = histogram[i].n_count = 1;
		function[i].name.data = (uint8_t *)names[i];
		function[i].name.len = strlen(names[i]);
		function[i].calls = function[i].exits = 2;
		function[i].durations = &histogram[i];
		functions[i] = &function[i];
	}
	message.pid = t->pid;
	message.complete = true;
	message.functions = functions;
	message.n_functions = n;
	counter.name = t->pid % 2 ? "odd" : "even";
	counter.value = 1;
	message.health = health;
	message.n_health = 1;
	t->final_size = hotpath__target__get_packed_size(&message);
	t->final = malloc(t->final_size);
	hotpath__target__pack(&message, t->final);
}

static struct target *ended(struct registry *registry, pid_t pid, const char *const *names, size_t n)
{
	struct target *t = calloc(1, sizeof(*t));

	t->refs = 1;
	t->pid = pid;
	t->pidfd = t->loader_fd = t->asker_fd = -1;
	t->finished = true;
	t->family = 1;
	t->next = registry->targets;
	registry->targets = t;
	pack(t, names, n);
	return t;
}

static uint64_t calls_of(const Hotpath__Target *t, const char *name)
{
	uint64_t calls = 0;
	size_t i;

	for (i = 0; i < t->n_functions; i++) {
		if (t->functions[i]->name.len == strlen(name) &&
		    !memcmp(t->functions[i]->name.data, name, strlen(name)))
			calls += t->functions[i]->calls;
	}
	return calls;
}

static void a_fold_is_all_or_nothing(void **state)
{
	static const char *const first[] = {"a", "b"}, *const second[] = {"a", "c", "b", "d"};
	struct registry registry = {};
	struct target *sum = ended(&registry, 1, first, 2), *t = ended(&registry, 2, second, 4);
	long n;
	int r;

	assert_int_equal(fold_target(&registry, sum), 0);
	for (n = 0;; n++) {
		allocations_left = n;
		r = fold_target(&registry, t);
		if (allocations_left >= 0)
			break;
		allocations_left = -1;
		assert_true(r < 0);
		assert_ptr_equal(registry.targets, t);
		assert_non_null(t->final);
		assert_int_equal(calls_of(sum->sum, "a"), 2);
		assert_int_equal(calls_of(sum->sum, "b"), 2);
		assert_int_equal(sum->sum->n_functions, 2);
		assert_int_equal(sum->sum->n_health, 1);
		assert_true(sum->sum->complete);
	}
	allocations_left = -1;
	assert_true(n > 5);
	assert_int_equal(r, 0);
	assert_ptr_equal(registry.targets, sum);
	assert_int_equal(calls_of(sum->sum, "a"), 4);
	assert_int_equal(calls_of(sum->sum, "b"), 4);
	assert_int_equal(calls_of(sum->sum, "c"), 2);
	assert_int_equal(calls_of(sum->sum, "d"), 2);
	assert_int_equal(sum->sum->n_health, 2);
	assert_true(sum->sum->complete);
	registry.targets = target_unref(sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fold_is_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
