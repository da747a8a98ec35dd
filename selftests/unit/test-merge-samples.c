// SPDX-License-Identifier: GPL-2.0-only
/* Samples of several processes as of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/merge.h"

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)strdup(text)};
}

static Hotpath__Target *target(uint64_t samples, uint64_t probe)
{
	Hotpath__Target *t = malloc(sizeof(*t));
	Hotpath__Sampling *s = malloc(sizeof(*s));

	hotpath__target__init(t);
	hotpath__sampling__init(s);
	s->frequency_hz = 997;
	s->samples = samples;
	s->probe = probe;
	s->places = calloc(8, sizeof(*s->places));
	t->sampling = s;
	return t;
}

static void place(Hotpath__Target *t, Hotpath__SampledKind kind, const char *name,
		  const char *object, uint64_t offset, uint64_t samples)
{
	Hotpath__SampledPlace *p = malloc(sizeof(*p));

	hotpath__sampled_place__init(p);
	p->kind = kind;
	p->name = bytes(name);
	p->object = bytes(object);
	p->offset = offset;
	p->samples = samples;
	t->sampling->places[t->sampling->n_places++] = p;
}

#define FUNCTION HOTPATH__SAMPLED_KIND__SAMPLED_FUNCTION
#define KERNEL	 HOTPATH__SAMPLED_KIND__SAMPLED_KERNEL

static uint64_t samples_of(const Hotpath__Target *t, const char *name, const char *object)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->sampling->n_places; i++) {
		const Hotpath__SampledPlace *p = t->sampling->places[i];

		if (p->name.len == strlen(name) && !memcmp(p->name.data, name, p->name.len) &&
		    p->object.len == strlen(object) && !memcmp(p->object.data, object, p->object.len))
			n += p->samples;
	}
	return n;
}

static void drop(Hotpath__Target *t)
{
	hotpath__target__free_unpacked(t, NULL);
}

static void the_same_place_is_one_row(void **state)
{
	Hotpath__Target *a = target(100, 10), *b = target(50, 5);

	place(a, FUNCTION, "f", "libx.so", 16, 60);
	place(a, KERNEL, "", "", 0, 30);
	place(b, KERNEL, "", "", 0, 15);
	place(b, FUNCTION, "f", "liby.so", 16, 10);
	place(b, FUNCTION, "f", "libx.so", 16, 20);
	assert_int_equal(merge_target(a, b), 0);
	assert_int_equal(a->sampling->n_places, 3);
	assert_int_equal(samples_of(a, "f", "libx.so"), 80);
	assert_int_equal(samples_of(a, "f", "liby.so"), 10);
	assert_int_equal(samples_of(a, "", ""), 45);
	assert_int_equal(a->sampling->samples, 150);
	assert_int_equal(a->sampling->probe, 15);
	assert_int_equal(b->sampling->n_places, 3);
	drop(a);
	drop(b);
}

static void who_was_not_sampled_takes_nothing_away(void **state)
{
	Hotpath__Target *a = target(100, 10), *b = target(50, 5), *none = malloc(sizeof(*none));

	place(a, KERNEL, "", "", 0, 30);
	hotpath__target__init(none);
	assert_int_equal(merge_target(none, a), 0);
	assert_int_equal(none->sampling->samples, 100);
	assert_int_equal(none->sampling->n_places, 1);
	drop(none);
	none = malloc(sizeof(*none));
	hotpath__target__init(none);
	assert_int_equal(merge_target(a, none), 0);
	assert_int_equal(a->sampling->samples, 100);
	drop(none);
	drop(a);
	drop(b);
}

static void sums_beyond_all_numbers_stay_the_largest(void **state)
{
	Hotpath__Target *a = target(UINT64_MAX, UINT64_MAX), *b = target(5, 5);

	place(a, KERNEL, "", "", 0, UINT64_MAX);
	place(b, KERNEL, "", "", 0, 1);
	assert_int_equal(merge_target(a, b), 0);
	assert_true(a->sampling->samples == UINT64_MAX);
	assert_true(a->sampling->places[0]->samples == UINT64_MAX);
	drop(a);
	drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_place_is_one_row),
		cmocka_unit_test(who_was_not_sampled_takes_nothing_away),
		cmocka_unit_test(sums_beyond_all_numbers_stay_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
