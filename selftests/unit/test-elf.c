// SPDX-License-Identifier: GPL-2.0-only
/* Objects: real ones read, broken ones refused with a clause, mutated ones survived. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/reader/book.h"
#include "daemon/reader/never.h"

int main(void);

static uint8_t *own;
static size_t own_size;

/* Small enough to be mutated thousands of times, large enough to have everything. */
#define PROGRAM "/bin/true"

static int load_program(void **state)
{
	struct image image;

	if (image_open_path(PROGRAM, &image) < 0)
		return -1;
	own_size = image.size;
	own = malloc(own_size);
	if (own)
		memcpy(own, image.data, own_size);
	image_close(&image);

	return own ? 0 : -1;
}

static int free_program(void **state)
{
	free(own);

	return 0;
}

/* Opens a copy of size bytes as an object and reads all there is. */
static void read_all(struct book *b, const uint8_t *bytes, size_t size)
{
	static const struct book_options options;
	uint8_t *copy = malloc(size + !size);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	assert_int_equal(
		book_open_image(b, (struct image){copy, size, IMAGE_HEAP}, text_from("/bin/x")), 0);
	assert_int_equal(book_read_functions(b), 0);
	for (size_t i = 0; i < b->functions.count; i++)
		book_judge(b, &b->functions.list[i], &options);
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		size_t size;
		const char *error;
	} cases[] = {
		{0, 'X', 4096, "not an ELF file"},
		{0, 0x7f, 3, "not an ELF file"},
		{0, 0x7f, 40, "truncated: shorter than an ELF header"},
		{0, 0x7f, 100, "truncated: program headers past the end of the file"},
		{0, 0x7f, 8192, "truncated: section headers past the end of the file"},
		{4, 1, 8192, "32-bit program (x32): only x86-64 is supported"},
		{5, 2, 8192, "big-endian program: only x86-64 is supported"},
		{16, 1, 8192, "relocatable object (.o): not loaded as it is"},
		{16, 4, 8192, "core dump: not a program"},
		{18, 3, 8192, "32-bit program (i386): only x86-64 is supported"},
		{18, 183, 8192, "aarch64 program: only x86-64 is supported"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t saved = own[cases[i].at];
		struct book b;

		own[cases[i].at] = cases[i].value;
		read_all(&b, own, cases[i].size);
		own[cases[i].at] = saved;
		assert_non_null(b.error);
		assert_string_equal(b.error, cases[i].error);
		book_close(&b);
	}
}

static void survives_truncation_anywhere(void **state)
{
	for (size_t size = 0; size < own_size; size += 1 + size / 100) {
		struct book b;

		read_all(&b, own, size);
		assert_non_null(b.error);
		book_close(&b);
	}
}

static void survives_changed_bytes(void **state)
{
	uint8_t *bytes = malloc(own_size);

	assert_non_null(bytes);
	srandom(1);
	for (int round = 0; round < 3000; round++) {
		/* Headers first: most bytes of a program are code that nobody reads. */
		size_t range = round % 3 ? own_size : 1024;
		struct book b;

		memcpy(bytes, own, own_size);
		for (int k = 0; k < 1 + round % 8; k++)
			bytes[(size_t)random() % range] = (uint8_t)random();
		read_all(&b, bytes, own_size);
		book_close(&b);
	}
	free(bytes);
}

static void knows_what_must_never_return(void **state)
{
	static const struct {
		const char *name;
		bool probe, returns;
	} cases[] = {
		{"main", true, true},
		{"malloc", true, true},
		{"setjmp", true, false},
		{"__sigsetjmp", true, false},
		{"swapcontext", true, false},
		{"vfork", true, false},
		{"dlsym", true, false},
		{"_dl_runtime_resolve_xsavec", true, false},
		{"_Unwind_Resume", true, false},
		{"__cxa_throw", true, false},
		{"_start", false, true},
		{"longjmp", true, false},
		{"_ZSt20__throw_length_errorPKc", true, false},
		{"mcount", false, true},
		{"__fentry__", false, true},
		{"f.cold", false, true},
		{"f.part.0.cold.12", false, true},
		{"f.colder", true, true},
		{"setjmper", true, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text name = text_from(cases[i].name);

		if (!never_probe(name) != cases[i].probe || !never_return(name) != cases[i].returns)
			fail_msg("%s: probe %s, return %s", cases[i].name, never_probe(name),
				 never_return(name));
	}
}

static const struct function *find(const struct book *b, const char *name)
{
	for (size_t i = 0; i < b->functions.count; i++)
		for (uint32_t k = 0; k < b->functions.list[i].n_names; k++)
			if (text_is(functions_name(&b->functions, &b->functions.list[i], k), name))
				return &b->functions.list[i];

	return NULL;
}

static void open_path(struct book *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		skip();
	assert_int_equal(book_open(b, fd, text_from(path)), 0);
	assert_int_equal(book_read_functions(b), 0);
	close(fd);
}

static void reads_libc(void **state)
{
	static const struct book_options options;
	const struct function *fn;
	struct verdict v;
	struct book b;

	open_path(&b, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	assert_null(b.error);
	assert_true(b.functions.count > 2000);
	assert_string_equal(b.facts.raises, "");
	assert_true(text_is(b.object->soname, "libc.so.6"));

	fn = find(&b, "free");
	assert_non_null(fn);
	v = book_judge(&b, fn, &options);
	assert_int_equal(v.site.class, HOTPATH__SITE_CLASS__SITE_EMULATED);
	assert_true(v.never_unwinds);

	fn = find(&b, "memcpy");
	assert_non_null(fn);
	assert_int_equal(book_judge(&b, fn, &options).site.class, HOTPATH__SITE_CLASS__SITE_NONE);
	book_close(&b);
}

static void knows_the_loader_and_the_unwinder(void **state)
{
	struct book b;

	open_path(&b, "/lib64/ld-linux-x86-64.so.2");
	assert_true(b.facts.loader_hook != 0);
	assert_non_null(b.never_return);
	book_close(&b);

	open_path(&b, "/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
	assert_string_equal(b.facts.raises, "__cxa_throw");
	assert_true(b.facts.lands);
	book_close(&b);
}

static void write_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, own, own_size), own_size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Own bytes stand for a debug file of themselves: they have the right build-id. */
static bool open_with_debug_file(const char *directory, mode_t mode, bool *ret_refused)
{
	struct book b;
	char program[64], debug[512];
	const char *link = NULL;
	bool found;
	int fd;

	snprintf(program, sizeof(program), "%s/program", directory);
	write_file(program, 0755);
	fd = open(program, O_RDONLY | O_CLOEXEC);
	assert_int_equal(book_open(&b, fd, text_from(program)), 0);
	close(fd);
	if (object_section(b.object, ".gnu_debuglink"))
		link = object_bytes(b.object, object_section(b.object, ".gnu_debuglink"));
	if (!link)
		skip();
	snprintf(debug, sizeof(debug), "%s/%.200s", directory, link);
	write_file(debug, mode);
	assert_int_equal(book_read_functions(&b), 0);
	if (b.symbols_from && !strncmp(b.symbols_from, "/usr/lib/debug/", 15))
		skip(); /* its real debug file is installed */
	found = b.debug != NULL;
	*ret_refused = b.debug_refused && !strcmp(b.debug_refused, debug);
	book_close(&b);
	unlink(program);
	unlink(debug);

	return found;
}

static void trusts_debug_files_that_only_the_owner_writes(void **state)
{
	static const struct {
		mode_t mode;
		bool found, refused;
	} cases[] = {
		{0644, true, false}, {0600, true, false}, {0664, false, true},
		{0646, false, true}, {0666, false, true},
	};
	char directory[] = "/tmp/hotpath-elf-XXXXXX";

	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool refused, found = open_with_debug_file(directory, cases[i].mode, &refused);

		if (found != cases[i].found || refused != cases[i].refused)
			fail_msg("mode %o: found %d, refused %d", cases[i].mode, found, refused);
	}
	rmdir(directory);
}

static void refuses_files_of_strangers(void **state)
{
	char path[] = "/tmp/hotpath-elf-XXXXXX";
	int fd = mkstemp(path);
	struct image image;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, own, own_size), own_size);
	if (fchown(fd, 12345, 12345) < 0) {
		close(fd);
		unlink(path);
		skip(); /* needs root */
	}
	close(fd);
	assert_int_equal(image_open_trusted(path, 12346, &image), -EPERM);
	assert_int_equal(image_open_trusted(path, 12345, &image), 0);
	image_close(&image);
	unlink(path);
}

/* This test is a program of its own, with a symbol table and these in it. */
__attribute__((noinline, used)) static int known_static(int x)
{
	return x + 1;
}

static void agrees_with_the_running_program(void **state)
{
	const struct function *here, *there;
	struct book b;

	open_path(&b, "/proc/self/exe");
	here = find(&b, "known_static");
	there = find(&b, "main");
	assert_non_null(here);
	assert_non_null(there);
	assert_int_equal((intptr_t)there->vaddr - (intptr_t)here->vaddr,
			 (intptr_t)main - (intptr_t)known_static);
	book_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(survives_truncation_anywhere),
		cmocka_unit_test(survives_changed_bytes),
		cmocka_unit_test(knows_what_must_never_return),
		cmocka_unit_test(reads_libc),
		cmocka_unit_test(knows_the_loader_and_the_unwinder),
		cmocka_unit_test(trusts_debug_files_that_only_the_owner_writes),
		cmocka_unit_test(refuses_files_of_strangers),
		cmocka_unit_test(agrees_with_the_running_program),
	};

	return cmocka_run_group_tests(tests, load_program, free_program);
}
