/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verbs: one cli/verb-<v>.c and one line in verbs.def each. A verb gets the
 * options parsed and the words that are left; it says itself what went wrong,
 * and returns the exit status.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "cli/options.h"

enum { STATUS_OK = 0, STATUS_FAILURE = 1, STATUS_USAGE = 2 };

struct verb {
	const char *name;
	enum verb_id id;
	/* NULL: not in this version. The words end with a NULL. */
	int (*run)(const struct options *options, int words, char **word);
	int usage_status;     /* exit status of a usage error: 2; run has 125 */
	const char *usage;    /* what follows "hotpath NAME [OPTIONS]" */
	const char *summary;  /* half a line for the list of verbs */
	const char *help;     /* a line or two for its own help */
};

/* NULL: there is none of that name. */
const struct verb *verb_find(const char *name);

/* Parses the options of argv[0], a verb, and runs it; returns the exit status. */
int verb_main(int argc, char **argv);

void verb_list(void); /* what `hotpath --help` says */
void verb_help(const struct verb *verb);
/* "hotpath VERB: TEXT" and where to read more; returns verb->usage_status. */
int verb_misuse(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define VERB(id, ...) int verb_##id(const struct options *options, int words, char **word);
#define VERB_LATER(...)
#include "cli/verbs.def"
#undef VERB
#undef VERB_LATER

#endif
