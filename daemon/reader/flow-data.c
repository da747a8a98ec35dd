/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signs of data among a traced function's code: then what looks like an instruction may
 * be none. Looked for are addresses within the function that its instructions hold, and
 * calls of what takes its return address.
 */
#include "daemon/reader/flow.h"
#include "daemon/reader/lookback.h"

#define NEAR	   4096 /* bytes from the function: what is reckoned from there may lead into it */
#define FORWARD	   32	/* instructions in which an own address is followed */

static const char takes_own[] = "it takes the address of a part of its own code";
static const char reads_own[] = "it reads data that lie among its code";
static const char calls_taker[] =
	"it calls what takes its return address: data may lie behind the call";

static bool is_inside(const struct flow *f, uint64_t vaddr)
{
	uint32_t at;

	return flow_locate(f, vaddr, &at) && at;
}

/* Code, or data that lie with it; not where a function begins. */
static bool is_among_code(const struct flow *f, uint64_t vaddr)
{
	struct placement_part part;
	enum placement_part_kind kind;

	if (!f->code->is_code || !f->code->is_code(f->code->context, vaddr))
		return false;
	part = (struct placement_part){0};
	kind = f->code->find_part ? f->code->find_part(f->code->context, vaddr, &part)
				  : PART_UNKNOWN;

	return kind == PART_UNKNOWN || (kind == PART_CODE && part.vaddr != vaddr);
}

/* An address next to the function, from which one within it may be reckoned. */
static bool is_beside(const struct flow *f, uint64_t vaddr)
{
	for (size_t i = 0; i < f->n_stretches; i++) {
		const struct placement_part *p = &f->stretches[i].part;

		if (vaddr - (p->vaddr - NEAR) < p->size + 2 * NEAR)
			return is_among_code(f, vaddr);
	}

	return false;
}

/* --- what its instructions hold ---------------------------------------------------- */

static const char *check_constants(const struct flow *f, const struct step *s)
{
	uint32_t at;

	if (!f->code->fixed)
		return NULL;
	if (s->immediate && (is_inside(f, s->value) || is_beside(f, s->value)))
		return takes_own;
	if (s->displaced && (flow_locate(f, s->displacement, &at) || is_beside(f, s->displacement)))
		return reads_own;

	return NULL;
}

static const char *check_relative(const struct flow *f, const struct step *s)
{
	uint32_t at;

	if (!s->refers)
		return NULL;
	if (s->takes)
		return is_inside(f, s->address) || is_beside(f, s->address) ? takes_own : NULL;

	return flow_locate(f, s->address, &at) ? reads_own : NULL;
}

/* --- its own start ------------------------------------------------------------------- */

static bool is_register(const ZydisDecodedOperand *o, ZydisRegister reg)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value) == reg;
}

static bool is_address(const ZydisDecodedOperand *o, ZydisRegister reg)
{
	return o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       (o->mem.base == reg || o->mem.index == reg);
}

/* Reads at an address that is reckoned from a register, or reckons one. */
static bool reckons(const struct decoded *d, ZydisRegister reg)
{
	bool sums = d->in.mnemonic == ZYDIS_MNEMONIC_ADD || d->in.mnemonic == ZYDIS_MNEMONIC_SUB ||
		    d->in.mnemonic == ZYDIS_MNEMONIC_INC || d->in.mnemonic == ZYDIS_MNEMONIC_DEC;

	for (size_t i = 0; i < d->in.operand_count; i++)
		if (is_address(&d->operands[i], reg) || (sums && is_register(&d->operands[i], reg)))
			return true;

	return false;
}

static bool goes_on(enum step_kind kind)
{
	return kind == STEP_ON || kind == STEP_CALL || kind == STEP_BRANCH;
}

/* Straight on from where a register got the function's own start. */
static bool reckons_later(const struct flow *f, uint32_t step)
{
	struct decoded d;
	ZydisRegister reg;

	if (!lookback_decode(f, step, &d) || d.operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, d.operands[0].reg.value);
	for (int i = 0; i < FORWARD && goes_on(f->steps[step].step.kind); i++) {
		step = flow_find(f, f->steps[step].at + f->steps[step].step.length);
		if (step == FLOW_NONE || !lookback_decode(f, step, &d))
			return false;
		if (f->steps[step].step.kind == STEP_ON && reckons(&d, reg))
			return true;
		if (lookback_writes(&d, reg) ||
		    (f->steps[step].step.kind == STEP_CALL && !lookback_survives_calls(reg)))
			return false;
	}

	return false;
}

static bool is_start(const struct flow *f, const struct step *s)
{
	uint64_t start = f->code->body.vaddr;

	return (s->takes && s->address == start) ||
	       (f->code->fixed && s->immediate && s->value == start);
}

/* --- calls ----------------------------------------------------------------------------- */

/* What a call through a register or through memory calls, where that is seen. */
static bool find_called(const struct flow *f, uint32_t step, uint64_t *ret)
{
	const struct step *s = &f->steps[step].step;
	struct decoded d;

	if (!lookback_decode(f, step, &d))
		return false;
	if (d.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		return lookback_address(f, step, d.operands[0].reg.value, ret);

	return (s->refers || s->slot) && f->code->find_slot &&
	       f->code->find_slot(f->code->context, s->refers ? s->address : s->displacement,
				  ret) != SLOT_UNKNOWN;
}

/* Where a function begins; also, taken by lea, where code is that no symbol tells of. */
static bool is_entry(const struct flow *f, const struct step *s)
{
	uint64_t vaddr = s->takes ? s->address : s->value;
	struct placement_part part = {0};

	if (!s->takes && !(f->code->fixed && s->immediate))
		return false;
	if (!f->code->find_part || !f->code->is_code || !f->code->is_code(f->code->context, vaddr))
		return false;
	switch (f->code->find_part(f->code->context, vaddr, &part)) {
	case PART_FUNCTION:
		return true;
	case PART_CODE:
		return part.vaddr == vaddr;
	default:
		return s->takes;
	}
}

/* Some call leads nobody knows where, and some address that it takes is of such a function. */
static bool may_call_taker(struct flow *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		const struct step *s = &f->steps[i].step;

		if (is_entry(f, s) && flow_takes_return(f, s->takes ? s->address : s->value))
			return true;
	}

	return false;
}

static const char *check_calls(struct flow *f)
{
	bool unknown = false;

	for (uint32_t i = 0; i < f->n; i++) {
		uint64_t called;

		if (f->steps[i].step.kind != STEP_CALL || f->steps[i].step.direct)
			continue;
		if (!find_called(f, i, &called))
			unknown = true;
		else if (flow_takes_return(f, called))
			return calls_taker;
	}

	return unknown && may_call_taker(f) ? calls_taker : NULL;
}

static bool is_referred(const struct flow *f)
{
	for (size_t i = 0; i < f->n_stretches && f->code->is_referred; i++) {
		const struct placement_part *p = &f->stretches[i].part;

		if (f->code->is_referred(f->code->context, p->vaddr, p->size))
			return true;
	}

	return false;
}

const char *flow_find_data(struct flow *f)
{
	if (is_referred(f))
		return "other code takes the address of a part of its code";
	for (uint32_t i = 0; i < f->n; i++) {
		const struct step *s = &f->steps[i].step;
		const char *why = check_relative(f, s);

		if (!why)
			why = check_constants(f, s);
		if (!why && is_start(f, s) && reckons_later(f, i))
			why = reads_own;
		if (why)
			return why;
	}

	return check_calls(f);
}
