// SPDX-License-Identifier: GPL-2.0-only
/* Who can raise and who can catch, on objects made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/reader/facts.h"
#include "daemon/reader/frames.h"

#define IMPORTED SHN_UNDEF
#define HERE	 1
#define FUNC	 ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)
#define NOTYPE	 ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE)
#define WEAK	 ELF64_ST_INFO(STB_WEAK, STT_NOTYPE)
#define DATA	 ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT)

/* The facts of a dynamic object with one or two symbols. */
static const char *raises(const char *first, const char *second, uint8_t info, uint16_t section)
{
	static char strings[256];
	size_t at = 1 + strlen(first) + 1;
	Elf64_Sym symbols[2] = {{.st_name = 1, .st_info = info, .st_shndx = section},
				{.st_name = (Elf64_Word)at, .st_info = FUNC, .st_shndx = IMPORTED}};
	struct object o = {.has_interpreter = true};
	struct symbol_table table = {.symbols = (const uint8_t *)symbols,
				     .count = second ? 2 : 1,
				     .strings = strings,
				     .strings_size = sizeof(strings)};
	struct facts f = {0};

	strcpy(strings + 1, first);
	if (second)
		strcpy(strings + at, second);
	facts_add(&f, &o, &table);
	facts_finish(&f, &o);

	return f.raises;
}

static void counts_who_has_the_library_raise(void **state)
{
	static const struct {
		const char *name, *second;
		uint8_t info;
		uint16_t section;
		const char *raises;
	} cases[] = {
		{"puts", NULL, FUNC, IMPORTED, ""},
		{"__cxa_throw", NULL, FUNC, IMPORTED, "__cxa_throw"},
		{"__cxa_bad_cast", NULL, FUNC, IMPORTED, "__cxa_bad_cast"},
		{"__cxa_bad_typeid", NULL, WEAK, IMPORTED, "__cxa_bad_typeid"},
		{"__cxa_throw_bad_array_new_length", NULL, FUNC, IMPORTED,
		 "__cxa_throw_bad_array_*"},
		{"__cxa_vec_new", NULL, FUNC, IMPORTED, "__cxa_vec_*"},
		{"__dynamic_cast", NULL, FUNC, IMPORTED, "__dynamic_cast"},
		{"_Znwm", NULL, NOTYPE, IMPORTED, "operator new"},
		{"_Znam", NULL, WEAK, IMPORTED, "operator new[]"},
		{"_ZNSt6localeC1Ev", NULL, FUNC, IMPORTED, "C++ library functions"},
		{"_ZNKSt5ctypeIcE13_M_widen_initEv", NULL, FUNC, IMPORTED, "C++ library functions"},
		{"_ZSt16__ostream_insert", NULL, FUNC, IMPORTED, "C++ library functions"},
		{"_ZSt4cout", NULL, DATA, IMPORTED, ""},
		{"_ZdlPv", NULL, FUNC, IMPORTED, ""},
		{"_ZN3fooC1Ev", NULL, FUNC, IMPORTED, ""},
		/* Its own operator new, an inlined template: it throws itself, or does not. */
		{"_Znwm", NULL, FUNC, HERE, ""},
		{"_ZNSt6vectorIiE4pushEv", NULL, FUNC, HERE, ""},
		/* The stronger one is shown, whichever comes first. */
		{"_Znwm", "__cxa_throw", FUNC, IMPORTED, "__cxa_throw"},
		{"__cxa_rethrow", "_Znwm", FUNC, IMPORTED, "__cxa_rethrow"},
		{"_ZNSt6localeC1Ev", "__cxa_bad_cast", FUNC, IMPORTED, "__cxa_bad_cast"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got =
			raises(cases[i].name, cases[i].second, cases[i].info, cases[i].section);

		if (strcmp(got, cases[i].raises))
			fail_msg("%s, %s: \"%s\", expected \"%s\"", cases[i].name,
				 cases[i].second ? cases[i].second : "-", got, cases[i].raises);
	}
}

#define END "\0\0\0\0"

static bool lands(const char *bytes, size_t size)
{
	struct section s = {.name = text_from(".eh_frame"), .type = SHT_PROGBITS, .size = size};
	struct object o = {.image = {(const uint8_t *)bytes, size, IMAGE_BORROWED},
			   .sections = &s,
			   .n_sections = 1};

	return frames_land(&o);
}

static void a_personality_is_enough_to_catch(void **state)
{
	/* Plain C: zR, pcrel sdata4. */
	static const char plain[] = "\x10\0\0\0\0\0\0\0\1zR\0\1\x78\x10\1\x1b\0\0\0"
				    "\x10\0\0\0\x18\0\0\0\0\x10\0\0\x10\0\0\0\0\0\0\0" END;
	/* zPR: a personality, pcrel sdata4, but no LSDA. */
	static const char own[] = "\x18\0\0\0\0\0\0\0\1zPR\0\1\x78\x10\6\x1b\0\0\1\0\x1b\0\0\0\0\0"
				  "\x10\0\0\0\x20\0\0\0\0\x10\0\0\x10\0\0\0\0\0\0\0" END;

	assert_false(lands(plain, sizeof(plain) - 1));
	assert_true(lands(own, sizeof(own) - 1));
	/* The description of the personality alone, with no function that has it. */
	assert_false(lands(own, 0x1c));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_who_has_the_library_raise),
		cmocka_unit_test(a_personality_is_enough_to_catch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
