// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts hotpathd --private on a socket in a new folder that only root can
 * enter. It is a process group of its own: Ctrl-C is for CMD.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cli/complain.h"
#include "cli/private.h"
#include "cli/sibling.h"
#include "cli/signals.h"
#include "lib/cleanup.h"

#define READY	      "listening on "
#define START_SECONDS 30
#define STOP_SECONDS  30
#define WORDS_MAX     8192

struct private_daemon {
	char folder[sizeof("/tmp/hotpath-XXXXXX")];
	char socket[sizeof("/tmp/hotpath-XXXXXX/sock")];
	pid_t pid; /* 0: none */
	int err;   /* its standard error */
};

/* One that does not heed SIGTERM is stopped, or hangs: probes end with it all the same. */
static void end_daemon(pid_t pid)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	kill(pid, SIGTERM);
	if (fd >= 0 && poll(&p, 1, STOP_SECONDS * 1000) == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

struct private_daemon *private_stop(struct private_daemon *d)
{
	if (!d)
		return NULL;

	if (d->pid > 0)
		end_daemon(d->pid);
	close_fd(d->err);
	if (*d->folder) {
		unlink(d->socket);
		rmdir(d->folder);
	}
	free(d);
	return NULL;
}
DEFINE_CLEANUP(struct private_daemon *, private_stop)

static int find_daemon(char **ret)
{
	static const char *const folders[] = {"../sbin", NULL};

	if (sibling_find("hotpathd", folders, ret) == 0 ||
	    sibling_find_in_path("hotpathd", ret) == 0)
		return 0;

	complain("no hotpathd is running, and none is found beside hotpath or in PATH");
	complain_hint("is hotpath installed whole? make install");
	return -ENOENT;
}

static void become_daemon(const char *program, const char *socket, int err)
{
	setpgid(0, 0);
	signals_give();
	if (dup2(err, STDERR_FILENO) < 0)
		_exit(127);
	/* CMD's input and output are none of its business. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO ||
	    open("/dev/null", O_WRONLY) != STDOUT_FILENO)
		_exit(127);

	execl(program, "hotpathd", "--private", "--socket", socket, NULL);
	fprintf(stderr, "cannot execute %s: %s\n", program, strerror(errno));
	_exit(127);
}

/* The writing end never blocks: nobody reads what the daemon says later on. */
static int spawn(struct private_daemon *d, const char *program)
{
	_cleanup_fd_ int reading = -1, writing = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	reading = ends[0];
	writing = ends[1];
	fcntl(writing, F_SETFL, O_WRONLY | O_NONBLOCK);

	d->pid = fork();
	if (d->pid < 0) {
		d->pid = 0;
		return -errno;
	}
	if (d->pid == 0)
		become_daemon(program, d->socket, writing);

	d->err = TAKE_FD(reading);
	return 0;
}

/* Collects what it says until it says that it is ready. -EPIPE: it ended first. */
static int await_ready(int fd, char *words, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	time_t end = time(NULL) + START_SECONDS;
	size_t n = 0;

	words[0] = 0;
	while (!strstr(words, READY)) {
		time_t left = end - time(NULL);
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left * 1000) == 0)
			return -ETIMEDOUT;
		got = read(fd, words + n, size - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EPIPE;
		n += (size_t)got;
		words[n] = 0;
	}

	return 0;
}

static void tell_words(int r, char *words)
{
	char *rest = words, *line;

	if (r == -ETIMEDOUT)
		complain("hotpathd did not get ready within %d s; it says:", START_SECONDS);
	else
		complain("hotpathd could not start; it says:");
	while ((line = strsep(&rest, "\n")))
		if (*line)
			complain_hint("  %s", line);
}

static int make_folder(struct private_daemon *d)
{
	strcpy(d->folder, "/tmp/hotpath-XXXXXX");
	if (!mkdtemp(d->folder)) {
		int r = -errno;

		d->folder[0] = 0;
		complain("cannot make a folder in /tmp: %s", strerror(-r));
		return r;
	}

	snprintf(d->socket, sizeof(d->socket), "%s/sock", d->folder);
	return 0;
}

int private_start(struct private_daemon **ret)
{
	_cleanup_(private_stopp) struct private_daemon *d = calloc(1, sizeof(*d));
	_cleanup_free_ char *program = NULL;
	char words[WORDS_MAX];
	int r;

	if (!d)
		return -ENOMEM;
	d->err = -1;
	r = find_daemon(&program);
	if (r < 0)
		return r;
	r = make_folder(d);
	if (r < 0)
		return r;
	r = spawn(d, program);
	if (r < 0) {
		complain("cannot start %s: %s", program, strerror(-r));
		return r;
	}
	r = await_ready(d->err, words, sizeof(words));
	if (r < 0) {
		tell_words(r, words);
		return r;
	}

	*ret = TAKE(d);
	return 0;
}

const char *private_socket(const struct private_daemon *daemon)
{
	return daemon->socket;
}
