// SPDX-License-Identifier: GPL-2.0-only
/* hotpath report [PID...|FILE] */
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/snapshot.h"

static bool is_file(const char *word)
{
	return !request_is_target(word);
}

static int show(const struct options *options, struct output *output,
		Hotpath__Snapshot *snapshot)
{
	if (!snapshot->n_targets)
		complain_hint("hotpath: no targets; try: hotpath attach PID");
	else if (report_is_of_nothing(snapshot))
		complain_hint("hotpath: nothing is measured: of these processes no function is "
			      "probed; `hotpath probes PID PATTERN` shows what a name matches");

	return report_write(output, snapshot, options) < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int report_file(const struct options *options, struct output *output, const char *path)
{
	Hotpath__Snapshot *snapshot;
	const char *why;
	int status;

	if (snapshot_read(path, &snapshot, &why) < 0) {
		complain("cannot read the snapshot %s: %s", path, why);
		output_close(output);
		return STATUS_FAILURE;
	}

	status = show(options, output, snapshot);
	hotpath__snapshot__free_unpacked(snapshot, NULL);
	return status;
}

static int report_pids(const struct options *options, struct output *output,
		       const struct pids *pids)
{
	Hotpath__Reply *reply;
	int status;

	if (request_report(options, pids, &reply) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}

	if (request_check_families(options, "report", pids, reply->report) < 0) {
		output_close(output);
		status = STATUS_FAILURE;
	} else {
		status = show(options, output, reply->report);
	}
	client_reply_free(reply);
	return status;
}

int verb_report(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	bool file = words == 1 && is_file(word[0]);
	struct output output;

	if (!file && request_targets("report", words, word, &pids) < 0)
		return STATUS_USAGE;
	if (output_open(options->output, &output) < 0)
		return STATUS_FAILURE;

	return file ? report_file(options, &output, word[0]) : report_pids(options, &output, &pids);
}
