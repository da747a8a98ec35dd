// SPDX-License-Identifier: GPL-2.0-only
/* hotpath: what a user types. The verbs do the work; this finds the right one. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "cli/complain.h"
#include "cli/signals.h"
#include "cli/verb.h"

static int help(void)
{
	verb_list();
	return STATUS_OK;
}

static int version(void)
{
	printf("hotpath %s\n", HOTPATH_VERSION);
	return STATUS_OK;
}

static const struct {
	const char *word;
	int (*answer)(void);
} answers[] = {
	{"--help", help}, {"-h", help}, {"help", help}, {"--version", version}, {"-V", version},
};

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	signals_keep();

	if (argc < 2) {
		complain("what shall be done? `hotpath --help` lists the verbs");
		return STATUS_USAGE;
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (!strcmp(argv[1], answers[i].word))
			return answers[i].answer();

	return verb_main(argc - 1, argv + 1);
}
