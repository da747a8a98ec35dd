// SPDX-License-Identifier: GPL-2.0-only
/* The table of verbs: finding one, running one, describing them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/complain.h"
#include "cli/verb.h"
#include "lib/cleanup.h"

static const struct verb table[] = {
#define VERB(id, status, usage, summary, help)                                                     \
	{#id, VERB_##id, verb_##id, status, usage, summary, help},
#define VERB_LATER(id) {#id, VERB_##id, NULL, STATUS_USAGE, "", NULL, NULL},
#include "cli/verbs.def"
#undef VERB
#undef VERB_LATER
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(name, table[i].name))
			return &table[i];

	return NULL;
}

void verb_list(void)
{
	printf("Usage: hotpath VERB [OPTIONS] [ARGUMENTS]\n"
	       "Profiles native programs as they run: calls and times of functions.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].run)
			printf("  %-8s %-22s %s\n", table[i].name, table[i].usage,
			       table[i].summary);
	printf("\n`hotpath VERB --help` lists its options; hotpath(1) has it all. The daemon has\n"
	       "to run: sudo hotpathd. Then: hotpath attach PID; hotpath report\n");
}

void verb_help(const struct verb *verb)
{
	printf("Usage: hotpath %s [OPTIONS] %s\n%s\n", verb->name, verb->usage, verb->help);
	options_help(verb->id);
}

int verb_misuse(const char *name, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	complain("%s: %s", name, n < 0 ? "out of memory" : text);
	complain_hint("try: hotpath %s --help", name);

	return verb_find(name)->usage_status;
}

int verb_main(int argc, char **argv)
{
	const struct verb *verb = verb_find(argv[0]);
	struct options options;
	int words, status;

	if (!verb) {
		complain("there is no verb '%s'; `hotpath --help` lists them", argv[0]);
		return STATUS_USAGE;
	}
	if (!verb->run) {
		complain("%s is not available in this version; `hotpath --help` lists what is",
			 verb->name);
		return STATUS_USAGE;
	}
	if (options_parse(verb, argc, argv, &options, &words) < 0)
		return verb->usage_status;

	if (options.help)
		verb_help(verb);
	status = options.help ? STATUS_OK : verb->run(&options, argc - words, argv + words);
	options_free(&options);
	return status;
}
