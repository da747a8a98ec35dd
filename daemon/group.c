// SPDX-License-Identifier: GPL-2.0-only
/* Groups of functions and their links; see group.h. */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arming.h"
#include "govern.h"
#include "lib/cleanup.h"

static char *bytes_dup(ProtobufCBinaryData bytes)
{
	return strndup((const char *)bytes.data ?: "", bytes.len);
}

static void function_done(struct function *f)
{
	size_t i;

	free(f->name);
	free(f->file);
	free(f->never);
	free(f->no_exits);
	for (i = 0; i < f->n_aliases; i++)
		free(f->alias[i]);
	free(f->alias);
}

static int function_init(struct function *f, const Hotpath__ReaderFunction *from)
{
	size_t i;

	f->name = bytes_dup(from->name);
	if (!f->name)
		return -ENOMEM;
	if (from->file.len && !(f->file = bytes_dup(from->file)))
		return -ENOMEM;
	if (*from->never_return && !(f->never = strdup(from->never_return)))
		return -ENOMEM;
	if (*from->no_exits && !(f->no_exits = strdup(from->no_exits)))
		return -ENOMEM;
	f->alias = calloc(from->n_aliases ?: 1, sizeof(*f->alias));
	if (!f->alias)
		return -ENOMEM;
	for (i = 0; i < from->n_aliases; i++) {
		f->alias[i] = bytes_dup(from->aliases[i]);
		if (!f->alias[i])
			return -ENOMEM;
		f->n_aliases++;
	}
	f->offset = from->offset;
	f->size = from->size;
	f->line = from->line;
	f->skip = from->skip;
	f->class = from->class_;
	f->n_exits = from->n_exits;
	for (i = 0; i < from->n_exits; i++) {
		if (from->exits[i]->class_ > f->exit_class)
			f->exit_class = from->exits[i]->class_;
	}
	return 0;
}

bool probe_kind_shared(enum probe_kind kind)
{
	return kind == PROBE_SESSION;
}

static bool want_shared(const struct group_want *want)
{
	return want->shared || want->govern || probe_kind_shared(want->kind);
}

static bool group_equals(const struct group *group, const struct group_want *want)
{
	size_t i;

	if (group->kind != want->kind || group->shared != want_shared(want) ||
	    group->govern != want->govern ||
	    group->dev != want->dev || group->ino != want->ino || group->count != want->count)
		return false;
	for (i = 0; i < want->count; i++) {
		const Hotpath__ReaderFunction *f = want->object->functions[want->chosen[i]];

		if (group->sites[i] != f->offset + f->skip)
			return false;
	}
	return true;
}

/* Ids are few, and a look at each is cheap: attach is rare. */
static uint32_t group_free_id(const struct groups *groups)
{
	const struct group *g;
	uint32_t id;

	for (id = 1; id < HP_GROUPS_MAX; id++) {
		for (g = groups->first; g && g->id != id; g = g->next)
			;
		if (!g)
			return id;
	}
	return 0;
}

static struct group *group_free(struct group *group)
{
	size_t i;

	if (!group)
		return NULL;
	links_close(&group->fds, &group->n_fds);
	links_close(&group->exit_fds, &group->n_exit_fds);
	for (i = 0; group->functions && i < group->count; i++)
		function_done(&group->functions[i]);
	free(group->functions);
	free(group->sites);
	free(group->cookies);
	free(group->exits);
	free(group->exit_cookies);
	free(group->object);
	close_fd(group->file_fd);
	free(group);
	return NULL;
}

static bool is_stepped(Hotpath__SiteClass site_class)
{
	return site_class == HOTPATH__SITE_CLASS__SITE_STEPPED;
}

/* The ways out of all its functions, for one link. */
static int group_fill_exits(struct group *group, const struct group_want *want)
{
	size_t i, k, n = 0;

	for (i = 0; i < want->count; i++)
		n += want->object->functions[want->chosen[i]]->n_exits;
	group->exits = calloc(n + 1, sizeof(*group->exits));
	group->exit_cookies = calloc(n + 1, sizeof(*group->exit_cookies));
	if (!group->exits || !group->exit_cookies)
		return -ENOMEM;
	for (i = 0; i < want->count; i++) {
		const Hotpath__ReaderFunction *f = want->object->functions[want->chosen[i]];

		for (k = 0; k < f->n_exits; k++) {
			const Hotpath__ReaderExit *e = f->exits[k];

			group->exits[group->n_exits] = e->offset;
			group->exit_cookies[group->n_exits++] =
				HP_COOKIE(group->id, i) |
				HP_EXIT(e->frame_pointer, e->condition, e->sp_offset) |
				(want->kind == PROBE_SITES ? 0 : HP_EXIT_LATE) |
				(is_stepped(e->class_) ? HP_EXIT_STEPPED : 0);
		}
		if (f->n_exits)
			group->cookies[i] |= HP_COOKIE_HAS_EXITS;
	}
	return 0;
}

static int group_fill(struct group *group, const struct group_want *want)
{
	_cleanup_free_ char *path = bytes_dup(want->object->path);
	size_t i;
	int r;

	if (!path)
		return -ENOMEM;
	group->object = strdup(basename(path));
	group->functions = calloc(want->count, sizeof(*group->functions));
	group->sites = calloc(want->count, sizeof(*group->sites));
	group->cookies = calloc(want->count, sizeof(*group->cookies));
	group->file_fd = fcntl(want->file_fd, F_DUPFD_CLOEXEC, 3);
	group->count = want->count;
	if (!group->object || !group->functions || !group->sites || !group->cookies)
		return -ENOMEM;
	if (group->file_fd < 0)
		return -errno;
	for (i = 0; i < want->count; i++) {
		const Hotpath__ReaderFunction *f = want->object->functions[want->chosen[i]];

		r = function_init(&group->functions[i], f);
		if (r < 0)
			return r;
		group->sites[i] = f->offset + f->skip;
		group->cookies[i] = HP_COOKIE(group->id, i) |
				    (is_stepped(f->class_) ? HP_COOKIE_STEPPED : 0);
	}
	return want->kind == PROBE_COUNT ? 0 : group_fill_exits(group, want);
}

int group_get(struct groups *groups, const struct group_want *want, struct group **ret)
{
	struct group *group;
	int r;

	for (group = groups->first; group; group = group->next) {
		if (group_equals(group, want)) {
			group->refs++;
			*ret = group;
			return 0;
		}
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return -ENOMEM;
	group->file_fd = -1;
	group->kind = want->kind;
	group->shared = want_shared(want);
	group->dev = want->dev;
	group->ino = want->ino;
	group->id = group_free_id(groups);
	r = group->id ? group_fill(group, want) : -ENOSPC;
	if (r >= 0 && want->govern)
		r = govern_add(want->govern, group);
	if (r < 0) {
		group_free(group);
		return r;
	}
	group->refs = 1;
	group->next = groups->first;
	groups->first = group;
	*ret = group;
	return 0;
}

struct group *group_ref(struct group *group)
{
	group->refs++;
	return group;
}

struct group *group_put(struct groups *groups, struct calls *calls, struct group *group,
			struct closing *closing)
{
	struct group **at;

	if (!group || --group->refs)
		return NULL;
	for (at = &groups->first; *at != group; at = &(*at)->next)
		;
	*at = group->next;
	if (group->govern)
		govern_remove(group->govern, group, closing);
	closing_add(closing, &group->fds, &group->n_fds);
	closing_add(closing, &group->exit_fds, &group->n_exit_fds);
	__atomic_store_n(&calls_group(calls, group->id)->bystander_hits, 0, __ATOMIC_RELAXED);
	return group_free(group);
}

int group_link_for(struct group *group, struct calls *calls, pid_t pid, int **ret_fds,
		   size_t *ret_n)
{
	const struct link_sites sites = {group->file_fd, group->sites, group->cookies,
					 group->count};
	const struct link_sites exits = {group->file_fd, group->exits, group->exit_cookies,
					 group->n_exits};

	return calls_link(calls, group->kind, &sites, &exits, pid, ret_fds, ret_n);
}

int group_link(struct group *group, struct calls *calls)
{
	return group->n_fds ? 0 : group_link_for(group, calls, 0, &group->fds, &group->n_fds);
}

int group_link_exits(struct group *group, struct calls *calls)
{
	const struct link_sites exits = {group->file_fd, group->exits, group->exit_cookies,
					 group->n_exits};

	if (group->govern)
		return arming_probe_exits(group->arming);
	if (!group->n_exits || group->n_exit_fds)
		return 0;
	return calls_link(calls, PROBE_EXITS, &exits, NULL, 0, &group->exit_fds,
			  &group->n_exit_fds);
}

void links_close(int **fds, size_t *n)
{
	while (*n > 0)
		close((*fds)[--*n]);
	free(*fds);
	*fds = NULL;
}
