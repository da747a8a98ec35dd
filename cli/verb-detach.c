// SPDX-License-Identifier: GPL-2.0-only
/* hotpath detach PID|%FAMILY...|all */
#include <stdio.h>
#include <string.h>
#include "cli/client.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

#define PIDS_SHOWN 10

static void print_detached(const Hotpath__DetachReply *detach)
{
	char count[FMT_MAX];

	if (detach->n_pids > PIDS_SHOWN)
		printf("detached from %s processes\n", fmt_count(count, detach->n_pids));
	else
		for (size_t i = 0; i < detach->n_pids; i++)
			printf("detached from pid %d\n", detach->pids[i]);
	for (size_t i = 0; i < detach->n_families; i++)
		printf("family %%%u waits for no more processes\n", detach->families[i]);
	if (!detach->n_pids && !detach->n_families)
		printf("nothing was attached\n");
}

int verb_detach(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	bool all = words == 1 && !strcmp(word[0], "all");
	Hotpath__Reply *reply;

	if (!words)
		return verb_misuse("detach", "which process? give PIDs, families (%%1), or the word all");
	if (!all && request_targets("detach", words, word, &pids) < 0)
		return STATUS_USAGE;
	if (request_detach(options, &pids, all, &reply) < 0)
		return STATUS_FAILURE;

	print_detached(reply->detach);
	client_reply_free(reply);
	return STATUS_OK;
}
