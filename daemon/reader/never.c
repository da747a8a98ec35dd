/* SPDX-License-Identifier: GPL-2.0-only */
/* Reviewed tables of function names that probes must treat with care. */
#include <string.h>

#include "daemon/reader/never.h"

#define TWICE	"returns twice: saves its return address"
#define CONTEXT "saves or switches the stack it returns on"
#define JUMPS	"does not return: jumps to a saved place"
#define CALLER	"looks at its return address to know its caller"
#define UNWINDS "walks or unwinds the stack through its return address"
#define RAISES	"does not return: unwinds"
#define SHARED	"returns in two processes or threads"
#define EXITS	"does not return: exits"
#define START	"has no return address, and `hotpath run` holds the program there"
#define LOADER	"dynamic loader: changes what it returns to"
#define PROFILE "profiling hook: looks at its return address"

static const struct name_rule no_probe[] = {
	{"mcount", NAME_IS, PROFILE},
	{"_mcount", NAME_IS, PROFILE},
	{"__mcount", NAME_IS, PROFILE},
	{"__fentry__", NAME_IS, PROFILE},
	{"__restore_rt", NAME_IS, "signal trampoline: entered by the kernel, found by its bytes"},
	{"__restore", NAME_IS, "signal trampoline: entered by the kernel, found by its bytes"},
	{"__restore_rt_", NAME_BEGINS, "signal trampoline: entered by the kernel"},
	{"_start", NAME_IS, START},
	{"_start_c", NAME_IS, START},
	{".cold", NAME_ENDS, "not a function: the unlikely part of one"},
};

static const struct name_rule no_return[] = {
	{"setjmp", NAME_IS, TWICE},
	{"_setjmp", NAME_IS, TWICE},
	{"__setjmp", NAME_BEGINS, TWICE},
	{"sigsetjmp", NAME_IS, TWICE},
	{"__sigsetjmp", NAME_BEGINS, TWICE},
	{"savectx", NAME_IS, TWICE},
	{"getcontext", NAME_IS, TWICE},
	{"__getcontext", NAME_BEGINS, TWICE},
	{"setcontext", NAME_IS, CONTEXT},
	{"__setcontext", NAME_BEGINS, CONTEXT},
	{"swapcontext", NAME_IS, CONTEXT},
	{"__swapcontext", NAME_BEGINS, CONTEXT},
	{"makecontext", NAME_IS, CONTEXT},
	{"__makecontext", NAME_BEGINS, CONTEXT},
	{"__start_context", NAME_IS, "has no return address"},
	{"jump_fcontext", NAME_IS, CONTEXT},
	{"ontop_fcontext", NAME_IS, CONTEXT},
	{"make_fcontext", NAME_IS, CONTEXT},
	{"boost_jump_fcontext", NAME_BEGINS, CONTEXT},
	{"coro_transfer", NAME_IS, CONTEXT},
	{"co_switch", NAME_IS, CONTEXT},
	{"co_swap", NAME_IS, CONTEXT},
	{"longjmp", NAME_IS, JUMPS},
	{"_longjmp", NAME_IS, JUMPS},
	{"siglongjmp", NAME_IS, JUMPS},
	{"__longjmp", NAME_BEGINS, JUMPS},
	{"__libc_longjmp", NAME_IS, JUMPS},
	{"__libc_siglongjmp", NAME_IS, JUMPS},
	{"____longjmp_chk", NAME_IS, JUMPS},
	{"vfork", NAME_IS, SHARED},
	{"__vfork", NAME_IS, SHARED},
	{"__libc_vfork", NAME_IS, SHARED},
	{"clone", NAME_IS, SHARED},
	{"__clone", NAME_BEGINS, SHARED}, /* __clone2, __clone3, __clone_internal */
	{"clone3", NAME_IS, SHARED},
	{"dlopen", NAME_IS, CALLER},
	{"dlmopen", NAME_IS, CALLER},
	{"dlsym", NAME_IS, CALLER},
	{"dlvsym", NAME_IS, CALLER},
	{"__dlopen", NAME_BEGINS, CALLER},
	{"___dlopen", NAME_IS, CALLER},
	{"__dlmopen", NAME_BEGINS, CALLER},
	{"___dlmopen", NAME_IS, CALLER},
	{"__dlsym", NAME_BEGINS, CALLER},
	{"___dlsym", NAME_IS, CALLER},
	{"__dlvsym", NAME_BEGINS, CALLER},
	{"___dlvsym", NAME_IS, CALLER},
	{"__libc_dlopen", NAME_BEGINS, CALLER},
	{"__libc_dlsym", NAME_BEGINS, CALLER},
	{"__libc_dlvsym", NAME_BEGINS, CALLER},
	{"_dl_", NAME_BEGINS, LOADER},
	{"__dls", NAME_BEGINS, LOADER}, /* musl: stages of its loader, __dlsym */
	{"_dlstart", NAME_BEGINS, LOADER},
	{"backtrace", NAME_IS, UNWINDS},
	{"__backtrace", NAME_BEGINS, UNWINDS},
	{"backtrace_full", NAME_IS, UNWINDS},
	{"backtrace_simple", NAME_IS, UNWINDS},
	{"_Unwind_", NAME_BEGINS, UNWINDS},
	{"_ULx86_64_", NAME_BEGINS, UNWINDS},
	{"_Ux86_64_", NAME_BEGINS, UNWINDS},
	{"unw_", NAME_BEGINS, UNWINDS},
	{"__unw_", NAME_BEGINS, UNWINDS},
	{"__cxa_throw", NAME_BEGINS, RAISES},
	{"__cxa_rethrow", NAME_IS, RAISES},
	{"__cxa_call_unexpected", NAME_IS, RAISES},
	{"_ZSt17rethrow_exception", NAME_BEGINS, RAISES},
	{"rust_panic", NAME_IS, RAISES},
	{"rust_begin_unwind", NAME_IS, RAISES},
	{"__rust_start_panic", NAME_IS, RAISES},
	{"pthread_exit", NAME_IS, RAISES},
	{"__pthread_exit", NAME_IS, RAISES},
	{"__pthread_unwind", NAME_BEGINS, RAISES},
	{"_exit", NAME_IS, EXITS},
	{"_Exit", NAME_IS, EXITS},
	{"__exit_thread", NAME_IS, EXITS},
	{"__libc_start_call_main", NAME_IS, "ends threads by a jump to its frame"},
	{"start_thread", NAME_IS, "ends by unwinding to its own frame"},
	{"_init", NAME_IS, "stitched together from pieces of several objects"},
	{"_fini", NAME_IS, "stitched together from pieces of several objects"},
	{"__morestack", NAME_BEGINS, CONTEXT},
	{"__asan_", NAME_BEGINS, CALLER},
	{"__tsan_func_", NAME_BEGINS, CALLER},
	{"__cyg_profile_func_", NAME_BEGINS, CALLER},
	{"__gmon_start__", NAME_IS, PROFILE},
};

/* Not operator new: it throws, and calls the new_handler. */
static const struct name_rule allocation[] = {
	{"malloc", NAME_IS, ""},	{"calloc", NAME_IS, ""},
	{"realloc", NAME_IS, ""},	{"free", NAME_IS, ""},
	{"cfree", NAME_IS, ""},		{"reallocarray", NAME_IS, ""},
	{"aligned_alloc", NAME_IS, ""}, {"posix_memalign", NAME_IS, ""},
	{"memalign", NAME_IS, ""},	{"valloc", NAME_IS, ""},
	{"pvalloc", NAME_IS, ""},	{"malloc_usable_size", NAME_IS, ""},
};

static const struct name_rule allocators[] = {
	{"libc.so", NAME_BEGINS, ""},	   {"libc-2.", NAME_BEGINS, ""},
	{"libc.musl", NAME_BEGINS, ""},	   {"ld-musl", NAME_BEGINS, ""},
	{"libjemalloc.", NAME_BEGINS, ""}, {"libtcmalloc", NAME_BEGINS, ""},
	{"libmimalloc", NAME_BEGINS, ""},
};

/* Objects whose hidden functions jump, unwind or start threads. */
static const struct name_rule runtimes[] = {
	{"libc.so", NAME_BEGINS, ""},	   {"libc.musl", NAME_BEGINS, ""},
	{"libpthread.so", NAME_BEGINS, ""}, {"libgcc_s.", NAME_BEGINS, ""},
	{"libunwind", NAME_BEGINS, ""},	   {"libasan.", NAME_BEGINS, ""},
	{"libtsan.", NAME_BEGINS, ""},	   {"libgo.", NAME_BEGINS, ""},
};

static const char *reason_in(const struct name_rule *rules, size_t n, struct text name)
{
	const struct name_rule *rule = name_rule_find(rules, n, name);

	return rule ? rule->reason : NULL;
}

/* gcc numbers the cold parts of clones: f.cold, f.cold.12, f.part.0.cold. */
static bool is_numbered_cold(struct text name)
{
	while (name.size && name.p[name.size - 1] >= '0' && name.p[name.size - 1] <= '9')
		name.size--;

	return text_ends(name, ".cold.");
}

const char *never_probe(struct text name)
{
	if (is_numbered_cold(name))
		return "not a function: the unlikely part of one";

	return reason_in(no_probe, ARRAY_SIZE(no_probe), name);
}

const char *never_return(struct text name)
{
	if (text_begins(name, "_ZSt") && text_contains(name, "__throw_"))
		return RAISES;
	if (text_ends(name, "@plt"))
		return "PLT stub";

	return reason_in(no_return, ARRAY_SIZE(no_return), name);
}

/* Who only looks at its caller does not see probes on its ways out. */
const char *never_timed(struct text name)
{
	const char *reason = never_return(name);

	return reason && strcmp(reason, CALLER) != 0 ? reason : NULL;
}

const char *never_return_object(const struct object *o, bool go)
{
	if (go)
		return "Go moves its stacks";

	return object_is_loader(o) ? LOADER : NULL;
}

const char *never_return_unnamed(const struct object *o)
{
	if (object_is_static(o) && !o->soname.size)
		return "has no name, in a static program: may be setjmp or the like";
	if (name_rule_find(runtimes, ARRAY_SIZE(runtimes), o->soname))
		return "has no name, in a library that jumps or unwinds: may be what does";

	return NULL;
}

bool never_unwinds(struct text name)
{
	return name_rule_find(allocation, ARRAY_SIZE(allocation), name);
}

bool never_unwinds_object(const struct object *o, struct text file)
{
	return name_rule_find(allocators, ARRAY_SIZE(allocators), file) ||
	       name_rule_find(allocators, ARRAY_SIZE(allocators), o->soname);
}
