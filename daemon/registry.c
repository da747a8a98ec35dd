// SPDX-License-Identifier: GPL-2.0-only
/* The list of targets and what happens to it by itself; see registry.h. */
#include "registry.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib/clock.h"
#include "lib/log.h"

struct target *registry_find(struct registry *registry, const struct peer *peer, pid_t pid)
{
	struct target *t;

	for (t = registry->targets; t; t = t->next) {
		if (t->pid == pid && authority_may_see(peer, t->owner))
			return t;
	}
	return NULL;
}

struct target *registry_running(struct registry *registry, pid_t pid)
{
	struct target *t;

	for (t = registry->targets; t; t = t->next) {
		if (t->pid == pid && !target_is_finished(t))
			return t;
	}
	return NULL;
}

static int on_exit_of_target(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct target *t = userdata;
	struct registry *registry = t->registry;

	/* An exec that is still in the ring buffer decides how this one ended. */
	target_ref(t);
	calls_drain(registry->calls);
	registry_finish(registry, t, HOTPATH__TARGET_STATE__TARGET_EXITED);
	target_unref(t);
	return 0;
}

int registry_add(struct registry *registry, struct target *t)
{
	int r;

	t->registry = registry;
	r = sd_event_add_io(registry->event, &t->exit_source, t->pidfd, EPOLLIN, on_exit_of_target,
			    t);
	if (r < 0)
		return r;
	target_ref(t);
	t->next = registry->targets;
	registry->targets = t;
	return 0;
}

void registry_remove(struct registry *registry, struct target *t)
{
	struct target **at;

	for (at = &registry->targets; *at && *at != t; at = &(*at)->next)
		;
	/* Somebody else's request may have removed it already. */
	if (!*at)
		return;
	*at = t->next;
	target_stop(t);
	target_unref(t);
}

static int on_ttl(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct target *t = userdata;

	target_note(t, "detached when its time to live ran out");
	registry_finish(t->registry, t, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	return 0;
}

int registry_set_ttl(struct registry *registry, struct target *t, uint64_t ns)
{
	t->ttl_source = sd_event_source_disable_unref(t->ttl_source);
	t->ttl_end_ns = 0;
	if (!ns || target_is_finished(t))
		return 0;
	t->ttl_end_ns = clock_ns(CLOCK_MONOTONIC) + ns;
	return sd_event_add_time_relative(registry->event, &t->ttl_source, CLOCK_MONOTONIC,
					  ns / 1000, 0, on_ttl, t);
}

static int on_asker_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct target *t = userdata;

	log_info("pid %d: detached, because who asked for it has ended", t->pid);
	registry_remove(t->registry, t);
	return 0;
}

int registry_follow_asker(struct registry *registry, struct target *t, pid_t asker)
{
	if (t->asker_fd >= 0 || target_is_finished(t))
		return 0;
	t->asker_fd = syscall(SYS_pidfd_open, asker, 0);
	if (t->asker_fd < 0)
		return -errno;
	return sd_event_add_io(registry->event, &t->asker_source, t->asker_fd, EPOLLIN,
			       on_asker_end, t);
}

/* Finished targets of one owner are kept up to a limit; the oldest go. */
static void registry_trim(struct registry *registry, uid_t owner)
{
	struct target *t, *next;
	uint32_t n = 0;

	for (t = registry->targets; t; t = next) {
		next = t->next;
		if (t->owner != owner || !target_is_finished(t))
			continue;
		if (++n > registry->config->max_finished)
			registry_remove(registry, t);
	}
}

static const char *const state_words[] = {
	[HOTPATH__TARGET_STATE__TARGET_RUNNING] = "running",
	[HOTPATH__TARGET_STATE__TARGET_EXITED] = "exited",
	[HOTPATH__TARGET_STATE__TARGET_DETACHED] = "detached",
	[HOTPATH__TARGET_STATE__TARGET_EXECED] = "became another program",
	[HOTPATH__TARGET_STATE__TARGET_SILENCED] = "changed its credentials",
};

void registry_finish(struct registry *registry, struct target *t, Hotpath__TargetState state)
{
	uint32_t probes = target_count_functions(t);

	if (target_is_finished(t))
		return;
	target_ref(t);
	target_finish(t, state);
	log_info("pid %d: %s; %u probes of uid %u removed", t->pid, state_words[state], probes,
		 t->requester);
	registry_trim(registry, t->owner);
	target_unref(t);
}

uint32_t registry_count(const struct registry *registry)
{
	const struct target *t;
	uint32_t n = 0;

	for (t = registry->targets; t; t = t->next)
		n++;
	return n;
}

struct limits_use registry_use(const struct registry *registry, uid_t requester)
{
	struct limits_use use = {};
	const struct target *t;

	for (t = registry->targets; t; t = t->next) {
		if (t->requester != requester)
			continue;
		use.targets += !target_is_finished(t);
		use.probes += target_count_functions(t);
		use.groups += t->n_members;
		use.bytes += target_kernel_bytes(t);
	}
	return use;
}

uint64_t registry_kernel_bytes(const struct registry *registry)
{
	return calls_fixed_bytes() + blocks_bytes(registry->blocks);
}
