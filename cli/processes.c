// SPDX-License-Identifier: GPL-2.0-only
/* Which targets are shown as one, and where; processes.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/complain.h"
#include "cli/processes.h"
#include "lib/cleanup.h"
#include "lib/merge.h"

/* --- together -------------------------------------------------------------- */

static bool bytes_equal(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
	return a.len && a.len == b.len && !memcmp(a.data, b.data, a.len);
}

static bool belong(const Hotpath__Target *a, const Hotpath__Target *b, enum merge_by by)
{
	switch (by) {
	case MERGE_AUTO:
		return a->family && a->family == b->family && bytes_equal(a->exe, b->exe);
	case MERGE_EXE:
		return bytes_equal(a->exe, b->exe);
	case MERGE_CGROUP:
		return bytes_equal(a->cgroup, b->cgroup);
	case MERGE_NONE:
		break;
	}

	return false;
}

static Hotpath__Target *find(const Hotpath__Snapshot *s, size_t n, const Hotpath__Target *t,
			     enum merge_by by)
{
	for (size_t i = 0; i < n; i++)
		if (belong(s->targets[i], t, by))
			return s->targets[i];

	return NULL;
}

/* This is O(targets * those that stay): fine while a daemon keeps some hundred. */
static int merge(Hotpath__Snapshot *s, enum merge_by by)
{
	size_t n = 0, i;
	int r = 0;

	for (i = 0; i < s->n_targets && r == 0; i++) {
		Hotpath__Target *one = find(s, n, s->targets[i], by);

		if (!one) {
			s->targets[n++] = s->targets[i];
			continue;
		}
		r = merge_target(one, s->targets[i]);
		hotpath__target__free_unpacked(s->targets[i], NULL);
	}
	/* What an error left over is freed with the snapshot. */
	while (i < s->n_targets)
		s->targets[n++] = s->targets[i++];
	s->n_targets = n;
	return r;
}

static void tell_without_cgroup(const Hotpath__Snapshot *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_targets; i++)
		n += !s->targets[i]->cgroup.len;
	if (n)
		complain_hint("hotpath: --merge cgroup: of %zu target%s no cgroup is known; "
			      "shown one by one",
			      n, n == 1 ? "" : "s");
}

/* --- in order -------------------------------------------------------------- */

/* A target by its parent and by its place: children of one parent stand together. */
struct kin {
	int32_t parent;
	size_t place;
};

static int compare_kin(const void *a, const void *b)
{
	const struct kin *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;

	return (x->place > y->place) - (x->place < y->place);
}

/* The first with that parent. */
static size_t find_children(const struct kin *kin, size_t n, int32_t parent)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (kin[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}

	return low;
}

struct tree {
	Hotpath__Target **target; /* in the old order; NULL: placed */
	Hotpath__Target **placed;
	size_t n, n_placed;
	struct kin *kin;
	size_t *stack; /* places whose subtree is still to come */
};

/* Depth first, without recursion: a file may hold any chain. */
static void place_subtree(struct tree *tree, size_t root)
{
	size_t depth = 0;

	tree->stack[depth++] = root;
	while (depth) {
		size_t place = tree->stack[--depth], first, end;
		Hotpath__Target *t = tree->target[place];

		if (!t)
			continue;
		tree->target[place] = NULL;
		tree->placed[tree->n_placed++] = t;
		first = end = t->pid ? find_children(tree->kin, tree->n, t->pid) : tree->n;
		while (end < tree->n && tree->kin[end].parent == t->pid)
			end++;
		/* The last first, so that the first is taken next; never more than n: one
		 * that a second target of the same PID claims again is dropped above. */
		while (end-- > first)
			if (tree->target[tree->kin[end].place] && depth < tree->n)
				tree->stack[depth++] = tree->kin[end].place;
	}
}

static bool has_parent(const Hotpath__Target *t, const int32_t *pid, size_t n)
{
	size_t low = 0, high = n;

	while (t->parent_pid && t->parent_pid != t->pid && low < high) {
		size_t middle = low + (high - low) / 2;

		if (pid[middle] == t->parent_pid)
			return true;
		if (pid[middle] < t->parent_pid)
			low = middle + 1;
		else
			high = middle;
	}

	return false;
}

static int compare_pids(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int order(Hotpath__Snapshot *s)
{
	size_t n = s->n_targets;
	_cleanup_free_ Hotpath__Target **old = calloc(n + 1, sizeof(*old));
	_cleanup_free_ int32_t *pid = calloc(n + 1, sizeof(*pid));
	_cleanup_free_ struct kin *kin = calloc(n + 1, sizeof(*kin));
	_cleanup_free_ size_t *stack = calloc(n + 1, sizeof(*stack));
	struct tree tree = {.target = old, .placed = s->targets, .n = n, .kin = kin,
			    .stack = stack};

	if (!old || !pid || !kin || !stack)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		old[i] = s->targets[i];
		pid[i] = old[i]->pid;
		kin[i] = (struct kin){old[i]->parent_pid, i};
	}
	qsort(pid, n, sizeof(*pid), compare_pids);
	qsort(kin, n, sizeof(*kin), compare_kin);
	for (size_t i = 0; i < n; i++)
		if (old[i] && !has_parent(old[i], pid, n))
			place_subtree(&tree, i);
	/* Only PIDs that were used again can form a circle. */
	for (size_t i = 0; i < n; i++)
		if (old[i])
			place_subtree(&tree, i);
	return 0;
}

int processes_arrange(Hotpath__Snapshot *snapshot, enum merge_by by)
{
	int r;

	if (by == MERGE_CGROUP)
		tell_without_cgroup(snapshot);
	r = merge(snapshot, by);

	return r < 0 || !snapshot->n_targets ? r : order(snapshot);
}

size_t processes_depth(struct processes_line *line, const Hotpath__Target *target)
{
	size_t depth;

	while (line->n && (!target->parent_pid || line->pid[line->n - 1] != target->parent_pid))
		line->n--;
	depth = line->n;
	if (line->n < PROCESSES_DEPTH_MAX)
		line->pid[line->n++] = target->pid;

	return depth;
}
