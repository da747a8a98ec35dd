/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of all verbs: options.def has one line for each, with its variable,
 * its verbs and what it accepts. A flag beats its variable; what cannot be used
 * is an error that names the flag or variable, the value and what is accepted.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/selectors.h"

struct verb;
struct focus;
struct render;
struct sort;

enum verb_id {
#define VERB(id, ...)	VERB_##id,
#define VERB_LATER(id)	VERB_##id,
#include "cli/verbs.def"
#undef VERB
#undef VERB_LATER
	VERBS,
};

#define PERCENTILES_MAX 32

/* report --merge: which targets are shown as one. */
enum merge_by {
	MERGE_AUTO, /* those of one executable that one attach or run brought in */
	MERGE_EXE,
	MERGE_CGROUP,
	MERGE_NONE,
};

struct options {
	char **functions; /* -f, in the order given; memory of argv */
	size_t n_functions;
	struct selectors select; /* attach: in place of PIDs */
	bool no_follow;
	enum merge_by merge;

	const struct render *format;
	const char *output;	/* NULL: standard output */
	uint64_t sections;	/* bit per row of sections.def; 0: auto */
	uint64_t sections_left_out;
	double percentile[PERCENTILES_MAX];
	size_t n_percentiles;
	uint64_t limit;		/* rows; 0: all */
	uint64_t functions_limit;
	bool limited;		/* somebody chose the number of rows */
	struct focus *focus;	/* NULL: everything */
	const char *focus_text;
	const char *sort;	/* NULL: total, or self with by_self */
	bool by_self;

	uint64_t duration_ns;	/* 0: none */
	uint64_t grace_ns;
	uint64_t ttl_ns;
	uint32_t max_bystanders;
	uint32_t budget_ppm;	/* millionths; 0: no limit */
	bool strict;
	const char *socket;

	uint64_t given;		/* bit per row of options.def: flag or variable seen */
	bool help;
};

/*
 * Takes the options out of argv (of a verb: argv[0] is its name) and those left
 * out of the environment. *ret_words: index of the first word that is no option.
 * -EINVAL: said already.
 */
int options_parse(const struct verb *verb, int argc, char **argv, struct options *ret,
		  int *ret_words);
void options_free(struct options *options);

/* Does -f say which functions? "libfoo:" adds an object to all of the executable's, "!foo"
 * takes away from them. */
bool options_names_functions(const struct options *options);

/* The list for a verb's help. */
void options_help(enum verb_id verb);

#endif
