/* SPDX-License-Identifier: GPL-2.0-only */
/* A short look at a function that another one calls. */
#include <string.h>
#include <Zydis/Zydis.h>

#include "daemon/reader/callee.h"
#include "daemon/reader/decoder.h"
#include "daemon/reader/flow.h"

#define WAYS_MAX  48
#define SEEN	  512 /* a power of two above CALLEE_STEPS_MAX */
#define REGISTERS 16
#define RSP	  4
#define RBP	  5
#define WORD	  8
#define FAR	  (1 << 24)

/* Registers that point to the stack: their distance from the return address's place. */
struct distances {
	uint32_t known; /* bit by register */
	int32_t at[REGISTERS];
};

struct way {
	uint64_t vaddr;
	struct distances regs;
	int32_t base; /* rsp at the entry of the function that it is in */
	int depth;    /* of calls */
	int left;     /* steps */
	/*
	 * Behind a call, which may not come back: then what follows it is another part,
	 * and its stack another. Held against how the way ends.
	 */
	bool unsure;
	bool taken;
};

struct look {
	const struct flow_code *code;
	struct way ways[WAYS_MAX];
	size_t n;
	uint64_t seen[SEEN];
};

struct instruction_at {
	ZydisDecoderContext context;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static bool is_known(const struct distances *d, int reg)
{
	return reg >= 0 && d->known >> reg & 1;
}

static void set(struct distances *d, int reg, int64_t at)
{
	if (reg < 0)
		return;
	d->known &= ~(1u << reg);
	if (at > FAR || at < -FAR)
		return;
	d->known |= 1u << reg;
	d->at[reg] = (int32_t)at;
}

static void forget(struct distances *d, int reg)
{
	if (reg >= 0)
		d->known &= ~(1u << reg);
}

/* --- ways to go -------------------------------------------------------------- */

static bool first_time(struct look *l, uint64_t vaddr, int depth)
{
	uint64_t key = (vaddr << 2 | (uint64_t)depth) + 1; /* never 0 */

	for (uint64_t i = key * 0x9e3779b97f4a7c15ull >> 55; l->seen[i] != key; i = (i + 1) % SEEN)
		if (!l->seen[i]) {
			l->seen[i] = key;
			return true;
		}

	return false;
}

static void add_way(struct look *l, const struct way *way)
{
	if (l->n < WAYS_MAX)
		l->ways[l->n++] = *way;
}

static void add_call(struct look *l, const struct way *from, uint64_t vaddr)
{
	struct way way = *from;

	/* What an unsure way calls returns well by itself, whatever its stack is. */
	if (way.depth == CALLEE_DEPTH_MAX || way.unsure || !is_known(&way.regs, RSP))
		return;
	way.vaddr = vaddr;
	way.regs.at[RSP] -= WORD;
	way.base = way.regs.at[RSP];
	way.left = CALLEE_CALLED;
	way.depth++;
	add_way(l, &way);
}

static void add_behind(struct look *l, const struct way *call)
{
	struct way way = *call;

	/* rbx, rsp, rbp, r12 .. r15 survive. */
	way.regs.known &= 1u << 3 | 1u << RSP | 1u << RBP | 0xf000u;
	way.unsure = true;
	add_way(l, &way);
}

static int rank(const struct way *way)
{
	return way->depth + (way->unsure ? CALLEE_DEPTH_MAX + 1 : 0);
}

/* What is sure first, of the function itself first, in the order found. */
static struct way next_way(struct look *l)
{
	size_t next = 0;
	struct way way;

	for (size_t i = 1; i < l->n; i++)
		if (rank(&l->ways[i]) < rank(&l->ways[next]))
			next = i;
	way = l->ways[next];
	memmove(&l->ways[next], &l->ways[next + 1], (--l->n - next) * sizeof(way));

	return way;
}

/* --- one instruction --------------------------------------------------------- */

/*
 * Operands cost as much as the rest. They matter where registers are known: as an
 * address, or written.
 */
static bool matters(const struct distances *d, const ZydisDecodedInstruction *in)
{
	bool memory = in->attributes & ZYDIS_ATTRIB_HAS_MODRM && in->raw.modrm.mod != 3;
	uint32_t reg, rm;

	if (!(in->attributes & ZYDIS_ATTRIB_HAS_MODRM))
		return true;
	if (in->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return true;
	rm = in->raw.modrm.rm;
	if (memory && rm == 4)
		rm = in->raw.sib.base;
	rm |= (uint32_t)in->raw.rex.B << 3;
	reg = in->raw.modrm.reg | (uint32_t)in->raw.rex.R << 3;

	return (d->known >> reg | d->known >> rm) & 1;
}

/* A function that aligns its stack pushes a copy for debuggers; a barrier wants a place. */
static bool only_seems_to(const struct distances *d, const struct instruction_at *at)
{
	return (at->in.mnemonic == ZYDIS_MNEMONIC_PUSH && !is_known(d, RSP)) ||
	       (at->in.attributes & ZYDIS_ATTRIB_HAS_LOCK &&
		at->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		!at->operands[1].imm.value.u);
}

/* Does a memory operand lie where the return address does? */
static bool touches(const struct distances *d, const struct instruction_at *at)
{
	bool stacks = at->in.meta.category == ZYDIS_CATEGORY_PUSH ||
		      at->in.meta.category == ZYDIS_CATEGORY_POP;
	size_t n = stacks ? at->in.operand_count_visible : at->in.operand_count;

	for (size_t i = 0; i < n; i++) {
		const ZydisDecodedOperand *o = &at->operands[i];
		int base = decoder_register(o->mem.base);
		int64_t place;

		if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
		    o->mem.index != ZYDIS_REGISTER_NONE || !is_known(d, base) ||
		    o->mem.segment == ZYDIS_REGISTER_FS || o->mem.segment == ZYDIS_REGISTER_GS)
			continue;
		place = d->at[base] + o->mem.disp.value;
		if (place < WORD && place + o->size / 8 > 0 && !only_seems_to(d, at))
			return true;
	}

	return false;
}

/* What the first operand, a register, becomes: *ret, if that is known. */
static bool result_of(const struct distances *d, const struct instruction_at *at, int64_t *ret)
{
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];
	int reg = -1;

	if (at->in.operand_width != 64 || at->in.operand_count_visible != 2)
		return false;
	*ret = 0;
	switch (at->in.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		reg = from->type == ZYDIS_OPERAND_TYPE_REGISTER ? decoder_register(from->reg.value) : -1;
		break;
	case ZYDIS_MNEMONIC_LEA:
		reg = from->mem.index == ZYDIS_REGISTER_NONE ? decoder_register(from->mem.base) : -1;
		*ret = from->mem.disp.value;
		break;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		reg = from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? decoder_register(to->reg.value) : -1;
		*ret = at->in.mnemonic == ZYDIS_MNEMONIC_ADD ? from->imm.value.s
							     : (int64_t)-from->imm.value.u;
		break;
	default:
		break;
	}
	if (!is_known(d, reg))
		return false;
	*ret += d->at[reg];

	return true;
}

static void write_registers(struct distances *d, const struct instruction_at *at)
{
	struct distances before = *d;

	for (size_t i = 0; i < at->in.operand_count; i++) {
		const ZydisDecodedOperand *o = &at->operands[i];
		int64_t value;

		if (o->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (i == 0 && result_of(&before, at, &value))
			set(d, decoder_register(o->reg.value), value);
		else
			forget(d, decoder_register(o->reg.value));
	}
}

/* True: the return address was taken from the stack. */
static bool move_stack(struct distances *d, const struct instruction_at *at)
{
	int32_t size = at->in.operand_width == 16 ? 2 : WORD;
	bool known = is_known(d, RSP);
	int64_t rsp = known ? d->at[RSP] : -1;

	switch (at->in.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_PUSHFQ:
		rsp -= size;
		break;
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_POPFQ:
		write_registers(d, at);
		rsp += size;
		break;
	case ZYDIS_MNEMONIC_LEAVE:
		known = is_known(d, RBP);
		rsp = d->at[RBP] + WORD;
		forget(d, RBP);
		break;
	case ZYDIS_MNEMONIC_ENTER:
		known = false;
		forget(d, RBP);
		break;
	default:
		write_registers(d, at);
		return is_known(d, RSP) && d->at[RSP] > 0;
	}
	forget(d, RSP);
	if (known)
		set(d, RSP, rsp);

	return known && rsp > 0;
}

/* --- where it goes on --------------------------------------------------------- */

/* Through memory: what the slot holds, if the file tells. */
static bool slot_target(const struct look *l, const struct way *way, const struct step *s,
			uint64_t *ret)
{
	uint64_t slot = s->refers ? s->address : s->displacement;

	return (s->refers || s->slot) && l->code->find_slot &&
	       l->code->find_slot(l->code->context, slot, ret) != SLOT_UNKNOWN;
}

/* Where an unsure way ends: its stack is as it should be, so it was understood. */
static bool ends_well(const struct way *way, enum step_kind kind)
{
	int64_t above = is_known(&way->regs, RSP) ? way->regs.at[RSP] - (int64_t)way->base : -1;

	return above == 0 || (kind == STEP_INDIRECT && above == WORD);
}

/* False: it does not go on from here. */
static bool go_on(struct look *l, struct way *way, const ZydisDecodedInstruction *in)
{
	struct step s = step_reduce(in, way->vaddr);
	struct way other = *way;
	uint64_t to;

	way->vaddr += s.length;
	switch (s.kind) {
	case STEP_ON:
		return true;
	case STEP_CALL:
		if (s.direct)
			add_call(l, way, s.target);
		else if (slot_target(l, way, &s, &to))
			add_call(l, way, to);
		add_behind(l, way);
		return false;
	case STEP_BRANCH:
		other.vaddr = s.target;
		add_way(l, &other);
		return true;
	case STEP_JUMP:
		way->vaddr = s.target;
		return true;
	case STEP_INDIRECT:
		return slot_target(l, way, &s, &way->vaddr);
	default:
		return false;
	}
}

/* As far as one way leads; true: the return address is taken on it. */
static bool follow(struct look *l, struct way way, int *left)
{
	uint64_t room = 0, from = 0;
	const uint8_t *code = NULL;

	while ((*left)-- > 0 && way.left-- > 0 && first_time(l, way.vaddr, way.depth)) {
		struct instruction_at at;

		if (!code || way.vaddr - from >= room) {
			from = way.vaddr;
			code = l->code->find_constants(l->code->context, from, &room);
		}
		if (!code ||
		    !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
			    decoder_get(), &at.context, code + (way.vaddr - from),
			    room - (way.vaddr - from), &at.in)))
			return false;
		if (at.in.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE && matters(&way.regs, &at.in)) {
			if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(decoder_get(), &at.context, &at.in,
								     at.operands,
								     at.in.operand_count)))
				return false;
			way.taken |= touches(&way.regs, &at);
			way.taken |= move_stack(&way.regs, &at);
			if (way.taken && !way.unsure)
				return true;
		}
		if (!go_on(l, &way, &at.in))
			return way.taken && ends_well(&way, step_reduce(&at.in, 0).kind);
	}

	return false;
}

bool callee_takes_return(const struct flow_code *code, uint64_t vaddr)
{
	struct look l = {.code = code};
	struct way first = {.vaddr = vaddr, .left = CALLEE_STEPS_MAX};
	int left = CALLEE_STEPS_MAX;

	set(&first.regs, RSP, 0);
	add_way(&l, &first);
	while (l.n && left > 0)
		if (follow(&l, next_way(&l), &left))
			return true;

	return false;
}
