// SPDX-License-Identifier: GPL-2.0-only
/* From a process to a target; see adopt.h. */
#include "adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "judge.h"
#include "kit.h"
#include "plans.h"
#include "slot.h"

static const struct proc_object *main_file(const struct adoption *looked)
{
	const struct proc_object *first = looked->objects->object;

	return looked->objects->count && first->main ? first : NULL;
}

/* What it counted in as one of several, in the family that followed it, it has left. */
static void leave_shared(struct registry *registry, uint32_t number)
{
	struct hp_slot *slot = calls_slot(registry->calls, number);
	struct target *t = slot_target(number);
	uint32_t left = __atomic_sub_fetch(&slot->sharers, 1, __ATOMIC_SEQ_CST);

	if (!t || !t->kit)
		return;
	kit_process_left(t->kit);
	if (!left)
		family_event(registry, &(struct hp_event){.kind = HP_EVENT_LAST, .slot = number,
							  .gen = t->gen});
}

int adopt_target(struct registry *registry, const struct adoption *looked, struct target **ret,
		 int *ret_existed)
{
	const struct process_facts *facts = looked->facts;
	const struct peer self = {.uid = facts->uid[0], .gid = facts->gid[0]};
	const struct proc_object *exe = main_file(looked);
	struct target_identity identity = {
		.pid = looked->pid,
		/* Its own user may see it too, unless it is privileged. */
		.owner = authority_refusal(&self, facts) ? 0 : facts->uid[0],
		.gid = facts->gid[0],
		.requester = looked->peer->uid,
		.exe_dev = exe ? exe->dev : 0,
		.exe_ino = exe ? exe->ino : 0,
	};
	struct target *t;
	uint32_t shared;
	int r;

	*ret_existed = false;
	/* It may have been given a target of its own a moment ago. */
	calls_drain(registry->calls);
	t = registry_running(registry, looked->pid);
	if (t) {
		*ret = target_ref(t);
		*ret_existed = true;
		return 0;
	}
	shared = calls_target_slot(registry->calls, looked->pid);
	identity.followed = shared != 0;
	r = target_new(registry->calls, registry->blocks, &registry->groups, &identity, ret);
	if (r < 0)
		return r;
	if (shared)
		leave_shared(registry, shared);
	if ((*ret)->start_ticks != looked->start_ticks)
		return -ESRCH;
	r = judge_remember(*ret, looked->objects);
	return r < 0 ? r : registry_add(registry, *ret);
}

const char adopt_execed[] = "it became another program meanwhile";

/*
 * Between our first look and now the process may have called exec, of a set-uid
 * program for one. From here on BPF notices that by itself, as the process is a
 * target now; so look again, once.
 */
const char *adopt_changed(const struct adoption *looked)
{
	const struct proc_object *exe = main_file(looked);
	struct process_facts facts;
	char path[64];
	struct stat st;
	pid_t tid;

	if (authority_read(looked->pid, &facts) < 0 || proc_live_thread(looked->pid, &tid) < 0)
		return "it exited meanwhile";
	if (authority_refusal(looked->peer, &facts))
		return authority_refusal(looked->peer, &facts);
	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	if (exe && (stat(path, &st) < 0 || st.st_dev != exe->dev || st.st_ino != exe->ino))
		return adopt_execed;
	return NULL;
}

/* The loader's hook is probed first: what it loads from then on is noticed. */
int adopt_hook(struct target *t, struct family *family, const struct proc_objects *objects,
	       const Hotpath__ReaderReply *reply)
{
	size_t i;

	if (t->loader_fd >= 0)
		return 0;
	for (i = 0; i < reply->n_objects; i++) {
		const struct proc_object *file = plans_file(objects, i);

		if (!reply->objects[i]->loader_hook || !file)
			continue;
		t->loader_fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
		t->loader_hook = reply->objects[i]->loader_hook;
		t->loader_state = reply->objects[i]->loader_state;
		if (t->loader_fd < 0)
			return -errno;
		return family ? family_hook(family, t) : target_relink(t);
	}
	return 0;
}
