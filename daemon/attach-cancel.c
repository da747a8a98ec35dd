// SPDX-License-Identifier: GPL-2.0-only
/* Requests under way whose targets go; see attach.h. */
#include "attach.h"

#include "attaching.h"
#include "lib/log.h"

static struct attaching *attaching_of(const struct family *family)
{
	struct attaching *a;

	for (a = family->registry->attaching; a && a->family != family; a = a->next)
		;
	return a;
}

bool attach_is_busy(const struct family *family)
{
	return attaching_of(family) != NULL;
}

static const char was_detached[] = "it was detached meanwhile";

static bool works_on(const struct attaching *a, const struct target *t)
{
	size_t i;

	for (i = 0; i < a->request->n_pids; i++) {
		if (a->attached[i].target == t)
			return true;
	}
	return false;
}

static bool works_within(const struct attaching *a, const struct family *family)
{
	size_t i;

	for (i = 0; i < a->request->n_pids; i++) {
		const struct target *t = a->attached[i].target;

		if (t && t->family == family->id && !target_is_finished(t) && target_is_alive(t))
			return true;
	}
	return false;
}

bool attach_cancel(const struct family *family)
{
	struct registry *registry = family->registry;
	struct attaching *a;
	uint32_t id = family->id;

	/* From the start each time, here and below: to undo one may undo others. */
	for (a = registry->attaching; a;) {
		if (a->family != family && !works_within(a, family)) {
			a = a->next;
			continue;
		}
		attaching_cancel(a, was_detached);
		if (!family_find(registry, id))
			return true;
		a = registry->attaching;
	}
	return false;
}

void attach_cancel_target(struct registry *registry, const struct target *t)
{
	struct attaching *a;

	for (a = registry->attaching; a && !target_is_finished(t);) {
		if (!(a->family && a->family->id == t->family) && !works_on(a, t)) {
			a = a->next;
			continue;
		}
		attaching_cancel(a, was_detached);
		a = registry->attaching;
	}
}

static bool names(const struct attaching *a, pid_t pid)
{
	size_t i;

	for (i = 0; i < a->n_named && a->request->pids[i] != pid; i++)
		;
	return i < a->n_named;
}

bool attach_names(const struct registry *registry, const struct peer *peer, pid_t pid)
{
	const struct attaching *a;

	for (a = registry->attaching; a; a = a->next) {
		if (authority_may_see(peer, a->peer.uid) && names(a, pid))
			return true;
	}
	return false;
}

static bool is_meant(const struct attaching *a, const struct peer *peer,
		     const Hotpath__DetachRequest *request)
{
	size_t i;

	if (!authority_may_see(peer, a->peer.uid))
		return false;
	for (i = 0; i < request->n_pids && !names(a, request->pids[i]); i++)
		;
	return request->all || i < request->n_pids;
}

size_t attach_cancel_meant(struct registry *registry, const struct peer *peer,
			   const Hotpath__DetachRequest *request, int32_t *pids)
{
	struct attaching *a;
	size_t n = 0, kept = 0, i;

	for (a = registry->attaching; a;) {
		if (!is_meant(a, peer, request)) {
			a = a->next;
			continue;
		}
		for (i = 0; i < a->n_named; i++)
			pids[n++] = a->request->pids[i];
		log_info("an attach of uid %u that was under way: ended by uid %u", a->peer.uid,
			 peer->uid);
		attaching_cancel(a, was_detached);
		a = registry->attaching;
	}
	/* Who was a target before is one still, and said to be detached as such. */
	for (i = 0; i < n; i++) {
		if (!registry_running(registry, pids[i]))
			pids[kept++] = pids[i];
	}
	return kept;
}
