// SPDX-License-Identifier: GPL-2.0-only
/* Counts the other processes that run a target's files; see bystanders.h. */
#include "bystanders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "proc.h"

int bystanders_count(const struct registry *registry, const pid_t *pids, size_t n_pids,
		     const uint64_t (*files)[2], size_t n, uint32_t max, uint32_t *ret)
{
	_cleanup_free_ pid_t *except = NULL;
	const struct target *t;
	size_t n_except = n_pids;

	*ret = 0;
	if (!n)
		return 0;
	except = calloc(n_pids + HP_TARGETS_MAX, sizeof(*except));
	if (!except)
		return -ENOMEM;
	memcpy(except, pids, n_pids * sizeof(*pids));
	for (t = registry->targets; t && n_except < n_pids + HP_TARGETS_MAX; t = t->next) {
		if (!target_is_finished(t))
			except[n_except++] = t->pid;
	}
	return proc_count_mapping(files, n, except, n_except, max, ret);
}

struct counted {
	uint64_t (*files)[2];
	size_t n;
	int r;
	uint32_t count;
	struct counted *next;
};

static struct counted *counted_find(const struct bystanders *known, const uint64_t (*files)[2],
				    size_t n)
{
	struct counted *c;

	for (c = known->first; c; c = c->next) {
		if (c->n == n && memcmp(c->files, files, n * sizeof(*files)) == 0)
			break;
	}
	return c;
}

/* Without memory it is counted again next time. */
static void counted_keep(struct bystanders *known, const uint64_t (*files)[2], size_t n, int r,
			 uint32_t count)
{
	struct counted *c = calloc(1, sizeof(*c));

	if (c)
		c->files = calloc(n, sizeof(*files));
	if (!c || !c->files) {
		free(c);
		return;
	}
	memcpy(c->files, files, n * sizeof(*files));
	c->n = n;
	c->r = r;
	c->count = count;
	c->next = known->first;
	known->first = c;
}

int bystanders_count_once(struct bystanders *known, const struct registry *registry,
			  const pid_t *pids, size_t n_pids, const uint64_t (*files)[2], size_t n,
			  uint32_t max, uint32_t *ret)
{
	const struct counted *c = n ? counted_find(known, files, n) : NULL;
	int r;

	if (!c) {
		r = bystanders_count(registry, pids, n_pids, files, n, max, ret);
		if (n && (r >= 0 || r == -E2BIG))
			counted_keep(known, files, n, r, *ret);
		return r;
	}
	*ret = c->count;
	return c->r;
}

void bystanders_done(struct bystanders *known)
{
	struct counted *c;

	while ((c = known->first)) {
		known->first = c->next;
		free(c->files);
		free(c);
	}
}
