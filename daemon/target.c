// SPDX-License-Identifier: GPL-2.0-only
/* One observed process; see target.h. */
#include "target.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "govern.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proc.h"
#include "sampling.h"
#include "slot.h"

#define NOTES_MAX 32

/* Tells BPF which cells the target has, and who it is; the generation comes last. */
void target_publish(struct target *t)
{
	struct hp_slot *slot = calls_slot(t->calls, t->slot);
	size_t i;

	slot->owner = t->requester ? t->owner : 0;
	slot->gid = t->gid;
	slot->exe_dev = (uint32_t)major(t->exe_dev) << 20 | minor(t->exe_dev);
	slot->exe_ino = t->exe_ino;
	slot->family = t->kit ? t->kit->family->number : 0;
	slot->kit = t->kit ? t->kit->number : 0;
	slot->holds = t->kit || t->asked;
	for (i = 0; i < t->n_members; i++)
		slot->cell[t->member[i].group->id] = t->member[i].cell.id;
	t->muted = t->quiet = false;
	__atomic_store_n(&slot->gen, t->gen, __ATOMIC_RELEASE);
}

static int target_identify(struct target *t)
{
	int r;

	t->pidfd = syscall(SYS_pidfd_open, t->pid, 0);
	if (t->pidfd < 0)
		return -errno;
	r = proc_start_time(t->pid, &t->start_ticks);
	if (r < 0)
		return r;
	r = proc_comm(t->pid, t->comm, sizeof(t->comm));
	if (r < 0)
		return r;
	return proc_exe(t->pid, &t->exe);
}

int target_new(struct calls *calls, struct blocks *blocks, struct groups *groups,
	       const struct target_identity *identity, struct target **ret)
{
	struct target *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->refs = 1;
	t->calls = calls;
	t->blocks = blocks;
	t->groups = groups;
	t->pid = identity->pid;
	t->owner = identity->owner;
	t->gid = identity->gid;
	t->requester = identity->requester;
	t->exe_dev = identity->exe_dev;
	t->exe_ino = identity->exe_ino;
	t->pidfd = t->loader_fd = t->asker_fd = -1;
	t->complete = true;
	t->gen = slot_new_gen();
	t->slot = slot_take(calls, t);
	r = t->slot ? target_identify(t) : -ENOSPC;
	if (r >= 0) {
		target_begin(t);
		/* Once: when it leaves is BPF's to say. */
		calls_slot(calls, t->slot)->tgid = t->pid;
		target_publish(t);
		r = identity->followed ? calls_target_move(calls, t->pid, t->slot, 0)
				       : calls_target_set(calls, t->pid, t->slot);
	}
	if (r < 0) {
		target_unref(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* BPF must not find the cell any more, nor be in the middle of counting in it. */
static void member_close(struct target *t, struct member *m, struct closing *closing)
{
	closing_add(closing, &m->fds, &m->n_fds);
	group_put(t->groups, t->calls, m->group, closing);
	cell_done(t->blocks, &m->cell);
}

/* Processes that count here leave first: none is left that could fork into it. */
static void target_unlist(struct target *t)
{
	struct hp_slot *slot = calls_slot(t->calls, t->slot);
	uint32_t tgids[256];
	size_t n, i;

	slot->kit = 0;
	__atomic_store_n(&slot->gen, 0, __ATOMIC_RELEASE);
	/* Of a child that has exited, one barrier was for many (family.c). */
	if (t->pid && (t->n_members || t->kit) && !(t->spawned && t->finished) && !t->quiet)
		blocks_barrier(t->blocks);
	if (t->pid && calls_target_slot(t->calls, t->pid) == t->slot &&
	    calls_target_clear(t->calls, t->pid) && t->kit)
		kit_process_left(t->kit);
	while (__atomic_load_n(&slot->sharers, __ATOMIC_ACQUIRE)) {
		n = calls_targets(t->calls, t->slot, tgids, ARRAY_SIZE(tgids));
		for (i = 0; i < n; i++) {
			if (calls_target_clear(t->calls, tgids[i]) && t->kit)
				kit_process_left(t->kit);
		}
		if (n < ARRAY_SIZE(tgids))
			break;
	}
	if (t->goroutines)
		calls_forget(t->calls, t->pid);
}

void target_stop(struct target *t)
{
	struct closing closing = {};
	size_t i;

	t->judge_again = false;
	t->judging = reading_cancel(t->judging);
	t->exit_source = sd_event_source_disable_unref(t->exit_source);
	t->ttl_source = sd_event_source_disable_unref(t->ttl_source);
	t->asker_source = sd_event_source_disable_unref(t->asker_source);
	t->asker_fd = close_fd(t->asker_fd);
	if (t->slot)
		target_unlist(t);
	govern_leave(t);
	closing_add(&closing, &t->loader_fds, &t->n_loader_fds);
	t->loader_fd = close_fd(t->loader_fd);
	for (i = 0; i < t->n_members; i++)
		member_close(t, &t->member[i], &closing);
	closing_run(&closing);
	free(t->member);
	t->member = NULL;
	t->n_members = 0;
	free(t->judged);
	t->judged = NULL;
	t->n_judged = 0;
	if (t->slot)
		slot_give(t->slot);
	t->slot = 0;
	t->kit = NULL;
	t->pidfd = close_fd(t->pidfd);
}

struct target *target_ref(struct target *t)
{
	t->refs++;
	return t;
}

struct target *target_unref(struct target *t)
{
	size_t i;

	if (!t || --t->refs)
		return NULL;
	target_stop(t);
	if (t->registry)
		sampling_forget(t->registry, t);
	for (i = 0; i < t->n_notes; i++)
		free(t->note[i]);
	free(t->note);
	free(t->exe);
	free(t->final);
	searched_done(&t->searched);
	hotpath__attach_request__free_unpacked(t->asked, NULL);
	if (t->sum)
		hotpath__target__free_unpacked(t->sum, NULL);
	free(t);
	return NULL;
}

bool target_is_finished(const struct target *t)
{
	return t->finished;
}

bool target_is_shared(const struct target *t)
{
	return t->slot && __atomic_load_n(&calls_slot(t->calls, t->slot)->sharers,
					  __ATOMIC_ACQUIRE);
}

bool target_is_alive(const struct target *t)
{
	struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

	if (target_is_shared(t))
		return true;
	if (t->spawned || t->exited)
		return !t->exited;
	return t->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

bool target_is_same_process(const struct target *t)
{
	uint64_t ticks;

	return proc_start_time(t->pid, &ticks) == 0 && ticks == t->start_ticks;
}

/* --- members ---------------------------------------------------------------- */

/* A filter by a process whose main thread has exited never matches: then none,
 * and others of that file are bystanders (kernel-facts.md section 2). */
static pid_t target_filter(struct target *t)
{
	pid_t tid;

	if (proc_live_thread(t->pid, &tid) < 0 || tid == t->pid)
		return t->pid;
	t->unfiltered = true;
	return 0;
}

static int member_link(struct target *t, struct member *m)
{
	if (m->group->govern) {
		govern_wake(m->group->govern);
		return 0;
	}
	if (m->group->shared)
		return group_link(m->group, t->calls);
	return group_link_for(m->group, t->calls, target_filter(t), &m->fds, &m->n_fds);
}

/* Frames that name its cell are dead from here on: a new generation, before the
 * blocks can become somebody else's. */
static void member_remove(struct target *t, size_t i, struct closing *closing)
{
	struct member m = t->member[i];

	t->member[i] = t->member[--t->n_members];
	calls_slot(t->calls, t->slot)->cell[m.group->id] = 0;
	blocks_barrier(t->blocks);
	t->gen = slot_new_gen();
	target_publish(t);
	member_close(t, &m, closing);
}

int target_join(struct target *t, struct group *group, const void *by)
{
	struct closing closing = {};
	struct member *members, *m;
	int r;

	members = reallocarray(t->member, t->n_members + 1, sizeof(*members));
	if (!members) {
		group_put(t->groups, t->calls, group, &closing);
		closing_run(&closing);
		return -ENOMEM;
	}
	t->member = members;
	m = &members[t->n_members];
	*m = (struct member){.by = by, .group = group};
	r = cell_new(t->blocks, group->count, &m->cell);
	if (r < 0) {
		group_put(t->groups, t->calls, group, &closing);
		closing_run(&closing);
		return r;
	}

	/* First the cell, then the probes: no hit is charged to bystanders. */
	t->n_members++;
	target_publish(t);
	r = member_link(t, m);
	if (r < 0)
		member_remove(t, t->n_members - 1, &closing);
	closing_run(&closing);
	return r;
}

void target_leave(struct target *t, const void *by)
{
	struct closing closing = {};
	size_t i;

	for (i = t->n_members; i-- > 0;) {
		if (t->member[i].by == by)
			member_remove(t, i, &closing);
	}
	closing_run(&closing);
}

void target_settle(struct target *t, const void *by)
{
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].by == by)
			t->member[i].by = NULL;
	}
}

bool target_has_site(const struct target *t, uint64_t dev, uint64_t ino, uint64_t offset)
{
	size_t i, k;

	for (i = 0; i < t->n_members; i++) {
		const struct group *g = t->member[i].group;

		if (g->dev != dev || g->ino != ino)
			continue;
		for (k = 0; k < g->count; k++) {
			if (g->functions[k].offset == offset)
				return true;
		}
	}
	return false;
}

uint32_t target_count_functions(const struct target *t)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < t->n_members; i++)
		n += t->member[i].group->count;
	return n;
}

uint64_t target_kernel_bytes(const struct target *t)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < t->n_members; i++)
		n += (uint64_t)t->member[i].cell.n_blocks * HP_BLOCK_SIZE;
	return n;
}

/* --- returns ----------------------------------------------------------------- */

uint64_t target_state(const struct target *t)
{
	return __atomic_load_n(&calls_slot(t->calls, t->slot)->state, __ATOMIC_ACQUIRE);
}

static void target_flag(struct target *t, uint64_t flag)
{
	__atomic_fetch_or(&calls_slot(t->calls, t->slot)->state, flag, __ATOMIC_SEQ_CST);
}

void target_has_goroutines(struct target *t)
{
	t->goroutines = true;
	target_flag(t, HP_TARGET_GOROUTINES);
}

void target_forbid_returns(struct target *t)
{
	target_flag(t, HP_TARGET_NO_RETURNS);
}

bool target_allow_returns(struct target *t, uint64_t seen)
{
	__u64 expected = seen;

	return __atomic_compare_exchange_n(&calls_slot(t->calls, t->slot)->state, &expected,
					   seen & ~(__u64)HP_TARGET_NO_RETURNS, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

int target_probe_exits(struct target *t)
{
	size_t i;
	int r;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->kind != PROBE_SESSION)
			continue;
		r = group_link_exits(t->member[i].group, t->calls);
		if (r < 0)
			return r;
	}
	t->by_exits = true;
	target_flag(t, HP_TARGET_EXITS);
	return 0;
}

static int target_link_loader(struct target *t)
{
	const struct link_sites sites = {t->loader_fd, &t->loader_hook, &t->loader_state, 1};

	if (t->loader_fd < 0 || !t->loader_hook || t->hooked)
		return 0;
	return calls_link(t->calls, PROBE_LOADER, &sites, NULL, target_filter(t), &t->loader_fds,
			  &t->n_loader_fds);
}

bool target_has_hook(const struct target *t)
{
	return t->hooked || t->n_loader_fds > 0;
}

int target_relink(struct target *t)
{
	size_t i;
	int r;

	links_close(&t->loader_fds, &t->n_loader_fds);
	r = target_link_loader(t);
	for (i = 0; r >= 0 && i < t->n_members; i++) {
		if (t->member[i].group->shared)
			continue;
		links_close(&t->member[i].fds, &t->member[i].n_fds);
		r = member_link(t, &t->member[i]);
	}
	return r;
}

/* --- the course of things ------------------------------------------------------ */

void target_note(struct target *t, const char *format, ...)
{
	char **notes, *note;
	va_list ap;
	size_t i;
	int n;

	if (t->n_notes >= NOTES_MAX)
		return;
	va_start(ap, format);
	n = vasprintf(&note, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	for (i = 0; i < t->n_notes; i++) {
		if (strcmp(t->note[i], note) == 0) {
			free(note);
			return;
		}
	}
	notes = reallocarray(t->note, t->n_notes + 1, sizeof(*notes));
	if (!notes) {
		free(note);
		return;
	}
	t->note = notes;
	t->note[t->n_notes++] = note;
}

void target_begin(struct target *t)
{
	t->first_gen = t->gen;
	t->begun_ns = clock_ns(CLOCK_MONOTONIC);
	t->begun_unix_ns = clock_ns(CLOCK_REALTIME);
	t->cpu_begun_ns = 0;
	proc_cpu_ns(t->pid, &t->cpu_begun_ns);
}

/* Works for a zombie, too; without one the last figure stands. */
static void target_take_cpu(struct target *t)
{
	uint64_t cpu;

	if (target_is_same_process(t) && proc_cpu_ns(t->pid, &cpu) >= 0 && cpu >= t->cpu_begun_ns)
		t->cpu_ns = cpu - t->cpu_begun_ns;
}

static bool has_left(const struct target *t)
{
	return t->exited && (t->state == HOTPATH__TARGET_STATE__TARGET_EXECED ||
			     t->state == HOTPATH__TARGET_STATE__TARGET_SILENCED);
}

void target_end(struct target *t, Hotpath__TargetState state)
{
	target_take_cpu(t);
	t->exited = true;
	t->state = state;
}

/* Of one that has become something else it stood still then. */
uint64_t target_cpu_ns(struct target *t)
{
	if (!has_left(t))
		target_take_cpu(t);
	return t->cpu_ns;
}

Hotpath__TargetState target_end_state(const struct target *t)
{
	return has_left(t) ? t->state : HOTPATH__TARGET_STATE__TARGET_EXITED;
}

/* New cells and a new generation: what was open before belongs to neither. */
int target_reset(struct target *t)
{
	_cleanup_free_ struct cell *other = calloc(t->n_members ?: 1, sizeof(*other));
	struct hp_slot *slot = calls_slot(t->calls, t->slot);
	struct cell cell;
	size_t i;
	int r = 0;

	if (!other)
		return -ENOMEM;
	for (i = 0; r >= 0 && i < t->n_members; i++)
		r = cell_new(t->blocks, t->member[i].group->count, &other[i]);
	for (i = 0; r >= 0 && i < t->n_members; i++) {
		cell = t->member[i].cell;
		t->member[i].cell = other[i];
		other[i] = cell;
	}
	if (r >= 0) {
		govern_leave(t);
		t->gen = slot_new_gen();
		target_publish(t);
		for (i = 0; i < HP_COUNTERS_MAX; i++)
			__atomic_store_n(&slot->counter[i], 0, __ATOMIC_RELAXED);
		target_begin(t);
		/* The new cells have no limits. */
		govern_enter(t);
		if (t->registry)
			sampling_forget(t->registry, t);
	}
	blocks_barrier(t->blocks);
	for (i = 0; i < t->n_members; i++)
		cell_done(t->blocks, &other[i]);
	return r;
}

void target_hush(struct target *t)
{
	target_flag(t, HP_TARGET_EXECED);
	t->hushed = true;
}

/* What is open in it may still be cut: the generation stays until it is unlisted. */
void target_mute(struct target *t)
{
	target_hush(t);
	calls_slot(t->calls, t->slot)->kit = 0;
	t->muted = true;
}

/* Stops the counting, and waits until no program is in the middle of it. */
static void target_quiesce(struct target *t)
{
	if (t->quiet)
		return;
	target_hush(t);
	blocks_barrier(t->blocks);
}

void target_finish(struct target *t, Hotpath__TargetState state)
{
	if (t->finished)
		return;
	target_quiesce(t);
	target_conclude(t, state);
	target_stop(t);
}
