// SPDX-License-Identifier: GPL-2.0-only
/* hotpath detach PID...|all */
#include <stdio.h>
#include <string.h>
#include "cli/client.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"

static void print_detached(const Hotpath__DetachReply *detach)
{
	for (size_t i = 0; i < detach->n_pids; i++)
		printf("detached from pid %d\n", detach->pids[i]);
	if (!detach->n_pids)
		printf("nothing was attached\n");
}

int verb_detach(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	bool all = words == 1 && !strcmp(word[0], "all");
	Hotpath__Reply *reply;

	if (!words)
		return verb_misuse("detach", "which process? give PIDs, or the word all");
	if (!all && request_pids("detach", words, word, &pids) < 0)
		return STATUS_USAGE;
	if (request_detach(options, &pids, all, &reply) < 0)
		return STATUS_FAILURE;

	print_detached(reply->detach);
	client_reply_free(reply);
	return STATUS_OK;
}
