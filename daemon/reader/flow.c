/* SPDX-License-Identifier: GPL-2.0-only */
/* Following a function's code from its entry. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/callee.h"
#include "daemon/reader/flow.h"
#include "daemon/reader/jumptable.h"

#define RESTART_STEPS 32

struct flow_work {
	uint32_t at;
	struct level level;
	bool sure, hub;
};

static const struct level no_level = {LEVEL_UNKNOWN, LEVEL_UNKNOWN};

/* --- where a jump leads ---------------------------------------------------- */

enum way {
	WAY_INSIDE,
	WAY_TAIL,
	WAY_LOST, /* why is set */
};

static enum placement_part_kind find_part(const struct flow *f, uint64_t vaddr,
					  struct placement_part *ret)
{
	*ret = (struct placement_part){0};

	return f->code->find_part ? f->code->find_part(f->code->context, vaddr, ret)
				  : PART_UNKNOWN;
}

/* As in a PLT: [endbr64] jmp through one fixed slot. */
static bool is_stub(const struct flow *f, uint64_t vaddr)
{
	uint64_t room = 0;
	const uint8_t *code = f->code->find_constants
				      ? f->code->find_constants(f->code->context, vaddr, &room)
				      : NULL;
	struct level level = no_level;
	struct step s;

	for (int i = 0; i < 2 && code; i++) {
		if (step_decode(code, room, vaddr, &level, &s) < 0)
			return false;
		if (s.kind == STEP_INDIRECT)
			return s.slot;
		if (i || s.length != 4 || memcmp(code, "\xf3\x0f\x1e\xfa", 4))
			return false;
		code += s.length;
		room -= s.length;
		vaddr += s.length;
	}

	return false;
}

/* A jump to code of other bounds: a tail call, or its own part, which is added. */
static int leave(struct flow *f, uint64_t vaddr, const struct level *level, enum way *ret,
		 uint32_t *ret_at)
{
	struct placement_part part, start;
	enum placement_part_kind kind = find_part(f, vaddr, &part);
	int r;

	*ret = WAY_TAIL;
	if (kind == PART_FUNCTION || is_stub(f, vaddr))
		return 0;
	/* A nameless function, or a nameless part: at the entry's level, the former. */
	if (kind == PART_CODE && !part.cold && vaddr == part.vaddr && level->rsp == 0)
		return 0;
	*ret = WAY_LOST;
	if (kind != PART_CODE) {
		f->why = "it jumps to unknown code";
		return 0;
	}
	if (!part.cold && find_part(f, part.vaddr, &start) == PART_FUNCTION) {
		f->why = "it jumps into the middle of another function";
		return 0;
	}
	r = flow_add_stretch(f, part);
	if (r < 0 || f->why)
		return r;
	*ret = flow_locate(f, vaddr, ret_at) ? WAY_INSIDE : WAY_LOST;
	if (*ret == WAY_LOST)
		f->why = "it jumps to unknown code";

	return 0;
}

/* Go: code that has grown the stack starts the function over; it was not entered before. */
static bool is_restart(const struct flow *f, uint32_t step)
{
	for (uint32_t i = 0; i < RESTART_STEPS && step != FLOW_NONE; i++) {
		if (f->steps[step].step.kind == STEP_CALL)
			return f->steps[step].level.rsp == 0;
		step = flow_before(f, step);
	}

	return false;
}

static int follow(struct flow *f, uint32_t step, uint64_t vaddr, enum way *ret, uint32_t *ret_at)
{
	*ret = WAY_INSIDE;
	if (!flow_locate(f, vaddr, ret_at))
		return leave(f, vaddr, &f->steps[step].level, ret, ret_at);
	/* To its own start with the stack as it was: a tail call to itself. */
	if (*ret_at == 0 && f->steps[step].level.rsp == 0 && !is_restart(f, step))
		*ret = WAY_TAIL;

	return 0;
}

bool flow_leads(struct flow *f, uint64_t vaddr, bool proven, uint32_t *ret_at)
{
	struct placement_part part, start;

	if (flow_locate(f, vaddr, ret_at))
		return true;
	if (find_part(f, vaddr, &part) != PART_CODE)
		return false;
	if (!part.cold && (!proven || find_part(f, part.vaddr, &start) == PART_FUNCTION))
		return false;
	if (flow_add_stretch(f, part) < 0)
		f->why = "out of memory";

	return !f->why && flow_locate(f, vaddr, ret_at);
}

/* --- going there ----------------------------------------------------------- */

static int push(struct flow *f, struct flow_work work)
{
	int r = flow_grow((void **)&f->work, &f->work_room, f->n_work + 1, sizeof(*f->work));

	if (r == 0)
		f->work[f->n_work++] = work;

	return r;
}

int flow_enter(struct flow *f, uint32_t from, uint32_t at)
{
	return push(f, (struct flow_work){at, f->steps[from].level, false, true});
}

/* Levels that differ are not known; a way that calls nothing is the one to believe. */
static bool merge(struct flow_step *s, const struct flow_work *w)
{
	struct flow_step old = *s;

	s->hub |= w->hub;
	if (w->sure && !s->sure) {
		s->level = w->level;
		s->sure = true;
	} else if (w->sure == s->sure) {
		if (w->level.rsp != s->level.rsp)
			s->level.rsp = LEVEL_UNKNOWN;
		if (w->level.rbp != s->level.rbp)
			s->level.rbp = LEVEL_UNKNOWN;
	}

	return old.sure != s->sure || old.level.rsp != s->level.rsp ||
	       old.level.rbp != s->level.rbp;
}

static void note_taken(struct flow *f, uint64_t address)
{
	for (size_t i = 0; i < f->n_taken; i++)
		if (f->taken[i] == address)
			return;
	if (f->n_taken < FLOW_TAKEN_MAX)
		f->taken[f->n_taken++] = address;
}

static int add_step(struct flow *f, const struct flow_work *w, const struct step *step)
{
	int r = flow_grow((void **)&f->steps, &f->room, f->n + 1, sizeof(*f->steps));

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < step->length; i++) {
		if (f->map[w->at + i]) {
			f->why = "its instructions overlap: jumps lead into their middle";
			return 0;
		}
		f->map[w->at + i] = FLOW_WITHIN;
	}
	f->steps[f->n] = (struct flow_step){.step = *step,
					    .at = w->at,
					    .level = w->level,
					    .sure = w->sure,
					    .hub = w->hub,
					    .to = FLOW_NONE,
					    .first_in = FLOW_NONE,
					    .next_in = FLOW_NONE};
	f->map[w->at] = ++f->n;
	if (step->takes)
		note_taken(f, step->address);

	return 0;
}

/* Arrives at a step; *ret: its number, or FLOW_NONE when nothing is new. w: behind it. */
static int arrive(struct flow *f, struct flow_work *w, uint32_t *ret)
{
	struct flow_work before = *w;
	uint32_t known = flow_find(f, w->at);
	const uint8_t *code;
	struct step step;
	size_t room;
	int r;

	*ret = FLOW_NONE;
	if (f->map[w->at] == FLOW_WITHIN) {
		f->why = "its instructions overlap: jumps lead into their middle";
		return 0;
	}
	if (known != FLOW_NONE) {
		if (!merge(&f->steps[known], w))
			return 0;
		before.level = f->steps[known].level;
		before.sure = f->steps[known].sure;
		*w = before;
	}
	code = flow_bytes(f, w->at, &room);
	if (step_decode(code, room, flow_vaddr(f, w->at), &w->level, &step) < 0) {
		f->why = "not all of it decodes as code";
		return 0;
	}
	if (known == FLOW_NONE) {
		known = f->n;
		r = add_step(f, &before, &step);
		if (r < 0 || f->why)
			return r;
	}
	*ret = known;

	return 0;
}

/* The landing pads of a call: there the stack is as the call left it. */
static int go_to_landings(struct flow *f, uint32_t step, const struct level *level)
{
	const struct flow_stretch *s = flow_stretch(f, f->steps[step].at);
	uint64_t vaddr = flow_vaddr(f, f->steps[step].at);
	size_t low = s->first_landing, high = low + s->n_landings;
	uint32_t at;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->landings.list[middle].end <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->first_landing + s->n_landings || f->landings.list[low].start > vaddr)
		return 0;
	if (!flow_leads(f, f->landings.list[low].pad, true, &at)) {
		f->why = f->why ? f->why : "a landing pad lies outside of it";
		return 0;
	}

	return push(f, (struct flow_work){at, *level, false, true});
}

bool flow_takes_return(struct flow *f, uint64_t vaddr)
{
	struct flow_callee *c = &f->callees[(vaddr >> 4 ^ vaddr >> 16) % FLOW_CALLEES];

	/* Go's linker puts no data into code, and its morestack looks at its caller. */
	if (!f->code->find_constants || f->code->resumer)
		return false;
	if (c->context == f->code->context && c->vaddr == vaddr)
		return c->takes_return;
	*c = (struct flow_callee){f->code->context, vaddr, false};
	c->takes_return = f->code->takes_return
				  ? f->code->takes_return(f->code->context, vaddr)
				  : callee_takes_return(f->code, vaddr);

	return c->takes_return;
}

static int take_call(struct flow *f, uint32_t step, struct flow_work *w)
{
	uint32_t at;

	if (f->steps[step].step.direct && flow_takes_return(f, f->steps[step].step.target)) {
		f->why = "it calls what takes its return address: data may lie behind the call";
		return 0;
	}

	if (f->steps[step].step.direct && flow_locate(f, f->steps[step].step.target, &at) && at) {
		f->why = "it calls into its own middle";
		return 0;
	}
	w->sure = false;

	return go_to_landings(f, step, &w->level);
}

static int take_jump(struct flow *f, uint32_t step, const struct flow_work *w)
{
	enum way way;
	uint32_t at;
	int r = follow(f, step, f->steps[step].step.target, &way, &at);

	if (r < 0 || way == WAY_LOST)
		return r;
	f->steps[step].tail = way == WAY_TAIL;
	f->steps[step].to = way == WAY_TAIL ? FLOW_NONE : at;
	if (way == WAY_TAIL)
		return 0;

	return push(f, (struct flow_work){at, w->level, w->sure, false});
}

/* 0 with *ret_on, whether it goes on behind the step. */
static int take(struct flow *f, uint32_t step, struct flow_work *w, bool *ret_on)
{
	enum step_kind kind = f->steps[step].step.kind;

	*ret_on = kind == STEP_ON || kind == STEP_CALL || kind == STEP_BRANCH;
	switch (kind) {
	case STEP_CALL:
		return take_call(f, step, w);
	case STEP_JUMP:
	case STEP_BRANCH:
		return take_jump(f, step, w);
	case STEP_ODD:
		f->why = "it leaves by an instruction that leads nobody knows where";
		return 0;
	default:
		return 0;
	}
}

/* What is called last of all, but for padding, does not come back. */
static bool follows_call(const struct flow *f, uint32_t step)
{
	while (step != FLOW_NONE && f->steps[step].step.nop)
		step = flow_before(f, step);

	return step != FLOW_NONE && f->steps[step].step.kind == STEP_CALL;
}

/* From one place straight on, until nothing is new. */
static int walk(struct flow *f, struct flow_work w)
{
	const struct flow_stretch *s = flow_stretch(f, w.at);
	uint32_t end = s->base + (uint32_t)s->part.size;
	bool on = true;

	while (on && !f->why) {
		uint32_t step;
		int r = arrive(f, &w, &step);

		if (r < 0)
			return r;
		if (step == FLOW_NONE || f->why)
			return 0;
		r = take(f, step, &w, &on);
		if (r < 0)
			return r;
		w.at = f->steps[step].at + f->steps[step].step.length;
		w.hub = false;
		if (on && w.at >= end) {
			if (!follows_call(f, step))
				f->why = "it runs on into what lies behind it";
			return 0;
		}
	}

	return 0;
}

int flow_walk(struct flow *f)
{
	while (f->n_work && !f->why) {
		int r = walk(f, f->work[--f->n_work]);

		if (r < 0)
			return r;
	}

	return 0;
}

/* --- what the direct ways do not show -------------------------------------- */

/* Tables of known length first: what they lead to shows where the others end. */
static int follow_tables(struct flow *f, bool guess)
{
	uint32_t n = f->n;

	for (uint32_t i = 0; i < n && !f->why; i++) {
		int r;

		if (f->steps[i].step.kind != STEP_INDIRECT || f->steps[i].settled ||
		    f->steps[i].step.slot)
			continue;
		r = jumptable_follow(f, i, guess);
		if (r < 0)
			return r;
		f->steps[i].settled = r > 0;
	}

	return 0;
}

static bool holds_steps(const struct flow *f, const struct landing *l)
{
	uint32_t at, end;

	if (!flow_locate(f, l->start, &at) || !flow_locate(f, l->end - 1, &end))
		return false;
	for (; at <= end; at++)
		if (flow_find(f, at) != FLOW_NONE)
			return true;

	return false;
}

/* Pads of what throws without a call (-fnon-call-exceptions). */
static int follow_landings(struct flow *f)
{
	size_t n = f->landings.n;

	for (size_t i = 0; i < n && !f->why; i++) {
		const struct landing l = f->landings.list[i];
		uint32_t at;
		int r;

		if (flow_locate(f, l.pad, &at) && flow_find(f, at) != FLOW_NONE)
			continue;
		if (!holds_steps(f, &l) || !flow_leads(f, l.pad, true, &at))
			continue;
		r = push(f, (struct flow_work){at, no_level, false, true});
		if (r < 0)
			return r;
	}

	return 0;
}

/* Go: where a function that deferred something returns after a panic was recovered. */
static int follow_resumer(struct flow *f)
{
	const struct placement_part *body = &f->code->body;

	for (uint32_t at = 0; at < body->size && f->code->resumer; at++) {
		struct level level = no_level;
		struct step s;
		int r;

		/* Behind a step, and no step itself. */
		if (f->map[at] || (at && !f->map[at - 1]))
			continue;
		if (step_decode(body->code + at, body->size - at, body->vaddr + at, &level, &s) < 0)
			continue;
		if (s.kind != STEP_CALL || !s.direct || s.target != f->code->resumer)
			continue;
		r = push(f, (struct flow_work){at, no_level, false, true});
		if (r < 0)
			return r;
	}

	return 0;
}

/* What was taken for another function turned out to be a part of this one. */
static int retake_tails(struct flow *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct flow_step *s = &f->steps[i];
		uint32_t at;
		int r;

		if (!s->tail || !flow_locate(f, s->step.target, &at) || !at)
			continue;
		s->tail = false;
		s->to = at;
		r = push(f, (struct flow_work){at, s->level, s->sure, false});
		if (r < 0)
			return r;
	}

	return 0;
}

static int trace_all(struct flow *f)
{
	for (int round = 0; !f->why; round++) {
		uint32_t n = f->n;
		int r = flow_walk(f);

		if (r == 0 && !f->why && f->n_stretches > 1)
			r = retake_tails(f);
		if (r == 0 && !f->why)
			r = follow_tables(f, false);
		if (r == 0 && !f->why && !f->n_work)
			r = follow_tables(f, true);
		if (r == 0 && !f->why && !f->n_work)
			r = follow_landings(f);
		if (r == 0 && !f->why && !f->n_work)
			r = follow_resumer(f);
		/* Something was found, and with it, perhaps, another table. */
		if (r < 0 || (!f->n_work && f->n == n))
			return r;
		if (round == FLOW_ROUNDS_MAX)
			f->why = "too many jump tables behind one another";
	}

	return 0;
}

/* Jumps that no table explains: tail calls when the stack is as it was at the entry. */
static void settle_jumps(struct flow *f)
{
	for (uint32_t i = 0; i < f->n && !f->why; i++) {
		struct flow_step *s = &f->steps[i];

		if (s->step.kind != STEP_INDIRECT || s->settled)
			continue;
		if (s->level.rsp != 0)
			f->why = "an indirect jump can not be followed";
		else if (!s->step.slot && !jumptable_leaves(f, i))
			f->why = "an indirect jump goes by a table that is not known";
		s->tail = true;
		f->guessed |= !s->step.slot;
	}
}

/* Jumps know their targets as bytes while these may not have been reached yet. */
static void link_jumps(struct flow *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct flow_step *s = &f->steps[i];

		if (s->to == FLOW_NONE)
			continue;
		s->to = flow_find(f, s->to);
		if (s->to == FLOW_NONE)
			continue;
		s->next_in = f->steps[s->to].first_in;
		f->steps[s->to].first_in = i;
	}
}

int flow_trace(struct flow *f, const struct flow_code *code)
{
	int r;

	f->n = f->n_work = f->size = f->entries = f->looks = 0;
	f->n_taken = 0;
	f->n_stretches = f->landings.n = 0;
	f->guessed = false;
	f->why = NULL;
	f->code = code;
	r = flow_add_stretch(f, code->body);
	if (r < 0 || f->why)
		return r;
	r = push(f, (struct flow_work){0, {0, LEVEL_UNKNOWN}, true, false});
	if (r == 0)
		r = trace_all(f);
	if (r < 0)
		return r;
	if (!f->why)
		settle_jumps(f);
	if (!f->why)
		f->why = flow_check(f);
	if (!f->why)
		link_jumps(f);

	return 0;
}

void flow_free(struct flow *f)
{
	free(f->steps);
	free(f->map);
	free(f->work);
	landings_free(&f->landings);
	*f = (struct flow){0};
}
