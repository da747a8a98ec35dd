// SPDX-License-Identifier: GPL-2.0-only
/* Shared probes on loaders' hooks; see hook.h. */
#include "hook.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "group.h"

int hook_get(struct hook **all, struct calls *calls, const struct hook *wanted, int file_fd,
	     struct hook **ret)
{
	const struct link_sites sites = {file_fd, &wanted->offset, &wanted->state, 1};
	struct hook *h;
	int r;

	for (h = *all; h; h = h->next) {
		if (h->dev == wanted->dev && h->ino == wanted->ino && h->offset == wanted->offset) {
			h->refs++;
			*ret = h;
			return 0;
		}
	}
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->dev = wanted->dev;
	h->ino = wanted->ino;
	h->offset = wanted->offset;
	h->key = (struct hp_exe){
		.dev = (uint32_t)major(wanted->dev) << 20 | minor(wanted->dev),
		.ino = wanted->ino,
	};
	r = calls_link(calls, PROBE_LOADER, &sites, NULL, 0, &h->fds, &h->n_fds);
	if (r >= 0)
		r = calls_exe_set(calls, &h->key, 1);
	if (r < 0) {
		links_close(&h->fds, &h->n_fds);
		free(h);
		return r;
	}
	h->refs = 1;
	h->next = *all;
	*all = h;
	*ret = h;
	return 0;
}

void hook_put(struct hook **all, struct calls *calls, struct hook *hook, struct closing *closing)
{
	if (--hook->refs)
		return;
	for (; *all != hook; all = &(*all)->next)
		;
	*all = hook->next;
	calls_exe_clear(calls, &hook->key);
	closing_add(closing, &hook->fds, &hook->n_fds);
	free(hook);
}
