// SPDX-License-Identifier: GPL-2.0-only
/* Where an entry probe goes, on functions assembled by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/reader/placement.h"

#define NONE	 HOTPATH__SITE_CLASS__SITE_NONE
#define EMULATED HOTPATH__SITE_CLASS__SITE_EMULATED
#define STEPPED	 HOTPATH__SITE_CLASS__SITE_STEPPED

#define ENDBR64	 "\xf3\x0f\x1e\xfa"
#define NOPL5	 "\x0f\x1f\x44\x00\x00"
#define PUSH_RBX "\x53"
#define SUB_RSP	 "\x48\x83\xec\x18"
#define TEST_RDI "\x48\x85\xff"
#define RET	 "\xc3"
#define CODE(s)	 s, sizeof(s) - 1

static const struct {
	const char *claim;
	const char *code;
	size_t size;
	Hotpath__SiteClass class;
	uint32_t skip;
} cases[] = {
	{"push first", CODE(PUSH_RBX "\x5b" RET), EMULATED, 0},
	{"push of an extended register", CODE("\x41\x57" RET), EMULATED, 0},
	{"push behind endbr64", CODE(ENDBR64 PUSH_RBX RET), EMULATED, 4},
	{"push behind mov to a scratch register", CODE("\x48\x89\xf8" PUSH_RBX RET), EMULATED, 3},
	{"push behind a lost argument", CODE("\x48\x89\xf7" PUSH_RBX RET), STEPPED, 0},
	{"push behind a lost half argument", CODE("\x31\xff" PUSH_RBX RET), STEPPED, 0},
	{"push behind a moved stack", CODE(SUB_RSP PUSH_RBX RET), STEPPED, 0},
	{"push with a superfluous REX.W", CODE("\x48\x53" RET), STEPPED, 0},
	{"free: the conditional jump", CODE(TEST_RDI "\x74\x02" PUSH_RBX RET RET), EMULATED, 3},
	{"nothing behind a conditional jump", CODE(TEST_RDI "\x0f\x05" PUSH_RBX RET), STEPPED, 0},
	{"nop5 at the entry", CODE(NOPL5 RET), STEPPED, 5},
	{"nop5 behind endbr64", CODE(ENDBR64 NOPL5 PUSH_RBX RET), EMULATED, 9},
	{"nop5 in the body is left alone", CODE("\x48\x89\xf8" NOPL5 RET), STEPPED, 0},
	{"nop5 in the body, push behind it", CODE("\x48\x89\xf8" NOPL5 PUSH_RBX RET), EMULATED, 8},
	{"nop5 with a jump into it", CODE(NOPL5 "\x48\xff\xcf\x75\xfa" RET), NONE, 0},
	{"single nop", CODE("\x90" RET), EMULATED, 0},
	{"two-byte nop", CODE("\x66\x90" RET), EMULATED, 0},
	{"xchg r8, rax is no nop", CODE("\x41\x90" RET), NONE, 0},
	{"cs-prefixed nop10 never fires", CODE("\x66\x2e\x0f\x1f\x84\0\0\0\0\0" RET), STEPPED, 10},
	{"push behind a cs-prefixed nop10", CODE("\x66\x2e\x0f\x1f\x84\0\0\0\0\0" PUSH_RBX RET),
	 EMULATED, 10},
	{"jmp to another function", CODE("\xe9\x00\x01\x00\x00"), EMULATED, 0},
	{"call first", CODE("\xe8\x00\x01\x00\x00" RET), EMULATED, 0},
	{"ret alone", CODE(RET), STEPPED, 0},
	{"endbr64 and ret", CODE(ENDBR64 RET), STEPPED, 0},
	{"lock prefix", CODE("\xf0\xff\x07\xe8"), NONE, 0},
	{"notrack jmp", CODE("\x3e\xff\xe0"), NONE, 0},
	{"vector instruction", CODE("\xc5\xf8\x57\xc0\x06"), NONE, 0},
	{"syscall", CODE("\x0f\x05" RET), NONE, 0},
	{"ud2", CODE("\x0f\x0b"), NONE, 0},
	{"int3", CODE("\xcc"), NONE, 0},
	{"no instruction", CODE("\x06\x07"), NONE, 0},
	{"cut in the middle", CODE("\x48\x8b"), NONE, 0},
	{"empty", CODE(""), NONE, 0},
	/* 0: endbr64  4: nop  5: dec edi  7: jne 4  9: ret */
	{"loop to behind endbr64", CODE(ENDBR64 "\x90\xff\xcf\x75\xfb" RET), STEPPED, 0},
	/* 0: dec edi  2: jne 0  4: ret */
	{"loop to the first instruction", CODE("\xff\xcf\x75\xfc" RET), NONE, 0},
	/* 0: sub  4: add  8: jmp 0: stack restored, a tail call to itself */
	{"tail call to itself", CODE(SUB_RSP "\x48\x83\xc4\x18\xeb\xf6"), STEPPED, 0},
	{"recursive call", CODE("\x31\xc0\xe8\xf9\xff\xff\xff" RET), EMULATED, 2},
	/* mov edi,eax; je .; jmp *(,rax,8): a table may lead to the je */
	{"jump table: only a saving push", CODE("\x89\xf8\x74\x07\xff\x24\xc5\0\0\0\0" RET),
	 STEPPED, 0},
	{"jump table behind a saving push", CODE(ENDBR64 PUSH_RBX "\xff\x24\xc5\0\0\0\0" RET),
	 EMULATED, 4},
	{"jump through a fixed slot", CODE(TEST_RDI "\x74\x06\xff\x25\0\0\0\0" RET), EMULATED, 3},
	{"jump to an unknown place", CODE(TEST_RDI "\x74\x70" RET), STEPPED, 0},
	{"data behind the code", CODE(TEST_RDI "\x74\x00" RET "\x06\x07"), STEPPED, 0},
	/* Go: cmp 16(r14),rsp; jbe grow; push rbp ... grow: call; jmp start */
	{"Go: behind the stack check",
	 CODE("\x49\x3b\x66\x10\x76\x03\x55\x5d" RET "\xe8\0\x01\0\0\xeb\xf0"), EMULATED, 6},
};

static struct placement decide(const char *code, size_t size, uint64_t vaddr)
{
	/* On the heap's edge, so that a sanitizer sees one byte too many. */
	uint8_t *copy = test_malloc(size + !size);
	struct placement_code c = {.code = copy, .size = size, .vaddr = vaddr};
	struct placement p;

	memcpy(copy, code, size);
	p = placement_decide(&c);
	test_free(copy);

	return p;
}

static void finds_the_cheapest_safe_instruction(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct placement p = decide(cases[i].code, cases[i].size, 0x401000);

		if (p.class != cases[i].class || p.skip != cases[i].skip || !p.reason)
			fail_msg("%s: class %d skip %u (%s), expected %d %u", cases[i].claim,
				 p.class, p.skip, p.reason ? p.reason : "no reason", cases[i].class,
				 cases[i].skip);
	}
}

/* One that crosses a page the kernel leaves as it is. */
static void takes_no_nop5_that_becomes_a_call(void **state)
{
	assert_int_equal(decide(CODE(NOPL5 RET), 0x401ffb).skip, 5);
	assert_int_equal(decide(CODE(NOPL5 RET), 0x401ffc).skip, 0);
}

static void knows_kernels_that_step_a_nop5(void **state)
{
	static const uint8_t code[] = NOPL5 PUSH_RBX RET;
	struct placement_code c = {code, sizeof(code) - 1, 0x401000, .nop5_stepped = true};
	struct placement p = placement_decide(&c);

	assert_int_equal(p.class, EMULATED);
	assert_int_equal(p.skip, 5);
}

static void may_lose_arguments_nobody_reads(void **state)
{
	static const uint8_t code[] = "\x31\xff" PUSH_RBX RET;
	struct placement_code c = {code, sizeof(code) - 1, 0x401000, .arguments_free = true};

	assert_int_equal(placement_decide(&c).skip, 2);
}

/* At 0x401100 lies `cold`, given by the context. */
static enum placement_part_kind find_part(const void *cold, uint64_t vaddr,
					  struct placement_part *ret)
{
	if (vaddr != 0x401100)
		return PART_UNKNOWN;
	if (!cold)
		return PART_FUNCTION;
	*ret = (struct placement_part){.code = cold, .size = 5, .vaddr = 0x401100};

	return PART_CODE;
}

static void follows_jumps_to_other_parts(void **state)
{
	/* test rdi,rdi; je 0x401100; ret */
	static const uint8_t code[] = TEST_RDI "\x0f\x84\xf7\x00\x00\x00" RET;
	static const uint8_t harmless[] = "\x90\x90\x90\x90" RET;
	static const uint8_t back[] = "\xe9\xfe\xfe\xff\xff"; /* jmp 0x401003 */
	struct placement_code c = {code, sizeof(code) - 1, 0x401000, .find_part = find_part};

	assert_int_equal(placement_decide(&c).skip, 3);
	c.context = harmless;
	assert_int_equal(placement_decide(&c).skip, 3);
	c.context = back;
	assert_int_equal(placement_decide(&c).class, STEPPED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_cheapest_safe_instruction),
		cmocka_unit_test(takes_no_nop5_that_becomes_a_call),
		cmocka_unit_test(knows_kernels_that_step_a_nop5),
		cmocka_unit_test(may_lose_arguments_nobody_reads),
		cmocka_unit_test(follows_jumps_to_other_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
