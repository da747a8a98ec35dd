// SPDX-License-Identifier: GPL-2.0-only
/* hotpath run -- CMD...: from its first instruction to its exit, then the report. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
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

/* As env(1), nice(1) and timeout(1) have them. */
enum { STATUS_NOT_STARTED = 125, STATUS_CANNOT_EXECUTE = 126, STATUS_NOT_FOUND = 127 };

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

static int attach_held(const struct options *options, const struct pids *pids)
{
	Hotpath__Reply *reply;
	int r;

	r = request_attach(options, pids, true, &reply);
	if (r < 0)
		return r;

	client_reply_free(reply);
	return 0;
}

/* CMD has ended: what was measured, then nothing is kept. */
static int report_and_detach(const struct options *options, struct output *output,
			     const struct pids *pids)
{
	Hotpath__Reply *reply;
	int r;

	r = request_report(options, pids, &reply);
	if (r < 0) {
		complain("run: the profile was lost");
		output_close(output);
		return r;
	}
	r = report_write(output, reply->report, options);
	client_reply_free(reply);

	/* A daemon that died now has nothing left to keep. */
	if (request_detach(options, pids, false, &reply) == 0)
		client_reply_free(reply);
	return r;
}

static int watch(const struct options *options, struct output *output, const struct pids *pids)
{
	bool ended = supervise(pids->pid[0], options->duration_ns, options->grace_ns);
	int status, r;

	r = report_and_detach(options, output, pids);
	status = status_of_wait(supervise_reap(pids->pid[0]));
	if (ended)
		status = STATUS_OK;
	return r < 0 && options->strict ? STATUS_NOT_STARTED : status;
}

static int profile(const struct options *options, struct output *output, const char *path,
		   char **argv)
{
	struct pids pids = {.count = 1};
	int r, wait_status;
	int32_t pid;

	supervise_begin();
	r = launch_hold(path, argv, &pid, &wait_status);
	if (r < 0)
		return status_of_error(r);
	if (r == 1) {
		complain("run: %s ended before its first instruction; there is no profile", path);
		return options->strict ? STATUS_NOT_STARTED : status_of_wait(wait_status);
	}

	pids.pid = &pid;
	if (attach_held(options, &pids) < 0) {
		launch_kill(pid);
		return STATUS_NOT_STARTED;
	}
	/* -ESRCH: killed while it was held; its status tells. */
	launch_release(pid);
	return watch(options, output, &pids);
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
	if (!options.n_functions)
		return request_needs_functions("run", word[0]);
	r = command_find(word[0], &path);
	if (r < 0)
		return status_of_error(r);
	if (command_check(path) < 0 || output_open(options.output, &output) < 0)
		return STATUS_NOT_STARTED;

	status = STATUS_NOT_STARTED;
	if (find_daemon(&options, &own) == 0)
		status = profile(&options, &output, path, word);
	output_close(&output);
	return status;
}
