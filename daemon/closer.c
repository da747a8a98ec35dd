// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing links beside the event loop; see closer.h. A thread for each job, which tells of
 * its end through a pipe: the loop and it share nothing else, and no lock.
 */
#include "closer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "closing.h"
#include "lib/cleanup.h"

#define STACK_BYTES (64 * 1024)

struct closer {
	sd_event_source *source;
	int pipe[2]; /* pointers to jobs that are done */
	size_t under_way;
};

struct job {
	int pipe; /* where to tell of it */
	uint32_t delay_us;
	struct closing closing;
	void (*done)(void *userdata);
	void *userdata;
};

static void *job_run(void *argument)
{
	struct job *job = argument;

	(void)setpriority(PRIO_PROCESS, gettid(), CLOSER_PRIORITY);
	if (job->delay_us)
		usleep(job->delay_us);
	closing_close(&job->closing);
	/* 8 bytes are written all or none, and the pipe holds 8,000 of them. */
	while (write(job->pipe, &job, sizeof(job)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void job_finish(struct job *job)
{
	if (job->done)
		job->done(job->userdata);
	free(job);
}

/* True: one was done. It does not wait for it: who is told by the event loop may come when
 * closer_wait() has taken it. */
static bool closer_take(struct closer *closer)
{
	struct job *job;

	if (read(closer->pipe[0], &job, sizeof(job)) != sizeof(job))
		return false;
	closer->under_way--;
	job_finish(job);
	return true;
}

static int on_done(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	closer_take(userdata);
	return 0;
}

int closer_new(sd_event *event, struct closer **ret)
{
	struct closer *closer = calloc(1, sizeof(*closer));
	int r;

	if (!closer)
		return -ENOMEM;
	closer->pipe[0] = closer->pipe[1] = -1;
	r = pipe2(closer->pipe, O_CLOEXEC) < 0 ? -errno : 0;
	if (r >= 0 && fcntl(closer->pipe[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r >= 0)
		r = sd_event_add_io(event, &closer->source, closer->pipe[0], EPOLLIN, on_done,
				    closer);
	if (r < 0) {
		closer_free(closer);
		return r;
	}
	*ret = closer;
	return 0;
}

struct closer *closer_free(struct closer *closer)
{
	if (!closer)
		return NULL;
	closer_wait(closer);
	sd_event_source_disable_unref(closer->source);
	close_fd(closer->pipe[0]);
	close_fd(closer->pipe[1]);
	free(closer);
	return NULL;
}

static int job_start(struct job *job)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	r = -pthread_attr_init(&attr);
	if (r < 0)
		return r;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attr, job_run, job);
	pthread_attr_destroy(&attr);
	return r;
}

void closer_close(struct closer *closer, int **fds, size_t *n, uint32_t delay_us,
		  void (*done)(void *userdata), void *userdata)
{
	struct job *job = calloc(1, sizeof(*job));
	struct closing closing = {};

	closing_add(&closing, fds, n);
	if (!job) {
		closing_close(&closing);
		if (done)
			done(userdata);
		return;
	}
	*job = (struct job){closer->pipe[1], delay_us, closing, done, userdata};
	if (job_start(job) < 0) {
		closing_close(&job->closing);
		job_finish(job);
		return;
	}
	closer->under_way++;
}

void closer_wait(struct closer *closer)
{
	struct pollfd fd = {.fd = closer->pipe[0], .events = POLLIN};

	while (closer->under_way) {
		if (!closer_take(closer) && poll(&fd, 1, -1) < 0 && errno != EINTR)
			return;
	}
}
