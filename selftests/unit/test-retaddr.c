// SPDX-License-Identifier: GPL-2.0-only
/* Functions that look at the stack they return on, assembled by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/reader/retaddr.h"
#include "daemon/reader/rewrites.h"

#define ENDBR64	 "\xf3\x0f\x1e\xfa"
#define PUSH_RBP "\x55"
#define PUSH_RBX "\x53"
#define FRAME	 PUSH_RBP "\x48\x89\xe5" /* push rbp; mov rbp,rsp */
#define SUB_24	 "\x48\x83\xec\x18"
#define JE	 "\x74\x02"
#define JMP	 "\xeb\x02"
#define CALL	 "\xe8\0\x01\0\0"
#define RET	 "\xc3"
#define ALIGN	 "\x48\x83\xe4\xe0"				 /* and rsp,-32 */
#define DRAP	 "\x4c\x8d\x54\x24\x08" ALIGN "\x41\xff\x72\xf8" /* lea r10,[rsp+8]; push [r10-8] */
#define CODE(s)	 s, sizeof(s) - 1

#define READS	 "reads its own return address"
#define WRITES	 "writes its own return address"
#define SAVES	 "saves its stack pointer"
#define SWITCHES "switches its stack"

static const struct {
	const char *claim;
	const char *code;
	size_t size;
	const char *objection;
} cases[] = {
	{"musl's setjmp",
	 CODE("\x48\x8d\x54\x24\x08\x48\x89\x57\x30\x48\x8b\x14\x24\x48\x89\x57\x38\x31\xc0" RET),
	 SAVES},
	{"setjmp, address first", CODE("\x48\x8b\x14\x24\x48\x89\x57\x38\x31\xc0" RET), READS},
	{"a pop at the entry", CODE(ENDBR64 "\x5a\x52" RET), READS},
	{"a pop of what was pushed", CODE(PUSH_RBX "\x5b" RET), NULL},
	{"a pop too many", CODE(PUSH_RBX "\x5b\x59" RET), READS},
	/* mov rdi,[rsp+24] behind sub, [rsp+32] behind push and sub */
	{"read behind a moved stack", CODE(SUB_24 "\x48\x8b\x7c\x24\x18" RET), READS},
	{"read behind push and sub", CODE(PUSH_RBX SUB_24 "\x48\x8b\x7c\x24\x20" RET), READS},
	{"a stack argument", CODE(SUB_24 "\x48\x8b\x7c\x24\x20" RET), NULL},
	{"a local variable", CODE(SUB_24 "\x48\x8b\x7c\x24\x10" RET), NULL},
	{"32 bits of it", CODE("\x8b\x04\x24" RET), READS},
	{"its upper half", CODE("\x8b\x44\x24\x04" RET), READS},
	{"16 bytes across it", CODE(PUSH_RBX "\x0f\x10\x04\x24" RET), READS},
	{"push of it", CODE("\xff\x34\x24" RET), READS},
	{"by a copy of rsp", CODE("\x48\x89\xe0\x48\x8b\x08" RET), READS},
	{"by a copy that was lost", CODE("\x48\x89\xe0\x31\xc0\x48\x8b\x08" RET), NULL},
	{"indexed: not known", CODE("\x48\x8b\x04\xcc" RET), NULL},
	{"thread-local: not the stack", CODE("\x64\x48\x8b\x04\x24" RET), NULL},
	{"frame pointer", CODE(FRAME "\x48\x8b\x45\x08" RET), READS},
	{"frame pointer, its saved rbp", CODE(FRAME "\x48\x8b\x45\x00" RET), NULL},
	{"frame pointer, an argument", CODE(FRAME "\x48\x8b\x45\x10" RET), NULL},
	{"frame pointer, behind a call", CODE(FRAME CALL "\x48\x8b\x45\x08" RET), READS},
	{"frame pointer, behind a return", CODE(FRAME JE "\x5d" RET "\x48\x8b\x45\x08"), READS},
	{"rbp cleared", CODE(FRAME "\x31\xed\x48\x8b\x45\x08" RET), NULL},
	{"rbp put to another use", CODE(FRAME "\x48\x89\xfd\x48\x8b\x45\x08" RET), NULL},
	{"behind a conditional jump", CODE(JE "\x48\x8b\x04\x24" RET), READS},
	{"behind a jump: not known", CODE(JMP "\x48\x8b\x04\x24" RET), NULL},
	{"behind a call: not looked at", CODE(CALL "\x48\x8b\x04\x24" RET), NULL},
	{"a new return address", CODE("\x48\x89\x04\x24" RET), WRITES},
	{"a memory barrier", CODE("\xf0\x83\x0c\x24\x00" RET), NULL},
	{"a stack probe", CODE(SUB_24 "\x48\x83\x0c\x24\x00" RET), NULL},
	{"mov [rdi],rsp", CODE("\x48\x89\x27" RET), SAVES},
	{"mov [rip+x],rsp", CODE("\x48\x89\x25\0\0\0\0" RET), SAVES},
	{"coroutine: pushes, then saves", CODE(PUSH_RBP PUSH_RBX "\x48\x89\x27" RET), SAVES},
	{"address of a local", CODE(SUB_24 "\x48\x89\x27" RET), NULL},
	{"address of a later local", CODE(SUB_24 "\x48\x8d\x44\x24\x08\x48\x89\x07" RET), NULL},
	{"rsp kept on the stack", CODE(SUB_24 "\x48\x89\x64\x24\x08" RET), NULL},
	/* lea rax,[rsp+32]; mov [rsp+8],rax */
	{"va_start", CODE(SUB_24 "\x48\x8d\x44\x24\x20\x48\x89\x44\x24\x08" RET), NULL},
	{"fcontext: mov rsp,rdi", CODE("\x48\x8d\x64\x24\xc8\x48\x89\xfc" RET), SWITCHES},
	{"mov rsp,[rsi]", CODE(PUSH_RBP "\x48\x8b\x26" RET), SWITCHES},
	{"xchg rsp,rax", CODE("\x48\x94" RET), SWITCHES},
	{"pop rsp", CODE(PUSH_RBX "\x5c" RET), SWITCHES},
	{"rsp from the frame pointer", CODE(FRAME SUB_24 "\x48\x89\xec\x5d" RET), NULL},
	{"aligned stack", CODE(DRAP FRAME "\x48\x8b\x45\x00" RET), NULL},
	{"aligned stack undone", CODE(DRAP "\x41\x5a\x49\x8d\x62\xf8" RET), NULL},
	{"aligned stack, looked at", CODE(DRAP "\x49\x8b\x42\xf8" RET), READS},
	{"aligned, then switched", CODE(ALIGN "\x48\x8b\x26" RET), SWITCHES},
	{"cut in the middle", CODE("\x48\x8b"), NULL},
	{"no instruction", CODE("\x06\x07"), NULL},
	{"empty", CODE(""), NULL},
};

/* On the heap's edge, so that a sanitizer sees one byte too many. */
static uint8_t *on_heap(const char *code, size_t size)
{
	uint8_t *copy = test_malloc(size + !size);

	memcpy(copy, code, size);

	return copy;
}

static void sees_who_looks_at_the_stack(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *code = on_heap(cases[i].code, cases[i].size);
		const char *got = retaddr_objection(code, cases[i].size);
		const char *expected = cases[i].objection;

		if (!got != !expected || (got && strcmp(got, expected)))
			fail_msg("%s: %s, expected %s", cases[i].claim, got, expected);
		test_free(code);
	}
}

static void sees_loads_of_the_stack_pointer(void **state)
{
	static const struct {
		const char *claim;
		const char *code;
		size_t size;
		bool rewrites;
	} loads[] = {
		{"mov rsp,[rdi+48]", CODE("\x90\x48\x8b\x67\x30"), true},
		{"mov rsp,[r8]", CODE("\x49\x8b\x20"), true},
		{"mov r12,[rdi]", CODE("\x4c\x8b\x27"), false},
		{"mov rsp,rdi", CODE("\x48\x89\xfc"), true},
		{"mov rsp,rdi, the other way", CODE("\x48\x8b\xe7"), true},
		{"mov rsp,r10", CODE("\x4c\x89\xd4"), true},
		{"mov rsp,r13 is not rbp", CODE("\x4c\x89\xec"), true},
		{"mov rsp,rbp", CODE("\x48\x89\xec"), false},
		{"mov rsp,rbp, the other way", CODE("\x48\x8b\xe5"), false},
		{"mov r12,rdi", CODE("\x49\x89\xfc"), false},
		{"mov rbp,rsp", CODE("\x48\x89\xe5"), false},
		{"mov [rsp],rdi", CODE("\x48\x89\x3c\x24"), false},
		{"xchg rsp,[rdi]", CODE("\x48\x87\x27"), true},
		{"xchg rdi,rsp", CODE("\x48\x87\xfc"), true},
		{"xchg rax,rsp", CODE("\x48\x94\xc3"), true},
		{"xchg rax,r12", CODE("\x49\x94\xc3"), false},
		{"cut", CODE("\x48\x89"), false},
		{"empty", CODE(""), false},
	};

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		uint8_t *code = on_heap(loads[i].code, loads[i].size);

		if (rewrites_in(code, loads[i].size) != loads[i].rewrites)
			fail_msg("%s: expected %d", loads[i].claim, loads[i].rewrites);
		test_free(code);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_who_looks_at_the_stack),
		cmocka_unit_test(sees_loads_of_the_stack_pointer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
