// SPDX-License-Identifier: GPL-2.0-only
/* Becoming a daemon, and telling the one who waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"
#include "lib/cleanup.h"
#include "lib/log.h"

/* One byte is "ready"; the end of the pipe without it is a failure, whose cause
 * the daemon has said itself, on the terminal that both share. */
static void wait_and_exit(int fd, pid_t child)
{
	char ready;
	ssize_t n;

	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	do
		n = read(fd, &ready, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int background_start(struct background *background)
{
	int pipe_fd[2];
	pid_t child;

	/* What the caller has open, a lock or a pipe, must not stay open with us. */
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return log_error_errno(-errno, "go into the background");

	child = fork();
	if (child < 0)
		return log_error_errno(-errno, "go into the background");
	if (child > 0) {
		close(pipe_fd[1]);
		wait_and_exit(pipe_fd[0], child);
	}

	/* A session of its own; then no longer its leader, so that no terminal that
	 * is opened later can become the daemon's. */
	close(pipe_fd[0]);
	if (setsid() < 0)
		return log_error_errno(-errno, "start a session");
	child = fork();
	if (child < 0)
		return log_error_errno(-errno, "go into the background");
	if (child > 0)
		_exit(EXIT_SUCCESS);

	background->fd = pipe_fd[1];
	return 0;
}

/* A log that was sent to a file goes on; a terminal or a pipe is let go. */
static int release_stdio(void)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return dup2(null, STDERR_FILENO) < 0 ? -errno : 0;
}

int background_ready(struct background *background)
{
	int r;

	if (background->fd < 0)
		return 0;
	if (chdir("/") < 0)
		return log_error_errno(-errno, "go to /");

	r = release_stdio();
	if (r < 0)
		return log_error_errno(r, "let go of the terminal");

	/* Nobody may be waiting any more: SIGPIPE is ignored. */
	(void)!write(background->fd, "", 1);
	background->fd = close_fd(background->fd);
	return 0;
}
