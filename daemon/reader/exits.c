/* SPDX-License-Identifier: GPL-2.0-only */
/* From the control flow to the places where a call is over. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/reader/exits.h"
#include "daemon/reader/instruction.h"


/* A jump both of whose ways leave, each to a ret of its own: it always leaves. */
static bool merge(struct exits_finder *f, const struct exit_site *site)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].vaddr != site->vaddr)
			continue;
		if (f->list[i].condition != site->condition)
			f->list[i].condition = 0;
		return true;
	}

	return false;
}

static const char *add(struct exits_finder *f, struct exit_site site, int *ret_r)
{
	if (merge(f, &site))
		return NULL;
	if (f->n == EXITS_MAX)
		return "it has too many ways out";
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		void *list = reallocarray(f->list, room, sizeof(*f->list));

		if (!list) {
			*ret_r = -ENOMEM;
			return "out of memory";
		}
		f->list = list;
		f->room = room;
	}
	f->list[f->n++] = site;

	return NULL;
}

static enum probe_kind probe_of(const struct flow *f, uint32_t step)
{
	struct instruction_effects e;
	const uint8_t *code;
	size_t room;

	code = flow_bytes(f, f->steps[step].at, &room);
	if (instruction_effects(code, room, flow_vaddr(f, f->steps[step].at), &e) < 0)
		return PROBE_REFUSED;

	return e.probe;
}

/* The step itself as a way out: a ret, or a jump that leaves. */
static const char *add_leaving(struct exits_finder *f, uint32_t step, int *ret_r)
{
	const struct flow_step *s = &f->flow.steps[step];
	enum probe_kind probe = probe_of(&f->flow, step);
	struct exit_site site = {.vaddr = flow_vaddr(&f->flow, s->at)};

	if (s->step.kind == STEP_BRANCH && s->step.condition == STEP_NO_CONDITION)
		return "it leaves by a jump without a condition code";
	if (probe != PROBE_STEPPED && probe != PROBE_EMULATED)
		return "the kernel can not probe one of its ways out";
	site.class = probe == PROBE_EMULATED ? HOTPATH__SITE_CLASS__SITE_EMULATED
					     : HOTPATH__SITE_CLASS__SITE_STEPPED;
	site.condition = s->step.kind == STEP_BRANCH ? 1 + s->step.condition : 0;

	return add(f, site, ret_r);
}

/*
 * Where the return address lies is known at these: by rsp, or, where the stack was
 * aligned or made room for an array, by rbp.
 */
static struct exit_site shortcut_site(const struct flow *f, const struct shortcut_site *from)
{
	const struct flow_step *s = &f->steps[from->step];
	bool by_rbp = s->level.rsp == LEVEL_UNKNOWN;
	int32_t level = by_rbp ? s->level.rbp : s->level.rsp;

	return (struct exit_site){.vaddr = flow_vaddr(f, s->at),
				  .class = HOTPATH__SITE_CLASS__SITE_EMULATED,
				  .sp_offset = (uint32_t)-level,
				  .frame_pointer = by_rbp,
				  .condition = from->condition};
}

static bool may_stand_in(const struct flow *f, const struct shortcut *shortcut, uint32_t skip)
{
	for (size_t i = 0; i < shortcut->n; i++) {
		const struct flow_step *s = &f->steps[shortcut->sites[i].step];
		int32_t level = s->level.rsp == LEVEL_UNKNOWN ? s->level.rbp : s->level.rsp;

		/* Behind the entry's own place, and with the return address above it. */
		if (s->at <= skip || level > 0)
			return false;
	}

	return true;
}

static const char *add_return(struct exits_finder *f, uint32_t step, uint32_t skip, int *ret_r)
{
	struct shortcut shortcut;
	const char *why = NULL;
	int r = shortcut_find(&f->flow, &f->loops, step, &shortcut);

	if (r < 0) {
		*ret_r = r;
		return "out of memory";
	}
	if (!r || !may_stand_in(&f->flow, &shortcut, skip))
		return f->flow.steps[step].at == skip ? "its way out is its entry"
						      : add_leaving(f, step, ret_r);
	for (size_t i = 0; i < shortcut.n && !why; i++)
		why = add(f, shortcut_site(&f->flow, &shortcut.sites[i]), ret_r);

	return why;
}

static const char *add_all(struct exits_finder *f, uint32_t skip, int *ret_r)
{
	for (uint32_t i = 0; i < f->flow.n; i++) {
		const struct flow_step *s = &f->flow.steps[i];
		bool returns = s->step.kind == STEP_RETURN;
		const char *why;

		if (!returns && !s->tail)
			continue;
		if (s->level.rsp != 0 && s->level.rsp != LEVEL_UNKNOWN)
			return returns ? "at a return its stack is not as it was at the entry"
				       : "it jumps to another function from the middle of its own";
		if (!returns && s->at == skip)
			return "its way out is its entry";
		why = returns ? add_return(f, i, skip, ret_r) : add_leaving(f, i, ret_r);
		if (why)
			return why;
	}

	return f->n ? NULL : "it does not return";
}

int exits_find(struct exits_finder *f, const struct flow_code *code, uint32_t skip,
	       struct exits *ret)
{
	int r = flow_trace(&f->flow, code);

	if (r < 0)
		return r;
	f->n = 0;
	f->loops.ready = false;
	*ret = (struct exits){.none = f->flow.why};
	if (!ret->none)
		ret->none = add_all(f, skip, &r);
	if (r < 0)
		return r;
	if (!ret->none) {
		ret->list = f->list;
		ret->n = f->n;
	}

	return 0;
}

void *exits_keep(struct exits_finder *f, size_t size)
{
	if (f->n_kept == f->kept_room) {
		size_t room = f->kept_room ? 2 * f->kept_room : 64;
		void *kept = reallocarray(f->kept, room, sizeof(*f->kept));

		if (!kept)
			return NULL;
		f->kept = kept;
		f->kept_room = room;
	}
	f->kept[f->n_kept] = malloc(size);

	return f->kept[f->n_kept] ? f->kept[f->n_kept++] : NULL;
}

void exits_free(struct exits_finder *f)
{
	for (size_t i = 0; i < f->n_kept; i++)
		free(f->kept[i]);
	free(f->kept);
	flow_free(&f->flow);
	loops_free(&f->loops);
	free(f->list);
	*f = (struct exits_finder){0};
}
