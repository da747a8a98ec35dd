// SPDX-License-Identifier: GPL-2.0-only
/* hotpath reset PID... */
#include <stdio.h>
#include "cli/client.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"

int verb_reset(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	Hotpath__Reply *reply;

	if (!words)
		return verb_misuse("reset", "which process? give PIDs");
	if (request_pids("reset", words, word, &pids) < 0)
		return STATUS_USAGE;
	if (request_reset(options, &pids, &reply) < 0)
		return STATUS_FAILURE;

	for (size_t i = 0; i < reply->reset->n_pids; i++)
		printf("statistics of pid %d start at zero now\n", reply->reset->pids[i]);
	client_reply_free(reply);
	return STATUS_OK;
}
