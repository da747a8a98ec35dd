// SPDX-License-Identifier: GPL-2.0-only
/* daemon/config: a bad value is refused by name, never replaced by a default. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

#define ARGS_MAX 6

/* Parses while fd 1 or 2 goes into text. */
static int parse(const char *const *args, int captured, struct config *config, char *text,
		 size_t size)
{
	char *argv[ARGS_MAX + 2] = {(char *)"hotpathd"};
	FILE *file = tmpfile();
	int saved, argc = 1, r;
	size_t n;

	for (; argc <= ARGS_MAX && args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];

	fflush(stdout);
	saved = dup(captured);
	assert_true(saved >= 0 && dup2(fileno(file), captured) >= 0);
	r = config_parse(argc, argv, config);
	fflush(stdout);
	dup2(saved, captured);
	close(saved);

	rewind(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	fclose(file);
	return r;
}

static int clear_environment(void **state)
{
	unsetenv("HOTPATH_SOCKET");
	unsetenv("HOTPATH_FEATURES");
	unsetenv("JOURNAL_STREAM");
	return 0;
}

static void defaults_and_every_option(void **state)
{
	static const char *const none[] = {NULL};
	static const char *const numbers[] = {"--max-targets=1",   "--max-probes=10000000",
					      "--max-connections", "512",
					      "--keep=0",	   "--max-memory=1G"};
	static const char *const flags[] = {"--socket", "x/y", "--background", NULL};
	struct config config;
	char text[512];

	assert_int_equal(parse(none, STDERR_FILENO, &config, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_string_equal(config.socket, WIRE_SOCKET);
	assert_int_equal(config.max_targets, 64);
	assert_int_equal(config.max_probes, 50000);
	assert_int_equal(config.max_connections, 16);
	assert_int_equal(config.max_finished, 64);
	assert_int_equal(config.max_kernel_bytes, 256 << 20);
	assert_false(config.background || config.private_instance);
	assert_null(config.features);

	assert_int_equal(parse(numbers, STDERR_FILENO, &config, text, sizeof(text)), 0);
	assert_int_equal(config.max_targets, 1);
	assert_int_equal(config.max_probes, 10000000);
	assert_int_equal(config.max_connections, 512);
	assert_int_equal(config.max_finished, 0);
	assert_int_equal(config.max_kernel_bytes, 1 << 30);

	assert_int_equal(parse(flags, STDERR_FILENO, &config, text, sizeof(text)), 0);
	assert_string_equal(config.socket, "x/y");
	assert_true(config.background);
}

static void a_flag_beats_its_variable(void **state)
{
	static const char *const none[] = {NULL}, *const flag[] = {"--socket=/run/flag", NULL};
	struct config config;
	char text[512];

	setenv("HOTPATH_SOCKET", "/run/variable", 1);
	setenv("HOTPATH_FEATURES", "-session", 1);
	assert_int_equal(parse(none, STDERR_FILENO, &config, text, sizeof(text)), 0);
	assert_string_equal(config.socket, "/run/variable");
	assert_int_equal(parse(flag, STDERR_FILENO, &config, text, sizeof(text)), 0);
	assert_string_equal(config.socket, "/run/flag");
	assert_string_equal(config.features, "-session");

	setenv("HOTPATH_SOCKET", "/run/folder/", 1);
	assert_true(parse(none, STDERR_FILENO, &config, text, sizeof(text)) < 0);
	assert_non_null(strstr(text, "HOTPATH_SOCKET: '/run/folder/' is not a file name"));
	clear_environment(state);
}

#define TEN	  "0123456789"
#define LONG_PATH "/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void bad_words_are_refused_by_name(void **state)
{
	static const struct {
		const char *args[ARGS_MAX];
		const char *text; /* all on one line */
	} cases[] = {
		{{"--max-targets=0"}, "--max-targets: '0' is not a number from 1 to 65536"},
		{{"--max-targets", "-1"}, "--max-targets: '-1' is not a number"},
		{{"--max-targets=65537"}, "--max-targets: '65537' is not"},
		{{"--max-targets="}, "--max-targets: '' is not"},
		{{"--max-probes=many"}, "--max-probes: 'many' is not a number from 1 to 10000000"},
		{{"--max-probes=5x"}, "--max-probes: '5x'"},
		{{"--max-connections=99999999999999999999"}, "--max-connections: '999"},
		{{"--keep", "1.5"}, "--keep: '1.5' is not a number from 0 to 65536"},
		{{"--max-memory=256Q"}, "--max-memory: '256Q' is not a size from 1M to 1024G"},
		{{"--max-memory=M"}, "--max-memory: 'M'"},
		{{"--max-memory="}, "--max-memory: ''"},
		{{"--max-memory=1"}, "--max-memory: '1'"},
		{{"--max-memory=99999999G"}, "--max-memory: '99999999G'"},
		{{"--max-memory=18446744073709551615K"}, "--max-memory: '1844"},
		{{"--socket="}, "--socket: '' is not a file name of at most 107 bytes"},
		{{"--socket", "/tmp/"}, "--socket: '/tmp/'"},
		{{"--socket", LONG_PATH}, "--socket: '/0123456789"},
		{{"--socket"}, "--socket: needs a value"},
		{{"--nonsense"}, "--nonsense: not an option"},
		{{"--background=yes"}, "--background=yes: not an option, or takes no value"},
		{{"-x"}, "-x: not an option"},
		{{"start"}, "start: hotpathd takes options only"},
		{{"--background", "--private"}, "--background and --private"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = {.max_targets = 77};
		char text[1024];

		assert_true(parse(cases[i].args, STDERR_FILENO, &config, text, sizeof(text)) < 0);
		print_message("%s", text);
		assert_non_null(strstr(text, cases[i].text));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
		assert_int_equal(config.max_targets, 77);
	}
}

static void help_fits_a_screen(void **state)
{
	static const char *const help[] = {"--help", NULL}, *const version[] = {"--version", NULL};
	size_t lines = 0, column = 0;
	struct config config;
	char text[4096];

	assert_int_equal(parse(help, STDOUT_FILENO, &config, text, sizeof(text)), 1);
	for (const char *c = text; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		lines += *c == '\n';
		assert_true(column <= 80);
	}
	assert_in_range(lines, 10, 24);
	assert_int_equal(parse(version, STDOUT_FILENO, &config, text, sizeof(text)), 1);
	assert_string_equal(text, "hotpathd " HOTPATH_VERSION "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_and_every_option),
		cmocka_unit_test(a_flag_beats_its_variable),
		cmocka_unit_test(bad_words_are_refused_by_name),
		cmocka_unit_test(help_fits_a_screen),
	};

	return cmocka_run_group_tests(tests, clear_environment, NULL);
}
