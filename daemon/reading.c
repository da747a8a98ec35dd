// SPDX-License-Identifier: GPL-2.0-only
/* Starts hotpath-reader, without privileges, and collects its answer; see reading.h. */
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/wire.h"
#include "nobody.h"

#define FIRST_FD      10
#define REPLY_MAX     (128u << 20)
#define TIME_MAX_USEC (30u * 1000 * 1000)
#define CPU_MAX_SEC   30 /* hotpath-reader has limits of its own, and keeps them */
#define MEMORY_MAX    (4ul << 30)

const char reading_cancelled[] = "cancelled";

/* What it is asked, until it is its turn. */
struct question {
	uint8_t *data;
	size_t size;
	int *fds; /* its caller's */
	size_t n_fds;
};

struct reading {
	struct turn turn; /* first: a turn's address is its reading's */
	struct question question;
	sd_event *event;
	sd_event_source *io, *timer;
	pid_t child;
	int fd;
	uint8_t *data;
	size_t size, room;
	Hotpath__ReaderReply *reply; /* while the handler has it */
	reading_handler handler;
	void *userdata;
};

/* All there are, in the order in which they came; a daemon has one event loop. */
static struct turn *first_turn;
static sd_event_source *advance_source;
static struct reading_figures figures;

struct reading_figures reading_figures(void)
{
	return figures;
}

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

static int question_file(const struct question *question)
{
	_cleanup_fd_ int fd = memfd_create("hotpath-request", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = wire_write_all(fd, question->data, question->size);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int question_init(struct question *question, Hotpath__ReaderRequest *request,
			 const int *fds)
{
	size_t i;

	question->n_fds = request->n_objects;
	question->fds = calloc(question->n_fds + 1, sizeof(*question->fds));
	if (!question->fds)
		return -ENOMEM;
	for (i = 0; i < question->n_fds; i++) {
		question->fds[i] = fds[i];
		request->objects[i]->fd = FIRST_FD + i;
	}
	question->size = hotpath__reader_request__get_packed_size(request);
	question->data = malloc(question->size ?: 1);
	if (!question->data)
		return -ENOMEM;
	hotpath__reader_request__pack(request, question->data);
	return 0;
}

static void question_done(struct question *question)
{
	free(question->data);
	free(question->fds);
	*question = (struct question){};
}

/* In the child: nothing is left but the files that it is to read. */
static int drop_privileges(void)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};

	setrlimit(RLIMIT_AS, &memory);
#endif
	return nobody_become(CPU_MAX_SEC);
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

/* --- turns --------------------------------------------------------------------------- */

static int on_advance(sd_event_source *source, void *userdata);

static void turn_add(struct turn *fresh)
{
	struct turn **at;

	for (at = &first_turn; *at; at = &(*at)->next)
		;
	*at = fresh;
}

/* Whoever waits goes on from the event loop, not below the one that makes room. */
static void turn_remove(sd_event *event, struct turn *turn)
{
	struct turn **at;

	for (at = &first_turn; *at && *at != turn; at = &(*at)->next)
		;
	if (!*at)
		return;
	*at = turn->next;
	if (!first_turn)
		advance_source = sd_event_source_disable_unref(advance_source);
	else if (!advance_source)
		(void)sd_event_add_defer(event, &advance_source, on_advance, event);
}

static void reading_free(struct reading *reading)
{
	turn_remove(reading->event, &reading->turn);
	sd_event_source_disable_unref(reading->io);
	sd_event_source_disable_unref(reading->timer);
	close_fd(reading->fd);
	if (reading->child > 0) {
		kill(reading->child, SIGKILL);
		waitpid(reading->child, NULL, 0);
	}
	if (reading->reply)
		hotpath__reader_reply__free_unpacked(reading->reply, NULL);
	question_done(&reading->question);
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
	/* Its handler may start the next. */
	turn_remove(reading->event, &reading->turn);
	if (!error) {
		reading->reply = hotpath__reader_reply__unpack(NULL, reading->size, reading->data);
		if (!reading->reply || !reading->size)
			error = "hotpath-reader failed; its answer cannot be read";
	}
	reading->handler(reading->userdata, error, error ? NULL : reading->reply);
	reading_free(reading);
}

Hotpath__ReaderReply *reading_take(struct reading *reading, size_t *ret_size)
{
	*ret_size = reading->size;
	return TAKE(reading->reply);
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

static int reading_spawn(struct reading *reading)
{
	const struct question *question = &reading->question;
	_cleanup_fd_ int in_fd = -1, reader_fd = reader_open(), out_fd = -1;
	int pipe_fds[2];

	if (reader_fd < 0) {
		log_error("hotpath-reader is neither beside hotpathd nor in ../libexec/hotpath");
		return reader_fd;
	}
	in_fd = question_file(question);
	if (in_fd < 0)
		return in_fd;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	reading->fd = pipe_fds[0];
	out_fd = pipe_fds[1];
	fcntl(reading->fd, F_SETFL, O_NONBLOCK);

	reading->child = fork();
	if (reading->child < 0)
		return -errno;
	if (reading->child == 0)
		child_main(question->fds, question->n_fds, reader_fd, in_fd, out_fd);
	return 0;
}

/* It is its turn. */
static int reading_run(struct reading *reading)
{
	int r;

	reading->turn.running = true;
	r = reading_spawn(reading);
	question_done(&reading->question);
	if (r >= 0)
		r = sd_event_add_io(reading->event, &reading->io, reading->fd, EPOLLIN, on_answer,
				    reading);
	if (r >= 0)
		r = sd_event_add_time_relative(reading->event, &reading->timer, CLOCK_MONOTONIC,
					       TIME_MAX_USEC, 0, on_timeout, reading);
	return r;
}

static int on_advance(sd_event_source *source, void *userdata)
{
	struct turn *next;

	advance_source = sd_event_source_disable_unref(advance_source);
	while ((next = turn_next(first_turn))) {
		if (reading_run((struct reading *)next) < 0)
			reading_finish((struct reading *)next,
				       "hotpath-reader could not be started");
	}
	return 0;
}

/* Takes over the reading when it succeeds. */
static int reading_queue(struct reading *reading)
{
	if (!turn_may_wait(first_turn, &reading->turn)) {
		figures.refused++;
		return -EBUSY;
	}
	turn_add(&reading->turn);
	if (turn_next(first_turn) == &reading->turn)
		return reading_run(reading);
	figures.waited++;
	return 0;
}

int reading_start(sd_event *event, struct reading_asker asker, Hotpath__ReaderRequest *request,
		  const int *fds, reading_handler handler, void *userdata, struct reading **ret)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int r;

	if (!reading)
		return -ENOMEM;
	reading->event = event;
	reading->fd = -1;
	reading->handler = handler;
	reading->userdata = userdata;
	r = question_init(&reading->question, request, fds);
	if (r >= 0) {
		reading->turn.kind = asker.kind;
		reading->turn.uid = asker.uid;
		reading->turn.bytes = reading->question.size;
		r = reading_queue(reading);
	}
	if (r < 0) {
		reading_free(reading);
		return r;
	}
	*ret = reading;
	return 0;
}
