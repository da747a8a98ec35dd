// SPDX-License-Identifier: GPL-2.0-only
/* Families and their course; see family.h. */
#include "family.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arrive.h"
#include "attach.h"
#include "follow.h"
#include "govern.h"
#include "judge.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proc.h"
#include "refit.h"
#include "registry.h"
#include "slot.h"
#include "spare.h"
#include "unmeasured.h"

/* What ended is gathered for so long: one wait for BPF is then shared by many. */
#define GATHER_USEC 5000

static struct hp_family *shared(const struct family *f)
{
	return calls_family(f->registry->calls, f->number);
}

/* --- life ---------------------------------------------------------------------- */

struct family *family_find(const struct registry *registry, uint32_t id)
{
	struct family *f;

	for (f = registry->families; f && f->id != id; f = f->next)
		;
	return f;
}

static uint32_t last_id;

static uint32_t number_free(const struct registry *registry)
{
	const struct family *f;
	uint32_t i;

	for (i = 1; i < HP_FAMILIES_MAX; i++) {
		for (f = registry->families; f && f->number != i; f = f->next)
			;
		if (!f)
			return i;
	}
	return 0;
}

static void family_free(struct family *f)
{
	struct closing closing = {};
	struct kit *kit;
	size_t i;

	kit_nothing_done(f);
	while ((kit = f->kits)) {
		f->kits = kit->next;
		kit_free(kit);
	}
	select_done(&f->selectors, f->registry->calls);
	sd_event_source_disable_unref(f->ttl_source);
	sd_event_source_disable_unref(f->asker_source);
	close_fd(f->asker_fd);
	for (i = 0; i < f->n_hooks; i++)
		hook_put(&f->registry->hooks, f->registry->calls, f->hook[i], &closing);
	closing_run(&closing);
	govern_unref(f->govern);
	searched_done(&f->searched);
	if (f->number)
		memset(shared(f), 0, sizeof(struct hp_family));
	hotpath__attach_request__free_unpacked(f->request, NULL);
	free(f);
}

static void share_groups(struct family *f)
{
	struct hp_family *to = shared(f);
	size_t i;

	to->gid[to->gids++] = f->peer.gid;
	for (i = 0; i < f->peer.n_groups && to->gids < HP_GIDS_MAX; i++)
		to->gid[to->gids++] = f->peer.groups[i];
}

int family_new(struct registry *registry, const struct peer *peer,
	       Hotpath__AttachRequest *request, struct family **ret)
{
	struct family *f = calloc(1, sizeof(*f));
	int r;

	if (!f || !request) {
		free(f);
		hotpath__attach_request__free_unpacked(request, NULL);
		return -ENOMEM;
	}
	f->id = ++last_id;
	f->asker_fd = -1;
	f->registry = registry;
	f->peer = *peer;
	f->owner = peer->uid;
	f->request = request;
	f->number = number_free(registry);
	if (!f->number) {
		family_free(f);
		return -ENOSPC;
	}
	memset(shared(f), 0, sizeof(struct hp_family));
	r = kit_passive(f, &f->passive);
	if (r < 0) {
		family_free(f);
		return r;
	}
	share_groups(f);
	shared(f)->owner = peer->uid;
	shared(f)->passive = f->passive->number;
	f->next = registry->families;
	registry->families = f;
	*ret = f;
	return 0;
}

uint32_t family_processes(const struct family *f)
{
	return __atomic_load_n(&shared(f)->processes, __ATOMIC_ACQUIRE);
}

uint64_t family_not_measured(const struct family *f)
{
	return f->not_measured + __atomic_load_n(&shared(f)->missed, __ATOMIC_RELAXED);
}

static void what_of(const char *option, const ProtobufCBinaryData *word, size_t more, char *ret)
{
	char rest[32] = "";

	if (more)
		snprintf(rest, sizeof(rest), " and %zu more", more);
	snprintf(ret, FAMILY_WHAT_MAX, "%s %.*s%s", option,
		 (int)(word->len < 64 ? word->len : 64), (const char *)word->data, rest);
}

void family_what(const struct family *f, char ret[FAMILY_WHAT_MAX])
{
	const Hotpath__AttachRequest *r = f->request;
	size_t all = r->n_names + r->n_exes + r->n_cgroups;

	if (r->n_names)
		what_of("--name", &r->names[0], all - 1, ret);
	else if (r->n_exes)
		what_of("--exe", &r->exes[0], all - 1, ret);
	else if (r->n_cgroups)
		what_of("--cgroup", &r->cgroups[0], all - 1, ret);
	else if (r->n_pids > 1)
		snprintf(ret, FAMILY_WHAT_MAX, "pid %d and %zu more", r->pids[0], r->n_pids - 1);
	else
		snprintf(ret, FAMILY_WHAT_MAX, "pid %d", r->n_pids ? r->pids[0] : 0);
}

bool family_is_over(const struct family *f)
{
	return !f->waits && family_processes(f) == 0;
}

uint64_t family_kernel_bytes(const struct family *f)
{
	const struct kit *kit;
	uint64_t n = 0;

	for (kit = f->kits; kit; kit = kit->next)
		n += kit_kernel_bytes(kit);
	return n;
}

int family_select(struct family *f, char *text, size_t size)
{
	int r;

	r = select_parse(f->request, &f->selectors, text, size);
	if (r < 0)
		return r;
	r = select_watch(&f->selectors, f->registry->calls, f->owner, f->number);
	if (r == -EEXIST)
		snprintf(text, size, "another attach waits for the same: hotpath status");
	f->waits = r >= 0;
	return r;
}

static int on_ttl(sd_event_source *source, uint64_t usec, void *userdata)
{
	family_close(userdata, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	return 0;
}

static int on_asker_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct family *f = userdata;
	struct registry *registry = f->registry;
	uint32_t id = f->id;
	uid_t owner = f->owner;

	family_close(f, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	registry_forget(registry, id, owner);
	return 0;
}

int family_limit(struct family *f, uint64_t ttl_ns, pid_t asker)
{
	sd_event *event = f->registry->event;
	int r = 0;

	if (ttl_ns)
		r = sd_event_add_time_relative(event, &f->ttl_source, CLOCK_MONOTONIC,
					       ttl_ns / 1000, 0, on_ttl, f);
	if (r < 0 || !asker)
		return r;
	f->asker_fd = syscall(SYS_pidfd_open, asker, 0);
	if (f->asker_fd < 0)
		return -errno;
	return sd_event_add_io(event, &f->asker_source, f->asker_fd, EPOLLIN, on_asker_end, f);
}

static int on_gathered(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct registry *registry = userdata;

	registry->gather_source = sd_event_source_disable_unref(registry->gather_source);
	family_settle(registry);
	return 0;
}

static void settle_soon(struct registry *registry)
{
	if (!registry->gather_source)
		(void)sd_event_add_time_relative(registry->event, &registry->gather_source,
						 CLOCK_MONOTONIC, GATHER_USEC, 1000, on_gathered,
						 registry);
}

/* --- who belongs to it ------------------------------------------------------------ */

int family_hook_file(struct family *f, int loader_fd, uint64_t offset, uint64_t state)
{
	struct hook wanted = {.offset = offset, .state = state};
	struct stat st;
	size_t i;
	int r;

	if (fstat(loader_fd, &st) < 0)
		return -errno;
	wanted.dev = st.st_dev;
	wanted.ino = st.st_ino;
	for (i = 0; i < f->n_hooks; i++) {
		if (f->hook[i]->dev == wanted.dev && f->hook[i]->ino == wanted.ino)
			return 0;
	}
	if (f->n_hooks == FAMILY_HOOKS_MAX)
		return -ENOSPC;
	r = hook_get(&f->registry->hooks, f->registry->calls, &wanted, loader_fd,
		     &f->hook[f->n_hooks]);
	if (r >= 0)
		f->n_hooks++;
	return r;
}

int family_hook(struct family *f, struct target *t)
{
	int r = 0;

	if (t->loader_fd >= 0 && t->loader_hook) {
		r = family_hook_file(f, t->loader_fd, t->loader_hook, t->loader_state);
		t->hooked = r >= 0;
	}
	return r;
}

static int adopt_nothing(struct family *f, const struct target *t)
{
	_cleanup_fd_ int fd = kit_pin(t);

	return fd < 0 ? fd : kit_nothing(f, t->exe_dev, t->exe_ino, fd);
}

static int kit_for(struct family *f, struct target *t, bool is_static, struct kit **ret)
{
	*ret = t->n_members ? kit_find(f, t->exe_dev, t->exe_ino) : f->passive;
	if (!t->n_members)
		return adopt_nothing(f, t);
	if (t->kit)
		return refit_kit(t, is_static, ret);
	return *ret ? 0 : kit_new(f, t, is_static, -1, ret);
}

/* One that was followed before stays in its family, with a kit of all it has now. */
int family_adopt(struct family *f, struct target *t, bool is_static)
{
	const struct kit *newest;
	struct kit *kit;
	int r;

	if (t->kit)
		f = t->kit->family;
	newest = f->kits;
	r = kit_for(f, t, is_static, &kit);
	if (r < 0)
		return r;
	if (f->kits != newest)
		settle_soon(f->registry);
	if (!t->kit) {
		t->family = f->id;
		__atomic_fetch_add(&shared(f)->processes, 1, __ATOMIC_SEQ_CST);
		f->seen++;
	}
	t->kit = kit;
	target_publish(t);
	return 0;
}

void family_disown(struct family *f, struct target *t)
{
	if (!t->kit || t->kit->family != f)
		return;
	kit_process_left(t->kit);
	t->kit = NULL;
	t->family = 0;
	target_publish(t);
}

/* --- what ends ---------------------------------------------------------------------- */

static bool is_to_retire(const struct target *t)
{
	return t->spawned && t->exited && !target_is_finished(t) && !target_is_shared(t);
}

/* Its slot and cells are used again; the figures are kept, if there are any. */
static void target_retire(struct registry *registry, struct target *t)
{
	struct kit *kit = t->kit;

	t->judge_again = false;
	t->judging = reading_cancel(t->judging);
	if (t->state == HOTPATH__TARGET_STATE__TARGET_EXECED && spare_is_untouched(t)) {
		/* What it became is counted. */
		kit->family->seen--;
		t->finished = true;
		kit_take_back(kit, t);
		registry_remove(registry, t);
		return;
	}
	target_conclude(t, t->state);
	kit_take_back(kit, t);
	registry_trim(registry, t->owner);
}

/* From the start after each: to trim removes others. */
static void retire_all(struct registry *registry)
{
	struct target *t;
	bool waited = false;

	for (t = registry->targets; t; t = t->next) {
		if (is_to_retire(t))
			target_hush(t);
	}
	for (t = registry->targets; t;) {
		if (!is_to_retire(t) || !t->hushed) {
			t = t->next;
			continue;
		}
		if (!waited)
			blocks_barrier(registry->blocks);
		waited = true;
		target_retire(registry, t);
		t = registry->targets;
	}
}

static void close_the_over(struct registry *registry)
{
	struct family *f, *next;

	for (f = registry->families; f; f = next) {
		next = f->next;
		/* The first of a request may end while the others are looked at. */
		if (f->seen && family_is_over(f) && !attach_is_busy(f))
			family_close(f, HOTPATH__TARGET_STATE__TARGET_EXITED);
	}
}

/* Did it end, and the event was lost? BPF has taken it off its slot all the same. */
static void find_ended(struct registry *registry, struct target *t)
{
	const struct hp_slot *slot = calls_slot(registry->calls, t->slot);

	if (!t->spawned || t->exited || target_is_finished(t) || !t->kit ||
	    __atomic_load_n(&slot->tgid, __ATOMIC_ACQUIRE) == (uint32_t)t->pid)
		return;
	t->exited = true;
	t->ended_ns = clock_ns(CLOCK_MONOTONIC);
	t->state = target_state(t) & HP_TARGET_EXECED ? HOTPATH__TARGET_STATE__TARGET_EXECED
						      : HOTPATH__TARGET_STATE__TARGET_EXITED;
	target_note(t, "how it ended was lost: when, and its CPU time, are not exact");
}

/* A spare that BPF has given away, and nobody was told? */
static void find_begun(struct registry *registry, uint32_t number)
{
	struct target *t = slot_target(number);
	struct hp_slot *slot = calls_slot(registry->calls, number);
	struct hp_event event = {.kind = HP_EVENT_BEGIN, .slot = number};
	pid_t parent = 0;

	event.tgid = __atomic_load_n(&slot->given, __ATOMIC_ACQUIRE);
	if (!t || !t->spawned || !t->kit || t->pid || !event.tgid)
		return;
	event.gen = t->gen;
	event.time_ns = clock_ns(CLOCK_MONOTONIC);
	(void)proc_parent(event.tgid, &parent);
	event.arg = parent;
	(void)proc_comm(event.tgid, event.comm, sizeof(event.comm));
	family_event(registry, &event);
	(void)proc_start_time(event.tgid, &t->start_ticks);
	target_note(t, "how it began was lost: when is not exact");
}

/* Some events found no room: what they would have told is looked for. */
static void find_lost(struct registry *registry)
{
	const struct hp_slot *nobody = calls_slot(registry->calls, 0);
	uint64_t lost = __atomic_load_n(&nobody->counter[HP_COUNTER_events_lost],
					__ATOMIC_ACQUIRE);
	struct target *t;
	uint32_t i;

	if (lost == registry->events_lost)
		return;
	registry->events_lost = lost;
	calls_drain(registry->calls);
	for (i = 1; i < HP_TARGETS_MAX; i++)
		find_begun(registry, i);
	for (t = registry->targets; t; t = t->next)
		find_ended(registry, t);
}

void family_settle(struct registry *registry)
{
	struct family *f;
	struct kit *kit;

	find_lost(registry);
	for (f = registry->families; f; f = f->next) {
		for (kit = f->kits; kit; kit = kit->next)
			kit_fill(kit);
	}
	retire_all(registry);
	for (f = registry->families; f; f = f->next)
		refit_sweep(f);
	close_the_over(registry);
}

static bool is_of(const struct target *t, const void *family)
{
	const struct family *f = family;

	return t->kit && t->family == f->id && !target_is_finished(t);
}

void family_close(struct family *f, Hotpath__TargetState state)
{
	struct registry *registry = f->registry;
	struct target *t;
	struct family **at;
	struct kit *kit;
	uid_t owner = f->owner;
	uint32_t id = f->id;

	/* Undone, the request closes it itself. */
	if (attach_cancel(f))
		return;
	follow_cancel(registry, f);
	arrive_cancel(registry, f);
	/* No process is given a spare after the barrier; who was is heard of before. */
	shared(f)->passive = 0;
	blocks_barrier(registry->blocks);
	calls_drain(registry->calls);
	retire_all(registry);
	registry_mute(registry, is_of, f);
	blocks_hold(registry->blocks);
	for (t = registry->targets; t;) {
		if (!is_of(t, f)) {
			t = t->next;
			continue;
		}
		registry_finish(registry, t,
				target_is_alive(t) ? state : target_end_state(t));
		t = registry->targets;
	}
	for (kit = f->kits; kit; kit = kit->next)
		refit_keep_common(kit);
	unmeasured_leave(registry, f);
	for (at = &registry->families; *at != f; at = &(*at)->next)
		;
	*at = f->next;
	if (f->seen > 1)
		log_info("family %u: %llu processes were followed", f->id,
			 (unsigned long long)f->seen);
	family_free(f);
	blocks_release(registry->blocks);
	/* What it was begun with was kept until now. */
	for (t = registry->targets; t; t = t->next) {
		if (t->family == id && t->named)
			owner = t->owner;
	}
	registry_trim(registry, owner);
}

/* --- events ------------------------------------------------------------------------- */

static void on_begin(struct registry *registry, struct target *t, const struct hp_event *event)
{
	struct family *f = family_find(registry, t->family);

	spare_begin(t, event);
	/* What came after it was taken. */
	(void)spare_complete(t);
	registry_list(registry, t);
	target_unref(t);
	govern_enter(t);
	if (f)
		f->seen++;
	/* Not before those that wait for a barrier: forks do not wait for us. */
	kit_fill(t->kit);
	/* What is looked at by the gate's order is judged then. */
	if (target_state(t) & HP_TARGET_NO_RETURNS && !arrive_lacks_hook(t))
		judge_start(registry, t);
}

static void on_end(struct registry *registry, struct target *t, const struct hp_event *event)
{
	struct hp_event begun = *event;

	if (t->spawned && !t->pid) {
		/* That it began was lost, and with it, whose child it is. */
		begun.arg = 0;
		on_begin(registry, t, &begun);
	}
	t->exited = true;
	if (!t->spawned) /* its pidfd tells, and its zombie has the CPU time */
		return;
	t->state = HOTPATH__TARGET_STATE__TARGET_EXITED;
	t->ended_ns = event->time_ns;
	t->cpu_ns = event->arg;
	settle_soon(registry);
}

static void on_last(struct registry *registry, struct target *t)
{
	if (t->spawned)
		settle_soon(registry);
	else if (t->exited)
		registry_finish(registry, t, target_end_state(t));
}

void family_event(struct registry *registry, const struct hp_event *event)
{
	struct target *t = slot_target(event->slot);

	if (event->kind == HP_EVENT_EMPTY) {
		settle_soon(registry);
		return;
	}
	if (!t || t->gen != event->gen || target_is_finished(t))
		return;
	/* Once, also when it was found before it was told. */
	if (event->kind == HP_EVENT_BEGIN && !t->pid)
		on_begin(registry, t, event);
	else if (event->kind == HP_EVENT_EXIT)
		on_end(registry, t, event);
	else if (event->kind == HP_EVENT_LAST)
		on_last(registry, t);
}
