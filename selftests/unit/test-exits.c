// SPDX-License-Identifier: GPL-2.0-only
/* The ways out of functions assembled by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/reader/exits.h"

#define VADDR 0x401000

#define PUSH_RBX "\x53"
#define POP_RBX	 "\x5b"
#define RET	 "\xc3"
#define TEST	 "\x85\xff"		    /* test edi,edi */
#define CALL	 "\xe8\0\x01\0\0"	    /* to another function */
#define AWAY	 "\xe9\0\x02\0\0"	    /* jmp to another function */
#define JE_AWAY	 "\x0f\x84\0\x02\0\0"
#define NOP	 "\x90"
#define CODE(s)	 s, sizeof(s) - 1

#define UNKNOWN_TABLE "an indirect jump goes by a table that is not known"

/*
 * exits: by offset, with + for an emulated one; /n: the return address n bytes above rsp;
 * ?n: condition code n must hold. Or why none is known.
 */
static const struct {
	const char *claim;
	const char *code;
	size_t size;
	const char *exits;
} cases[] = {
	{"one ret", CODE(PUSH_RBX CALL POP_RBX RET), "7"},
	{"repz ret", CODE(PUSH_RBX CALL POP_RBX "\xf3\xc3"), "7"},
	{"ret with arguments", CODE(PUSH_RBX CALL POP_RBX "\xc2\x08\x00"), "7"},
	{"two rets", CODE(TEST "\x74\x02" NOP RET CALL RET), "2+?5 11"},
	{"tail call", CODE(PUSH_RBX CALL POP_RBX AWAY), "7+"},
	{"conditional tail call", CODE(TEST JE_AWAY CALL RET), "2+?4 13"},
	{"padding behind it", CODE(PUSH_RBX CALL POP_RBX RET "\x66\x90\xcc\x0f\x1f\x00"), "7"},
	{"a call that does not return", CODE(TEST "\x74\x02" NOP RET CALL), "2+?5"},
	{"its way out is its entry", CODE(RET), "its way out is its entry"},
	{"a jump is its entry", CODE(AWAY), "its way out is its entry"},
	{"no return", CODE(PUSH_RBX CALL), "it does not return"},
	{"runs off its end", CODE(PUSH_RBX POP_RBX), "it runs on into what lies behind it"},
	{"returns with its stack in use", CODE(PUSH_RBX RET),
	 "at a return its stack is not as it was at the entry"},
	{"jumps away with its stack in use", CODE(PUSH_RBX AWAY),
	 "it jumps to another function from the middle of its own"},
	{"code that nothing leads to", CODE(PUSH_RBX CALL POP_RBX RET POP_RBX RET),
	 "nothing seen leads to a part of its code"},
	{"no code behind a call", CODE(PUSH_RBX CALL "\x06"), "not all of it decodes as code"},
	/* push; jmp *rax */
	{"a jump that may be a table", CODE(PUSH_RBX "\xff\xe0"),
	 "an indirect jump can not be followed"},
	/* nop; mov rax,[rdi]; jmp *rax */
	{"an indirect tail call", CODE(NOP "\x48\x8b\x07\xff\xe0"), "4"},
	/* nop; mov rax,[rdi]; jmp [rax+16] */
	{"a virtual function", CODE(NOP "\x48\x8b\x07\xff\x60\x10"), "4"},
	/* nop; mov rax,[rdi+rcx]; jmp rax */
	{"a member by its offset", CODE(NOP "\x48\x8b\x04\x0f\xff\xe0"), "5"},
	/* nop; jmp [rdi+rax*8] */
	{"a table that is not known", CODE(NOP "\xff\x24\xc7"), UNKNOWN_TABLE},
	/* nop; mov rax,[rdi+rax*8]; jmp rax */
	{"the same in two steps", CODE(NOP "\x48\x8b\x04\xc7\xff\xe0"), UNKNOWN_TABLE},
	/* test; je 1f; mov rax,[rdi+rcx*8]; jmp 2f; 1: mov rax,[rsi]; 2: jmp rax */
	{"the same where ways join",
	 CODE(TEST "\x74\x06\x48\x8b\x04\xcf\xeb\x03\x48\x8b\x06\xff\xe0"), UNKNOWN_TABLE},
	/* je into the call's immediate, which is a nop */
	{"overlapping instructions", CODE(TEST "\x74\x01\xe8" NOP NOP NOP NOP RET),
	 "its instructions overlap: jumps lead into their middle"},
	{"get-pc", CODE("\xe8\0\0\0\0" POP_RBX RET), "it calls into its own middle"},
	{"its own code as data", CODE(NOP "\x8b\x05\xf9\xff\xff\xff" RET),
	 "it reads data that lie among its code"},
	/* lea out(rip),rdx; test; je out; movzbl (rdx),eax; out: ret */
	{"its own code by address", CODE("\x48\x8d\x15\x07\0\0\0" TEST "\x74\x03\x0f\xb6\x02" RET),
	 "it takes the address of a part of its own code"},
	{"iret", CODE(NOP "\x48\xcf"),
	 "it leaves by an instruction that leads nobody knows where"},
	/* push; call; test; jne fail; pop; ret; fail: call */
	{"stack protector", CODE(PUSH_RBX CALL TEST "\x75\x02" POP_RBX RET CALL), "8+/8?4"},
	/* push; nop; dec edi; jne -4; pop; ret */
	{"not the jump of a loop", CODE(PUSH_RBX NOP "\xff\xcf\x75\xfb" POP_RBX RET), "7"},
	/* push; test; je 10; call; jmp out(10); out: pop; ret */
	{"jumps to an epilogue", CODE(PUSH_RBX TEST "\x74\x07" CALL "\xeb\x00" POP_RBX RET),
	 "3+/8?4 10+/8"},
	{"a call before the epilogue", CODE(PUSH_RBX TEST "\x74\x05" CALL POP_RBX RET), "11"},
};

static enum placement_part_kind find_part(const void *context, uint64_t vaddr,
					  struct placement_part *ret)
{
	return vaddr > VADDR + 0x100 ? PART_FUNCTION : PART_UNKNOWN;
}

static void describe(const struct exits *e, char *to, size_t size)
{
	size_t n = 0;

	*to = '\0';
	if (e->none) {
		snprintf(to, size, "%s", e->none);
		return;
	}
	for (uint64_t at = VADDR; at < VADDR + 0x100; at++)
		for (size_t i = 0; i < e->n; i++) {
			const struct exit_site *s = &e->list[i];

			if (s->vaddr != at)
				continue;
			n += snprintf(to + n, size - n, "%s%d%s", n ? " " : "", (int)(at - VADDR),
				      s->class == HOTPATH__SITE_CLASS__SITE_EMULATED ? "+" : "");
			if (s->sp_offset)
				n += snprintf(to + n, size - n, "/%u", s->sp_offset);
			if (s->condition)
				n += snprintf(to + n, size - n, "?%d", s->condition - 1);
		}
}

static void finds_every_way_out(void **state)
{
	struct exits_finder finder = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* On the heap's edge, so that a sanitizer sees one byte too many. */
		uint8_t *copy = test_malloc(cases[i].size);
		struct flow_code code = {.body = {copy, cases[i].size, VADDR, false},
					 .find_part = find_part};
		struct exits exits;
		char found[200];

		memcpy(copy, cases[i].code, cases[i].size);
		assert_int_equal(exits_find(&finder, &code, 0, &exits), 0);
		describe(&exits, found, sizeof(found));
		if (strcmp(found, cases[i].exits))
			fail_msg("%s: %s, expected %s", cases[i].claim, found, cases[i].exits);
		test_free(copy);
	}
	exits_free(&finder);
}

/* cmp $1,edi; ja out; mov edi,edi; jmp *table(,rdi,8); 0: nop; ret; 1: cdq; out: ret */
static const uint8_t jumps[] = "\x83\xff\x01\x77\x0c\x89\xff\xff\x24\xfd\0\x20\x40\0"
			       "\x90\xc3\x99\xc3";
static uint64_t table[] = {VADDR + 14, VADDR + 16, 0x1234};

static const uint8_t *find_constants(const void *context, uint64_t vaddr, uint64_t *ret_room)
{
	if (vaddr - 0x402000 >= sizeof(table))
		return NULL;
	*ret_room = sizeof(table) - (vaddr - 0x402000);

	return (const uint8_t *)table + (vaddr - 0x402000);
}

static void follows_jump_tables(void **state)
{
	struct flow_code code = {.body = {jumps, sizeof(jumps) - 1, VADDR, false},
				 .find_part = find_part,
				 .find_constants = find_constants};
	struct exits_finder finder = {0};
	struct exits exits;
	char found[200];

	assert_int_equal(exits_find(&finder, &code, 3, &exits), 0);
	describe(&exits, found, sizeof(found));
	assert_string_equal(found, "15 17");
	/* A table that leads elsewhere leaves code unseen. */
	table[1] = 0x5678;
	assert_int_equal(exits_find(&finder, &code, 3, &exits), 0);
	assert_non_null(exits.none);
	table[1] = VADDR + 16;
	exits_free(&finder);
}

static enum slot_kind find_slot(const void *context, uint64_t vaddr, uint64_t *ret)
{
	uint64_t i = (vaddr - 0x402000) / 8;

	if (i >= sizeof(table) / sizeof(table[0]))
		return SLOT_UNKNOWN;
	*ret = table[i];

	return SLOT_WRITABLE;
}

/* cmp $1,edi; ja out; mov edi,edi; jmp *table(,rdi,8); out: ret */
static const uint8_t last[] = "\x83\xff\x01\x77\x09\x89\xff\xff\x24\xfd\0\x20\x40\0\xc3";

/* To two other functions, or to one and into itself. */
static void leaves_by_tables_of_functions(void **state)
{
	static const struct {
		uint64_t entries[2];
		const char *exits;
	} tables[] = {
		{{VADDR + 0x200, VADDR + 0x300}, "3+?7 7"},
		{{VADDR + 0x200, VADDR + 1}, UNKNOWN_TABLE},
	};
	struct flow_code code = {.body = {last, sizeof(last) - 1, VADDR, false},
				 .find_part = find_part,
				 .find_constants = find_constants,
				 .find_slot = find_slot};
	struct exits_finder finder = {0};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct exits exits;
		char found[200];

		memcpy(table, tables[i].entries, sizeof(tables[i].entries));
		assert_int_equal(exits_find(&finder, &code, 0, &exits), 0);
		describe(&exits, found, sizeof(found));
		assert_string_equal(found, tables[i].exits);
	}
	exits_free(&finder);
}

/* test; je 1f; call helper; 0-7: data that are nops, pop, ret; 1: ret. helper: pop rdx; jmp *rdx */
static const uint8_t inline_data[] = TEST "\x74\x08\xe8\x04\0\0\0" NOP POP_RBX RET RET
				     "\x5a\xff\xe2";

static const uint8_t *find_inline(const void *context, uint64_t vaddr, uint64_t *ret_room)
{
	if (vaddr - VADDR >= sizeof(inline_data) - 1)
		return NULL;
	*ret_room = sizeof(inline_data) - 1 - (vaddr - VADDR);

	return inline_data + (vaddr - VADDR);
}

static void names_nothing_behind_a_call_of_what_takes_its_return_address(void **state)
{
	struct flow_code code = {.body = {inline_data, 13, VADDR, false},
				 .find_part = find_part,
				 .find_constants = find_inline};
	struct exits_finder finder = {0};
	struct exits exits;

	assert_int_equal(exits_find(&finder, &code, 0, &exits), 0);
	assert_int_equal(exits.n, 0);
	assert_string_equal(exits.none, "it calls what takes its return address: "
					"data may lie behind the call");
	exits_free(&finder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_way_out),
		cmocka_unit_test(follows_jump_tables),
		cmocka_unit_test(leaves_by_tables_of_functions),
		cmocka_unit_test(names_nothing_behind_a_call_of_what_takes_its_return_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
