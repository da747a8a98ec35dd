// SPDX-License-Identifier: GPL-2.0-only
/* Between threads; see handoff.h. */
#include "handoff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/cleanup.h"

int handoff_init(struct handoff *h, size_t item)
{
	int r;

	*h = (struct handoff){.item = item, .fd = -1};
	h->items = reallocarray(NULL, HANDOFF_MAX, item);
	if (!h->items)
		return -ENOMEM;
	/* All there: a page fault may wait for whoever changes our mappings. */
	explicit_bzero(h->items, HANDOFF_MAX * item);
	h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->fd >= 0)
		return 0;
	r = -errno;
	free(TAKE(h->items));
	return r;
}

void handoff_done(struct handoff *h)
{
	h->fd = close_fd(h->fd);
	free(TAKE(h->items));
}

static char *item_at(const struct handoff *h, uint32_t i)
{
	return h->items + (i & (HANDOFF_MAX - 1)) * h->item;
}

int handoff_put(struct handoff *h, const void *item)
{
	const uint64_t one = 1;

	if (h->given - __atomic_load_n(&h->taken, __ATOMIC_ACQUIRE) == HANDOFF_MAX)
		return -ENOSPC;
	memcpy(item_at(h, h->given), item, h->item);
	__atomic_store_n(&h->given, h->given + 1, __ATOMIC_RELEASE);
	/* Fails only when 2^64 - 2 wake-ups wait already. */
	(void)!write(h->fd, &one, sizeof(one));
	return 0;
}

static bool is_empty(const struct handoff *h)
{
	return __atomic_load_n(&h->given, __ATOMIC_ACQUIRE) == h->taken;
}

bool handoff_take(struct handoff *h, void *item)
{
	uint64_t wakeups;

	/* Once more: what came before its wake-up was cleared has none to come. */
	if (is_empty(h) &&
	    (read(h->fd, &wakeups, sizeof(wakeups)) < 0 || is_empty(h)))
		return false;
	memcpy(item, item_at(h, h->taken), h->item);
	__atomic_store_n(&h->taken, h->taken + 1, __ATOMIC_RELEASE);
	return true;
}

int handoff_fd(const struct handoff *h)
{
	return h->fd;
}
