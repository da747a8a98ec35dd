// SPDX-License-Identifier: GPL-2.0-only
/* Loads and drives bpf/calls.bpf.c and bpf/life.bpf.c; see collect-calls.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect-calls.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "uapi.h"

/* They speak of the types of bpf/hotpath.h. */
#include "calls.skel.h"
#include "life.skel.h"

/* Detaching perf events takes 0.1 s each (kernel-facts.md section 2). */
#define PERF_SITES_MAX 100

struct calls {
	struct features features;
	struct calls_bpf *bpf;
	struct life_bpf *life;
	struct ring_buffer *ring;
	struct hp_slot *slots;
	struct hp_group *groups;
	struct hp_kit *kits;
	struct hp_family *families;
	struct hp_gate *gate;
	sd_event_source *source;
	calls_event_handler handler;
	void *userdata;
};

/* Which program does a kind's work, and how it is linked. */
struct rung {
	struct bpf_program *program;
	uint32_t attach_type;
	bool returns;
	bool on_exits; /* it sits on the ways out */
};

/* The kernel rounds an array's elements up: their size must be round already. */
_Static_assert(sizeof(struct hp_slot) % 8 == 0, "hp_slots is mapped");
_Static_assert(sizeof(struct hp_family) % 8 == 0, "hp_families is mapped");
_Static_assert(sizeof(struct hp_kit) % 8 == 0, "hp_kits is mapped");
_Static_assert(sizeof(struct hp_group) % 8 == 0, "hp_groups is mapped");

static size_t round_to_page(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static void *map_shared(struct bpf_map *map)
{
	size_t size = round_to_page((size_t)bpf_map__value_size(map) * bpf_map__max_entries(map));
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap_shared(void *p, struct bpf_map *map)
{
	if (p)
		munmap(p, round_to_page((size_t)bpf_map__value_size(map) *
					bpf_map__max_entries(map)));
}

uint64_t calls_fixed_bytes(void)
{
	return sizeof(struct hp_slot) * HP_TARGETS_MAX + sizeof(struct hp_group) * HP_GROUPS_MAX +
	       sizeof(void *) * HP_PAGES_MAX + sizeof(struct hp_kit) * HP_KITS_MAX +
	       HP_EVENTS_BYTES;
}

/* --- load ------------------------------------------------------------------ */

static int calls_load_bpf(struct calls *calls)
{
	const struct features *has = &calls->features;
	uint32_t plain = has->multi ? UAPI_BPF_TRACE_UPROBE_MULTI : 0;
	struct calls_bpf *bpf = calls_bpf__open();

	if (!bpf)
		return -errno;
	calls->bpf = bpf;

	bpf->rodata->hp_config.seccomp_kills = !has->uretprobe_seccomp;
	bpf_program__set_expected_attach_type(bpf->progs.calls_session,
					      UAPI_BPF_TRACE_UPROBE_SESSION);
	bpf_program__set_autoload(bpf->progs.calls_session, has->session);
	bpf_program__set_expected_attach_type(bpf->progs.calls_enter, plain);
	bpf_program__set_expected_attach_type(bpf->progs.calls_leave, plain);
	bpf_program__set_expected_attach_type(bpf->progs.calls_begin, plain);
	bpf_program__set_expected_attach_type(bpf->progs.calls_end, plain);
	bpf_program__set_expected_attach_type(bpf->progs.calls_count, plain);
	bpf_program__set_autoload(bpf->progs.calls_open, has->task_iterator);
	return calls_bpf__load(bpf);
}

static int calls_load_life(struct calls *calls)
{
	const struct {
		struct bpf_map *life, *calls;
	} shared[] = {
#define SHARED(name) {calls->life->maps.name, calls->bpf->maps.name}
		SHARED(hp_targets), SHARED(hp_slots),	SHARED(hp_pages),
		SHARED(hp_groups),  SHARED(hp_threads), SHARED(hp_events),
#undef SHARED
	};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(shared); i++) {
		r = bpf_map__reuse_fd(shared[i].life, bpf_map__fd(shared[i].calls));
		if (r < 0)
			return r;
	}
	bpf_program__set_expected_attach_type(
		calls->life->progs.life_loader,
		calls->features.multi ? UAPI_BPF_TRACE_UPROBE_MULTI : 0);
	/* Attached by hand, per target. */
	bpf_program__set_autoattach(calls->life->progs.life_loader, false);
	r = life_bpf__load(calls->life);
	if (r < 0)
		return r;
	return life_bpf__attach(calls->life);
}

static int on_ring_event(void *userdata, void *data, size_t size)
{
	struct calls *calls = userdata;

	if (size >= sizeof(struct hp_event) && calls->handler)
		calls->handler(calls->userdata, data);
	return 0;
}

int calls_new(const struct features *features, struct calls **ret)
{
	struct calls *calls = calloc(1, sizeof(*calls));
	int r;

	if (!calls)
		return -ENOMEM;
	calls->features = *features;

	r = calls_load_bpf(calls);
	if (r < 0)
		goto fail;
	calls->life = life_bpf__open();
	r = calls->life ? calls_load_life(calls) : -errno;
	if (r < 0)
		goto fail;
	calls->slots = map_shared(calls->bpf->maps.hp_slots);
	calls->groups = map_shared(calls->bpf->maps.hp_groups);
	calls->ring = ring_buffer__new(bpf_map__fd(calls->life->maps.hp_events), on_ring_event,
				       calls, NULL);
	calls->kits = map_shared(calls->life->maps.hp_kits);
	calls->families = map_shared(calls->life->maps.hp_families);
	calls->gate = map_shared(calls->life->maps.hp_gate);
	r = calls->slots && calls->groups && calls->kits && calls->families && calls->gate &&
			    calls->ring
		    ? 0
		    : -ENOMEM;
	if (r < 0)
		goto fail;
	*ret = calls;
	return 0;

fail:
	calls_free(calls);
	return r;
}

struct calls *calls_free(struct calls *calls)
{
	if (!calls)
		return NULL;

	sd_event_source_disable_unref(calls->source);
	ring_buffer__free(calls->ring);
	if (calls->bpf) {
		unmap_shared(calls->slots, calls->bpf->maps.hp_slots);
		unmap_shared(calls->groups, calls->bpf->maps.hp_groups);
	}
	if (calls->life) {
		unmap_shared(calls->kits, calls->life->maps.hp_kits);
		unmap_shared(calls->families, calls->life->maps.hp_families);
		unmap_shared(calls->gate, calls->life->maps.hp_gate);
	}
	life_bpf__destroy(calls->life);
	calls_bpf__destroy(calls->bpf);
	free(calls);
	return NULL;
}

/* --- events ---------------------------------------------------------------- */

void calls_drain(struct calls *calls)
{
	ring_buffer__consume(calls->ring);
}

static int on_ring_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	calls_drain(userdata);
	return 0;
}

int calls_watch(struct calls *calls, sd_event *event, calls_event_handler handler, void *userdata)
{
	calls->handler = handler;
	calls->userdata = userdata;
	return sd_event_add_io(event, &calls->source, ring_buffer__epoll_fd(calls->ring), EPOLLIN,
			       on_ring_ready, calls);
}

/* --- probes ---------------------------------------------------------------- */

static size_t calls_rungs(struct calls *calls, enum probe_kind kind, struct rung rungs[2])
{
	struct calls_bpf *bpf = calls->bpf;

	rungs[0] = rungs[1] = (struct rung){.attach_type = UAPI_BPF_TRACE_UPROBE_MULTI};
	switch (kind) {
	case PROBE_SESSION:
		rungs[0].program = bpf->progs.calls_session;
		rungs[0].attach_type = UAPI_BPF_TRACE_UPROBE_SESSION;
		return 1;
	case PROBE_PAIR:
		/* The return leg first: an entry that is counted can then be left. */
		rungs[0].program = bpf->progs.calls_leave;
		rungs[0].returns = true;
		rungs[1].program = bpf->progs.calls_enter;
		return 2;
	case PROBE_SITES:
		/* Likewise. */
		rungs[0].program = bpf->progs.calls_end;
		rungs[0].on_exits = true;
		rungs[1].program = bpf->progs.calls_begin;
		return 2;
	case PROBE_EXITS:
		rungs[0].program = bpf->progs.calls_end;
		return 1;
	case PROBE_COUNT:
		rungs[0].program = bpf->progs.calls_count;
		return 1;
	case PROBE_LOADER:
		rungs[0].program = calls->life->progs.life_loader;
		return 1;
	}
	return 0;
}

static size_t calls_sites_max(const struct calls *calls)
{
	return calls->features.multi ? SIZE_MAX : PERF_SITES_MAX;
}

static int link_rung(struct calls *calls, const struct rung *rung, const struct link_sites *sites,
		     pid_t pid, int *fds)
{
	int prog_fd = bpf_program__fd(rung->program);
	int r;

	if (!calls->features.multi)
		return link_perf(prog_fd, sites, rung->returns, pid, fds);

	/* Before 6.10 the filter compared threads: better none. */
	if (!calls->features.pid_filter)
		pid = 0;
	r = link_multi(prog_fd, rung->attach_type, sites, rung->returns, pid);
	if (r < 0)
		return r;
	fds[0] = r;
	return 0;
}

int calls_link(struct calls *calls, enum probe_kind kind, const struct link_sites *sites,
	       const struct link_sites *exits, pid_t pid, int **ret_fds, size_t *ret_n)
{
	size_t all = sites->count + (exits ? exits->count : 0), n = 0, i, n_rungs;
	_cleanup_free_ int *fds = NULL;
	struct rung rungs[2];
	int r;

	if (all > calls_sites_max(calls))
		return -E2BIG;

	n_rungs = calls_rungs(calls, kind, rungs);
	fds = calloc(n_rungs * all, sizeof(*fds));
	if (!fds)
		return -ENOMEM;

	for (i = 0; i < n_rungs; i++) {
		const struct link_sites *on = rungs[i].on_exits ? exits : sites;

		r = link_rung(calls, &rungs[i], on, pid, fds + n);
		if (r < 0) {
			while (n-- > 0)
				close(fds[n]);
			return r;
		}
		n += calls->features.multi ? 1 : on->count;
	}
	*ret_fds = TAKE(fds);
	*ret_n = n;
	return 0;
}

/* --- targets and cells ------------------------------------------------------ */

int calls_target_set(struct calls *calls, uint32_t tgid, uint32_t slot)
{
	int fd = bpf_map__fd(calls->bpf->maps.hp_targets);
	struct hp_process process = {.slot = slot};

	return bpf_map_update_elem(fd, &tgid, &process, BPF_ANY) < 0 ? -errno : 0;
}

int calls_target_move(struct calls *calls, uint32_t tgid, uint32_t slot, uint32_t flags)
{
	int fd = bpf_map__fd(calls->bpf->maps.hp_targets);
	struct hp_process process = {.slot = slot, .flags = flags};

	if (bpf_map_update_elem(fd, &tgid, &process, BPF_EXIST) == 0)
		return 0;
	return errno == ENOENT ? -ESRCH : -errno;
}

static struct hp_process target_look(struct calls *calls, uint32_t tgid)
{
	struct hp_process process;

	if (bpf_map_lookup_elem(bpf_map__fd(calls->bpf->maps.hp_targets), &tgid, &process) < 0)
		return (struct hp_process){};
	return process;
}

uint32_t calls_target_slot(struct calls *calls, uint32_t tgid)
{
	return target_look(calls, tgid).slot;
}

uint32_t calls_target_hooks(struct calls *calls, uint32_t tgid)
{
	return target_look(calls, tgid).hooks;
}

uint32_t calls_target_flags(struct calls *calls, uint32_t tgid)
{
	return target_look(calls, tgid).flags;
}

bool calls_target_clear(struct calls *calls, uint32_t tgid)
{
	return bpf_map_delete_elem(bpf_map__fd(calls->bpf->maps.hp_targets), &tgid) == 0;
}

size_t calls_targets(struct calls *calls, uint32_t slot, uint32_t *tgids, size_t room)
{
	int fd = bpf_map__fd(calls->bpf->maps.hp_targets);
	struct hp_process process;
	uint32_t key, next, seen;
	size_t n = 0, i;
	int r;

	r = bpf_map_get_next_key(fd, NULL, &next);
	for (seen = 0; r == 0 && n < room && seen < 2 * HP_PROCESSES_MAX; seen++) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		/* When a process ends meanwhile the walk begins anew. */
		for (i = 0; i < n && tgids[i] != key; i++)
			;
		if (i == n && bpf_map_lookup_elem(fd, &key, &process) == 0 &&
		    process.slot == slot)
			tgids[n++] = key;
	}
	return n;
}

int calls_exe_set(struct calls *calls, const struct hp_exe *exe, uint32_t kit)
{
	int fd = bpf_map__fd(calls->life->maps.hp_exes);

	if (bpf_map_update_elem(fd, exe, &kit, BPF_ANY) == 0)
		return 0;
	return errno == E2BIG ? -ENOSPC : -errno;
}

void calls_exe_clear(struct calls *calls, const struct hp_exe *exe)
{
	bpf_map_delete_elem(bpf_map__fd(calls->life->maps.hp_exes), exe);
}

/* One thing is waited for by one family. The count is what lets BPF look at all. */
int calls_select(struct calls *calls, const struct hp_select *what, uint32_t family)
{
	int fd = bpf_map__fd(calls->life->maps.hp_selectors);

	if (bpf_map_update_elem(fd, what, &family, BPF_NOEXIST) < 0)
		return -errno;
	__atomic_fetch_add(&calls->families[0].processes, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void calls_unselect(struct calls *calls, const struct hp_select *what)
{
	if (bpf_map_delete_elem(bpf_map__fd(calls->life->maps.hp_selectors), what) == 0)
		__atomic_fetch_sub(&calls->families[0].processes, 1, __ATOMIC_SEQ_CST);
}

struct hp_kit *calls_kit(struct calls *calls, uint32_t kit)
{
	return &calls->kits[kit];
}

struct hp_family *calls_family(struct calls *calls, uint32_t family)
{
	return &calls->families[family];
}

struct hp_slot *calls_slot(struct calls *calls, uint32_t slot)
{
	return &calls->slots[slot];
}

struct hp_group *calls_group(struct calls *calls, uint32_t group)
{
	return &calls->groups[group];
}

void calls_set_prices(struct calls *calls, const struct hp_prices *prices)
{
	calls->bpf->bss->hp_prices = *prices;
}

struct hp_gate *calls_gate(struct calls *calls)
{
	return calls->gate;
}

int calls_holds_fd(const struct calls *calls)
{
	return bpf_map__fd(calls->life->maps.hp_holds);
}

int calls_map_fd(const struct calls *calls, const char *name)
{
	return bpf_object__find_map_fd_by_name(calls->bpf->obj, name);
}

int calls_pages_set(struct calls *calls, uint32_t first, uint32_t n, const int *fds)
{
	int fd = bpf_map__fd(calls->bpf->maps.hp_pages);
	uint32_t keys[HP_PAGES_MAX], i;
	int r;

	for (i = 0; i < n; i++)
		keys[i] = first + i;
	r = fds ? bpf_map_update_batch(fd, keys, fds, &n, NULL)
		: bpf_map_delete_batch(fd, keys, &n, NULL);
	return r < 0 ? -errno : 0;
}

/* --- open calls -------------------------------------------------------------- */

struct open_record {
	struct hp_open head;
	struct hp_frame frame[HP_FRAMES_SIZE];
};

static int read_record(int fd, struct open_record *record)
{
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(*record)) {
		n = read(fd, (char *)record + have, sizeof(*record) - have);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return have ? -EIO : 0;
		have += n;
	}
	return 1;
}

/* The iterator over one process's threads; kernels before 6.1 visit all of them. */
static int open_iterator(struct calls *calls, pid_t pid)
{
	union bpf_iter_link_info info = {.task.pid = pid};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link;
	int fd;

	link = bpf_program__attach_iter(calls->bpf->progs.calls_open, &opts);
	if (!link)
		link = bpf_program__attach_iter(calls->bpf->progs.calls_open, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	return fd;
}

/* Keys that BPF makes and the daemon deletes meanwhile may hide a few others: a figure
 * of what is open now is of a moment that never was, anyway. */
typedef void (*goroutine_handler)(int map_fd, const struct hp_goroutine *key, void *userdata);

static void goroutines_walk(struct calls *calls, pid_t pid, goroutine_handler handler,
			    void *userdata)
{
	int fd = bpf_map__fd(calls->bpf->maps.hp_goroutines);
	struct hp_goroutine key, next;
	uint32_t n;
	int r;

	r = bpf_map_get_next_key(fd, NULL, &next);
	for (n = 0; r == 0 && n < 2 * HP_GOROUTINES_MAX; n++) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		if ((pid_t)key.tgid == pid)
			handler(fd, &key, userdata);
	}
}

struct open_goroutines {
	calls_open_handler handler;
	void *userdata;
};

static void on_open_goroutine(int fd, const struct hp_goroutine *key, void *userdata)
{
	const struct open_goroutines *open = userdata;
	struct hp_thread frames;
	struct hp_open head = {.tgid = key->tgid, .now_ns = clock_ns(CLOCK_MONOTONIC)};

	if (bpf_map_lookup_elem(fd, key, &frames) < 0 || frames.depth > HP_FRAMES_MAX)
		return;
	head.gen = frames.gen;
	head.depth = frames.depth;
	if (frames.depth)
		open->handler(open->userdata, &head, frames.frame);
}

static void on_forget_goroutine(int fd, const struct hp_goroutine *key, void *userdata)
{
	bpf_map_delete_elem(fd, key);
}

void calls_forget(struct calls *calls, pid_t pid)
{
	goroutines_walk(calls, pid, on_forget_goroutine, NULL);
}

void calls_open_goroutines(struct calls *calls, pid_t pid, calls_open_handler handler,
			   void *userdata)
{
	struct open_goroutines open = {handler, userdata};

	goroutines_walk(calls, pid, on_open_goroutine, &open);
}

int calls_open_frames(struct calls *calls, pid_t pid, calls_open_handler handler, void *userdata)
{
	_cleanup_fd_ int fd = -1;
	struct open_record record;
	int r;

	if (!calls->features.task_iterator)
		return -EOPNOTSUPP;
	fd = open_iterator(calls, pid);
	if (fd < 0)
		return fd;

	while ((r = read_record(fd, &record)) > 0) {
		if ((pid_t)record.head.tgid == pid && record.head.depth <= HP_FRAMES_MAX)
			handler(userdata, &record.head, record.frame);
	}
	return r;
}
