/* SPDX-License-Identifier: GPL-2.0-only */
/* Patterns of -f: parsed once, matched against many names. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pcre2.h>

#include "daemon/reader/clone.h"
#include "daemon/reader/glob.h"
#include "daemon/reader/pattern.h"
#include "daemon/reader/unnamed.h"
#include "lib/cleanup.h"

/* Against patterns that backtrack without end: a name is short, real ones need far less. */
#define REGEX_STEPS_MAX 100000u
#define REGEX_DEPTH_MAX 1000u
#define REGEX_HEAP_KIB	4096u

enum pattern_kind { PATTERN_LITERAL, PATTERN_GLOB, PATTERN_REGEX };

struct pattern {
	char *source;
	size_t source_size;
	struct text object; /* glob; empty: any */
	struct text name;   /* behind object and '!'; of a regex: between the slashes */
	struct text needle;
	enum pattern_kind kind;
	bool excludes, whole;
	/* A mangled name without the needle in it can not fit: spares the demangling. */
	bool needle_in_mangled;
	uint64_t matches;
	pcre2_code *regex;
	pcre2_match_data *match;
	pcre2_match_context *limits;
};

DEFINE_CLEANUP(struct pattern *, pattern_free);

/* Words that a demangler writes without their being in the mangled name. */
static const char *const demangler_words =
	" std allocator basic_string basic_istream basic_ostream basic_iostream char_traits "
	"operator anonymous namespace unsigned signed short int long char bool float double void "
	"const volatile string istream ostream iostream wchar_t char8_t char16_t char32_t auto "
	"decltype nullptr_t new delete virtual thunk to non-virtual covariant guard variable for "
	"vtable typeinfo name lambda unnamed type clone closure shim impl dyn mut fn as str usize "
	"isize half __int128 __float128 ellipsis sizeof alignof typename template enable_if "
	"restrict __restrict complex imaginary false true u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 "
	"f32 f64 extern unsafe this self decimal32 decimal64 decimal128 ";

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

static struct text longest_word(struct text t)
{
	struct text best = {t.p, 0};

	for (size_t i = 0; i < t.size;) {
		size_t start = i;

		while (i < t.size && is_word_char(t.p[i]))
			i++;
		if (i - start > best.size)
			best = (struct text){t.p + start, i - start};
		if (i == start)
			i++;
	}

	return best;
}

static bool word_is_verbatim(struct text word)
{
	/* Part of a word that a demangler adds (a glob may cut it): not to be relied on. */
	return word.size > 2 &&
	       !memmem(demangler_words, strlen(demangler_words), word.p, word.size);
}

static void set_needle(struct pattern *p)
{
	bool brackets =
		memchr(p->name.p, '[', p->name.size) || memchr(p->name.p, '\\', p->name.size);

	p->needle = longest_word(p->name);
	p->needle_in_mangled = p->kind != PATTERN_REGEX && !brackets && word_is_verbatim(p->needle);
}

static int compile_regex(struct pattern *p, char **ret_error)
{
	char message[200] = "";
	PCRE2_SIZE at = 0;
	int code = 0;

	p->regex = pcre2_compile((PCRE2_SPTR)p->name.p, p->name.size,
				 PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF, &code, &at, NULL);
	if (!p->regex) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof(message));
		if (asprintf(ret_error, "regular expression /%.*s/: %s at offset %zu",
			     (int)p->name.size, p->name.p, message, (size_t)at) < 0)
			return -ENOMEM;
		return -EINVAL;
	}

	p->match = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (!p->match || !p->limits)
		return -ENOMEM;
	pcre2_set_match_limit(p->limits, REGEX_STEPS_MAX);
	pcre2_set_depth_limit(p->limits, REGEX_DEPTH_MAX);
	pcre2_set_heap_limit(p->limits, REGEX_HEAP_KIB);

	return 0;
}

/* The ':' that ends an object's glob, or NULL: neither part of "::" nor within a regex. */
static const char *find_separator(struct text t)
{
	size_t i = 0;

	while (i < t.size) {
		char next = i + 1 < t.size ? t.p[i + 1] : '\0';

		/* Behind these a name's arguments or operator began: no object's name. */
		if (t.p[i] == '(' || t.p[i] == '<' || t.p[i] == ' ')
			return NULL;
		if (t.p[i] == ':' && next == ':')
			i += 2;
		else if (t.p[i] == ':')
			return i ? t.p + i : NULL;
		else
			i++;
	}

	return NULL;
}

static bool is_regex(struct text t)
{
	return t.size > 1 && t.p[0] == '/' && t.p[t.size - 1] == '/';
}

static int refuse(char **ret_error, const char *clause, struct text source)
{
	_cleanup_free_ char *shown = text_printable(source, 200);

	if (!shown || asprintf(ret_error, "pattern '%s': %s", shown, clause) < 0)
		return -ENOMEM;

	return -EINVAL;
}

static void split(struct pattern *p)
{
	struct text t = {p->source, p->source_size};
	const char *separator;

	if (text_begins(t, "!")) {
		p->excludes = true;
		t = (struct text){t.p + 1, t.size - 1};
	}
	separator = is_regex(t) ? NULL : find_separator(t);
	if (separator) {
		size_t n = (size_t)(separator - t.p);

		p->object = (struct text){t.p, n};
		t = (struct text){t.p + n + 1, t.size - n - 1};
	}
	/* "libfoo:" is all of it. */
	p->whole = p->object.size && !t.size;
	if (p->whole)
		t = text_from("*");
	p->name = t;
	p->kind = is_regex(t)		 ? PATTERN_REGEX
		  : glob_has_wildcard(t) ? PATTERN_GLOB
					 : PATTERN_LITERAL;
	if (p->kind == PATTERN_REGEX)
		p->name = (struct text){t.p + 1, t.size - 2};
}

int pattern_parse(struct text source, struct pattern **ret, char **ret_error)
{
	_cleanup_(pattern_freep) struct pattern *p = calloc(1, sizeof(*p));
	int r = 0;

	*ret_error = NULL;
	if (!p)
		return -ENOMEM;
	if (source.size > PATTERN_MAX)
		return refuse(ret_error, "longer than 4096 bytes", source);
	if (source.size && memchr(source.p, '\0', source.size))
		return refuse(ret_error, "holds a NUL byte", source);
	p->source = strndup(source.size ? source.p : "", source.size);
	if (!p->source)
		return -ENOMEM;
	p->source_size = source.size;

	split(p);
	if (!p->name.size)
		return refuse(ret_error, "names no function", source);
	if (text_is(p->object, "usdt"))
		return refuse(ret_error, "markers are not available yet", source);
	if (p->kind == PATTERN_REGEX)
		r = compile_regex(p, ret_error);
	if (r < 0)
		return r;

	set_needle(p);
	*ret = TAKE(p);

	return 0;
}

struct pattern *pattern_free(struct pattern *p)
{
	if (!p)
		return NULL;
	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->match);
	pcre2_code_free(p->regex);
	free(p->source);
	free(p);

	return NULL;
}

struct text pattern_source(const struct pattern *p)
{
	return (struct text){p->source, p->source_size};
}

bool pattern_is_whole(const struct pattern *p)
{
	return p->whole;
}

bool pattern_excludes(const struct pattern *p)
{
	return p->excludes;
}

struct text pattern_needle(const struct pattern *p)
{
	return p->kind == PATTERN_LITERAL ? p->name : p->needle;
}

uint64_t *pattern_matches(struct pattern *p)
{
	return &p->matches;
}

struct text pattern_file_name(struct text path)
{
	static const char deleted[] = " (deleted)";
	const char *slash;

	if (text_ends(path, deleted))
		path.size -= strlen(deleted);
	slash = path.size ? memrchr(path.p, '/', path.size) : NULL;
	if (!slash)
		return path;

	return (struct text){slash + 1, path.size - (size_t)(slash + 1 - path.p)};
}

/* libc.so.6 is also meant by libc.so and by libc. */
static bool fits_versioned(struct text glob, struct text file)
{
	const char *so = file.size ? memmem(file.p, file.size, ".so", 3) : NULL;
	size_t stem = so ? (size_t)(so - file.p) : 0;

	if (glob_match(glob, file))
		return true;

	return so && (glob_match(glob, (struct text){file.p, stem + 3}) ||
		      glob_match(glob, (struct text){file.p, stem}));
}

bool pattern_fits_object(const struct pattern *p, struct text path, struct text soname)
{
	if (!p->object.size)
		return true;
	if (memchr(p->object.p, '/', p->object.size) && glob_match(p->object, path))
		return true;

	return fits_versioned(p->object, pattern_file_name(path)) ||
	       (soname.size && fits_versioned(p->object, soname));
}

static bool fits_text(const struct pattern *p, struct text t)
{
	switch (p->kind) {
	case PATTERN_LITERAL:
		return text_equal(p->name, t);
	case PATTERN_GLOB:
		return glob_match(p->name, t);
	case PATTERN_REGEX:
		return pcre2_match(p->regex, (PCRE2_SPTR)t.p, t.size, 0, 0, p->match, p->limits) >=
		       0;
	}

	return false;
}

static bool fits_demangled(const struct pattern *p, const struct demangled *d)
{
	return (d->full && fits_text(p, text_from(d->full))) ||
	       (d->qualified && fits_text(p, text_from(d->qualified)));
}

/* A clone as its function: foo.constprop.0 is foo to who wrote it. */
static bool fits_base(const struct pattern *p, struct text base)
{
	struct demangled d = {0};
	bool fits = fits_text(p, base);

	if (fits || !demangle_applies(base))
		return fits;
	demangle(base, &d);
	fits = fits_demangled(p, &d);
	demangled_free(&d);

	return fits;
}

bool pattern_fits_name(const struct pattern *p, struct text name, struct demangled *cache)
{
	struct text base = clone_base(name);

	if (fits_text(p, name))
		return true;
	if (p->needle_in_mangled && !memmem(name.p, name.size, p->needle.p, p->needle.size))
		return false;
	if (base.size != name.size && fits_base(p, base))
		return true;
	if (!demangle_applies(name))
		return false;
	demangle(name, cache);

	return fits_demangled(p, cache);
}

bool pattern_means_unnamed(const struct pattern *p, bool main)
{
	return p->object.size || unnamed_is_meant(p->name) || (main && text_is(p->name, "*"));
}
