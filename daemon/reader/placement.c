/* SPDX-License-Identifier: GPL-2.0-only */
/* Choosing the instruction that an entry probe goes on. */
#include "daemon/reader/instruction.h"
#include "daemon/reader/placement.h"

#define PAGE 4096u

struct candidate {
	uint32_t offset;
	uint8_t length;
	enum probe_kind probe;
};

/* The straight line from the first byte to where a probe can not go any more. */
struct prologue {
	struct candidate at[PLACEMENT_INSTRUCTIONS];
	size_t n;
	size_t restart; /* candidates before this one are run again by each growth of a Go stack */
	bool moves_stack; /* before its first branch */
};

/* What the whole function's branches say about the bytes of one candidate. */
struct scan {
	bool unreadable; /* not all of it decodes: data in code, or a wrong size */
	bool to_start;	 /* a jump to the first byte */
	bool inside;	 /* a branch to (start, site] or into the middle of the site */
	bool unseen;	 /* a jump table, or jumps to unknown places */
	bool in_part;	 /* what is decoded now is no part of the function by its symbol */
	struct placement_part parts[PLACEMENT_PARTS_MAX];
	size_t n_parts;
};

static enum probe_kind adjust_nop5(const struct placement_code *c, const struct candidate *at,
				   bool entry)
{
	bool crosses = (c->vaddr + at->offset) % PAGE > PAGE - at->length;

	if (!entry)
		return PROBE_REFUSED; /* the red zone may be in use: the kernel's call would write
					 it */

	/* The kernel would make a call of it, into a page of its own that a forked child
	 * does not get (VM_DONTCOPY): seen on 6.18, the child dies of SIGSEGV at its first
	 * call. Under syscall user dispatch the page's system call is the program's. */
	return crosses || c->nop5_stepped ? PROBE_STEPPED : PROBE_REFUSED;
}

static void walk_prologue(const struct placement_code *c, struct prologue *ret)
{
	bool candidates = true, entry = true, checks_limit = false;
	uint32_t offset = 0;

	for (size_t i = 0; i < PLACEMENT_INSTRUCTIONS && offset < c->size; i++) {
		struct instruction_effects e;
		struct candidate *at = &ret->at[ret->n];

		if (instruction_effects(c->code + offset, c->size - offset, c->vaddr + offset, &e) <
		    0)
			return;
		if (candidates) {
			*at = (struct candidate){offset, e.base.length, e.probe};
			if (at->probe == PROBE_NOP5)
				at->probe = adjust_nop5(c, at, entry);
			ret->n++;
		}
		if (e.control_flow && !(e.base.relative && checks_limit))
			return;
		if (e.control_flow)
			ret->restart = ret->n; /* Go: a grown stack begins anew, before this */
		checks_limit = e.checks_limit;
		if (e.moves_stack)
			ret->moves_stack = true;
		if (e.moves_stack || (e.argument_lost && !c->arguments_free))
			candidates = false;
		entry = entry && e.marker;
		offset += e.base.length;
	}
}

/* A jump out of the function: harmless when what it reaches does not jump back. */
static void scan_exit(const struct placement_code *c, uint64_t target, struct scan *ret)
{
	struct placement_part part = {0};
	enum placement_part_kind kind =
		c->find_part ? c->find_part(c->context, target, &part) : PART_UNKNOWN;

	if (kind == PART_FUNCTION)
		return;
	for (size_t i = 0; i < ret->n_parts && kind == PART_CODE; i++)
		if (ret->parts[i].vaddr == part.vaddr)
			return;
	if (kind == PART_CODE && ret->n_parts < PLACEMENT_PARTS_MAX)
		ret->parts[ret->n_parts++] = part;
	else
		ret->unseen = true;
}

static void scan_branch(const struct placement_code *c, const struct candidate *site,
			const struct instruction *in, struct scan *ret)
{
	uint64_t to = in->target - c->vaddr;
	uint64_t end = site->offset;

	/* Where the kernel writes a five-byte call, nobody may land in its middle. */
	if (site->probe == PROBE_NOP5)
		end += site->length - 1;

	if (to == 0)
		ret->to_start |= !in->call;
	else if (to <= end)
		ret->inside = true;
	else if (to >= c->size && !in->call && !ret->in_part)
		scan_exit(c, in->target, ret);
}

static void scan_code(const struct placement_code *c, const struct candidate *site,
		      const uint8_t *code, size_t size, uint64_t vaddr, struct scan *ret)
{
	size_t at = 0;

	if (size > PLACEMENT_SCAN_MAX) {
		ret->unreadable = true;
		return;
	}
	while (at < size) {
		struct instruction in;

		if (instruction_decode(code + at, size - at, vaddr + at, &in) < 0) {
			ret->unreadable = true;
			return;
		}
		if (in.relative)
			scan_branch(c, site, &in, ret);
		if (in.indirect_jump && !ret->in_part)
			ret->unseen = true;
		at += in.length;
	}
}

static struct scan scan_function(const struct placement_code *c, const struct candidate *site)
{
	struct scan s = {0};

	scan_code(c, site, c->code, c->size, c->vaddr, &s);
	s.in_part = true;
	for (size_t i = 0; i < s.n_parts; i++)
		scan_code(c, site, s.parts[i].code, s.parts[i].size, s.parts[i].vaddr, &s);

	return s;
}

static Hotpath__SiteClass class_of(enum probe_kind probe)
{
	switch (probe) {
	case PROBE_NOP5:
		return HOTPATH__SITE_CLASS__SITE_NOP5;
	case PROBE_SAVES:
	case PROBE_EMULATED:
		return HOTPATH__SITE_CLASS__SITE_EMULATED;
	case PROBE_STEPPED:
		return HOTPATH__SITE_CLASS__SITE_STEPPED;
	case PROBE_REFUSED:
		break;
	}

	return HOTPATH__SITE_CLASS__SITE_NONE;
}

/* NULL: every call passes here once. Otherwise why that is not known. */
static const char *objection(const struct placement_code *c, const struct prologue *p,
			     const struct candidate *site)
{
	struct scan s;

	/* A jump back to a push would push again: not a loop but a tail call. */
	if (site->offset == 0 && site->probe == PROBE_SAVES)
		return NULL;

	s = scan_function(c, site);
	/* Likewise a jump to the start of code that goes on to move the stack. */
	if (s.to_start && !p->moves_stack && !p->restart)
		return "a jump leads back to its first instruction: calls and iterations look "
		       "alike";
	if (s.inside)
		return "a jump leads into its first instructions";
	if (site->offset == 0)
		return NULL;
	if (s.unreadable)
		return "not all of it decodes as code";
	if (s.unseen && site->probe != PROBE_SAVES)
		return "jumps that can not be followed";

	return NULL;
}

/* Earliest of the cheapest that nothing speaks against. */
static const struct candidate *choose(const struct placement_code *c, const struct prologue *p,
				      const char **ret_objection)
{
	static const bool passes[][PROBE_NOP5 + 1] = {
		{[PROBE_NOP5] = true},
		{[PROBE_SAVES] = true, [PROBE_EMULATED] = true},
		{[PROBE_STEPPED] = true},
	};

	for (size_t pass = 0; pass < sizeof(passes) / sizeof(passes[0]); pass++) {
		for (size_t i = p->restart; i < p->n; i++) {
			const char *no;

			if (!passes[pass][p->at[i].probe])
				continue;
			no = objection(c, p, &p->at[i]);
			if (!no)
				return &p->at[i];
			*ret_objection = no;
		}
	}

	return NULL;
}

static const char *site_reason(Hotpath__SiteClass class, const struct candidate *site,
			       const char *objection)
{
	switch (class) {
	case HOTPATH__SITE_CLASS__SITE_NOP5:
		return "5-byte nop at the entry";
	case HOTPATH__SITE_CLASS__SITE_EMULATED:
		return site->offset ? "emulated instruction of the prologue"
				    : "first instruction is emulated";
	default:
		return objection ? objection
				 : "no emulated instruction before the stack pointer moves";
	}
}

struct placement placement_decide(const struct placement_code *code)
{
	const struct candidate *site;
	const char *objection = NULL;
	struct prologue p = {0};
	struct placement ret = {.class = HOTPATH__SITE_CLASS__SITE_NONE};

	walk_prologue(code, &p);
	site = choose(code, &p, &objection);
	if (!site) {
		ret.reason = !p.n	 ? "its first bytes are no instruction"
			     : objection ? objection
					 : "its first instruction can not be probed by the kernel";
		return ret;
	}

	ret.class = class_of(site->probe);
	ret.skip = site->offset;
	ret.reason = site_reason(ret.class, site, objection);

	return ret;
}
