// SPDX-License-Identifier: GPL-2.0-only
/* Code that is made or changed while it runs, and code that looks at where it returns. */
#include <dlfcn.h>
#include <execinfo.h>
#include <sys/mman.h>
#include <unwind.h>
#include "hazard.h"

PROBED unsigned long hz_work(unsigned long x)
{
	CALLED;
	x = hz_mix(x);
	RETURNED;
	return x;
}

PROBED unsigned long hz_call(unsigned long (*f)(unsigned long), unsigned long x)
{
	CALLED;
	x = f(x);
	RETURNED;
	return x + 1;
}

/* mov %rdi,%rax; add $imm32,%rax; ret */
static size_t assemble(unsigned char *code, unsigned int imm)
{
	static const unsigned char start[] = { 0x48, 0x89, 0xf8, 0x48, 0x05 };

	memcpy(code, start, sizeof(start));
	memcpy(code + sizeof(start), &imm, 4);
	code[9] = 0xc3;
	return 10;
}

/* Generated code, that also calls back into what is probed: push; call *; pop; ret. */
static size_t assemble_call(unsigned char *code, unsigned long (*f)(unsigned long))
{
	static const unsigned char start[] = { 0x53, 0x48, 0xb8 }, end[] = { 0xff, 0xd0, 0x5b, 0xc3 };

	memcpy(code, start, sizeof(start));
	memcpy(code + 3, &f, 8);
	memcpy(code + 11, end, sizeof(end));
	return 15;
}

static unsigned long run_jit(unsigned long n)
{
	unsigned char *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long sum = 0;

	assemble_call(code + 4096, hz_work);
	for (unsigned long i = 0; i < n; i++) {
		assemble(code, (unsigned int)i);
		sum += hz_call((unsigned long (*)(unsigned long))(void *)code, sum);
		sum += hz_call((unsigned long (*)(unsigned long))(void *)(code + 4096), sum);
	}
	munmap(code, 8192);
	return sum;
}

/* Patched at its immediate, in its own text. */
unsigned long hz_patched(unsigned long x);
extern char patched_at[];
__asm__(".text\n.p2align 4\n.globl hz_patched\n.type hz_patched,@function\nhz_patched:\n"
	"push %rbx\nmov %rdi,%rbx\nlea 1(%rbx),%rax\n"
	".globl patched_at\npatched_at = . + 2\nadd $0x11111111,%rax\npop %rbx\nret\n.size hz_patched,.-hz_patched\n");
static struct hz_counter patched_counter __attribute__((used, section("hz_counters"), aligned(32))) = {
	"hz_patched", 0, 0, 0
};

static unsigned long run_modify(unsigned long n)
{
	char *page = (char *)((uintptr_t)patched_at & ~(uintptr_t)4095);
	unsigned long sum = 0;

	if (mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
		return 1;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int imm = i * 7;

		memcpy(patched_at, &imm, 4);
		patched_counter.calls++;
		patched_counter.returns++;
		sum = sum * 3 + hz_patched(i);
	}
	mprotect(page, 8192, PROT_READ | PROT_EXEC);
	return sum;
}

/* Code that is copied elsewhere and run there, as an unpacker does; read from the file's
 * own text it would hold our breakpoints, so it is data. */
static unsigned long run_unpacked(unsigned long n)
{
	static const unsigned char packed[] = { 0x48 ^ 1, 0x8d ^ 1, 0x47 ^ 1, 0x05 ^ 1, 0xc3 ^ 1 };
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long sum = 0;

	for (size_t i = 0; i < sizeof(packed); i++)
		code[i] = packed[i] ^ 1;
	mprotect(code, 4096, PROT_READ | PROT_EXEC);
	for (unsigned long i = 0; i < n; i++)
		sum += hz_call((unsigned long (*)(unsigned long))(void *)code, i);
	munmap(code, 4096);
	return sum;
}

/* --- return addresses ----------------------------------------------------------------- */

/* 2: in the caller given, 1: in this program, 0: elsewhere. */
static unsigned long place(const void *p)
{
	Dl_info info;

	if (!dladdr(p, &info) || !info.dli_fname || strstr(info.dli_fname, ".so"))
		return 0;
	return info.dli_sname ? 2 + (unsigned long)(unsigned char)info.dli_sname[3] : 1;
}

PROBED unsigned long hz_looks(unsigned long x)
{
	CALLED;
	x += place(__builtin_extract_return_addr(__builtin_return_address(0)));
	RETURNED;
	return x;
}

PROBED unsigned long hz_asks(unsigned long x)
{
	CALLED;
	x = hz_looks(x) * 3;
	RETURNED;
	return x;
}

static unsigned long run_return(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum += hz_asks(i);
	return sum;
}

PROBED unsigned long hz_trace(unsigned long x)
{
	void *frames[64];
	int n, mine = 0;

	CALLED;
	n = backtrace(frames, 64);
	for (int i = 0; i < n; i++)
		mine += place(frames[i]) != 0;
	RETURNED;
	return x * 3 + (unsigned long)n * 100 + (unsigned long)mine;
}

PROBED unsigned long hz_traced(unsigned long x, int depth)
{
	CALLED;
	x = depth ? hz_traced(x, depth - 1) : hz_trace(x);
	RETURNED;
	return x + 1;
}

static unsigned long run_backtrace(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 3 + hz_traced(i, (int)i % 9);
	return sum;
}

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *arg)
{
	unsigned long *n = arg;

	*n += 1 + place((void *)_Unwind_GetIP(context));
	return _URC_NO_REASON;
}

PROBED unsigned long hz_unwinds(unsigned long x)
{
	unsigned long n = 0;

	CALLED;
	_Unwind_Backtrace(count_frame, &n);
	RETURNED;
	return x + n;
}

static unsigned long run_unwind(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 3 + hz_call(hz_unwinds, i);
	return sum;
}

/* By frame pointers, as profilers inside programs do. */
PROBED unsigned long hz_walks(unsigned long x)
{
	void **frame = __builtin_frame_address(0);

	CALLED;
	for (int i = 0; i < 3 && frame && frame[0] > (void *)frame; i++) {
		x = x * 3 + place(frame[1]);
		frame = frame[0];
	}
	RETURNED;
	return x;
}

static unsigned long run_walk(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 3 + hz_call(hz_walks, i);
	return sum;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "jit", run_jit },	       { "modify", run_modify },
		{ "unpacked", run_unpacked },  { "return", run_return },
		{ "backtrace", run_backtrace }, { "unwind", run_unwind },
		{ "walk", run_walk },	       { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
