// SPDX-License-Identifier: GPL-2.0-only
/* What a family probes in one executable; see kit.h. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "limits.h"
#include "proc.h"
#include "registry.h"
#include "slot.h"
#include "spare.h"

/* Ready at first, and at most, if they are as small as that. A loop that does nothing
 * but fork makes 10 in a millisecond, and we need some to be woken. */
#define SPARES_AT_ONCE	   8
#define SPARES_FIRST	   64
#define SPARES_FIRST_BYTES (1024 * 1024)
#define SPARES_MOST_BYTES  (32 * 1024 * 1024)
/* Of the memory that there is, one part in so many is none of theirs. */
#define SPARES_KEEP_OFF 4
/* When they run low. */
#define SPARES_GROW 4
/* Of the free slots one kit takes that part at once, and at first. */
#define SLOTS_SHARE 2
#define SLOTS_FIRST 12
/* That many are left for targets, and for other kits' first spares. */
#define SLOTS_RESERVE 64
/* A spare as large as this is made only when a first child has been seen. */
#define SPARE_LARGE_BYTES (4 * 1024 * 1024)

static bool used_number[HP_KITS_MAX] = {true};

static struct hp_kit *shared(const struct kit *kit)
{
	return calls_kit(kit->family->registry->calls, kit->number);
}

static struct hp_exe exe_key(const struct family *family, uint64_t dev, uint64_t ino)
{
	return (struct hp_exe){
		.family = family->number,
		.dev = (uint32_t)major(dev) << 20 | minor(dev),
		.ino = ino,
	};
}

static uint32_t number_take(void)
{
	uint32_t i;

	for (i = 1; i < HP_KITS_MAX; i++) {
		if (!used_number[i]) {
			used_number[i] = true;
			return i;
		}
	}
	return 0;
}

static struct kit *kit_bare(struct family *family)
{
	struct kit *kit = calloc(1, sizeof(*kit));

	if (!kit)
		return NULL;
	kit->family = family;
	kit->exe_fd = -1;
	kit->number = number_take();
	if (!kit->number) {
		free(kit);
		return NULL;
	}
	memset(shared(kit), 0, sizeof(struct hp_kit));
	return kit;
}

/* --- spares ------------------------------------------------------------------ */

uint32_t kit_spares(const struct kit *kit)
{
	const struct hp_kit *ring = shared(kit);

	return ring->given - __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE);
}

uint32_t kit_slots(const struct kit *kit)
{
	return kit_spares(kit) + (kit->common != NULL);
}

uint64_t kit_kernel_bytes(const struct kit *kit)
{
	return kit->bytes * kit_slots(kit);
}

static void kit_give(struct kit *kit, struct target *spare)
{
	struct hp_kit *ring = shared(kit);

	__atomic_store_n(&ring->ring[ring->given % HP_SPARES_MAX], spare->slot, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->given, ring->given + 1, __ATOMIC_RELEASE);
}

static uint32_t spares_most(uint64_t bytes)
{
	uint64_t n = SPARES_MOST_BYTES / (bytes ?: 1);

	return n < 1 ? 1 : n > HP_SPARES_MAX - 1 ? HP_SPARES_MAX - 1 : n;
}

/* So many spares, and bytes, more. */
static bool may_have_more(struct kit *kit, uint32_t n, uint64_t bytes)
{
	struct registry *registry = kit->family->registry;
	/* Not of the memory that targets to be attached will want. */
	const uint64_t kept = registry->config->max_kernel_bytes / SPARES_KEEP_OFF;
	const struct limits_use want = {.targets = n, .slots = n, .bytes = bytes + kept};
	char text[256];

	return registry_allows(registry, kit->family->peer.uid, &want, text, sizeof(text));
}

/* How many of the free slots a kit may take now; of the last ones one, when it has none. */
static uint32_t slots_for(const struct kit *kit)
{
	uint32_t n = slot_free();

	n = n > SLOTS_RESERVE ? (n - SLOTS_RESERVE) / SLOTS_SHARE : 0;
	return n ?: kit_spares(kit) == 0;
}

void kit_fill(struct kit *kit)
{
	uint32_t have = kit_spares(kit), most = spares_most(kit->bytes), n;
	struct target *spare;

	if (kit->passive)
		return;
	if (kit->want < most && kit_is_low(kit))
		kit->want = kit->want * SPARES_GROW > most ? most : kit->want * SPARES_GROW ?: 1;
	n = have < kit->want ? kit->want - have : 0;
	/* Other kits need slots, too. */
	if (n > slots_for(kit))
		n = slots_for(kit);
	while (n && !may_have_more(kit, n, n * kit->bytes))
		n /= 2;
	while (n--) {
		/* Without one its children share its figures, which is said. */
		if (spare_new(kit, &spare) < 0)
			return;
		kit_give(kit, spare);
	}
}

bool kit_is_low(const struct kit *kit)
{
	return kit_spares(kit) < kit->want / 2 + 1;
}

/* As BPF does it (spare_take). */
static struct target *spare_pop(struct kit *kit)
{
	struct hp_kit *ring = shared(kit);
	uint32_t taken, slot;

	do {
		taken = __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE);
		if (taken == ring->given)
			return NULL;
		slot = ring->ring[taken % HP_SPARES_MAX];
	} while (!__atomic_compare_exchange_n(&ring->taken, &taken, taken + 1, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return slot_target(slot);
}

/* Half of what it had is nobody's now; it gets more as the others are used. */
static void give_up_half(struct kit *kit)
{
	struct target *spare;

	kit->want = kit_spares(kit) / 2;
	while (kit_spares(kit) > kit->want && (spare = spare_pop(kit)))
		target_unref(spare);
}

/* Of that user; 0: of anybody. NULL: each has one at most. */
static struct kit *kit_of_most_spares(const struct registry *registry, uid_t uid)
{
	struct kit *kit, *most = NULL;
	struct family *f;

	for (f = registry->families; f; f = f->next) {
		for (kit = f->kits; kit && (!uid || f->peer.uid == uid); kit = kit->next) {
			if (!most || kit_spares(kit) > kit_spares(most))
				most = kit;
		}
	}
	return most && kit_spares(most) > 1 ? most : NULL;
}

static uint32_t slots_of(const struct registry *registry, uid_t uid)
{
	const struct family *f;
	const struct kit *kit;
	uint32_t n = 0;

	for (f = registry->families; f; f = f->next) {
		for (kit = f->kits; kit && f->peer.uid == uid; kit = kit->next)
			n += kit_slots(kit);
	}
	return n;
}

/* For a new kit those that have many spares, and do not use them, give some up: who asks
 * first. One that needs more after all gets them as it is used (kit_fill). */
static void make_room(const struct family *family)
{
	const struct registry *registry = family->registry;
	uid_t uid = family->peer.uid;
	struct kit *kit;

	while (uid && slots_of(registry, uid) + SPARES_AT_ONCE >= LIMITS_SLOTS &&
	       (kit = kit_of_most_spares(registry, uid)))
		give_up_half(kit);
	while (slot_free() < SLOTS_RESERVE && ((kit = kit_of_most_spares(registry, uid)) ||
					       (kit = kit_of_most_spares(registry, 0))))
		give_up_half(kit);
}

struct target *kit_take(struct kit *kit)
{
	if (!kit_spares(kit)) {
		make_room(kit->family);
		kit_fill(kit);
	}
	return spare_pop(kit);
}

void kit_at_hook(struct kit *kit, uint32_t run)
{
	shared(kit)->hook = run;
}

/* Not in addition to what it knew: a verdict is about files that are loaded together. */
void kit_learn(struct kit *kit, const struct target *t)
{
	struct judged_object *judged;

	if (kit->passive)
		return;
	judged = calloc(t->n_judged ?: 1, sizeof(*judged));
	if (!judged)
		return;
	memcpy(judged, t->judged, t->n_judged * sizeof(*judged));
	free(kit->judged);
	kit->judged = judged;
	kit->n_judged = t->n_judged;
}

void kit_learn_hook(struct kit *kit)
{
	kit->hooked = true;
	__atomic_fetch_and(&shared(kit)->flags, ~HP_KIT_AHEAD, __ATOMIC_SEQ_CST);
}

void kit_retire(struct kit *kit)
{
	struct hp_exe key = exe_key(kit->family, kit->dev, kit->ino);

	if (!kit->retired)
		calls_exe_clear(kit->family->registry->calls, &key);
	kit->retired = true;
}

static bool kit_has(const struct kit *kit, const struct group *group)
{
	size_t i;

	for (i = 0; i < kit->n_groups && kit->group[i] != group; i++)
		;
	return i < kit->n_groups;
}

static int kit_add_groups(struct kit *kit, const struct target *like)
{
	struct group **grown;
	size_t i;

	grown = reallocarray(kit->group, kit->n_groups + like->n_members + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	kit->group = grown;
	for (i = 0; i < like->n_members; i++) {
		const struct member *m = &like->member[i];

		if (!m->group->shared || kit_has(kit, m->group))
			continue;
		kit->group[kit->n_groups++] = group_ref(m->group);
		kit->bytes += (uint64_t)m->cell.n_blocks * HP_BLOCK_SIZE;
		if (m->group->kind == PROBE_SESSION)
			shared(kit)->flags |= HP_KIT_SESSIONS;
	}
	return 0;
}

static uint64_t bytes_lacked(const struct kit *kit, const struct target *like)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < like->n_members; i++) {
		const struct member *m = &like->member[i];

		if (m->group->shared && !kit_has(kit, m->group))
			n += (uint64_t)m->cell.n_blocks * HP_BLOCK_SIZE;
	}
	return n;
}

/* Of those that BPF takes meanwhile family.c sees to it. */
void kit_extend(struct kit *kit, const struct target *like)
{
	const uint64_t more = bytes_lacked(kit, like);
	struct hp_kit *ring = shared(kit);
	uint32_t i;
	int r;

	/* Larger ones, and so fewer. */
	while (kit_spares(kit) && (kit_spares(kit) > spares_most(kit->bytes + more) ||
				   !may_have_more(kit, 0, kit_slots(kit) * more)))
		give_up_half(kit);
	r = kit_add_groups(kit, like);
	for (i = ring->taken; r >= 0 && i != ring->given; i++)
		r = spare_complete(slot_target(ring->ring[i % HP_SPARES_MAX]));
	if (r >= 0 && kit->common)
		r = spare_complete(kit->common);
	if (r < 0)
		log_error_errno(r, "functions of new objects are not measured in children");
}

void kit_take_back(struct kit *kit, struct target *t)
{
	const struct family *f = kit->family;
	bool full = kit_spares(kit) >= spares_most(kit->bytes) ||
		    (f->peer.uid && slots_of(f->registry, f->peer.uid) >= LIMITS_SLOTS);
	struct target *spare;

	if (full || spare_again(t, &spare) < 0)
		target_stop(t);
	else
		kit_give(kit, spare);
}

void kit_process_left(struct kit *kit)
{
	struct family *f = kit->family;
	struct hp_family *figures = calls_family(f->registry->calls, f->number);

	__atomic_fetch_sub(&figures->processes, 1, __ATOMIC_SEQ_CST);
}

/* --- life ---------------------------------------------------------------------- */

static int kit_copy(struct kit *kit, const struct target *like)
{
	size_t i;

	kit->dev = like->exe_dev;
	kit->ino = like->exe_ino;
	kit->path = strdup(like->exe ?: "");
	kit->group = calloc(like->n_members ?: 1, sizeof(struct group *));
	kit->judged = calloc(like->n_judged ?: 1, sizeof(*kit->judged));
	if (!kit->path || !kit->group || !kit->judged)
		return -ENOMEM;
	memcpy(kit->judged, like->judged, like->n_judged * sizeof(*kit->judged));
	kit->n_judged = like->n_judged;
	memcpy(kit->returns_reason, like->returns_reason, sizeof(kit->returns_reason));
	kit->returns_forbidden = like->returns_forbidden;
	kit->goroutines = like->goroutines;
	kit->hooked = like->hooked;
	/* A link of that process's own does not see others. */
	for (i = 0; i < like->n_members; i++) {
		if (!like->member[i].group->shared)
			continue;
		kit->group[kit->n_groups++] = group_ref(like->member[i].group);
		kit->bytes += (uint64_t)like->member[i].cell.n_blocks * HP_BLOCK_SIZE;
	}
	return 0;
}

static uint32_t kit_flags(const struct kit *kit, bool is_static)
{
	uint32_t flags = is_static ? HP_KIT_STATIC : 0;
	size_t i;

	for (i = 0; i < kit->n_groups; i++) {
		if (kit->group[i]->kind == PROBE_SESSION)
			flags |= HP_KIT_SESSIONS;
	}
	return flags;
}

static uint32_t spares_first(const struct kit *kit, uint32_t most)
{
	uint64_t n = SPARES_FIRST_BYTES / (kit->bytes ?: 1);

	n = n > most ? most : n;
	n = n > slot_free() / SLOTS_FIRST ? slot_free() / SLOTS_FIRST : n;
	return n ?: 1;
}

static int kit_stock(struct kit *kit)
{
	struct hp_slot *slot;
	int r;

	if (kit->bytes > SPARE_LARGE_BYTES)
		return 0;
	r = spare_new(kit, &kit->common);
	if (r < 0)
		return r;
	slot = calls_slot(kit->family->registry->calls, kit->common->slot);
	slot->state |= HP_TARGET_NEVER_RETURNS;
	shared(kit)->common = kit->common->slot;
	kit->want = spares_first(kit, SPARES_AT_ONCE);
	kit_fill(kit);
	/* The rest a little later: those that wait for this kit burn a CPU meanwhile. */
	kit->want = spares_first(kit, SPARES_FIRST);
	return 0;
}

int kit_new(struct family *family, const struct target *like, bool is_static, int exe_fd,
	    struct kit **ret)
{
	struct kit *kit = kit_bare(family);
	struct hp_exe key = exe_key(family, like->exe_dev, like->exe_ino);
	int r;

	if (!kit)
		return -ENOSPC;
	make_room(family);
	/* From here on what it takes is counted. */
	kit->next = family->kits;
	family->kits = kit;
	r = kit_copy(kit, like);
	if (r >= 0)
		r = kit->exe_fd = exe_fd < 0 ? kit_pin(like) : fcntl(exe_fd, F_DUPFD_CLOEXEC, 3);
	if (r >= 0) {
		kit->ahead = exe_fd >= 0 && !is_static;
		shared(kit)->flags = kit_flags(kit, is_static) | (kit->ahead ? HP_KIT_AHEAD : 0);
		/* glibc: before it maps, and after; learnt anew where a program is held. */
		shared(kit)->hook = 2;
		shared(kit)->state = kit->goroutines ? HP_TARGET_GOROUTINES : 0;
		r = kit_stock(kit);
	}
	if (r >= 0)
		r = calls_exe_set(family->registry->calls, &key, kit->number);
	if (r < 0) {
		family->kits = kit->next;
		kit->retired = true; /* what BPF has for that executable is another's */
		kit_free(kit);
		return r;
	}
	*ret = kit;
	return 0;
}

int kit_passive(struct family *family, struct kit **ret)
{
	struct kit *kit = kit_bare(family);
	int r;

	if (!kit)
		return -ENOSPC;
	kit->passive = true;
	make_room(family);
	r = spare_new(kit, &kit->common);
	if (r < 0) {
		kit_free(kit);
		return r;
	}
	calls_slot(family->registry->calls, kit->common->slot)->owner =
		family->peer.uid ? family->owner : 0;
	shared(kit)->common = kit->common->slot;
	shared(kit)->flags = HP_KIT_PASSIVE;
	shared(kit)->hook = 2; /* as in kit_new() */
	kit->next = family->kits;
	family->kits = kit;
	*ret = kit;
	return 0;
}

struct kit *kit_find(const struct family *family, uint64_t dev, uint64_t ino)
{
	struct kit *kit;

	for (kit = family->kits; kit; kit = kit->next) {
		if (!kit->passive && !kit->retired && kit->dev == dev && kit->ino == ino)
			return kit;
	}
	return NULL;
}

int kit_pin(const struct target *t)
{
	char path[64];
	struct stat st;
	pid_t tid;
	int fd;

	/* Its main thread may have exited, and has no executable then. */
	if (proc_live_thread(t->pid, &tid) < 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != t->exe_dev || st.st_ino != t->exe_ino) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

/* The oldest is forgotten, and looked at again when it comes again. */
static void nothing_forget(struct family *family, struct nothing *one)
{
	if (one->fd < 0)
		return;
	calls_exe_clear(family->registry->calls, &one->key);
	one->fd = close_fd(one->fd);
}

int kit_nothing(struct family *family, uint64_t dev, uint64_t ino, int fd)
{
	struct nothing *one = &family->nothing[family->n_nothing % NOTHING_MAX];
	int r;

	if (family->n_nothing++ >= NOTHING_MAX)
		nothing_forget(family, one);
	one->key = exe_key(family, dev, ino);
	one->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (one->fd < 0)
		return -errno;
	r = calls_exe_set(family->registry->calls, &one->key, family->passive->number);
	if (r < 0)
		one->fd = close_fd(one->fd);
	return r;
}

void kit_nothing_done(struct family *family)
{
	size_t i;

	for (i = 0; i < family->n_nothing && i < NOTHING_MAX; i++)
		nothing_forget(family, &family->nothing[i]);
	family->n_nothing = 0;
}

struct kit *kit_free(struct kit *kit)
{
	struct registry *registry;
	struct closing closing = {};
	struct hp_exe key;
	uint32_t i;

	if (!kit)
		return NULL;
	registry = kit->family->registry;
	key = exe_key(kit->family, kit->dev, kit->ino);
	if (!kit->passive && !kit->retired)
		calls_exe_clear(registry->calls, &key);
	for (i = shared(kit)->taken; i != shared(kit)->given; i++)
		target_unref(slot_target(shared(kit)->ring[i % HP_SPARES_MAX]));
	target_unref(kit->common);
	for (i = 0; i < kit->n_groups; i++)
		group_put(&registry->groups, registry->calls, kit->group[i], &closing);
	closing_run(&closing);
	memset(shared(kit), 0, sizeof(struct hp_kit));
	used_number[kit->number] = false;
	close_fd(kit->exe_fd);
	free(kit->path);
	free(kit->group);
	free(kit->judged);
	free(kit);
	return NULL;
}
