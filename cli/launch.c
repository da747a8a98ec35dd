// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start-up of CMD under ptrace. PTRACE_SEIZE rather than TRACEME: options such
 * as EXITKILL hold from the first moment, and stops by signals (Ctrl-Z) can be
 * told from our own (ptrace(2)).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/complain.h"
#include "cli/entry.h"
#include "cli/launch.h"
#include "cli/signals.h"
#include "lib/cleanup.h"

/* --- the child, until exec ------------------------------------------------- */

struct pipes {
	int go[2];    /* parent -> child: you are traced */
	int error[2]; /* child -> parent: errno of exec; closed by its success */
};

/* A file without #! that exec does not know is a script for sh, as in a shell. */
static void exec_shell(const char *path, char **argv)
{
	char **shell;
	size_t n = 0;

	while (argv[n])
		n++;
	shell = calloc(n + 2, sizeof(*shell));
	if (!shell)
		return;

	shell[0] = "sh";
	shell[1] = (char *)path;
	memcpy(shell + 2, argv + 1, n * sizeof(*shell));
	execv("/bin/sh", shell);
}

static void exec_or_tell(const char *path, char **argv, int error_fd)
{
	int error;

	execv(path, argv);
	error = errno;
	if (error == ENOEXEC)
		exec_shell(path, argv);
	if (write(error_fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Waits until it is traced; when the parent died instead, it never begins. */
static void child(const char *path, char **argv, const struct pipes *pipes)
{
	char byte;

	close(pipes->go[1]);
	if (read(pipes->go[0], &byte, 1) != 1)
		_exit(125);
	signals_give();
	exec_or_tell(path, argv, pipes->error[1]);
}

static void pipes_close(struct pipes *p)
{
	p->go[0] = close_fd(p->go[0]);
	p->go[1] = close_fd(p->go[1]);
	p->error[0] = close_fd(p->error[0]);
	p->error[1] = close_fd(p->error[1]);
}

static int pipes_open(struct pipes *p)
{
	*p = (struct pipes){{-1, -1}, {-1, -1}};
	if (pipe2(p->go, O_CLOEXEC) < 0 || pipe2(p->error, O_CLOEXEC) < 0) {
		int r = -errno;

		pipes_close(p);
		return r;
	}

	return 0;
}

static int fork_seized(const char *path, char **argv, struct pipes *pipes, pid_t *ret)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(path, argv, pipes);

	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0 ||
	    write(pipes->go[1], "", 1) != 1) {
		int r = -errno;

		launch_kill(pid);
		return r;
	}

	*ret = pid;
	return 0;
}

/* --- the parent, until the entry point ------------------------------------- */

enum stop { STOP_EXEC, STOP_TRAP, STOP_GROUP, STOP_OTHER, STOP_SIGNAL };

static enum stop classify(int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_EXEC)
		return STOP_EXEC;
	if (event == PTRACE_EVENT_STOP)
		return signal == SIGTRAP ? STOP_OTHER : STOP_GROUP;
	if (event)
		return STOP_OTHER;

	return signal == ENTRY_SIGNAL ? STOP_TRAP : STOP_SIGNAL;
}

/* Signals that arrive while we hold on are delivered as ever; stops remain stops. */
static int carry_on(pid_t pid, enum stop stop, int status)
{
	long signal = stop == STOP_SIGNAL || stop == STOP_TRAP ? WSTOPSIG(status) : 0;
	long r = stop == STOP_GROUP ? ptrace(PTRACE_LISTEN, pid, NULL, NULL)
				    : ptrace(PTRACE_CONT, pid, NULL, signal);

	/* ESRCH: it was killed meanwhile; waitpid() will say so. */
	return r < 0 && errno != ESRCH ? -errno : 0;
}

/* 0: held at the entry. 1: ended, *status says how. */
static int run_to_entry(pid_t pid, int *status)
{
	struct entry entry = {0};
	int r;

	for (;;) {
		enum stop stop;

		if (waitpid(pid, status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (!WIFSTOPPED(*status))
			return 1;

		stop = classify(*status);
		if (stop == STOP_TRAP && entry_reached(pid, &entry))
			return entry_restore(pid, &entry);
		/* A constructor may call exec once more: the last one counts. */
		r = stop == STOP_EXEC ? entry_break(pid, &entry) : 0;
		if (r == 0)
			r = carry_on(pid, stop, *status);
		if (r < 0)
			return r;
	}
}

/* What exec said, 0 when it succeeded. */
static int exec_error(int fd)
{
	int error;

	return read(fd, &error, sizeof(error)) == sizeof(error) ? error : 0;
}

static int tell_exec(const char *path, int error)
{
	complain("run: cannot execute %s: %s", path, strerror(error));

	return error == ENOENT || error == ENOTDIR ? -ENOENT : -EACCES;
}

int launch_hold(const char *path, char **argv, pid_t *ret_pid, int *ret_status)
{
	struct pipes pipes;
	int r, error, status = 0;
	pid_t pid = 0;

	r = pipes_open(&pipes);
	if (r == 0)
		r = fork_seized(path, argv, &pipes, &pid);
	if (r < 0) {
		complain("run: cannot start and trace %s: %s", path, strerror(-r));
		if (r == -EPERM)
			complain_hint(
				"is ptrace forbidden? see /proc/sys/kernel/yama/ptrace_scope");
		pipes_close(&pipes);
		return -EIO;
	}

	r = run_to_entry(pid, &status);
	pipes.error[1] = close_fd(pipes.error[1]);
	error = r == 1 ? exec_error(pipes.error[0]) : 0;
	pipes_close(&pipes);
	if (error)
		return tell_exec(path, error);
	if (r < 0) {
		complain("run: cannot hold %s at its start: %s", path,
			 r == -ENOEXEC ? "it is not a 64-bit program" : strerror(-r));
		launch_kill(pid);
		return -EIO;
	}

	*ret_pid = pid;
	*ret_status = status;
	return r;
}

int launch_release(pid_t pid)
{
	return ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0 ? -errno : 0;
}

void launch_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}
