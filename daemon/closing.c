// SPDX-License-Identifier: GPL-2.0-only
/* Closing links in parallel; see closing.h. */
#include "closing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 64
#define STACK_BYTES (64 * 1024)

static size_t take(size_t *next)
{
	return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
}

struct work {
	const int *fds;
	size_t n, next;
};

static void *close_some(void *argument)
{
	struct work *work = argument;
	size_t i;

	while ((i = take(&work->next)) < work->n)
		close(work->fds[i]);
	return NULL;
}

void closing_add(struct closing *closing, int **fds, size_t *n)
{
	size_t room = closing->n + *n;
	int *grown = room > closing->room ? reallocarray(closing->fds, room * 2, sizeof(*grown))
					  : closing->fds;

	if (grown && room > closing->room) {
		closing->fds = grown;
		closing->room = room * 2;
	}
	while (*n > 0) {
		int fd = (*fds)[--*n];

		if (grown)
			closing->fds[closing->n++] = fd;
		else
			close(fd);
	}
	free(*fds);
	*fds = NULL;
}

void closing_close(struct closing *closing)
{
	struct work work = {closing->fds, closing->n, 0};
	pthread_t thread[THREADS_MAX];
	pthread_attr_t attr;
	size_t threads = 0;

	/* This thread works, too, and alone when no other can be had. */
	if (closing->n > 1 && pthread_attr_init(&attr) == 0) {
		pthread_attr_setstacksize(&attr, STACK_BYTES);
		while (threads < THREADS_MAX && threads + 1 < closing->n &&
		       pthread_create(&thread[threads], &attr, close_some, &work) == 0)
			threads++;
		pthread_attr_destroy(&attr);
	}
	close_some(&work);
	while (threads > 0)
		pthread_join(thread[--threads], NULL);
	free(closing->fds);
	*closing = (struct closing){};
}

static struct closing held;
static unsigned int holds;

void closing_run(struct closing *closing)
{
	if (!holds) {
		closing_close(closing);
		return;
	}
	closing_add(&held, &closing->fds, &closing->n);
	*closing = (struct closing){};
}

void closing_hold(void)
{
	holds++;
}

void closing_release(void)
{
	if (--holds == 0)
		closing_close(&held);
}
