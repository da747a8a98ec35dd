/* SPDX-License-Identifier: GPL-2.0-only */
/* Searching backwards from a ret for jumps that all its callers come by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/shortcut.h"

/* A cycle goes down in addresses somewhere: jumps back cover all of it. */
static int find_loops(const struct flow *f, struct loops *l)
{
	uint32_t first_hub = FLOW_NONE;
	int r = flow_grow((void **)&l->depth, &l->room, f->size + 1, sizeof(*l->depth));

	if (r < 0)
		return r;
	memset(l->depth, 0, (f->size + 1ull) * sizeof(*l->depth));
	for (uint32_t i = 0; i < f->n; i++)
		if (f->steps[i].hub && f->steps[i].at < first_hub)
			first_hub = f->steps[i].at;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct flow_step *s = &f->steps[i];
		uint32_t to = s->to == FLOW_NONE ? FLOW_NONE : f->steps[s->to].at;

		if (s->settled) /* a jump table leads to any of the hubs */
			to = first_hub;
		if (to == FLOW_NONE || to > s->at)
			continue;
		l->depth[to]++;
		l->depth[s->at + 1]--;
	}
	for (uint32_t at = 1; at <= f->size; at++)
		l->depth[at] += l->depth[at - 1];
	l->ready = true;

	return 0;
}

static bool is_emulated(const struct flow_step *s)
{
	uint8_t length = s->step.length;

	/* Prefixes make it another instruction to the kernel: eb, e9, 70+cc, 0f 80+cc. */
	return s->step.kind == STEP_JUMP ? length == 2 || length == 5
					 : s->step.condition != STEP_NO_CONDITION &&
						   (length == 2 || length == 6);
}

static bool add(const struct flow *f, const struct loops *l, uint32_t step, uint8_t condition,
		struct shortcut *ret)
{
	const struct flow_step *s = &f->steps[step];
	size_t conditions = 0;

	if (!is_emulated(s) || ret->n == SHORTCUT_SITES)
		return false;
	if (s->level.rsp == LEVEL_UNKNOWN && s->level.rbp == LEVEL_UNKNOWN)
		return false;
	for (size_t i = 0; i < ret->n; i++) {
		if (ret->sites[i].step == step)
			return false;
		conditions += ret->sites[i].condition != 0;
	}
	if (condition && (conditions == SHORTCUT_CONDITIONS || l->depth[s->at]))
		return false;
	ret->sites[ret->n++] = (struct shortcut_site){step, condition};

	return true;
}

/* All that jumps to a step. */
static bool add_jumps(const struct flow *f, const struct loops *l, uint32_t step,
		      struct shortcut *ret)
{
	for (uint32_t i = f->steps[step].first_in; i != FLOW_NONE; i = f->steps[i].next_in) {
		const struct step *s = &f->steps[i].step;

		if (!add(f, l, i, s->kind == STEP_BRANCH ? 1 + s->condition : 0, ret))
			return false;
	}

	return true;
}

int shortcut_find(const struct flow *f, struct loops *l, uint32_t ret_step, struct shortcut *ret)
{
	uint32_t step = ret_step;

	*ret = (struct shortcut){0};
	if (f->steps[ret_step].level.rsp != 0)
		return 0;
	if (!l->ready && find_loops(f, l) < 0)
		return -ENOMEM;
	for (int left = SHORTCUT_STEPS; left; left--) {
		const struct flow_step *s = &f->steps[step];
		uint32_t before;

		/* The entry, or where tables and unwinders lead: not all comes by jumps. */
		if (!s->at || s->hub || !add_jumps(f, l, step, ret))
			return 0;
		before = flow_before(f, step);
		if (before == FLOW_NONE)
			return ret->n > 0;
		s = &f->steps[before];
		if (s->step.kind == STEP_CALL || s->step.slow)
			return 0;
		if (s->step.kind == STEP_BRANCH)
			return s->step.condition != STEP_NO_CONDITION &&
			       add(f, l, before, 1 + (s->step.condition ^ 1), ret);
		step = before;
	}

	return 0;
}

void loops_free(struct loops *l)
{
	free(l->depth);
	*l = (struct loops){0};
}
