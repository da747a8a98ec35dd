// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start-up of CMD under ptrace. PTRACE_SEIZE rather than TRACEME: options such
 * as EXITKILL hold from the first moment, and stops by signals (Ctrl-Z) can be
 * told from our own (ptrace(2)).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
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

/* 0: nobody but us. */
static pid_t other_tracer(pid_t pid)
{
	_cleanup_file_ FILE *file = NULL;
	char path[64], line[256];
	pid_t tracer = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "TracerPid: %d", &tracer) != 1)
		;
	return tracer == getpid() ? 0 : tracer;
}

static void read_comm(pid_t pid, char *comm, size_t size)
{
	_cleanup_file_ FILE *file = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(comm, (int)size, file))
		comm[strcspn(comm, "\n")] = 0;
}

/* *ret_tracer is set where it fails: who traces it in our place, or 0. */
static int fork_seized(const char *path, char **argv, struct pipes *pipes, pid_t *ret,
		       pid_t *ret_tracer)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(path, argv, pipes);

	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0 ||
	    write(pipes->go[1], "", 1) != 1) {
		int r = -errno;

		*ret_tracer = other_tracer(pid);
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

	return error == ENOENT ? -ENOENT : -EACCES;
}

/* A tracer that follows children (strace -f hotpath run ...) was there first. */
static void tell_untraceable(const char *path, int r, pid_t tracer)
{
	char name[64] = "?";

	if (!tracer) {
		complain("run: cannot start and trace %s: %s", path, strerror(-r));
		if (r == -EPERM)
			complain_hint(
				"is ptrace forbidden? see /proc/sys/kernel/yama/ptrace_scope");
		return;
	}

	read_comm(tracer, name, sizeof(name));
	complain("run: cannot trace %s: another tracer has it already, %s (pid %d)", path, name,
		 tracer);
	complain_hint("run that below hotpath (hotpath run ... -- strace -f CMD), or let it not "
		      "follow children");
}

/*
 * Of a program that its user may execute and not read the kernel shows nothing
 * (PR_SET_DUMPABLE in prctl(2)): neither hotpath nor hotpathd could look into it.
 */
static void tell_unheld(const char *path, int r)
{
	bool hidden = (r == -EACCES || r == -EPERM) && geteuid() != 0;

	complain("run: cannot hold %s at its start: %s", path,
		 r == -ENOEXEC ? "it is not a 64-bit program"
		 : hidden      ? "you may execute it, not read it, so the kernel keeps it from "
				 "being traced"
			       : strerror(-r));
	if (hidden)
		complain_hint("let it be read (chmod +r), or be root: sudo hotpath run ...");
}

int launch_hold(const char *path, char **argv, pid_t *ret_pid, int *ret_status)
{
	struct pipes pipes;
	int r, error, status = 0;
	pid_t pid = 0, tracer = 0;

	r = pipes_open(&pipes);
	if (r == 0)
		r = fork_seized(path, argv, &pipes, &pid, &tracer);
	if (r < 0) {
		tell_untraceable(path, r, tracer);
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
		tell_unheld(path, r);
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
