// SPDX-License-Identifier: GPL-2.0-only
/* hotpath attach PID...: places probes; with --duration waits, reports, detaches. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/reader.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "cli/wait.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

/* --- --duration ------------------------------------------------------------ */

/* What somebody attached before us stays attached. */
static int report_and_detach(const struct options *options, struct output *output,
			     const struct pids *targets, bool existed)
{
	Hotpath__Reply *reply;
	int r;

	if (request_report(options, targets, &reply) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}
	if (report_is_of_nothing(reply->report))
		complain("attach: nothing was measured: no function of these processes is probed");
	r = report_write(output, reply->report, options);
	client_reply_free(reply);

	if (existed) {
		complain("attach: not detached, because it was attached before");
		return r < 0 ? STATUS_FAILURE : STATUS_OK;
	}
	if (request_detach(options, targets, false, &reply) < 0)
		return STATUS_FAILURE;
	client_reply_free(reply);

	return r < 0 ? STATUS_FAILURE : STATUS_OK;
}

/* Those of the targets that run now: children that were followed are among them. */
static int find_running(const struct options *options, const struct pids *targets,
			struct pids *ret)
{
	Hotpath__Reply *reply;
	size_t n = 0;
	int r;

	r = request_report(options, targets, &reply);
	if (r < 0)
		return r;

	ret->pid = calloc(reply->report->n_targets + 1, sizeof(*ret->pid));
	for (size_t i = 0; ret->pid && i < reply->report->n_targets; i++)
		if (wait_is_running(reply->report->targets[i]->pid))
			ret->pid[n++] = reply->report->targets[i]->pid;
	ret->count = n;
	client_reply_free(reply);
	return 0;
}

/* Until the time is over or nothing runs any more that was asked for, or its children. */
static int wait_for_targets(const struct options *options, const struct pids *asked,
			    const struct pids *targets, bool others_come)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + options->duration_ns;
	int r;

	r = wait_for_pids(options->socket, asked, others_come, end_ns);
	while (r == 1 && targets->families) {
		_cleanup_(pids_clear) struct pids running = {0};

		r = find_running(options, targets, &running);
		if (r < 0 || !running.count)
			return r;
		r = wait_for_pids(options->socket, &running, false, end_ns);
	}

	return r;
}

static int watch(const struct options *options, struct output *output, const struct pids *asked,
		 const Hotpath__AttachReply *reply)
{
	_cleanup_(pids_clear) struct pids targets = {0};
	bool existed = answer_existed(reply);

	if (answer_targets(reply, asked, &targets) < 0 ||
	    wait_for_targets(options, asked, &targets, reply->waits) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}

	return report_and_detach(options, output, &targets, existed);
}

/* --- names that may be wrong --------------------------------------------------- */

/* name, glob* or /regex/, of the executable itself: no object:pattern, no !exclude. */
static bool is_of_executable(const char *pattern)
{
	if (*pattern == '!')
		return false;
	if (*pattern == '/')
		return true;
	for (const char *p = strchr(pattern, ':'); p; p = strchr(p + 2, ':'))
		if (p[1] != ':')
			return false;

	return true;
}

/* The reader runs as us, here: not root's on a file that somebody else has made. */
static bool may_look_at(const char *path)
{
	struct stat st;

	return access(path, R_OK) == 0 && stat(path, &st) == 0 &&
	       (st.st_uid == 0 || st.st_uid == geteuid());
}

/*
 * Nothing runs yet of which the daemon could say that no function is called so. The files
 * are there: one look now is better than a profile of nothing later. It is no error, since
 * the name may be meant for children.
 */
static void warn_of_names(const struct options *options, const Hotpath__AttachReply *reply)
{
	const struct selectors *select = &options->select;

	if (reply->n_targets)
		return;
	for (size_t i = 0; i < options->n_functions; i++)
		if (!is_of_executable(options->functions[i]))
			return;

	for (size_t i = 0; i < select->exes; i++) {
		Hotpath__ReaderReply *read;

		if (options->n_functions && may_look_at(select->exe[i]) &&
		    reader_read(select->exe[i], options->functions, options->n_functions, &read) == 0)
			hotpath__reader_reply__free_unpacked(read, NULL);
	}
}

/* --- the verb -------------------------------------------------------------- */

/* The report owns standard output: what was attached is said beside it. */
static int attach(const struct options *options, struct output *output, const struct pids *pids)
{
	Hotpath__Reply *reply;
	int status;

	if (request_attach(options, pids, false, &reply) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}
	answer_print(options->duration_ns ? stderr : stdout, options, reply->attach);
	warn_of_names(options, reply->attach);
	if (options->duration_ns)
		status = watch(options, output, pids, reply->attach);
	else
		status = output_close(output) < 0 ? STATUS_FAILURE : STATUS_OK;
	client_reply_free(reply);
	return status;
}

int verb_attach(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	bool selects = selectors_any(&options->select);
	struct output output;

	if (!words && !selects)
		return verb_misuse("attach", "which process? give PIDs, --name, --exe, --cgroup "
					     "or --unit");
	if (words && selects)
		return verb_misuse("attach", "PIDs or %s, not both", options->select.text);
	if (request_pids("attach", words, word, &pids) < 0)
		return STATUS_USAGE;
	/* Before anything is changed: a file that cannot be written is an early error. */
	if (output_open(options->duration_ns ? options->output : NULL, &output) < 0)
		return STATUS_FAILURE;

	return attach(options, &output, &pids);
}
