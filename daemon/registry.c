// SPDX-License-Identifier: GPL-2.0-only
/* The list of targets and what happens to it by itself; see registry.h. */
#include "registry.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach.h"
#include "family.h"
#include "fold.h"
#include "kit.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sampling.h"

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
		if (t->pid == pid && !target_is_finished(t) && !t->exited)
			return t;
	}
	return NULL;
}

struct family *registry_follower(const struct registry *registry, pid_t pid)
{
	uint32_t slot = calls_target_slot(registry->calls, pid);
	uint32_t number = slot ? calls_slot(registry->calls, slot)->family : 0;
	struct family *f;

	for (f = registry->families; f && f->number != number; f = f->next)
		;
	return f;
}

static int on_exit_of_target(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct target *t = userdata;
	struct registry *registry = t->registry;

	/* An exec that is still in the ring buffer decides how this one ended. */
	target_ref(t);
	calls_drain(registry->calls);
	if (target_is_shared(t)) {
		/* Its children count in it: HP_EVENT_LAST is to come. */
		t->exited = true;
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	if (!target_is_shared(t))
		registry_finish(registry, t, target_end_state(t));
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
	registry_list(registry, t);
	return 0;
}

void registry_list(struct registry *registry, struct target *t)
{
	target_ref(t);
	t->next = registry->targets;
	registry->targets = t;
	sampling_update(registry);
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
	sampling_update(registry);
}

/*
 * Is it the last of what a request named? Then its family goes with it; but not one that
 * waits for others, too, nor one that is not theirs to see who end this.
 */
static bool takes_family(const struct registry *registry, const struct target *t, uid_t by)
{
	const struct family *f = family_find(registry, t->family);
	const struct peer peer = {.uid = by};
	const struct target *other;

	if (f && (f->waits || !authority_may_see(&peer, f->owner)))
		return false;
	for (other = registry->targets; other; other = other->next) {
		if (other != t && other->family == t->family && other->named)
			return false;
	}
	return t->family && t->named;
}

void registry_drop(struct registry *registry, struct target *t, uid_t by)
{
	struct family *f;
	uint32_t family;

	/* What is undone there may be this very target; or it was another's before. */
	target_ref(t);
	attach_cancel_target(registry, t);
	f = family_find(registry, t->family);
	family = t->family;
	if (!takes_family(registry, t, by)) {
		registry_remove(registry, t);
		target_unref(t);
		return;
	}
	target_unref(t);
	if (f)
		family_close(f, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	registry_forget(registry, family, by);
}

void registry_mute(struct registry *registry, bool (*is_meant)(const struct target *, const void *),
		   const void *what)
{
	struct target *t;
	bool any = false;

	for (t = registry->targets; t; t = t->next) {
		if (!t->slot || target_is_finished(t) || !is_meant(t, what))
			continue;
		target_mute(t);
		any = true;
	}
	if (any)
		blocks_barrier(registry->blocks);
	for (t = registry->targets; t; t = t->next)
		t->quiet = t->muted;
}

void registry_forget(struct registry *registry, uint32_t family, uid_t by)
{
	const struct peer peer = {.uid = by};
	struct target *t;

	for (t = registry->targets; t;) {
		if (t->family != family || !authority_may_see(&peer, t->owner)) {
			t = t->next;
			continue;
		}
		registry_remove(registry, t);
		t = registry->targets;
	}
}

static int on_ttl(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct target *t = userdata;
	struct family *f;

	target_note(t, "detached when its time to live ran out");
	target_ref(t);
	/* Or that would go on to say that it is attached. */
	attach_cancel_target(t->registry, t);
	f = family_find(t->registry, t->family);
	/* What waits for others has an end of its own. */
	if (f && !f->waits)
		family_close(f, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	else
		registry_finish(t->registry, t, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	target_unref(t);
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

	registry_drop(t->registry, t, t->requester);
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

/* The oldest go; of children the figures stay, added up. */
void registry_trim(struct registry *registry, uid_t owner)
{
	struct target *t, *next;
	uint32_t n = 0, children = 0;

	for (t = registry->targets; t; t = next) {
		next = t->next;
		if (t->owner != owner || !target_is_finished(t) || t->sum)
			continue;
		/* What a family was begun with is kept for as long as that lives. */
		if (t->named && family_find(registry, t->family))
			continue;
		if (t->family && !t->named) {
			if (++children > registry->config->max_finished &&
			    fold_target(registry, t) < 0)
				log_error("pid %d: no memory to add its figures to others'", t->pid);
			continue;
		}
		if (++n <= registry->config->max_finished)
			continue;
		/* May take others with it. */
		registry_drop(registry, t, owner);
		registry_trim(registry, owner);
		return;
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
	sampling_update(registry);
}

uint32_t registry_count(const struct registry *registry)
{
	const struct target *t;
	uint32_t n = 0;

	for (t = registry->targets; t; t = t->next)
		n++;
	return n;
}

/* Each is counted once, whoever of the user's targets and kits has it. */
static uint32_t groups_first_seen(struct group *const *groups, size_t n, uint64_t look)
{
	uint32_t fresh = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		fresh += groups[i]->looked_at != look;
		groups[i]->looked_at = look;
	}
	return fresh;
}

static void use_of_family(const struct family *f, uint64_t look, struct limits_use *use)
{
	const struct kit *kit;

	use->families++;
	use->selectors += f->selectors.n;
	use->bytes += family_kernel_bytes(f);
	for (kit = f->kits; kit; kit = kit->next) {
		use->kits += !kit->passive;
		use->slots += kit_slots(kit);
		use->groups += groups_first_seen(kit->group, kit->n_groups, look);
	}
}

struct limits_use registry_use(const struct registry *registry, uid_t requester)
{
	struct limits_use use = {};
	static uint64_t look;
	const struct target *t;
	const struct family *f;
	size_t i;

	look++;
	for (t = registry->targets; t; t = t->next) {
		if (t->requester != requester)
			continue;
		use.targets += !target_is_finished(t);
		use.probes += target_count_functions(t);
		use.bytes += target_kernel_bytes(t);
		for (i = 0; i < t->n_members; i++)
			use.groups += groups_first_seen(&t->member[i].group, 1, look);
	}
	for (f = registry->families; f; f = f->next) {
		if (f->peer.uid == requester)
			use_of_family(f, look, &use);
	}
	return use;
}

uint64_t registry_kernel_bytes(const struct registry *registry)
{
	return calls_fixed_bytes() + sampling_bytes(registry) + blocks_bytes(registry->blocks);
}

bool registry_allows(const struct registry *registry, uid_t uid, const struct limits_use *want,
		     char *text, size_t size)
{
	const struct limits_use have = registry_use(registry, uid);

	return limits_allow(registry->config, uid, &have, want, registry_kernel_bytes(registry),
			    text, size);
}
