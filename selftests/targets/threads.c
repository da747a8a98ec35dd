// SPDX-License-Identifier: GPL-2.0-only
/*
 * "many T N": T threads at once, N calls of thread_work each.
 * "short T N": T threads one after the other, N calls each.
 * "exits T": T threads that leave by pthread_exit two measured calls deep.
 * "leader N": the main thread ends by pthread_exit while another goes on taking
 * the commands (all later ones run on that other thread).
 */
#include <pthread.h>
#include "target.h"

static unsigned long calls_each;

PROBED unsigned long thread_work(unsigned long x)
{
	PUSHES;
	return x * 2654435761u + 1;
}

static void *work(void *arg)
{
	unsigned long sum = (unsigned long)arg;

	for (unsigned long i = 0; i < calls_each; i++)
		sum = thread_work(sum);
	return (void *)sum;
}

PROBED void thread_leaves(void)
{
	thread_work(1);
	pthread_exit(NULL);
}

PROBED void thread_enters(void)
{
	thread_leaves();
	NOT_A_TAIL;
}

static void *leave(void *arg)
{
	(void)arg;
	thread_enters();
	return NULL;
}

static unsigned long many(unsigned long threads)
{
	pthread_t *id = calloc(threads, sizeof(*id));
	unsigned long sum = 0;

	for (unsigned long i = 0; i < threads; i++)
		if (pthread_create(&id[i], NULL, work, (void *)i))
			abort();
	for (unsigned long i = 0; i < threads; i++) {
		void *r;

		pthread_join(id[i], &r);
		sum += (unsigned long)r;
	}
	free(id);
	return sum;
}

static unsigned long one_by_one(unsigned long threads, void *(*body)(void *))
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < threads; i++) {
		pthread_t id;
		void *r;

		if (pthread_create(&id, NULL, body, (void *)i))
			abort();
		pthread_join(id, &r);
		sum += (unsigned long)r;
	}
	return sum;
}

static pthread_t leader;

static void *commands(void *arg)
{
	if (arg) {
		pthread_join(leader, NULL);
		target_truth("\"leader\":\"gone\"");
	}
	while (target_command()) {
		unsigned long sum = 0;

		calls_each = target_number(1);
		if (target_is("many"))
			sum = many(target_number(0));
		else if (target_is("short"))
			sum = one_by_one(target_number(0), work);
		else if (target_is("exits"))
			sum = one_by_one(target_number(0), leave);
		else if (target_is("leader")) {
			pthread_t id;

			leader = pthread_self();
			if (pthread_create(&id, NULL, commands, (void *)1))
				abort();
			pthread_exit(NULL);
		}
		target_truth("\"sum\":%lu", sum);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	commands(NULL);
}
