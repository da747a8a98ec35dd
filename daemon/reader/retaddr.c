/* SPDX-License-Identifier: GPL-2.0-only */
/* How far from the return address registers point, one instruction after the other. */
#include <stdbool.h>
#include <string.h>
#include <Zydis/Zydis.h>

#include "daemon/reader/decoder.h"
#include "daemon/reader/retaddr.h"

#define READS	 "reads its own return address"
#define REPLACES "writes its own return address"
#define SAVES	 "saves its stack pointer"
#define SWITCHES "switches its stack"

#define REGISTERS 16
#define RSP	  4
#define RBP	  5
#define WORD	  8

/* A register's value less the return address's place; nothing else is known of it. */
struct distance {
	bool known;
	int64_t bytes;
};

struct walk {
	struct distance reg[REGISTERS];
	bool pushed_only; /* rsp has moved by pushes alone: it points to no local variable */
	bool straight;	  /* on the way from the entry: reg is exact */
	bool framed;	  /* push %rbp; mov %rsp,%rbp: from here on 8(%rbp) is the return address */
};

struct decoded {
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static struct distance distance_of(const struct walk *w, ZydisRegister reg)
{
	int n = decoder_register(reg);

	return n < 0 ? (struct distance){0} : w->reg[n];
}

/* Where a memory operand points, when that is on the stack and known. */
static struct distance place_of(const struct walk *w, const ZydisDecodedOperand *o)
{
	struct distance d = distance_of(w, o->mem.base);

	/* A frame pointer is known everywhere, all else on the straight way only. */
	if (w->framed && o->mem.base == ZYDIS_REGISTER_RBP)
		d = (struct distance){true, -WORD};
	else if (!w->straight)
		d.known = false;
	if (o->mem.index != ZYDIS_REGISTER_NONE || o->mem.segment == ZYDIS_REGISTER_FS ||
	    o->mem.segment == ZYDIS_REGISTER_GS)
		d.known = false;
	d.bytes += o->mem.disp.value;

	return d;
}

static bool is_memory(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

/*
 * A function that aligns its stack pushes a copy of the return address for
 * debuggers: lea 8(%rsp),%r10; and $-32,%rsp; push -8(%r10). It never looks at it.
 */
static bool is_aligned_copy(const struct walk *w, const struct decoded *d)
{
	return d->in.mnemonic == ZYDIS_MNEMONIC_PUSH && w->straight && !w->reg[RSP].known;
}

/* lock or $0, (%rsp): a memory barrier, which wants no more than a place that is there. */
static bool is_barrier(const struct decoded *d)
{
	return d->in.attributes & ZYDIS_ATTRIB_HAS_LOCK &&
	       d->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !d->operands[1].imm.value.u;
}

static const char *touches(const struct walk *w, const struct decoded *d)
{
	for (size_t i = 0; i < d->in.operand_count_visible; i++) {
		const ZydisDecodedOperand *o = &d->operands[i];
		struct distance at;

		if (!is_memory(o) || is_aligned_copy(w, d) || is_barrier(d))
			continue;
		at = place_of(w, o);
		if (!at.known || at.bytes >= WORD || at.bytes + o->size / 8 <= 0)
			continue;
		if (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			return READS;
		if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return REPLACES;
	}

	return NULL;
}

/*
 * rsp as it was at the entry or will be after the return, or as it is when only
 * registers were pushed: who stores that elsewhere means to come back to it. A
 * pointer to a local variable is anything else.
 */
static bool is_return_stack(const struct walk *w, ZydisRegister reg)
{
	struct distance d = distance_of(w, reg);

	if (!w->straight || !d.known)
		return false;

	return d.bytes == 0 || d.bytes == WORD || (w->pushed_only && d.bytes == w->reg[RSP].bytes);
}

static bool saves_stack(const struct walk *w, const struct decoded *d)
{
	const ZydisDecodedOperand *to = &d->operands[0], *from = &d->operands[1];

	return d->in.mnemonic == ZYDIS_MNEMONIC_MOV && is_memory(to) &&
	       from->type == ZYDIS_OPERAND_TYPE_REGISTER && !place_of(w, to).known &&
	       to->mem.base != ZYDIS_REGISTER_RSP && to->mem.base != ZYDIS_REGISTER_RBP &&
	       is_return_stack(w, from->reg.value);
}

/* What the first operand, a register, becomes; not known for most instructions. */
static struct distance result_of(const struct walk *w, const struct decoded *d)
{
	const ZydisDecodedOperand *to = &d->operands[0], *from = &d->operands[1];
	bool immediate = from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	struct distance value = distance_of(w, to->reg.value);

	if (d->in.operand_width != 64 || d->in.operand_count_visible != 2)
		return (struct distance){0};
	switch (d->in.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return from->type == ZYDIS_OPERAND_TYPE_REGISTER ? distance_of(w, from->reg.value)
								 : (struct distance){0};
	case ZYDIS_MNEMONIC_LEA:
		return place_of(w, from);
	case ZYDIS_MNEMONIC_ADD:
		value.bytes += immediate ? from->imm.value.s : 0;
		break;
	case ZYDIS_MNEMONIC_SUB:
		value.bytes -= immediate ? from->imm.value.s : 0;
		break;
	default:
		return (struct distance){0};
	}
	value.known = value.known && immediate;

	return value;
}

static void forget_written(struct walk *w, const struct decoded *d)
{
	for (size_t i = 0; i < d->in.operand_count; i++) {
		const ZydisDecodedOperand *o = &d->operands[i];
		int n = o->type == ZYDIS_OPERAND_TYPE_REGISTER ? decoder_register(o->reg.value) : -1;

		if (n >= 0 && o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			w->reg[n].known = false;
	}
}

/* push and pop; nothing else moves rsp by itself on the straight way. */
static const char *step_push_pop(struct walk *w, const struct decoded *d, int64_t by)
{
	struct distance rsp = w->reg[RSP];

	if (by > 0 && rsp.known && rsp.bytes == 0)
		return READS;
	forget_written(w, d);
	if (by > 0 && d->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	    d->operands[0].reg.value == ZYDIS_REGISTER_RSP)
		return SWITCHES;
	w->reg[RSP] = (struct distance){rsp.known, rsp.bytes + by};

	return NULL;
}

/*
 * rsp from somewhere else. Aligning it, or making room for an array, is no such
 * thing; but where that was done nothing is known of rsp any more, and a register
 * may well hold what it was before.
 */
static bool switches_stack(const struct walk *w, const struct decoded *d, struct distance result)
{
	switch (d->in.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return !result.known && (w->reg[RSP].known || is_memory(&d->operands[1]));
	case ZYDIS_MNEMONIC_LEA:
		return !result.known && w->reg[RSP].known;
	case ZYDIS_MNEMONIC_XCHG:
		return true;
	default:
		return false;
	}
}

static bool writes_rsp(const struct decoded *d)
{
	for (size_t i = 0; i < d->in.operand_count_visible; i++)
		if (d->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    d->operands[i].reg.value == ZYDIS_REGISTER_RSP &&
		    d->operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return true;

	return false;
}

static const char *step(struct walk *w, const struct decoded *d)
{
	struct distance result = {0};
	int n = -1;

	if (d->in.mnemonic == ZYDIS_MNEMONIC_PUSH)
		return step_push_pop(w, d, d->in.operand_width == 16 ? -2 : -WORD);
	if (d->in.mnemonic == ZYDIS_MNEMONIC_POP)
		return step_push_pop(w, d, d->in.operand_width == 16 ? 2 : WORD);
	if (d->in.operand_count_visible && d->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	    d->operands[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
		n = decoder_register(d->operands[0].reg.value);
		result = result_of(w, d);
	}
	if (writes_rsp(d)) {
		if (switches_stack(w, d, result))
			return SWITCHES;
		w->pushed_only = false;
	}
	forget_written(w, d);
	if (n >= 0)
		w->reg[n] = result;
	/* Or put to another use. A pop of it does not come here: behind the ret lie other ways. */
	if (n == RBP)
		w->framed = result.known && result.bytes == -WORD;

	return NULL;
}

/* Behind these, what is known of registers does not hold, or is not known any more. */
static bool ends_straight(const struct decoded *d)
{
	switch (d->in.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return false;
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_INTERRUPT:
		return true;
	default:
		return d->in.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
		       d->in.mnemonic == ZYDIS_MNEMONIC_UD2 ||
		       d->in.mnemonic == ZYDIS_MNEMONIC_LEAVE ||
		       d->in.mnemonic == ZYDIS_MNEMONIC_ENTER;
	}
}

const char *retaddr_objection(const uint8_t *code, size_t size)
{
	struct walk w = {.reg[RSP].known = true, .pushed_only = true, .straight = true};
	struct decoded d;
	size_t at = 0;

	while (at < size && at < RETADDR_SCAN_MAX && (w.straight || w.framed)) {
		const char *objection;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder_get(), code + at, size - at, &d.in,
							 d.operands)))
			return NULL;
		objection = touches(&w, &d);
		if (!objection && w.straight && saves_stack(&w, &d))
			objection = SAVES;
		if (!objection && w.straight && ends_straight(&d))
			w.straight = false;
		if (!objection && w.straight)
			objection = step(&w, &d);
		if (objection)
			return objection;
		at += d.in.length;
	}

	return NULL;
}

bool retaddr_leaves_stack(const char *objection)
{
	return strcmp(objection, SAVES) == 0 || strcmp(objection, SWITCHES) == 0;
}
