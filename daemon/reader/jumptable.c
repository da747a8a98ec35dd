/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two shapes, as gcc, clang and Go write them:
 *
 *	lea table(%rip),%b; movslq (%b,%i,4),%x; add %b,%x; jmp *%x	   (relative, 4 bytes)
 *	jmp *table(,%i,8);   lea table(%rip),%b; jmp *(%b,%i,8)		   (addresses, 8 bytes)
 *
 * The instructions in front of the jump say where the table is and, by the comparison
 * before them, how long. When they do not say where, every address that the function
 * takes is tried. What is guessed here flow.c holds against the rest of the function:
 * no code may be left that nothing leads to.
 */
#include <errno.h>
#include <string.h>

#include "daemon/reader/flow.h"
#include "daemon/reader/jumptable.h"
#include "daemon/reader/lookback.h"
#include "lib/cleanup.h"

#define JOINS_MAX	  2  /* jumps, one behind the other */
#define LOOKS_MAX	  (1u << 24) /* steps looked at for one function's jumps */
#define COMPARISON_BACK	  4  /* instructions between the comparison and its branch */
#define ENTRIES_MAX	  (1u << 20) /* of all tables of one function */
#define CONDITION_NOT_BELOW 3
#define CONDITION_ABOVE	    7

struct table {
	bool relative;	  /* entries count from the table's start */
	bool placed;	  /* vaddr is known */
	uint64_t vaddr;
	uint32_t entries; /* 0: not known */
};

/* --- the shape of the jump ------------------------------------------------- */

/* table(,%i,8) or (%b,%i,8). */
static bool addresses_at(const struct flow *f, uint32_t step, const ZydisDecodedOperand *o,
			 struct table *ret)
{
	if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.index == ZYDIS_REGISTER_NONE ||
	    o->mem.scale != 8 || o->mem.segment == ZYDIS_REGISTER_FS ||
	    o->mem.segment == ZYDIS_REGISTER_GS)
		return false;
	*ret = (struct table){.vaddr = (uint64_t)o->mem.disp.value, .placed = true};
	if (o->mem.base != ZYDIS_REGISTER_NONE) {
		uint64_t base = 0;

		ret->placed = lookback_address(f, step, o->mem.base, &base);
		ret->vaddr += base;
	}

	return true;
}

/* x = a + b, one of them the table's address, the other what was read there. */
static bool relative_to(const struct flow *f, uint32_t step, ZydisRegister a, ZydisRegister b,
			struct table *ret)
{
	*ret = (struct table){.relative = true};
	ret->placed = lookback_address(f, step, a, &ret->vaddr) ||
		      lookback_address(f, step, b, &ret->vaddr);

	return true;
}

static bool sum_of(const struct flow *f, uint32_t step, const struct decoded *d, struct table *ret)
{
	const ZydisDecodedOperand *o = d->operands;

	if (d->in.operand_width != 64)
		return false;
	if (d->in.mnemonic == ZYDIS_MNEMONIC_ADD && o[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
		return relative_to(f, step, o[0].reg.value, o[1].reg.value, ret);
	if (d->in.mnemonic == ZYDIS_MNEMONIC_LEA && o[1].mem.index != ZYDIS_REGISTER_NONE &&
	    o[1].mem.base != ZYDIS_REGISTER_NONE && o[1].mem.scale == 1 && !o[1].mem.disp.value)
		return relative_to(f, step, o[1].mem.base, o[1].mem.index, ret);

	return false;
}

/* What the register that is jumped to was made of. */
static bool shape_of(const struct flow *f, uint32_t step, const struct decoded *d,
		     struct table *ret)
{
	return d->in.mnemonic == ZYDIS_MNEMONIC_MOV ? addresses_at(f, step, &d->operands[1], ret)
						    : sum_of(f, step, d, ret);
}

static bool is_move(const struct decoded *d)
{
	return d->in.mnemonic == ZYDIS_MNEMONIC_MOV &&
	       d->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
}

static bool find_shape(const struct flow *f, uint32_t jump, struct table *ret)
{
	struct decoded d;
	ZydisRegister reg;
	uint32_t step = jump;

	if (!lookback_decode(f, jump, &d))
		return false;
	if (d.operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
		return addresses_at(f, jump, &d.operands[0], ret);
	if (d.operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	reg = d.operands[0].reg.value;
	for (int i = 0; i < 4; i++) {
		step = lookback_writer(f, step, reg, &d);
		if (step == FLOW_NONE)
			return false;
		if (!is_move(&d))
			return shape_of(f, step, &d, ret);
		reg = d.operands[1].reg.value;
	}

	return false;
}

/* cmp $last,%i; ja default: as many entries as pass it. 0: not seen. */
static uint32_t find_length(const struct flow *f, uint32_t jump)
{
	uint32_t step = jump;
	uint8_t condition = STEP_NO_CONDITION;
	int left = LOOKBACK_STEPS;

	for (; left && condition == STEP_NO_CONDITION; left--) {
		step = flow_before(f, step);
		if (step == FLOW_NONE)
			return 0;
		if (f->steps[step].step.condition == CONDITION_ABOVE ||
		    f->steps[step].step.condition == CONDITION_NOT_BELOW)
			condition = f->steps[step].step.condition;
	}
	for (left = COMPARISON_BACK; left && condition != STEP_NO_CONDITION; left--) {
		struct decoded d;

		step = flow_before(f, step);
		if (step == FLOW_NONE || !lookback_decode(f, step, &d))
			return 0;
		if ((d.in.mnemonic != ZYDIS_MNEMONIC_CMP && d.in.mnemonic != ZYDIS_MNEMONIC_SUB) ||
		    d.operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			continue;
		if (d.operands[1].imm.value.u >= JUMPTABLE_ENTRIES_MAX)
			return 0;
		return (uint32_t)d.operands[1].imm.value.u + (condition == CONDITION_ABOVE);
	}

	return 0;
}

/* --- its entries ----------------------------------------------------------- */

static bool is_taken(const struct flow *f, uint64_t vaddr)
{
	for (size_t i = 0; i < f->n_taken; i++)
		if (f->taken[i] == vaddr)
			return true;

	return false;
}

/*
 * What entry i holds: of addresses, also where the loader fills them in. False: nothing,
 * or what the program may change.
 */
static bool read_entry(const struct flow *f, const struct table *t, uint32_t i, uint64_t *ret)
{
	size_t size = t->relative ? 4 : 8;
	uint64_t vaddr = t->vaddr + (uint64_t)i * size, room = 0;
	int32_t offset;
	const uint8_t *at;

	if (!t->relative && f->code->find_slot)
		return f->code->find_slot(f->code->context, vaddr, ret) == SLOT_CONSTANT;
	at = f->code->find_constants(f->code->context, vaddr, &room);
	if (!at || room < size)
		return false;
	if (!t->relative) {
		memcpy(ret, at, size);
		return true;
	}
	memcpy(&offset, at, size);
	*ret = t->vaddr + (uint64_t)(int64_t)offset;

	return true;
}

/* Byte of the flow that entry i leads to. */
static bool entry(struct flow *f, const struct table *t, uint32_t i, uint32_t *ret_at)
{
	uint64_t target;

	return read_entry(f, t, i, &target) && flow_leads(f, target, t->entries, ret_at);
}

static int enter(struct flow *f, uint32_t jump, uint32_t at)
{
	if (++f->entries > ENTRIES_MAX) {
		f->why = "its jump tables are too large";
		return 0;
	}

	return flow_enter(f, jump, at);
}

/* A table of known length: all of it, or 0 when not every entry leads into the function. */
static int read_whole(struct flow *f, uint32_t jump, const struct table *t)
{
	uint32_t at;

	for (uint32_t i = 0; i < t->entries; i++)
		if (!entry(f, t, i, &at))
			return 0;
	for (uint32_t i = 0; i < t->entries && !f->why; i++) {
		int r = entry(f, t, i, &at) ? enter(f, jump, at) : 0;

		if (r < 0)
			return r;
	}

	return 1;
}

/* Behind a table's last entry comes another table, or anything. */
static bool is_behind(const struct flow *f, const struct table *t, uint32_t i, uint32_t at)
{
	if (i && is_taken(f, t->vaddr + (uint64_t)i * (t->relative ? 4 : 8)))
		return true;

	return !at || f->map[at] == FLOW_WITHIN || (!f->map[at] && flow_is_padding(f, at));
}

/* One entry after the other, each followed before the next is looked at. */
static int read_guessed(struct flow *f, uint32_t jump, const struct table *t)
{
	uint32_t i, at;

	for (i = 0; i < JUMPTABLE_ENTRIES_MAX && !f->why; i++) {
		int r;

		if (!entry(f, t, i, &at) || is_behind(f, t, i, at))
			break;
		r = enter(f, jump, at);
		if (r == 0)
			r = flow_walk(f);
		if (r < 0)
			return r;
	}

	return i > 0;
}

static int read_table(struct flow *f, uint32_t jump, const struct table *t, bool guess)
{
	if (guess) {
		struct table unknown = *t;

		unknown.entries = 0;
		return read_guessed(f, jump, &unknown);
	}

	return t->entries ? read_whole(f, jump, t) : 0;
}

/* The function's tables, when it is not seen which one is meant: all of them. */
static int read_candidates(struct flow *f, uint32_t jump, struct table t, bool guess)
{
	int found = 0;

	if (f->n_taken == FLOW_TAKEN_MAX)
		return 0;
	for (size_t i = 0; i < f->n_taken && !f->why; i++) {
		uint32_t at, second;
		int r;

		t.vaddr = f->taken[i];
		if (flow_locate(f, t.vaddr, &at) || !entry(f, &t, 0, &at) ||
		    !entry(f, &t, 1, &second))
			continue;
		r = read_table(f, jump, &t, guess);
		if (r < 0)
			return r;
		found |= r;
	}

	return found;
}

int jumptable_follow(struct flow *f, uint32_t jump, bool guess)
{
	struct table t;
	int r;

	if (!f->code->find_constants || !find_shape(f, jump, &t))
		return 0;
	t.entries = find_length(f, jump);
	r = t.placed ? read_table(f, jump, &t, guess) : read_candidates(f, jump, t, guess);
	if (r > 0)
		f->guessed = true;

	return r;
}

/* --- jumps that were not resolved ------------------------------------------- */

static bool is_made_of_table(struct flow *f, uint32_t step, ZydisRegister reg, int depth,
			     struct table *ret);

/* On the ways that lead to a step by jumps; also when that takes too long to say. */
static bool jumps_bring_table(struct flow *f, uint32_t step, ZydisRegister reg, int depth,
			      struct table *ret)
{
	f->looks += depth ? f->n : 0;
	if (f->looks > LOOKS_MAX) {
		*ret = (struct table){0};
		return true;
	}
	for (uint32_t i = 0; i < f->n && depth; i++)
		if (f->steps[i].to == f->steps[step].at &&
		    is_made_of_table(f, i, reg, depth - 1, ret))
			return true;

	return false;
}

/* Like find_shape(), but where ways join, on each of them. */
static bool is_made_of_table(struct flow *f, uint32_t step, ZydisRegister reg, int depth,
			     struct table *ret)
{
	struct decoded d;

	for (int i = 0; i < LOOKBACK_STEPS; i++) {
		uint32_t before = flow_before(f, step);

		if (jumps_bring_table(f, step, reg, depth, ret))
			return true;
		if (before == FLOW_NONE || !lookback_decode(f, before, &d))
			return false;
		step = before;
		if (!lookback_writes(&d, reg))
			continue;
		if (!is_move(&d))
			return shape_of(f, step, &d, ret);
		reg = d.operands[1].reg.value;
	}

	return false;
}

static bool is_indexed(struct flow *f, uint32_t jump, struct table *ret)
{
	struct decoded d;

	if (find_shape(f, jump, ret))
		return true;

	return lookback_decode(f, jump, &d) && d.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       is_made_of_table(f, jump, d.operands[0].reg.value, JOINS_MAX, ret);
}

static bool begins_function(const struct flow *f, uint64_t vaddr)
{
	struct placement_part part = {0};
	enum placement_part_kind kind = f->code->find_part(f->code->context, vaddr, &part);

	return kind == PART_FUNCTION || (kind == PART_CODE && !part.cold && part.vaddr == vaddr);
}

/* A table of other functions: all that a length allows, else up to what is none. */
static bool holds_functions(const struct flow *f, const struct table *t)
{
	uint32_t n = t->entries ? t->entries : JUMPTABLE_ENTRIES_MAX, at;
	uint64_t target = 0;

	if (!t->placed || t->relative || !f->code->find_slot || !f->code->find_part)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (f->code->find_slot(f->code->context, t->vaddr + 8ull * i, &target) ==
		    SLOT_UNKNOWN)
			return i && !t->entries;
		if (!begins_function(f, target))
			return i && !t->entries && !(flow_locate(f, target, &at) && at);
	}

	return true;
}

bool jumptable_leaves(struct flow *f, uint32_t jump)
{
	struct table t;

	if (!is_indexed(f, jump, &t))
		return true;
	t.entries = find_length(f, jump);

	return holds_functions(f, &t);
}
