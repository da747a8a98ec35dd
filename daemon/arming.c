// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links on parts of a group; see arming.h.
 *
 * A link takes 7 ms to make and 15 us for each place, and as much again to remove; while it
 * is made or removed the target loses 6 us a place (measured: docs/ARCHITECTURE.md). So what
 * is armed for good is linked in chunks: large enough to make thousands at once, small enough
 * that to release one function of a chunk costs little for the rest of it.
 */
#include "arming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/hotpath.h"
#include "collect-calls.h"
#include "group.h"
#include "lib/cleanup.h"

#define CHUNK 64
/* Calls that were entered by a link that is replaced return by it, if they do within this. */
#define HANDOVER_US 5000

struct armed {
	struct arming *arming;
	uint32_t number;
	uint32_t *function;
	size_t n;
	int *fds;
	size_t n_fds;
	uint64_t places;
};

struct arming {
	struct group *group;
	struct calls *calls;
	struct closer *closer;
	uint32_t *of;	     /* of each function: which link arms it for good, 0: none */
	uint32_t *first_exit; /* likewise: its exits in group->exits; one more at the end */
	struct armed *link[HP_LINKS_MAX];
	uint64_t changes;
	bool exits;
};

static struct armed *armed_free(struct armed *link)
{
	if (!link)
		return NULL;
	free(link->function);
	links_close(&link->fds, &link->n_fds);
	free(link);
	return NULL;
}

int arming_new(struct group *group, struct calls *calls, struct closer *closer,
	       struct arming **ret)
{
	struct arming *a = calloc(1, sizeof(*a));
	struct hp_group *shared = calls_group(calls, group->id);
	size_t i, k = 0;

	if (!a)
		return -ENOMEM;
	a->group = group;
	a->calls = calls;
	a->closer = closer;
	a->of = calloc(group->count + 1, sizeof(*a->of));
	a->first_exit = calloc(group->count + 1, sizeof(*a->first_exit));
	if (!a->of || !a->first_exit) {
		arming_free(a, NULL);
		return -ENOMEM;
	}
	for (i = 0; i < group->count; i++) {
		a->first_exit[i] = k;
		while (k < group->n_exits && HP_COOKIE_FUNC(group->exit_cookies[k]) == i)
			k++;
	}
	a->first_exit[i] = k;
	memset(shared->open, 0, sizeof(shared->open));
	__atomic_store_n(&shared->limited, 1, __ATOMIC_RELEASE);
	*ret = a;
	return 0;
}

struct arming *arming_free(struct arming *a, struct closing *closing)
{
	struct hp_group *shared = a ? calls_group(a->calls, a->group->id) : NULL;
	size_t i;

	if (!a)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(shared->open); i++)
		__atomic_store_n(&shared->open[i], 0, __ATOMIC_RELEASE);
	/* Its number may be another group's soon. */
	closer_wait(a->closer);
	for (i = 0; i < HP_LINKS_MAX; i++) {
		if (a->link[i] && closing)
			closing_add(closing, &a->link[i]->fds, &a->link[i]->n_fds);
		armed_free(a->link[i]);
	}
	__atomic_store_n(&shared->limited, 0, __ATOMIC_RELEASE);
	free(a->of);
	free(a->first_exit);
	free(a);
	return NULL;
}

/* --- one link --------------------------------------------------------------------- */

static uint32_t exits_of(const struct arming *a, uint32_t i)
{
	return a->first_exit[i + 1] - a->first_exit[i];
}

static bool has_exits_probed(const struct arming *a)
{
	return a->group->kind == PROBE_SITES || (a->group->kind == PROBE_SESSION && a->exits);
}

uint32_t arming_sites(const struct arming *a, uint32_t i)
{
	return 1 + (has_exits_probed(a) ? exits_of(a, i) : 0);
}

uint64_t arming_changes(const struct arming *a)
{
	return a->changes;
}

bool arming_is_armed(const struct arming *a, uint32_t function)
{
	return a->of[function] != 0;
}

/* What one link is on: offsets and cookies, of entries and of ways out. */
struct places {
	uint64_t *entry, *entry_cookie, *exit, *exit_cookie;
	size_t n, n_exits;
};

static void places_done(struct places *p)
{
	free(p->entry);
	free(p->entry_cookie);
	free(p->exit);
	free(p->exit_cookie);
}

static int places_fill(const struct arming *a, const struct armed *link, struct places *p)
{
	const struct group *g = a->group;
	size_t i, k, exits = 0;

	for (i = 0; i < link->n; i++)
		exits += exits_of(a, link->function[i]);
	p->entry = calloc(link->n + 1, sizeof(*p->entry));
	p->entry_cookie = calloc(link->n + 1, sizeof(*p->entry_cookie));
	p->exit = calloc(exits + 1, sizeof(*p->exit));
	p->exit_cookie = calloc(exits + 1, sizeof(*p->exit_cookie));
	if (!p->entry || !p->entry_cookie || !p->exit || !p->exit_cookie)
		return -ENOMEM;
	for (i = 0; i < link->n; i++) {
		uint32_t f = link->function[i];

		p->entry[p->n] = g->sites[f];
		p->entry_cookie[p->n++] = g->cookies[f] | HP_COOKIE_LINK(link->number);
		for (k = a->first_exit[f]; k < a->first_exit[f + 1]; k++) {
			p->exit[p->n_exits] = g->exits[k];
			p->exit_cookie[p->n_exits++] = g->exit_cookies[k];
		}
	}
	return 0;
}

/* The ways out of what a link of sessions is on. */
static int link_exits(struct arming *a, struct armed *link, const struct places *p)
{
	const struct link_sites exits = {a->group->file_fd, p->exit, p->exit_cookie, p->n_exits};
	_cleanup_free_ int *fds = NULL;
	int *grown;
	size_t n;
	int r;

	if (!p->n_exits)
		return 0;
	r = calls_link(a->calls, PROBE_EXITS, &exits, NULL, 0, &fds, &n);
	if (r < 0)
		return r;
	grown = reallocarray(link->fds, link->n_fds + n, sizeof(*grown));
	if (!grown) {
		links_close(&fds, &n);
		return -ENOMEM;
	}
	memcpy(grown + link->n_fds, fds, n * sizeof(*fds));
	link->fds = grown;
	link->n_fds += n;
	link->places += p->n_exits;
	a->changes += p->n_exits;
	return 0;
}

static int link_make(struct arming *a, struct armed *link)
{
	_cleanup_(places_done) struct places p = {};
	const struct group *g = a->group;
	struct link_sites entries, exits;
	int r;

	r = places_fill(a, link, &p);
	if (r < 0)
		return r;
	entries = (struct link_sites){g->file_fd, p.entry, p.entry_cookie, p.n};
	exits = (struct link_sites){g->file_fd, p.exit, p.exit_cookie, p.n_exits};
	r = calls_link(a->calls, g->kind, &entries, &exits, 0, &link->fds, &link->n_fds);
	if (r < 0)
		return r;
	link->places = p.n + (g->kind == PROBE_SITES ? p.n_exits : 0);
	a->changes += link->places;
	return a->exits && g->kind == PROBE_SESSION ? link_exits(a, link, &p) : 0;
}

int arming_link(struct arming *a, const uint32_t *functions, size_t n, uint32_t *ret_link)
{
	struct armed *link;
	uint32_t number;
	int r;

	for (number = 1; number < HP_LINKS_MAX && a->link[number]; number++)
		;
	if (number == HP_LINKS_MAX)
		return -ENOSPC;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->arming = a;
	link->number = number;
	link->n = n;
	link->function = calloc(n + 1, sizeof(*link->function));
	r = link->function ? 0 : -ENOMEM;
	if (r >= 0) {
		memcpy(link->function, functions, n * sizeof(*functions));
		r = link_make(a, link);
	}
	if (r < 0) {
		armed_free(link);
		return r;
	}
	a->link[number] = link;
	*ret_link = number;
	return 0;
}

static void set_open(struct arming *a, uint32_t link, bool open)
{
	__u64 *word = &calls_group(a->calls, a->group->id)->open[link / 64];

	if (open)
		__atomic_fetch_or(word, 1ULL << link % 64, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~(1ULL << link % 64), __ATOMIC_SEQ_CST);
}

void arming_open(struct arming *a, uint32_t link)
{
	set_open(a, link, true);
}

void arming_shut(struct arming *a, uint32_t link)
{
	set_open(a, link, false);
}

static void on_closed(void *userdata)
{
	struct armed *link = userdata;

	link->arming->link[link->number] = NULL;
	armed_free(link);
}

static void link_remove(struct arming *a, uint32_t number, uint32_t delay_us)
{
	struct armed *link = a->link[number];

	set_open(a, number, false);
	a->changes += link->places;
	closer_close(a->closer, &link->fds, &link->n_fds, delay_us, on_closed, link);
}

void arming_unlink(struct arming *a, uint32_t link)
{
	link_remove(a, link, 0);
}

/* --- for good --------------------------------------------------------------------- */

/* Of a large group more at once: links are few. */
static size_t chunk_size(const struct arming *a)
{
	size_t fair = a->group->count / (HP_LINKS_MAX / 4);

	return fair > CHUNK ? fair : CHUNK;
}

/*
 * A call that is open when its link is replaced is not seen to return. main() is open all the
 * time, and is called once: it has no neighbours that could be released.
 */
static bool is_open_for_long(const struct arming *a, uint32_t function)
{
	return strcmp(a->group->functions[function].name, "main") == 0;
}

static size_t links_used(const struct arming *a)
{
	size_t number, n = 0;

	for (number = 1; number < HP_LINKS_MAX; number++)
		n += a->link[number] != NULL;
	return n;
}

/* Those of a link that it arms for good still; to is NULL, or where to put them. */
static size_t live_of(const struct arming *a, uint32_t number, uint32_t *to)
{
	const struct armed *link = a->link[number];
	size_t i, n = 0;

	for (i = 0; link && link->n_fds && i < link->n; i++) {
		if (a->of[link->function[i]] != number)
			continue;
		if (to)
			to[n] = link->function[i];
		n++;
	}
	return n;
}

/*
 * Likewise, and what links with few functions had: what is armed a few at a time, or is left
 * over of what was, would need more links than there are.
 */
static int arm_together(struct arming *a, const uint32_t *functions, size_t n)
{
	_cleanup_free_ uint32_t *all = calloc(a->group->count + n + 1, sizeof(*all));
	size_t most = chunk_size(a), total = n, live, i;
	bool merged[HP_LINKS_MAX] = {};
	uint32_t number, fresh;
	int r;

	if (!all)
		return -ENOMEM;
	memcpy(all, functions, n * sizeof(*all));
	for (number = 1; number < HP_LINKS_MAX; number++) {
		live = live_of(a, number, NULL);
		if (live == 1 && is_open_for_long(a, a->link[number]->function[0]))
			continue;
		if (!live || live > most / 2 || total + live > 2 * most)
			continue;
		total += live_of(a, number, all + total);
		merged[number] = true;
	}
	r = arming_link(a, all, total, &fresh);
	if (r < 0)
		return r;
	for (number = 1; number < HP_LINKS_MAX; number++) {
		if (merged[number])
			set_open(a, number, false);
	}
	set_open(a, fresh, true);
	for (i = 0; i < total; i++)
		a->of[all[i]] = fresh;
	for (number = 1; number < HP_LINKS_MAX; number++) {
		if (merged[number])
			link_remove(a, number, HANDOVER_US);
	}
	return 0;
}

static int arm_chunk(struct arming *a, const uint32_t *functions, size_t n)
{
	uint32_t number;
	size_t i;
	int r;

	if (links_used(a) >= HP_LINKS_MAX / 2)
		return arm_together(a, functions, n);
	r = arming_link(a, functions, n, &number);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		a->of[functions[i]] = number;
	set_open(a, number, true);
	return 0;
}

int arming_arm(struct arming *a, const uint32_t *functions, size_t n)
{
	_cleanup_free_ uint32_t *fresh = calloc(n + 1, sizeof(*fresh));
	size_t i, k = 0, chunk = chunk_size(a);
	int r = 0;

	if (!fresh)
		return -ENOMEM;
	for (i = 0; r >= 0 && i < n; i++) {
		if (a->of[functions[i]])
			continue;
		if (is_open_for_long(a, functions[i]))
			r = arm_chunk(a, &functions[i], 1);
		else
			fresh[k++] = functions[i];
	}
	for (i = 0; r >= 0 && i < k; i += chunk)
		r = arm_chunk(a, fresh + i, k - i < chunk ? k - i : chunk);
	return r;
}

/*
 * The old one first: never are both open. The kernel asks the newest link first, so a hit
 * that comes just then is refused by both at worst, and none is counted twice.
 */
static void hand_over(struct arming *a, uint32_t from, uint32_t to)
{
	__u64 *words = calls_group(a->calls, a->group->id)->open, word;

	if (from / 64 != to / 64) {
		set_open(a, from, false);
		set_open(a, to, true);
		return;
	}
	word = __atomic_load_n(&words[to / 64], __ATOMIC_RELAXED);
	word = (word & ~(1ULL << from % 64)) | 1ULL << to % 64;
	__atomic_store_n(&words[to / 64], word, __ATOMIC_SEQ_CST);
}

/* What of a link still is to be armed gets a link of its own. */
static void thin_out(struct arming *a, uint32_t number)
{
	struct armed *old = a->link[number];
	_cleanup_free_ uint32_t *kept = calloc(old->n + 1, sizeof(*kept));
	uint32_t fresh = 0;
	size_t i, n = 0;

	for (i = 0; kept && i < old->n; i++) {
		if (a->of[old->function[i]] == number)
			kept[n++] = old->function[i];
	}
	if (n && arming_link(a, kept, n, &fresh) >= 0)
		hand_over(a, number, fresh);
	/* Without a link they are armed no more, which arming_is_armed() tells. */
	for (i = 0; i < old->n; i++) {
		if (a->of[old->function[i]] == number)
			a->of[old->function[i]] = fresh;
	}
	link_remove(a, number, HANDOVER_US);
}

void arming_release(struct arming *a, const uint32_t *functions, size_t n)
{
	bool touched[HP_LINKS_MAX] = {};
	uint32_t number;
	size_t i;

	for (i = 0; i < n; i++) {
		touched[a->of[functions[i]]] = true;
		a->of[functions[i]] = 0;
	}
	for (number = 1; number < HP_LINKS_MAX; number++) {
		if (touched[number])
			thin_out(a, number);
	}
}

int arming_probe_exits(struct arming *a)
{
	uint32_t number;
	int r = 0;

	if (a->exits || a->group->kind != PROBE_SESSION)
		return 0;
	a->exits = true;
	for (number = 1; r >= 0 && number < HP_LINKS_MAX; number++) {
		_cleanup_(places_done) struct places p = {};

		/* Those without descriptors are being removed. */
		if (!a->link[number] || !a->link[number]->n_fds)
			continue;
		r = places_fill(a, a->link[number], &p);
		if (r >= 0)
			r = link_exits(a, a->link[number], &p);
	}
	/* Whoever tries again has them all. */
	a->exits = r >= 0;
	return r;
}
