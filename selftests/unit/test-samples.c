// SPDX-License-Identifier: GPL-2.0-only
/* Places, the files they are in, and what is known of those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/contention.h"
#include "daemon/samples.h"
#include "lib/cleanup.h"

static void add(struct samples *s, struct codefiles *files, uint64_t ino, uint64_t at, uint64_t count)
{
	const struct hp_sample sample = {.kind = HP_SAMPLE_FILE, .dev = 1, .ino = ino, .at = at};

	samples_add(s, files, &sample, count);
}

static uint64_t count_at(const struct samples *s, uint64_t ino, uint64_t at)
{
	size_t i;

	for (i = 0; i < s->room; i++) {
		if (s->place[i].file && s->place[i].file->map_ino == ino && s->place[i].at == at)
			return s->place[i].count;
	}
	return 0;
}

static struct named_code code(uint64_t start, uint64_t end, const char *name)
{
	return (struct named_code){.start = start, .end = end, .name = name ? strdup(name) : NULL};
}

static void equal_places_are_one(void **state)
{
	struct codefiles files = {};
	struct samples s = {};

	add(&s, &files, 10, 0x100, 3);
	add(&s, &files, 10, 0x100, 4);
	add(&s, &files, 11, 0x100, 5);
	assert_int_equal(s.n, 2);
	assert_int_equal(count_at(&s, 10, 0x100), 7);
	assert_int_equal(count_at(&s, 11, 0x100), 5);
	assert_int_equal(samples_all(&s), 12);
	samples_done(&s, &files);
	assert_int_equal(files.n_idle, 2);
	codefiles_forget(&files);
	assert_null(files.first);
}

static void more_files_than_one_target_may_have_open_are_lost(void **state)
{
	struct codefiles files = {};
	struct samples s = {}, other = {};
	uint64_t i;

	for (i = 1; i <= SAMPLES_FILES_MAX + 10; i++)
		add(&s, &files, i, 0x100, 2);
	add(&s, &files, 1, 0x200, 3);
	assert_int_equal(s.n_files, SAMPLES_FILES_MAX);
	assert_int_equal(samples_all(&s), 2 * SAMPLES_FILES_MAX + 3);
	assert_int_equal(s.lost, 20);
	samples_gather(&s, &files);
	assert_int_equal(s.n_files, SAMPLES_FILES_MAX);
	add(&other, &files, SAMPLES_FILES_MAX + 10, 0x100, 1);
	assert_int_equal(other.lost, 0);
	samples_done(&other, &files);
	samples_done(&s, &files);
	codefiles_forget(&files);
	assert_int_equal(files.n, 0);
}

static void names_have_a_limit_together(void **state)
{
	static char name[65536];
	struct codefiles files = {};
	struct codefile *file = codefile_get(&files, 1, 10);
	uint64_t i, kept = 0;

	memset(name, 'x', sizeof(name) - 1);
	assert_non_null(file);
	for (i = 0; i < 3000; i++)
		kept += codefile_name(file, code(i * 16, i * 16 + 16, name)) == 0;
	assert_int_equal(kept, (64 << 20) / sizeof(name));
	codefile_put(&files, file);
	codefiles_forget(&files);
	assert_int_equal(files.name_bytes, 0);
}

static void nothing_is_lost_when_places_are_too_many(void **state)
{
	struct codefiles files = {};
	struct samples s = {};
	uint64_t n = SAMPLES_PLACES_MAX + 5000, i;

	for (i = 0; i < n; i++)
		add(&s, &files, 10, i * 16, 1);
	add(&s, &files, 11, 0, 9);
	assert_int_equal(samples_all(&s), n + 9);
	assert_int_equal(s.lost, 0);
	assert_int_equal(count_at(&s, 10, SAMPLES_ELSEWHERE), 5000);
	assert_int_equal(count_at(&s, 11, SAMPLES_ELSEWHERE), 9);
	assert_true(s.n <= SAMPLES_PLACES_MAX + 2);
	samples_done(&s, &files);
	codefiles_forget(&files);
}

static void places_in_one_function_become_one(void **state)
{
	struct codefiles files = {};
	struct samples s = {};
	struct codefile *file = codefile_get(&files, 1, 10);

	add(&s, &files, 10, 0x110, 1);
	add(&s, &files, 10, 0x120, 2);
	add(&s, &files, 10, 0x200, 4);
	assert_int_equal(codefile_name(file, code(0x100, 0x180, "f")), 0);
	samples_gather(&s, &files);
	assert_int_equal(s.n, 2);
	assert_int_equal(count_at(&s, 10, 0x100), 3);
	add(&s, &files, 10, 0x17f, 8);
	assert_int_equal(count_at(&s, 10, 0x100), 11);
	assert_int_equal(count_at(&s, 10, 0x200), 4);
	codefile_put(&files, file);
	samples_done(&s, &files);
	codefiles_forget(&files);
}

static void kinds_are_counted_apart(void **state)
{
	static const uint32_t kinds[] = {HP_SAMPLE_ANONYMOUS, HP_SAMPLE_VDSO,  HP_SAMPLE_UNKNOWN,
					 HP_SAMPLE_KERNEL,    HP_SAMPLE_PROBE, HP_SAMPLE_DISCARDED};
	struct codefiles files = {};
	struct samples s = {}, sum = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct hp_sample sample = {.kind = kinds[i]};

		samples_add(&s, &files, &sample, 1u << i);
	}
	add(&s, &files, 10, 0, 64);
	samples_merge(&sum, &files, &s);
	samples_merge(&sum, &files, &s);
	assert_int_equal(samples_all(&s), 127);
	assert_int_equal(samples_all(&sum), 254);
	assert_int_equal(sum.probe, 32);
	assert_int_equal(sum.discarded, 64);
	assert_int_equal(count_at(&sum, 10, 0), 128);
	samples_done(&s, &files);
	samples_done(&sum, &files);
	codefiles_forget(&files);
}

static void answers_never_lie_over_one_another(void **state)
{
	struct codefiles files = {};
	struct codefile *file = codefile_get(&files, 1, 10);

	assert_int_equal(codefile_name(file, code(0x200, 0x300, "b")), 0);
	assert_int_equal(codefile_name(file, code(0x100, 0x200, "a")), 0);
	assert_int_equal(codefile_name(file, code(0x400, 0x401, NULL)), 0);
	assert_int_equal(codefile_name(file, code(0x180, 0x280, "x")), -EEXIST);
	assert_int_equal(codefile_name(file, code(0x0, 0x101, "x")), -EEXIST);
	assert_int_equal(codefile_name(file, code(0x500, 0x500, "x")), -EEXIST);
	assert_string_equal(codefile_at(file, 0x1ff)->name, "a");
	assert_string_equal(codefile_at(file, 0x200)->name, "b");
	assert_null(codefile_at(file, 0x300));
	assert_null(codefile_at(file, 0xff));
	assert_null(codefile_at(file, 0x400)->name);
	codefile_put(&files, file);
	codefiles_forget(&files);
}

/* /dev/null stands for any file. */
static void learn(struct codefiles *files, uint64_t ino, uint64_t version)
{
	struct proc_object object = {.map_dev = 1, .map_ino = ino, .dev = 7, .ino = ino,
				     .version = version, .path = (char *)"/usr/lib/libx.so.1"};
	struct proc_objects objects = {&object, 1, 0};

	object.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	codefiles_learn(files, &objects);
	close(object.fd);
}

static void a_file_is_learnt_before_or_after_its_samples(void **state)
{
	struct codefiles files = {};
	struct samples s = {};

	learn(&files, 10, 1);
	add(&s, &files, 10, 0, 1);
	assert_false(samples_lack_files(&s));
	add(&s, &files, 11, 0, 1);
	assert_true(samples_lack_files(&s));
	learn(&files, 11, 1);
	assert_false(samples_lack_files(&s));
	samples_done(&s, &files);
	codefiles_forget(&files);
}

static void a_file_that_was_written_to_is_another(void **state)
{
	struct codefiles files = {};
	struct samples s = {};
	struct codefile *file;

	learn(&files, 10, 1);
	add(&s, &files, 10, 0x10, 1);
	file = codefile_get(&files, 1, 10);
	assert_int_equal(codefile_name(file, code(0x10, 0x20, "old")), 0);
	codefile_put(&files, file);
	learn(&files, 10, 2);
	file = codefile_get(&files, 1, 10);
	assert_null(codefile_at(file, 0x10));
	codefile_put(&files, file);
	assert_int_equal(s.n, 1);
	samples_done(&s, &files);
	codefiles_forget(&files);
	assert_null(files.first);
}

static void unused_files_are_kept_up_to_a_limit(void **state)
{
	struct codefiles files = {};
	size_t i;

	for (i = 1; i < 2000; i++)
		codefile_put(&files, codefile_get(&files, 1, i));
	assert_true(files.n_idle <= 512);
	codefiles_forget(&files);
	assert_int_equal(files.n_idle, 0);
}

static void contention_is_time_sampled_by_time_priced(void **state)
{
	struct contention c = {};

	/* 400 samples of 1 ms are 400 ms; 200 ms by prices. */
	assert_true(contention_weigh(&c, 400, 200000000, 1000));
	assert_true(c.factor > 1.99 && c.factor < 2.01);
	/* Too few since then. */
	assert_false(contention_weigh(&c, 500, 300000000, 1000));
	/* As priced: half of the way back. */
	assert_true(contention_weigh(&c, 800, 600000000, 1000));
	assert_true(c.factor > 1.49 && c.factor < 1.51);
	/* Reset: what was is no base any more, the factor stands. */
	assert_false(contention_weigh(&c, 0, 0, 1000));
	assert_true(contention_weigh(&c, 1000, 1, 1000));
	assert_true(c.factor <= CONTENTION_MOST);
	assert_false(contention_weigh(&c, 5000, 1, 1000));
}

static void prices_are_scaled_when_it_matters(void **state)
{
	static const struct {
		double factor;
		uint32_t scale;
	} cases[] = {
		{0, HP_PRICE_ONE},   {1, HP_PRICE_ONE}, {1.2, HP_PRICE_ONE}, {0.85, HP_PRICE_ONE},
		{2, 2 * HP_PRICE_ONE}, {0.5, HP_PRICE_ONE},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct contention c = {.factor = cases[i].factor};

		assert_int_equal(contention_scale(&c), cases[i].scale);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_places_are_one),
		cmocka_unit_test(more_files_than_one_target_may_have_open_are_lost),
		cmocka_unit_test(names_have_a_limit_together),
		cmocka_unit_test(nothing_is_lost_when_places_are_too_many),
		cmocka_unit_test(places_in_one_function_become_one),
		cmocka_unit_test(kinds_are_counted_apart),
		cmocka_unit_test(answers_never_lie_over_one_another),
		cmocka_unit_test(a_file_is_learnt_before_or_after_its_samples),
		cmocka_unit_test(a_file_that_was_written_to_is_another),
		cmocka_unit_test(unused_files_are_kept_up_to_a_limit),
		cmocka_unit_test(contention_is_time_sampled_by_time_priced),
		cmocka_unit_test(prices_are_scaled_when_it_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
