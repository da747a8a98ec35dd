// SPDX-License-Identifier: GPL-2.0-only
/* Starts hotpath-reader, without privileges, and collects its answer; see reading.h. */
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/wire.h"

#define FIRST_FD      10
#define REPLY_MAX     (128u << 20)
#define TIME_MAX_USEC (30u * 1000 * 1000)
#define CPU_MAX_SEC   20
#define MEMORY_MAX    (4ul << 30)
#define NOBODY	      65534

const char reading_cancelled[] = "cancelled";

struct reading {
	sd_event_source *io, *timer;
	pid_t child;
	int fd;
	uint8_t *data;
	size_t size, room;
	reading_handler handler;
	void *userdata;
};

/* Beside our own binary (a build tree), or where `make install` puts it. */
static int reader_open(void)
{
	static const char *const places[] = {"hotpath-reader", "../libexec/hotpath/hotpath-reader"};
	char self[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;
	int fd;

	if (n < 0)
		return -errno;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", self, places[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

static int request_file(const Hotpath__ReaderRequest *request)
{
	size_t size = hotpath__reader_request__get_packed_size(request);
	_cleanup_fd_ int fd = memfd_create("hotpath-request", MFD_CLOEXEC);
	_cleanup_free_ uint8_t *data = malloc(size ?: 1);
	int r;

	if (fd < 0)
		return -errno;
	if (!data)
		return -ENOMEM;
	hotpath__reader_request__pack(request, data);
	r = wire_write_all(fd, data, size);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void limit(int resource, rlim_t value)
{
	const struct rlimit l = {value, value};

	setrlimit(resource, &l);
}

/* In the child: nothing is left but the files that it is to read. */
static int drop_privileges(void)
{
	limit(RLIMIT_CPU, CPU_MAX_SEC);
	limit(RLIMIT_CORE, 0);
#ifndef __SANITIZE_ADDRESS__
	limit(RLIMIT_AS, MEMORY_MAX);
#endif
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	/* After the change of credentials, which clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Moves descriptors to where the request says they are, none over another. */
static int arrange_fds(int *fds, size_t n, int *reader_fd, int *in_fd, int *out_fd)
{
	int above = FIRST_FD + (int)n + 1;
	int *each[] = {reader_fd, in_fd, out_fd};
	size_t i;

	for (i = 0; i < n; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, above);
		if (fds[i] < 0)
			return -errno;
	}
	for (i = 0; i < ARRAY_SIZE(each); i++) {
		*each[i] = fcntl(*each[i], F_DUPFD_CLOEXEC, above);
		if (*each[i] < 0)
			return -errno;
	}
	for (i = 0; i < n; i++) {
		if (dup2(fds[i], FIRST_FD + (int)i) < 0)
			return -errno;
	}
	return dup2(*in_fd, STDIN_FILENO) < 0 || dup2(*out_fd, STDOUT_FILENO) < 0 ? -errno : 0;
}

static void child_main(int *fds, size_t n, int reader_fd, int in_fd, int out_fd)
{
	static char *const argv[] = {(char *)"hotpath-reader", NULL};
	static char *const envp[] = {(char *)"LC_ALL=C.UTF-8", NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (arrange_fds(fds, n, &reader_fd, &in_fd, &out_fd) < 0 || drop_privileges() < 0)
		_exit(126);
	fexecve(reader_fd, argv, envp);
	_exit(127);
}

static void reading_free(struct reading *reading)
{
	sd_event_source_disable_unref(reading->io);
	sd_event_source_disable_unref(reading->timer);
	close_fd(reading->fd);
	if (reading->child > 0) {
		kill(reading->child, SIGKILL);
		waitpid(reading->child, NULL, 0);
	}
	free(reading->data);
	free(reading);
}

struct reading *reading_cancel(struct reading *reading)
{
	if (!reading)
		return NULL;
	reading->handler(reading->userdata, reading_cancelled, NULL);
	reading_free(reading);
	return NULL;
}

static void reading_finish(struct reading *reading, const char *error)
{
	Hotpath__ReaderReply *reply = NULL;

	if (!error) {
		reply = hotpath__reader_reply__unpack(NULL, reading->size, reading->data);
		if (!reply || !reading->size)
			error = "hotpath-reader failed; its answer cannot be read";
	}
	reading->handler(reading->userdata, error, error ? NULL : reply);
	if (reply)
		hotpath__reader_reply__free_unpacked(reply, NULL);
	reading_free(reading);
}

static int reading_grow(struct reading *reading)
{
	size_t room = reading->room ? reading->room * 2 : 64 * 1024;
	uint8_t *data;

	if (reading->size < reading->room)
		return 0;
	if (room > REPLY_MAX)
		return -E2BIG;
	data = realloc(reading->data, room);
	if (!data)
		return -ENOMEM;
	reading->data = data;
	reading->room = room;
	return 0;
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct reading *reading = userdata;
	ssize_t n;

	if (reading_grow(reading) < 0) {
		reading_finish(reading, "hotpath-reader's answer is too large");
		return 0;
	}
	n = read(fd, reading->data + reading->size, reading->room - reading->size);
	if (n > 0)
		reading->size += n;
	else if (n == 0)
		reading_finish(reading, NULL);
	else if (errno != EAGAIN && errno != EINTR)
		reading_finish(reading, "hotpath-reader's answer could not be read");
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	reading_finish(userdata, "reading symbols took more than 30 s");
	return 0;
}

static int reading_spawn(struct reading *reading, Hotpath__ReaderRequest *request, const int *fds)
{
	_cleanup_fd_ int in_fd = -1, reader_fd = reader_open(), out_fd = -1;
	_cleanup_free_ int *copy = NULL;
	size_t n = request->n_objects, i;
	int pipe_fds[2];

	if (reader_fd < 0) {
		log_error("hotpath-reader is neither beside hotpathd nor in ../libexec/hotpath");
		return reader_fd;
	}
	for (i = 0; i < n; i++)
		request->objects[i]->fd = FIRST_FD + i;
	in_fd = request_file(request);
	if (in_fd < 0)
		return in_fd;
	copy = calloc(n ?: 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, fds, n * sizeof(*copy));
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	reading->fd = pipe_fds[0];
	out_fd = pipe_fds[1];
	fcntl(reading->fd, F_SETFL, O_NONBLOCK);

	reading->child = fork();
	if (reading->child < 0)
		return -errno;
	if (reading->child == 0)
		child_main(copy, n, reader_fd, in_fd, out_fd);
	return 0;
}

int reading_start(sd_event *event, Hotpath__ReaderRequest *request, const int *fds,
		  reading_handler handler, void *userdata, struct reading **ret)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int r;

	if (!reading)
		return -ENOMEM;
	reading->fd = -1;
	reading->handler = handler;
	reading->userdata = userdata;
	r = reading_spawn(reading, request, fds);
	if (r >= 0)
		r = sd_event_add_io(event, &reading->io, reading->fd, EPOLLIN, on_answer, reading);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &reading->timer, CLOCK_MONOTONIC,
					       TIME_MAX_USEC, 0, on_timeout, reading);
	if (r < 0) {
		reading_free(reading);
		return r;
	}
	*ret = reading;
	return 0;
}
