// SPDX-License-Identifier: GPL-2.0-only
/* lib/log: one harmless line each, whatever a target is called. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/log.h"

static FILE *captured;
static int saved;

static void begin(void)
{
	captured = tmpfile();
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fileno(captured), STDERR_FILENO) >= 0);
}

static const char *end(void)
{
	static char text[16384];
	size_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(captured);
	n = fread(text, 1, sizeof(text) - 1, captured);
	text[n] = '\0';
	fclose(captured);
	return text;
}

static void a_line_with_its_error(void **state)
{
	begin();
	log_info("attached pid %d", 42);
	assert_int_equal(log_error_errno(-ENOENT, "open %s", "x"), -ENOENT);
	log_debug("unseen");
	assert_string_equal(end(), "attached pid 42\nopen x: No such file or directory\n");
}

static void the_level_decides(void **state)
{
	begin();
	log_set_level(LOG_LEVEL_WARNING);
	log_info("unseen");
	log_warning("seen");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("seen too");
	log_set_level(LOG_LEVEL_INFO);
	assert_string_equal(end(), "seen\nseen too\n");
}

static void names_can_not_forge_lines_or_colours(void **state)
{
	const char *text;

	begin();
	log_info("attach %s", "a\nroot logged in\r\x1b[2J\xc2\x9b"
			      "31m\xff");
	text = end();
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_null(strpbrk(text, "\r\x1b\xff"));
	assert_null(strstr(text, "\xc2\x9b"));
}

static void a_long_line_is_cut(void **state)
{
	static char name[10001];
	const char *text;

	memset(name, 'n', sizeof(name) - 1);
	begin();
	log_info("%s", name);
	text = end();
	assert_in_range(strlen(text), 1000, 5000);
	assert_string_equal(text + strlen(text) - 4, "...\n");
}

static void the_journal_is_told_the_priority(void **state)
{
	char stream[64];
	struct stat st;

	begin();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("a");
	log_info("b");
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_error("c");
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(end(), "<3>a\n<6>b\nc\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_with_its_error),
		cmocka_unit_test(the_level_decides),
		cmocka_unit_test(names_can_not_forge_lines_or_colours),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(the_journal_is_told_the_priority),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
