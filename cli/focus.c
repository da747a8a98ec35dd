// SPDX-License-Identifier: GPL-2.0-only
/* Which names the user wants to see. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/focus.h"
#include "lib/cleanup.h"

struct focus {
	char *text;	  /* NULL: a regex */
	pcre2_code *code; /* NULL: a text */
	pcre2_match_data *match;
};

struct focus *focus_free(struct focus *focus)
{
	if (!focus)
		return NULL;

	pcre2_match_data_free(focus->match);
	pcre2_code_free(focus->code);
	free(focus->text);
	free(focus);
	return NULL;
}
DEFINE_CLEANUP(struct focus *, focus_free)

static int compile(struct focus *focus, const char *pattern, size_t size, char *why,
		   size_t why_size)
{
	PCRE2_UCHAR message[256];
	PCRE2_SIZE offset;
	int error;

	focus->code = pcre2_compile((PCRE2_SPTR)pattern, size, 0, &error, &offset, NULL);
	if (!focus->code) {
		pcre2_get_error_message(error, message, sizeof(message));
		snprintf(why, why_size, "%s at offset %zu of the regex", (char *)message, offset);
		return -EINVAL;
	}

	focus->match = pcre2_match_data_create_from_pattern(focus->code, NULL);
	return focus->match ? 0 : -ENOMEM;
}

int focus_new(const char *word, struct focus **ret, char *why, size_t why_size)
{
	_cleanup_(focus_freep) struct focus *focus = calloc(1, sizeof(*focus));
	size_t size = strlen(word);
	int r = 0;

	if (!focus)
		return -ENOMEM;

	if (word[0] != '/') {
		focus->text = strdup(word);
		r = focus->text ? 0 : -ENOMEM;
	} else if (size < 2 || word[size - 1] != '/') {
		snprintf(why, why_size, "a regex ends with '/', as in /^parse_/");
		r = -EINVAL;
	} else {
		r = compile(focus, word + 1, size - 2, why, why_size);
	}
	if (r < 0)
		return r;

	*ret = TAKE(focus);
	return 0;
}

bool focus_takes(const struct focus *focus, const void *name, size_t size)
{
	if (!focus)
		return true;
	if (focus->text)
		return memmem(name, size, focus->text, strlen(focus->text));

	return pcre2_match(focus->code, name, size, 0, 0, focus->match, NULL) >= 0;
}
