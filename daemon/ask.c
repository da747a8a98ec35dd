// SPDX-License-Identifier: GPL-2.0-only
/* What an attach request asks for; see ask.h. */
#include "ask.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authority.h"
#include "lib/cleanup.h"
#include "lib/message.h"
#include "proc.h"

bool ask_selects(const Hotpath__AttachRequest *request)
{
	return request->n_names || request->n_exes || request->n_cgroups;
}

bool ask_names_functions(const Hotpath__AttachRequest *request)
{
	size_t i;

	for (i = 0; i < request->n_patterns; i++) {
		const ProtobufCBinaryData *p = &request->patterns[i];

		if (p->len && p->data[0] != '!' && p->data[p->len - 1] != ':')
			return true;
	}
	return false;
}

bool ask_is_sane(const Hotpath__AttachRequest *request, struct reply *reply)
{
	size_t i, k;

	/* Whoever loops over the one may look into the other. */
	if (request->n_exes != request->n_exe_files ||
	    request->n_cgroups != request->n_cgroup_files) {
		reply_error(reply, EPROTO, NULL,
			    "cannot attach: the request does not say which files are meant: use the "
			    "hotpath and the hotpathd of one release");
		return false;
	}
	if (ask_selects(request) ? request->n_pids || request->no_follow
				 : !request->n_pids || request->n_pids > ASK_PIDS_MAX) {
		reply_error(reply, EINVAL, NULL,
			    ask_selects(request)
				    ? "cannot attach: processes that are waited for are followed, and "
				      "no others can be named"
				    : "cannot attach: name 1 to %d processes, not %zu",
			    ASK_PIDS_MAX, request->n_pids);
		return false;
	}
	for (i = 0; i < request->n_pids; i++) {
		for (k = 0; k < i; k++) {
			if (request->pids[k] != request->pids[i])
				continue;
			reply_error(reply, EINVAL, NULL, "cannot attach: pid %d is named twice",
				    request->pids[i]);
			return false;
		}
		if (request->pids[i] > 0)
			continue;
		reply_error(reply, EINVAL, NULL, "cannot attach: %d is not a process id",
			    request->pids[i]);
		return false;
	}
	return true;
}

Hotpath__AttachRequest *ask_copy(const Hotpath__AttachRequest *request)
{
	return message_copy(&request->base);
}

int ask_add(Hotpath__AttachRequest *request, const int32_t *pids, size_t n)
{
	int32_t *grown;

	if (request->n_pids + n > ASK_PIDS_MAX)
		return -E2BIG;
	grown = reallocarray(request->pids, request->n_pids + n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	if (n)
		memcpy(grown + request->n_pids, pids, n * sizeof(*pids));
	request->pids = grown;
	request->n_pids += n;
	return 0;
}

/* --- descendants ------------------------------------------------------------------ */

struct kin {
	pid_t pid, parent;
	bool asked, meant; /* named by the request; that, or a descendant of such */
};

struct kindred {
	struct kin *kin; /* all processes that there are, by pid */
	size_t n, room;
};

static int kin_compare(const void *a, const void *b)
{
	const struct kin *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct kin *kin_find(const struct kindred *all, pid_t pid)
{
	const struct kin key = {.pid = pid};

	return bsearch(&key, all->kin, all->n, sizeof(key), kin_compare);
}

static int kindred_add(struct kindred *all, pid_t pid, pid_t parent)
{
	struct kin *grown;

	if (all->n == all->room) {
		grown = reallocarray(all->kin, all->room * 2 + 256, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		all->kin = grown;
		all->room = all->room * 2 + 256;
	}
	all->kin[all->n++] = (struct kin){.pid = pid, .parent = parent};
	return 0;
}

static int kindred_read(struct kindred *ret)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t pid, parent;
	int r;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid <= 0 || proc_parent(pid, &parent) < 0)
			continue;
		r = kindred_add(ret, pid, parent);
		if (r < 0)
			return r;
	}
	qsort(ret->kin, ret->n, sizeof(*ret->kin), kin_compare);
	return 0;
}

/* Once through for most, as children have the higher pid, until pids begin anew. */
static void kindred_mark(struct kindred *all, const Hotpath__AttachRequest *request)
{
	const struct kin *parent;
	struct kin *kin;
	bool changed;
	size_t i;

	for (i = 0; i < request->n_pids; i++) {
		kin = kin_find(all, request->pids[i]);
		if (kin)
			kin->asked = kin->meant = true;
	}
	do {
		changed = false;
		for (kin = all->kin; kin < all->kin + all->n; kin++) {
			parent = kin->meant ? NULL : kin_find(all, kin->parent);
			if (!parent || !parent->meant)
				continue;
			kin->meant = changed = true;
		}
	} while (changed);
}

/* Whom the peer may observe, of those that run. */
static bool is_allowed(const struct peer *peer, pid_t pid, struct ask_kin *found)
{
	struct process_facts facts;

	if (authority_read(pid, &facts) < 0 || facts.zombie)
		return false;
	if (!authority_refusal(peer, &facts))
		return true;
	found->refused++;
	return false;
}

int ask_add_descendants(Hotpath__AttachRequest *request, const struct peer *peer,
			struct calls *calls, struct ask_kin *ret)
{
	struct kindred all = {};
	struct ask_kin found = {};
	int32_t pids[ASK_PIDS_MAX];
	size_t i;
	int r;

	r = kindred_read(&all);
	if (r >= 0)
		kindred_mark(&all, request);
	for (i = 0; r >= 0 && i < all.n; i++) {
		const struct kin *kin = &all.kin[i];

		if (!kin->meant || kin->asked)
			continue;
		if (calls_target_slot(calls, kin->pid))
			found.already++;
		else if (!is_allowed(peer, kin->pid, &found))
			continue;
		else if (found.added == ASK_PIDS_MAX)
			r = -E2BIG;
		else
			pids[found.added++] = kin->pid;
	}
	free(all.kin);
	if (r >= 0)
		r = ask_add(request, pids, found.added);
	if (r >= 0)
		*ret = found;
	return r;
}

bool ask_has_children(pid_t pid)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t parent;

	while (dir && (entry = readdir(dir))) {
		if (atoi(entry->d_name) > 0 && proc_parent(atoi(entry->d_name), &parent) == 0 &&
		    parent == pid)
			return true;
	}
	return false;
}
