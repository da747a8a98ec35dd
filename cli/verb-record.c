// SPDX-License-Identifier: GPL-2.0-only
/* hotpath record -o FILE [PID...] */
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/snapshot.h"

int verb_record(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	Hotpath__Reply *reply;
	int r;

	if (!options->output)
		return verb_misuse("record", "where to? give -o FILE");
	if (request_targets("record", words, word, &pids) < 0)
		return STATUS_USAGE;
	if (request_report(options, &pids, &reply) < 0)
		return STATUS_FAILURE;

	if (request_check_families(options, "record", &pids, reply->report) < 0) {
		client_reply_free(reply);
		return STATUS_FAILURE;
	}
	if (!reply->report->n_targets)
		complain_hint("hotpath: no targets; the snapshot is empty");
	r = snapshot_write(options->output, reply->report);
	client_reply_free(reply);
	if (r < 0) {
		complain("cannot write %s: %s", options->output, strerror(-r));
		return STATUS_FAILURE;
	}

	return STATUS_OK;
}
