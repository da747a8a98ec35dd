// SPDX-License-Identifier: GPL-2.0-only
/* hotpath run -- CMD...: from its first instruction to its exit, then the report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/launch.h"
#include "cli/private.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/supervise.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/parse.h"

/* As env(1), nice(1) and timeout(1) have them. */
enum { STATUS_NOT_STARTED = 125, STATUS_CANNOT_EXECUTE = 126, STATUS_NOT_FOUND = 127 };

/*
 * Signals are CMD's, so nobody can end our waiting for a daemon that hangs. The reader
 * works in silence for 30 s at most, and hosts may be slow.
 */
#define SILENCE_ATTACH_S 60
#define SILENCE_REPORT_S 30

/* Tests have no minute to wait. */
static void limit_silence(uint64_t seconds)
{
	const char *word = getenv("HOTPATH_SILENCE_MS");
	uint64_t ms;

	if (!word || parse_u64(word, 3600000, &ms) < 0)
		ms = seconds * 1000;
	client_limit_silence(ms * 1000000);
}

DEFINE_CLEANUP(struct private_daemon *, private_stop)

static int status_of_error(int r)
{
	if (r == -ENOENT)
		return STATUS_NOT_FOUND;

	return r == -EACCES ? STATUS_CANNOT_EXECUTE : STATUS_NOT_STARTED;
}

static int status_of_wait(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The daemon that is there, or one of our own: options->socket names it after. */
static int find_daemon(struct options *options, struct private_daemon **ret)
{
	_cleanup_fd_ int fd = -1;
	int r;

	r = client_connect(options->socket, &fd);
	if (r == 0)
		return 0;
	if (geteuid() != 0 || (r != -ENOENT && r != -ECONNREFUSED)) {
		client_unreachable(options->socket, r);
		return r;
	}

	r = private_start(ret);
	if (r == 0)
		options->socket = private_socket(*ret);
	return r;
}

/* What is measured, and what was said of it at the beginning. */
struct measured {
	pid_t pid;
	struct pids targets; /* what detach and report take for CMD and its children */
	Hotpath__Reply *attached;
};

static void measured_clear(struct measured *m)
{
	pids_clear(&m->targets);
	client_reply_free(m->attached);
}

static int attach_held(const struct options *options, struct measured *m)
{
	const struct pids pids = {.pid = &m->pid, .count = 1};
	int r;

	r = request_attach(options, &pids, true, &m->attached);
	return r < 0 ? r : answer_targets(m->attached->attach, &pids, &m->targets);
}

/* No pattern has matched in any process: a name is wrong, or the wrong one. */
static void warn_of_nothing(const Hotpath__AttachReply *attached, const Hotpath__Snapshot *snapshot)
{
	size_t i, k;

	if (snapshot->n_targets && !report_is_of_nothing(snapshot))
		return;
	for (i = 0; i < attached->n_targets; i++)
		for (k = 0; k < attached->targets[i]->n_unmatched; k++)
			complain("run: nothing was measured: %s", attached->targets[i]->unmatched[k]);
}

static void add_note(Hotpath__Target *t, char *note)
{
	char **notes = reallocarray(t->notes, t->n_notes + 1, sizeof(*notes));

	if (!notes) {
		free(note);
		return;
	}
	t->notes = notes;
	notes[t->n_notes++] = note;
}

/* What CMD has begun may outlive it, as a service does, or what is still being looked at. */
static void note_survivors(pid_t pid, Hotpath__Snapshot *snapshot, uint32_t running)
{
	char *note;
	size_t i;

	for (i = 0; i < snapshot->n_targets && snapshot->targets[i]->pid != pid; i++)
		;
	if (i == snapshot->n_targets ||
	    asprintf(&note, "%u process%s that it began run%s on: figures up to its end; %s probes "
			    "are removed now",
		     running, running == 1 ? "" : "es", running == 1 ? "s" : "",
		     running == 1 ? "its" : "their") < 0)
		return;
	add_note(snapshot->targets[i], note);
}

/* CMD has ended: what was measured, then nothing is kept. */
static int report_and_detach(const struct options *options, struct output *output,
			     const struct measured *m)
{
	Hotpath__Reply *report, *detached;
	uint32_t running = 0;
	int r;

	r = request_report(options, &m->targets, &report);
	if (r < 0) {
		complain("run: the profile was lost");
		output_close(output);
		return r;
	}
	/* A daemon that died now has nothing left to keep. */
	if (request_detach(options, &m->targets, false, &detached) == 0) {
		running = detached->detach->running;
		client_reply_free(detached);
	}

	/* What runs on may not have been looked at yet. */
	if (running)
		note_survivors(m->pid, report->report, running);
	else
		warn_of_nothing(m->attached->attach, report->report);
	r = report_write(output, report->report, options);
	client_reply_free(report);
	return r;
}

static int watch(const struct options *options, struct output *output, const struct measured *m)
{
	bool ended = supervise(m->pid, options->duration_ns, options->grace_ns);
	int status, r;

	limit_silence(SILENCE_REPORT_S);
	r = report_and_detach(options, output, m);
	status = status_of_wait(supervise_reap(m->pid));
	if (ended)
		status = STATUS_OK;
	return r < 0 && options->strict ? STATUS_NOT_STARTED : status;
}

static int profile(const struct options *options, struct output *output, const char *path,
		   char **argv)
{
	_cleanup_(measured_clear) struct measured m = {0};
	int r, wait_status;

	r = launch_hold(path, argv, &m.pid, &wait_status);
	if (r < 0)
		return status_of_error(r);
	if (r == 1) {
		complain("run: %s ended before its first instruction; there is no profile", path);
		return options->strict ? STATUS_NOT_STARTED : status_of_wait(wait_status);
	}

	if (attach_held(options, &m) < 0) {
		launch_kill(m.pid);
		return STATUS_NOT_STARTED;
	}
	/* -ESRCH: killed while it was held; its status tells. */
	launch_release(m.pid);
	return watch(options, output, &m);
}

static int profile_words(const struct options *options, struct output *output, const char *path,
			 char **word, int words)
{
	int status;

	supervise_begin(word, words);
	status = profile(options, output, path, word);
	supervise_end();
	return status;
}

int verb_run(const struct options *given, int words, char **word)
{
	_cleanup_(private_stopp) struct private_daemon *own = NULL;
	_cleanup_free_ char *path = NULL;
	struct options options = *given; /* the socket may become our own daemon's */
	struct output output;
	int r, status;

	if (!words)
		return verb_misuse("run", "which program? give -- CMD and its arguments");
	r = command_find(word[0], &path);
	if (r < 0)
		return status_of_error(r);
	if (command_check(path) < 0 || output_open(options.output, &output) < 0)
		return STATUS_NOT_STARTED;

	status = STATUS_NOT_STARTED;
	limit_silence(SILENCE_ATTACH_S);
	if (find_daemon(&options, &own) == 0)
		status = profile_words(&options, &output, path, word, words);
	output_close(&output);
	return status;
}
