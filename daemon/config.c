// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of hotpathd. One row per option: getopt, the help text and
 * the error messages all come from the table.
 */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/wire.h"

struct option_row;
typedef int (*option_parser)(const struct option_row *row, const char *word, void *field);

struct option_row {
	const char *name;
	const char *argument; /* NULL: a flag */
	const char *accepted; /* for the error message */
	const char *help;
	option_parser parse;
	size_t offset; /* in struct config */
	uint64_t min, max;
};

static int parse_flag(const struct option_row *row, const char *word, void *field)
{
	*(bool *)field = true;
	return 0;
}

static int parse_count(const struct option_row *row, const char *word, void *field)
{
	uint64_t value;
	int r;

	r = parse_u64(word, row->max, &value);
	if (r < 0)
		return r;
	if (value < row->min)
		return -ERANGE;

	*(uint32_t *)field = (uint32_t)value;
	return 0;
}

/* 256M: the suffixes K, M and G are powers of 1024. */
static int parse_size(const struct option_row *row, const char *word, void *field)
{
	static const char suffixes[] = "KMG";
	size_t length = strlen(word);
	const char *suffix = length > 0 ? strchr(suffixes, word[length - 1]) : NULL;
	unsigned int shift = suffix ? 10 * (unsigned int)(suffix - suffixes + 1) : 0;
	char digits[32];
	uint64_t value;
	int r;

	if (length >= sizeof(digits))
		return -EINVAL;

	snprintf(digits, sizeof(digits), "%.*s", (int)(length - (suffix ? 1 : 0)), word);
	r = parse_u64(digits, row->max >> shift, &value);
	if (r < 0)
		return r;
	if (value << shift < row->min)
		return -ERANGE;

	*(uint64_t *)field = value << shift;
	return 0;
}

static int parse_socket(const struct option_row *row, const char *word, void *field)
{
	size_t length = strlen(word);

	if (length == 0 || word[length - 1] == '/')
		return -EINVAL;
	if (length >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;

	*(const char **)field = word;
	return 0;
}

#define FIELD(f) offsetof(struct config, f)

static const struct option_row rows[] = {
	{"socket", "PATH", "a file name of at most 107 bytes",
	 "listen here (HOTPATH_SOCKET; " WIRE_SOCKET ")", parse_socket, FIELD(socket), 0, 0},
	{"background", NULL, NULL, "return when ready, go on in the background", parse_flag,
	 FIELD(background), 0, 0},
	{"private", NULL, NULL, "for the parent process only, and end with it", parse_flag,
	 FIELD(private_instance), 0, 0},
	{"no-calibrate", NULL, NULL, "do not measure what probes cost here", parse_flag,
	 FIELD(no_calibrate), 0, 0},
	{"max-targets", "N", "a number from 1 to 65536", "targets of a user, but not of root (64)",
	 parse_count, FIELD(max_targets), 1, 65536},
	{"max-probes", "N", "a number from 1 to 10000000",
	 "probes of a user, but not of root (50000)", parse_count, FIELD(max_probes), 1, 10000000},
	{"max-families", "N", "a number from 1 to 127",
	 "attaches of a user, but not of root, that follow (32)", parse_count,
	 FIELD(max_families), 1, 127},
	{"max-connections", "N", "a number from 1 to 512", "connections of a user (16)",
	 parse_count, FIELD(max_connections), 1, 512},
	{"keep", "N", "a number from 0 to 65536", "finished targets kept for a user (64)",
	 parse_count, FIELD(max_finished), 0, 65536},
	{"max-bystanders", "N", "a number from 0 to 65536",
	 "other processes a user may slow down, but root (32)", parse_count,
	 FIELD(max_bystanders), 0, 65536},
	{"max-memory", "SIZE", "a size from 1M to 1024G, like 512M",
	 "kernel memory for all targets (256M)", parse_size, FIELD(max_kernel_bytes), 1u << 20,
	 1ull << 40},
};

enum { OPTION_ROW = 256, OPTION_HELP = OPTION_ROW + ARRAY_SIZE(rows), OPTION_VERSION };

static const struct config defaults = {
	.socket = WIRE_SOCKET,
	.max_targets = 64,
	.max_probes = 50000,
	.max_families = 32,
	.max_connections = 16,
	.max_finished = 64,
	.max_bystanders = 32,
	.max_kernel_bytes = 256u << 20,
};

static void print_help(void)
{
	puts("Usage: hotpathd [OPTION]...\n"
	     "Profiles running programs for hotpath(1), by probes in the kernel. Needs root.\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char option[40];

		snprintf(option, sizeof(option), "--%s%s%s", rows[i].name,
			 rows[i].argument ? "=" : "", rows[i].argument ? rows[i].argument : "");
		printf("  %-22s %s\n", option, rows[i].help);
	}
	puts("  --help                 show this\n"
	     "  --version              show the version\n"
	     "\n"
	     "Members of the group hotpath may use it, each on own processes. Stops, and\n"
	     "removes every probe, on SIGTERM or SIGINT. Then: hotpath attach PID");
}

static void fill_long_options(struct option *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ret[i] = (struct option){rows[i].name,
					 rows[i].argument ? required_argument : no_argument, NULL,
					 OPTION_ROW + (int)i};
	ret[ARRAY_SIZE(rows)] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	ret[ARRAY_SIZE(rows) + 1] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
	ret[ARRAY_SIZE(rows) + 2] = (struct option){0};
}

/* `named` is the flag or the variable that the word came from. */
static int set(struct config *config, const struct option_row *row, const char *named,
	       const char *word)
{
	int r;

	r = row->parse(row, word, (char *)config + row->offset);
	if (r < 0)
		log_error("%s: '%s' is not %s", named, word, row->accepted);
	return r < 0 ? -EINVAL : 0;
}

static int set_option(struct config *config, int option, const char *word)
{
	const struct option_row *row = &rows[option - OPTION_ROW];
	char named[40];

	snprintf(named, sizeof(named), "--%s", row->name);
	return set(config, row, named, word);
}

/* An empty variable counts as unset. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* A flag beats its variable, which is not even looked at then. */
static int set_from_environment(struct config *config)
{
	const char *path = environment("HOTPATH_SOCKET");

	config->features = environment("HOTPATH_FEATURES");
	if (config->socket != defaults.socket || !path)
		return 0;
	return set(config, &rows[0], "HOTPATH_SOCKET", path);
}

static int parse_options(int argc, char **argv, struct config *config)
{
	struct option long_options[ARRAY_SIZE(rows) + 3];
	int option, r;

	fill_long_options(long_options);
	opterr = 0;
	optind = 0; /* start over: the tests parse many command lines */
	while ((option = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
		switch (option) {
		case OPTION_HELP:
			print_help();
			return 1;
		case OPTION_VERSION:
			puts("hotpathd " HOTPATH_VERSION);
			return 1;
		case ':':
			log_error("%s: needs a value; see hotpathd --help", argv[optind - 1]);
			return -EINVAL;
		case '?':
			log_error("%s: not an option, or takes no value; see hotpathd --help",
				  argv[optind - 1]);
			return -EINVAL;
		}
		r = set_option(config, option, optarg);
		if (r < 0)
			return r;
	}
	return 0;
}

int config_parse(int argc, char **argv, struct config *ret)
{
	struct config config = defaults;
	int r;

	r = parse_options(argc, argv, &config);
	if (r != 0)
		return r;
	if (optind < argc) {
		log_error("%s: hotpathd takes options only; see hotpathd --help", argv[optind]);
		return -EINVAL;
	}
	r = set_from_environment(&config);
	if (r < 0)
		return r;
	if (config.background && config.private_instance) {
		log_error("--background and --private exclude each other");
		return -EINVAL;
	}
	*ret = config;
	return 0;
}
