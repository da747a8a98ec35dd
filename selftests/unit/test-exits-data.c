// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data among code, as assemblers by hand have them: no way out is named where a function
 * shows that it may hold some. A breakpoint there would change what it computes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/reader/exits.h"

#define VADDR	0x401000
#define SLOT	(VADDR + 0x1000)
#define CODE(s) s, sizeof(s) - 1

static const char takes_own[] = "it takes the address of a part of its own code";
static const char reads_own[] = "it reads data that lie among its code";
static const char calls_taker[] =
	"it calls what takes its return address: data may lie behind the call";

/*
 * Assembled at VADDR. f: the function, size bytes of it; d: its data; h: what it calls;
 * s: a slot that holds h.
 */
/* clang-format off */
static const struct example {
	const char *claim;
	const char *code;
	size_t all;
	size_t size;
	bool fixed;	  /* not position independent */
	const char *none; /* NULL: its ways out are known */
} examples[] = {
	/* nop; mov $d,%edx; test %edi,%edi; je 1f; d: nop; nop; 1: ret */
	{"mov of an own address", CODE("\x90\xba\x0a\x10\x40\x00\x85\xff\x74\x02\x90\x90\xc3"), 13, true, takes_own},
	/* nop; .byte 0x68; .long d; pop %rax; test %edi,%edi; je 1f; d: nop; nop; 1: ret */
	{"push of an own address", CODE("\x90\x68\x0b\x10\x40\x00\x58\x85\xff\x74\x02\x90\x90\xc3"), 14, true, takes_own},
	/* nop; movabs $d,%rdx; test %edi,%edi; je 1f; d: nop; nop; 1: ret */
	{"a whole own address", CODE("\x90\x48\xba\x0f\x10\x40\x00\x00\x00\x00\x00\x85\xff\x74\x02\x90"
	      "\x90\xc3"), 18, true, takes_own},
	/* nop; .byte 0x3d; .long d; je 1f; d: nop; nop; 1: ret */
	{"a comparison with an own address", CODE("\x90\x3d\x08\x10\x40\x00\x74\x02\x90\x90\xc3"), 11, true, takes_own},
	/* nop; .byte 0x0f,0xb6,0x90; .long d; je 1f; d: nop; nop; 1: ret */
	{"an own address plus a register", CODE("\x90\x0f\xb6\x90\x0a\x10\x40\x00\x74\x02\x90\x90\xc3"), 13, true, reads_own},
	/* nop; .byte 0x48,0x8b,0x14,0xc5; .long d; je 1f; d: nop; nop; 1: ret */
	{"an own table", CODE("\x90\x48\x8b\x14\xc5\x0b\x10\x40\x00\x74\x02\x90\x90\xc3"), 14, true, reads_own},
	/* nop; .byte 0x8b,0x04,0x25; .long d; je 1f; d: nop; nop; 1: ret */
	{"an own word", CODE("\x90\x8b\x04\x25\x0a\x10\x40\x00\x74\x02\x90\x90\xc3"), 13, true, reads_own},
	/* nop; .byte 0xa0; .quad d; je 1f; d: nop; nop; 1: ret */
	{"an own byte, in the long form", CODE("\x90\xa0\x0c\x10\x40\x00\x00\x00\x00\x00\x74\x02\x90\x90\xc3"), 15, true, reads_own},
	/* nop; .byte 0x0f,0xb6,0x90; .long f-1; je 1f; d: nop; nop; 1: ret */
	{"a table that begins before the function", CODE("\x90\x0f\xb6\x90\xff\x0f\x40\x00\x74\x02\x90\x90\xc3"), 13, true, reads_own},
	/* nop; mov $d,%edx; test %edi,%edi; je 1f; d: nop; nop; 1: ret */
	{"a number like an own address", CODE("\x90\xba\x0a\x10\x40\x00\x85\xff\x74\x02\x90\x90\xc3"), 13, false, NULL},
	/* nop; lea f(%rip),%rdi; call 1f+0x100; ret; 1: | */
	{"its own start, passed on", CODE("\x90\x48\x8d\x3d\xf8\xff\xff\xff\xe8\x01\x01\x00\x00\xc3"), 14, false, NULL},
	/* nop; lea f(%rip),%rax; mov %rax,%rdi; movzbl 0x10(%rax),%ecx; ret */
	{"its own start and a displacement", CODE("\x90\x48\x8d\x05\xf8\xff\xff\xff\x48\x89\xc7\x0f\xb6\x48\x10\xc3"), 16, false, reads_own},
	/* nop; lea f(%rip),%rax; inc %rdi; add $0x10,%rax; ret */
	{"its own start and a sum", CODE("\x90\x48\x8d\x05\xf8\xff\xff\xff\x48\xff\xc7\x48\x83\xc0\x10\xc3"), 16, false, reads_own},
	/* nop; mov $f,%eax; movzbl 0x10(%rax),%ecx; ret */
	{"its own start as a number and a displacement", CODE("\x90\xb8\x00\x10\x40\x00\x0f\xb6\x48\x10\xc3"), 11, true, reads_own},
	/* test %edi,%edi; je 1f; call h; nop; pop %rbx; ret; 1: ret h: test %esi,%esi; je 2f;
	 * ret; 2: pop %rdx; jmp *%rdx */
	{"taken on the taken side", CODE("\x85\xff\x74\x08\xe8\x04\x00\x00\x00\x90\x5b\xc3\xc3\x85\xf6\x74"
	      "\x01\xc3\x5a\xff\xe2"), 13, false, calls_taker},
	/* test %edi,%edi; je 1f; call h; nop; pop %rbx; ret; 1: ret h: push %rbx; test
	 * %esi,%esi; je 2f; pop %rbx; ret; 2: mov 8(%rsp),%rdx; pop %rbx; ret */
	{"read on the taken side", CODE("\x85\xff\x74\x08\xe8\x04\x00\x00\x00\x90\x5b\xc3\xc3\x53\x85\xf6"
	      "\x74\x02\x5b\xc3\x48\x8b\x54\x24\x08\x5b\xc3"), 13, false, calls_taker},
	/* test %edi,%edi; je 1f; call h; nop; pop %rbx; ret; 1: ret h: push %rdi; call g; pop
	 * %rdi; pop %rsi; lodsb; jmp *%rsi; g: ret */
	{"taken behind a call", CODE("\x85\xff\x74\x08\xe8\x04\x00\x00\x00\x90\x5b\xc3\xc3\x57\xe8\x05"
	      "\x00\x00\x00\x5f\x5e\xac\xff\xe6\xc3"), 13, false, calls_taker},
	/* test %edi,%edi; je 1f; call h; nop; pop %rbx; ret; 1: ret h: call g; ret; g: mov
	 * 8(%rsp),%rsi; ret */
	{"taken by what the callee calls", CODE("\x85\xff\x74\x08\xe8\x04\x00\x00\x00\x90\x5b\xc3\xc3\xe8\x01\x00"
	      "\x00\x00\xc3\x48\x8b\x74\x24\x08\xc3"), 13, false, calls_taker},
	/* test %edi,%edi; je 1f; call h; nop; pop %rbx; ret; 1: ret h: mov %rsp,%rdi; call g;
	 * ret; g: incq (%rdi); ret */
	{"by a pointer that the callee passes", CODE("\x85\xff\x74\x08\xe8\x04\x00\x00\x00\x90\x5b\xc3\xc3\x48\x89\xe7"
	      "\xe8\x01\x00\x00\x00\xc3\x48\xff\x07\xc3"), 13, false, calls_taker},
	/* test %edi,%edi; je 1f; call *s(%rip); nop; pop %rbx; ret; 1: ret h: pop %rdx; jmp
	 * *%rdx */
	{"called through a slot", CODE("\x85\xff\x74\x09\xff\x15\xf6\x0f\x00\x00\x90\x5b\xc3\xc3\x5a\xff"
	      "\xe2"), 14, false, calls_taker},
	/* test %edi,%edi; je 1f; call p; nop; pop %rbx; ret; 1: ret h: pop %rdx; jmp *%rdx;
	 * p: jmp *s(%rip) */
	{"called through a PLT", CODE("\x85\xff\x74\x08\xe8\x07\x00\x00\x00\x90\x5b\xc3\xc3\x5a\xff\xe2"
	      "\xff\x25\xea\x0f\x00\x00"), 13, false, calls_taker},
	/* test %edi,%edi; je 1f; lea h(%rip),%rax; call *%rax; nop; pop %rbx; ret; 1: ret h:
	 * pop %rdx; jmp *%rdx */
	{"called by a register", CODE("\x85\xff\x74\x0c\x48\x8d\x05\x06\x00\x00\x00\xff\xd0\x90\x5b\xc3"
	      "\xc3\x5a\xff\xe2"), 17, false, calls_taker},
	/* test %edi,%edi; je 1f; mov $h,%eax; call *%rax; nop; pop %rbx; ret; 1: ret h: pop
	 * %rdx; jmp *%rdx */
	{"called by a register, fixed", CODE("\x85\xff\x74\x0a\xb8\x0f\x10\x40\x00\xff\xd0\x90\x5b\xc3\xc3\x5a"
	      "\xff\xe2"), 15, true, calls_taker},
	/* test %edi,%edi; je 1f; lea h(%rip),%rax; mov %rax,(%rdi); call *(%rdi); nop; ret;
	 * 1: ret h: pop %rdx; jmp *%rdx */
	{"called by an address that it took", CODE("\x85\xff\x74\x0e\x48\x8d\x05\x08\x00\x00\x00\x48\x89\x07\xff\x17"
	      "\x90\xc3\xc3\x5a\xff\xe2"), 19, false, calls_taker},
	/* test %edi,%edi; je 1f; call h; nop; ret; 1: ret h: test %esi,%esi; jne 2f; ret; 2:
	 * call g; pop %rbx; pop %rbp; ret; g: ret */
	{"what calls and does not come back", CODE("\x85\xff\x74\x07\xe8\x03\x00\x00\x00\x90\xc3\xc3\x85\xf6\x75\x01"
	      "\xc3\xe8\x03\x00\x00\x00\x5b\x5d\xc3\xc3"), 12, false, NULL},
};
/* clang-format on */

static const struct example *example;

static const uint8_t *find_constants(const void *context, uint64_t vaddr, uint64_t *ret_room)
{
	if (vaddr - VADDR >= example->all)
		return NULL;
	*ret_room = example->all - (vaddr - VADDR);

	return (const uint8_t *)context + (vaddr - VADDR);
}

static enum placement_part_kind find_part(const void *context, uint64_t vaddr,
					  struct placement_part *ret)
{
	return vaddr == VADDR || vaddr >= VADDR + example->size ? PART_FUNCTION : PART_UNKNOWN;
}

static bool is_code(const void *context, uint64_t vaddr)
{
	return vaddr >= VADDR - 0x100 && vaddr < VADDR + 0x100;
}

/* What f calls begins where f ends. */
static enum slot_kind find_slot(const void *context, uint64_t vaddr, uint64_t *ret)
{
	*ret = VADDR + example->size;

	return vaddr == SLOT ? SLOT_WRITABLE : SLOT_UNKNOWN;
}

static void names_nothing_where_data_may_lie(void **state)
{
	struct exits_finder finder = {0};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		uint8_t *copy = test_malloc(examples[i].all);
		struct flow_code code = {.body = {copy, examples[i].size, VADDR, false},
					 .find_part = find_part,
					 .find_constants = find_constants,
					 .find_slot = find_slot,
					 .is_code = is_code,
					 .context = copy,
					 .fixed = examples[i].fixed};
		struct exits exits;

		example = &examples[i];
		memcpy(copy, example->code, example->all);
		/* What was said of another example's callees was said of other code. */
		memset(finder.flow.callees, 0, sizeof(finder.flow.callees));
		assert_int_equal(exits_find(&finder, &code, 0, &exits), 0);
		if (!exits.none != !example->none ||
		    (exits.none && strcmp(exits.none, example->none)))
			fail_msg("%s: %s", example->claim, exits.none ? exits.none : "known");
		assert_true(example->none ? exits.n == 0 : exits.n > 0);
		test_free(copy);
	}
	exits_free(&finder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_nothing_where_data_may_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
