// SPDX-License-Identifier: GPL-2.0-only
/* Threads that end by pthread_cancel and pthread_exit, with something to clean up or
 * not. Compiled as plain C, as C with -fexceptions, and as C++ with destructors. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include "hazard.h"

static unsigned long cleaned;
static sem_t inside, never;

#ifdef __cplusplus
extern "C" {
struct cleanup {
	~cleanup() { __atomic_add_fetch(&cleaned, 100, __ATOMIC_RELAXED); }
};
#define DESTRUCT cleanup destroyed
#else
__attribute__((unused)) static void destroy(int *x)
{
	__atomic_add_fetch(&cleaned, 100, __ATOMIC_RELAXED);
}
#define DESTRUCT int destroyed __attribute__((cleanup(destroy), unused)) = 1
#endif

PROBED void hz_clean(void *arg)
{
	CALLED;
	__atomic_add_fetch(&cleaned, 1, __ATOMIC_RELAXED);
	RETURNED;
}

/* 0: waits to be cancelled where that is possible, 1: anywhere, 2: exits, 3: returns. */
PROBED void hz_ending(int how)
{
	int old;

	CALLED;
	if (how == 1)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	if (how < 2)
		sem_post(&inside);
	if (how == 0)
		sem_wait(&never);
	while (how == 1)
		NOT_A_TAIL;
	if (how == 2)
		pthread_exit((void *)7L);
	RETURNED;
}

PROBED void hz_plain(int depth, int how)
{
	CALLED;
	if (depth)
		hz_plain(depth - 1, how);
	else
		hz_ending(how);
	RETURNED;
}

PROBED void hz_tidy(int depth, int how)
{
	CALLED;
	DESTRUCT;
	pthread_cleanup_push(hz_clean, NULL);
	if (depth)
		hz_tidy(depth - 1, how);
	else
		hz_plain(3, how);
	pthread_cleanup_pop(1);
	RETURNED;
}

static __thread int how_now;

PROBED void hz_specific(void *arg)
{
	CALLED;
	hz_plain(2, 3);
	__atomic_add_fetch(&cleaned, 10000, __ATOMIC_RELAXED);
	RETURNED;
}

static pthread_key_t key;

PROBED void *hz_thread(void *arg)
{
	CALLED;
	how_now = (int)(long)arg;
	pthread_setspecific(key, &how_now);
	if (how_now >= 10)
		hz_plain(5, how_now - 10);
	else
		hz_tidy(4, how_now);
	RETURNED;
	return (void *)1L;
}

static unsigned long end_one(int how)
{
	unsigned long before = cleaned;
	pthread_t id;
	void *result;

	pthread_create(&id, NULL, hz_thread, (void *)(long)how);
	if (how % 10 < 2) {
		while (sem_wait(&inside) && errno == EINTR)
			;
		pthread_cancel(id);
	}
	pthread_join(id, &result);
	return (unsigned long)(long)result * 1000003 + cleaned - before;
}

static unsigned long run_ends(unsigned long n)
{
	static const int hows[] = { 0, 1, 2, 3, 10, 11, 12, 13 };
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof(hows) / sizeof(hows[0]); k++)
			sum = sum * 3 + end_one(hows[k]);
	return sum;
}

static unsigned long run_self(unsigned long n)
{
	hz_tidy(2, 2);
	return n;
}
#ifdef __cplusplus
}
#endif

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "ends", run_ends }, { "self", run_self }, { NULL, NULL },
	};

	sem_init(&inside, 0, 0);
	sem_init(&never, 0, 0);
	pthread_key_create(&key, hz_specific);
	return hz_main(argc, argv, cases);
}
