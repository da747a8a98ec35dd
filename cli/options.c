// SPDX-License-Identifier: GPL-2.0-only
/* Command line and environment into struct options, by the table of options.def. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/complain.h"
#include "cli/focus.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/section.h"
#include "cli/sort.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/parse.h"
#include "lib/wire.h"

#define BUDGET_MIN_PERCENT 0.0001 /* one millionth */

/* Explanations longer than this are cut: they are one line on a terminal. */
#define WHY_MAX 512

enum option_id {
#define OPTION(id, ...) OPTION_##id,
#include "cli/options.def"
#undef OPTION
	OPTIONS,
};

/* --- one function for each option ------------------------------------------
 *
 * Takes the word; -EINVAL with a reason written into why, or with none when
 * "what is accepted" of the table says enough.
 */

static int apply_functions(struct options *o, char *word, char *why)
{
	char **more;

	if (!*word)
		return -EINVAL;
	more = reallocarray(o->functions, o->n_functions + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;

	o->functions = more;
	o->functions[o->n_functions++] = word;
	return 0;
}

static int apply_collect(struct options *o, char *word, char *why)
{
	return strcmp(word, "calls") ? -EINVAL : 0;
}

static int apply_budget(struct options *o, char *word, char *why)
{
	double percent;

	/* What rounds to none would be no limit, the opposite of what was asked for. */
	if (parse_percent(word, &percent) < 0 || (percent > 0 && percent < BUDGET_MIN_PERCENT))
		return -EINVAL;

	o->budget_ppm = (uint32_t)(percent * 10000 + 0.5);
	return 0;
}

static int apply_follow(struct options *o, char *word, char *why)
{
	o->no_follow = false;
	return 0;
}

static int apply_no_follow(struct options *o, char *word, char *why)
{
	o->no_follow = true;
	return 0;
}

static int apply_name(struct options *o, char *word, char *why)
{
	return selectors_add_name(&o->select, word, why, WHY_MAX);
}

static int apply_exe(struct options *o, char *word, char *why)
{
	return selectors_add_exe(&o->select, word, why, WHY_MAX);
}

static int apply_cgroup(struct options *o, char *word, char *why)
{
	return selectors_add_cgroup(&o->select, word, why, WHY_MAX);
}

static int apply_unit(struct options *o, char *word, char *why)
{
	return selectors_add_unit(&o->select, word, why, WHY_MAX);
}

static int apply_merge(struct options *o, char *word, char *why)
{
	static const char *const names[] = {
		[MERGE_EXE] = "exe", [MERGE_CGROUP] = "cgroup", [MERGE_NONE] = "none"};

	for (size_t i = MERGE_EXE; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i])) {
			o->merge = (enum merge_by)i;
			return 0;
		}

	return -EINVAL;
}

static int apply_duration(struct options *o, char *word, char *why)
{
	uint64_t ns;

	if (parse_duration(word, &ns) < 0 || !ns)
		return -EINVAL;

	o->duration_ns = ns;
	return 0;
}

static int apply_shutdown_ms(struct options *o, char *word, char *why)
{
	uint64_t ms;

	if (o->duration_ns)
		return 0; /* --duration beats it */
	if (parse_u64(word, INT64_MAX / 1000000, &ms) < 0 || !ms)
		return -EINVAL;

	o->duration_ns = ms * 1000000;
	return 0;
}

static int apply_grace(struct options *o, char *word, char *why)
{
	return parse_duration(word, &o->grace_ns);
}

static int apply_ttl(struct options *o, char *word, char *why)
{
	return parse_duration(word, &o->ttl_ns);
}

static int apply_max_bystanders(struct options *o, char *word, char *why)
{
	uint64_t n;

	if (parse_u64(word, UINT32_MAX, &n) < 0)
		return -EINVAL;

	o->max_bystanders = (uint32_t)n;
	return 0;
}

static int apply_strict(struct options *o, char *word, char *why)
{
	o->strict = true;
	return 0;
}

static int apply_format(struct options *o, char *word, char *why)
{
	o->format = render_find(word, why, WHY_MAX);
	return o->format ? 0 : -EINVAL;
}

static int apply_json(struct options *o, char *word, char *why)
{
	bool json;

	if (parse_bool(word, &json) < 0)
		return -EINVAL;
	if (json && !o->format)
		o->format = render_find("json", why, WHY_MAX);

	return 0;
}

static int apply_output(struct options *o, char *word, char *why)
{
	o->output = word;
	return *word ? 0 : -EINVAL;
}

static int apply_sections(struct options *o, char *word, char *why)
{
	return sections_parse(word, &o->sections, why, WHY_MAX);
}

static int apply_leave_out(struct options *o, char *word, char *why)
{
	uint64_t sections;
	int r;

	r = sections_parse(word, &sections, why, WHY_MAX);
	if (r < 0)
		return r;

	o->sections_left_out |= sections;
	return 0;
}

static int apply_percentiles(struct options *o, char *word, char *why)
{
	_cleanup_free_ char *list = strdup(word);
	char *rest = list, *item;
	size_t n = 0;

	if (!list)
		return -ENOMEM;

	while ((item = strsep(&rest, ","))) {
		double value;

		if (n == PERCENTILES_MAX || parse_percent(item, &value) < 0)
			return -EINVAL;
		o->percentile[n++] = value;
	}
	o->n_percentiles = n;
	return 0;
}

static int apply_limit(struct options *o, char *word, char *why)
{
	if (parse_u64(word, UINT32_MAX, &o->limit) < 0)
		return -EINVAL;

	o->functions_limit = o->limit;
	o->limited = true;
	return 0;
}

static int apply_functions_limit(struct options *o, char *word, char *why)
{
	o->limited = true;
	return parse_u64(word, UINT32_MAX, &o->functions_limit);
}

static int apply_focus(struct options *o, char *word, char *why)
{
	o->focus = focus_free(o->focus);
	o->focus_text = word;
	return focus_new(word, &o->focus, why, WHY_MAX);
}

static int apply_sort(struct options *o, char *word, char *why)
{
	struct sort sort;

	o->sort = word;
	return sort_parse(word, &sort, why, WHY_MAX);
}

static int apply_self(struct options *o, char *word, char *why)
{
	if (!word) { /* the flag; the variable has a value */
		o->by_self = true;
		return 0;
	}

	return parse_bool(word, &o->by_self);
}

static int apply_socket(struct options *o, char *word, char *why)
{
	o->socket = word;
	return *word ? 0 : -EINVAL;
}

/* --- the table ------------------------------------------------------------- */

struct option_row {
	int letter;
	const char *name, *argument, *variable;
	unsigned int verbs;
	const char *accepted, *help;
	int (*apply)(struct options *o, char *word, char *why);
};

static const struct option_row table[] = {
#define OPTION(id, letter, name, argument, variable, verbs, accepted, help)                        \
	[OPTION_##id] = {letter, name, argument, variable, verbs, accepted, help, apply_##id},
#include "cli/options.def"
#undef OPTION
};

static bool is_of(const struct option_row *row, enum verb_id verb)
{
	return row->verbs & (1u << verb);
}

/* Where the value came from, the value, what is wrong with it, what would be right. */
static int refuse(const struct verb *verb, const struct option_row *row, bool variable,
		  const char *word, const char *why)
{
	const char *dashes = variable ? "" : "--", *name = variable ? row->variable : row->name;

	if (!word)
		complain("%s: %s%s: %s", verb->name, dashes, name, why);
	else if (*why)
		complain("%s: %s%s: cannot use '%s': %s", verb->name, dashes, name, word, why);
	else
		complain("%s: %s%s: cannot use '%s'; accepted: %s", verb->name, dashes, name, word,
			 row->accepted);

	return -EINVAL;
}

static int apply(const struct verb *verb, struct options *o, size_t id, bool variable, char *word)
{
	char why[WHY_MAX] = "";
	int r;

	r = table[id].apply(o, word, why);
	if (r == -ENOMEM)
		snprintf(why, sizeof(why), "out of memory");
	if (r < 0)
		return refuse(verb, &table[id], variable, word, why);

	o->given |= 1ull << id;
	return 0;
}

/* --- flags ----------------------------------------------------------------- */

#define LONG_BASE 256 /* getopt returns this + the row, for letters too */

struct getopt_tables {
	char letters[2 * OPTIONS + 8];
	struct option names[OPTIONS + 2];
};

/* `run` stops at the first word: what follows are CMD's own options. */
static void tables_fill(enum verb_id verb, struct getopt_tables *ret)
{
	char *letter = ret->letters;
	struct option *name = ret->names;

	*letter++ = verb == VERB_run ? '+' : '-';
	if (verb != VERB_run)
		letter--; /* permute */
	*letter++ = ':';
	*letter++ = 'h';
	for (size_t i = 0; i < OPTIONS; i++) {
		if (!table[i].name || !is_of(&table[i], verb))
			continue;
		*name++ = (struct option){table[i].name, !!table[i].argument, NULL,
					  LONG_BASE + (int)i};
		if (!table[i].letter)
			continue;
		*letter++ = (char)table[i].letter;
		if (table[i].argument)
			*letter++ = ':';
	}
	*name++ = (struct option){"help", 0, NULL, 'h'};
	*name = (struct option){0};
	*letter = 0;
}

static size_t find_letter(int letter)
{
	size_t i = 0;

	while (table[i].letter != letter)
		i++;
	return i;
}

static int misuse(const struct verb *verb, int code, char **argv)
{
	const char *word = argv[optind - 1];

	if (code == ':')
		verb_misuse(verb->name, "option '%s' needs a value", word);
	else if (optopt && optopt < LONG_BASE)
		verb_misuse(verb->name, "there is no option '-%c'", optopt);
	else if (optopt)
		verb_misuse(verb->name, "option '%s' takes no value", word);
	else
		verb_misuse(verb->name, "there is no option '%s'", word);

	return -EINVAL;
}

static int parse_flags(const struct verb *verb, int argc, char **argv, struct options *o)
{
	struct getopt_tables tables;
	int code, r;

	tables_fill(verb->id, &tables);
	opterr = 0;
	optind = 0; /* glibc: start afresh */
	while ((code = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
		if (code == 'h') {
			o->help = true;
			continue;
		}
		if (code == '?' || code == ':')
			return misuse(verb, code, argv);
		r = apply(verb, o, code < LONG_BASE ? find_letter(code) : (size_t)code - LONG_BASE,
			  false, optarg);
		if (r < 0)
			return r;
	}

	return 0;
}

/* --- variables ------------------------------------------------------------- */

/* Which flags make a variable that is not their own superfluous. */
static bool is_beaten(const struct options *o, size_t id)
{
	if (o->given & (1ull << id))
		return true;

	return id == OPTION_functions_limit && (o->given & (1ull << OPTION_limit));
}

static int parse_variables(const struct verb *verb, struct options *o)
{
	struct options flags = *o; /* -n beats HOTPATH_FUNCTIONS_LIMIT, HOTPATH_LIMIT does not */
	int r;

	for (size_t i = 0; i < OPTIONS; i++) {
		char *word = table[i].variable ? getenv(table[i].variable) : NULL;

		if (!word || !*word || !is_of(&table[i], verb->id) || is_beaten(&flags, i))
			continue;
		r = apply(verb, o, i, true, word);
		if (r < 0)
			return r;
	}

	return 0;
}

/* --- the whole ------------------------------------------------------------- */

static void set_defaults(struct options *o)
{
	*o = (struct options){
		.percentile = {95},
		.n_percentiles = 1,
		.limit = 15,
		.functions_limit = 15,
		.grace_ns = 5000000000ull,
		.ttl_ns = 3600 * 1000000000ull,
		.max_bystanders = 32,
		.budget_ppm = 50000,
		.socket = WIRE_SOCKET,
	};
}

bool options_names_functions(const struct options *o)
{
	for (size_t i = 0; i < o->n_functions; i++) {
		const char *pattern = o->functions[i];

		if (*pattern != '!' && pattern[strlen(pattern) - 1] != ':')
			return true;
	}

	return false;
}

int options_parse(const struct verb *verb, int argc, char **argv, struct options *ret,
		  int *ret_words)
{
	char none[1];
	int r;

	set_defaults(ret);
	r = parse_flags(verb, argc, argv, ret);
	if (r == 0 && !ret->help)
		r = parse_variables(verb, ret);
	if (r < 0) {
		options_free(ret);
		return r;
	}

	/* `run -f` is exact, unless somebody wants it otherwise. */
	if (verb->id == VERB_run && options_names_functions(ret) && !(ret->given & (1ull << OPTION_budget)))
		ret->budget_ppm = 0;
	if (!ret->format)
		ret->format = render_find("table", none, sizeof(none));
	*ret_words = optind;
	return 0;
}

void options_free(struct options *options)
{
	free(TAKE(options->functions));
	selectors_clear(&options->select);
	options->focus = focus_free(options->focus);
}

void options_help(enum verb_id verb)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		char left[64], letter[8] = "    ";

		if (!table[i].name || !table[i].help || !is_of(&table[i], verb))
			continue;
		if (table[i].letter)
			snprintf(letter, sizeof(letter), "-%c, ", table[i].letter);
		snprintf(left, sizeof(left), "%s--%s %s", letter, table[i].name,
			 table[i].argument ?: "");
		printf("  %-26s %s\n", left, table[i].help);
	}
}
