/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about an object, from its imports, its sections and its strings. */
#include <string.h>

#include "daemon/reader/facts.h"
#include "daemon/reader/frames.h"
#include "daemon/reader/rewrites.h"

/* Strongest first: the lowest row that any symbol fits is the one reported. */
static const struct name_rule raisers[] = {
	{"__cxa_throw", NAME_IS, "__cxa_throw"},
	{"__cxa_rethrow", NAME_IS, "__cxa_rethrow"},
	{"_ZSt17rethrow_exception", NAME_BEGINS, "std::rethrow_exception"},
	{"_Unwind_RaiseException", NAME_IS, "_Unwind_RaiseException"},
	{"_Unwind_ForcedUnwind", NAME_IS, "_Unwind_ForcedUnwind"},
	{"_Unwind_Resume_or_Rethrow", NAME_IS, "_Unwind_Resume_or_Rethrow"},
	{"rust_panic", NAME_IS, "rust_panic"},
	{"rust_begin_unwind", NAME_IS, "rust_begin_unwind"},
	{"__rust_start_panic", NAME_IS, "__rust_start_panic"},
	{"rust_eh_personality", NAME_IS, "rust_eh_personality"},
	{"_d_throw", NAME_BEGINS, "D exceptions"},
	{"__gnat_raise", NAME_BEGINS, "Ada exceptions"},
	{"objc_exception_throw", NAME_IS, "objc_exception_throw"},
	{"runtime.gopanic", NAME_IS, "Go panics"},
	{"pthread_exit", NAME_IS, "pthread_exit"},
	{"pthread_cancel", NAME_IS, "pthread_cancel"},
	{"thrd_exit", NAME_IS, "thrd_exit"},
};

/*
 * Raised within libstdc++ or libc++ on behalf of who calls them: at(), operator
 * new, a cast. Only as imports; the weakest, so that a stronger name is shown.
 */
static const struct name_rule borrowed_raisers[] = {
	{"__cxa_bad_cast", NAME_IS, "__cxa_bad_cast"},
	{"__cxa_bad_typeid", NAME_IS, "__cxa_bad_typeid"},
	{"__cxa_throw_bad_array_", NAME_BEGINS, "__cxa_throw_bad_array_*"},
	{"__cxa_vec_", NAME_BEGINS, "__cxa_vec_*"},
	{"__dynamic_cast", NAME_IS, "__dynamic_cast"},
	{"_Znw", NAME_BEGINS, "operator new"},
	{"_Zna", NAME_BEGINS, "operator new[]"},
	{"_ZNSt", NAME_BEGINS, "C++ library functions"},
	{"_ZNKSt", NAME_BEGINS, "C++ library functions"},
	{"_ZSt", NAME_BEGINS, "C++ library functions"},
};

static const struct name_rule loaders[] = {
	{"dlopen", NAME_IS, "dlopen"},
	{"dlmopen", NAME_IS, "dlmopen"},
	{"__libc_dlopen_mode", NAME_IS, "__libc_dlopen_mode"},
};

static const struct name_rule switchers[] = {
	{"swapcontext", NAME_IS, "swapcontext"},
	{"makecontext", NAME_IS, "makecontext"},
	{"setcontext", NAME_IS, "setcontext"},
	{"jump_fcontext", NAME_IS, "jump_fcontext"},
	{"make_fcontext", NAME_IS, "make_fcontext"},
	{"ontop_fcontext", NAME_IS, "ontop_fcontext"},
	{"boost_jump_fcontext", NAME_BEGINS, "boost_jump_fcontext"},
	{"sigaltstack", NAME_IS, "sigaltstack"},
	{"pthread_attr_setstack", NAME_IS, "pthread_attr_setstack"},
	{"pthread_attr_setstackaddr", NAME_IS, "pthread_attr_setstackaddr"},
	{"clone", NAME_IS, "clone"},
	{"__morestack", NAME_IS, "__morestack"},
};

static const struct name_rule languages[] = {
	{"rust_eh_personality", NAME_IS, "rust"}, {"__rust_alloc", NAME_BEGINS, "rust"},
	{"rust_panic", NAME_IS, "rust"},	  {"runtime.gopanic", NAME_IS, "go"},
	{"_d_run_main", NAME_BEGINS, "d"},	  {"_Dmain", NAME_IS, "d"},
	{"__gnat_", NAME_BEGINS, "ada"},
};

/* The C library has landing pads and a personality of its own, but borrows the unwinder. */
static const struct name_rule borrowers[] = {
	{"libc.so.", NAME_BEGINS, ""},
	{"libpthread.so.", NAME_BEGINS, ""},
	{"libc.musl-", NAME_BEGINS, ""},
};

static const char *const personalities[] = {
	"__gxx_personality_v0",
	"__gcc_personality_v0",
	"_Unwind_Resume",
	"_Unwind_RaiseException",
};

/* Sections that only one tool chain writes. */
static const struct {
	const char *section;
	const char *language;
} language_sections[] = {
	{".go.buildinfo", "go"},
	{".gopclntab", "go"},
	{".note.go.buildid", "go"},
	{".rustc", "rust"},
};

static const char *best(const struct name_rule *rules, size_t n, struct text name, size_t *rank)
{
	const struct name_rule *rule = name_rule_find(rules, *rank ? *rank - 1 : n, name);

	if (!rule)
		return NULL;
	*rank = (size_t)(rule - rules) + 1;

	return rule->reason;
}

#define KEEP_BEST(field, rules, name, rank)                                                        \
	do {                                                                                       \
		const char *found = best(rules, ARRAY_SIZE(rules), name, rank);                    \
		if (found)                                                                         \
			(field) = found;                                                           \
	} while (0)

static bool is_throw_helper(struct text name)
{
	return text_begins(name, "_ZSt") && text_contains(name, "__throw_");
}

static void add_raiser(struct facts *f, const struct symbol *s, bool here)
{
	/* libc has pthread_exit and thrd_exit as its own; who imports it weakly only asks for
	 * threads. */
	if ((text_begins(s->name, "pthread_") || text_begins(s->name, "thrd_")) &&
	    (here || s->binding == STB_WEAK))
		return;
	KEEP_BEST(f->raises, raisers, s->name, &f->raises_rank);
	if (!f->raises && is_throw_helper(s->name))
		f->raises = "std::__throw_*";
}

/* std::cout and the like are no functions; an import often has no type at all. */
static void add_borrowed(struct facts *f, const struct symbol *s)
{
	if (s->section == SHN_UNDEF && s->type != STT_OBJECT && s->type != STT_TLS)
		KEEP_BEST(f->borrowed, borrowed_raisers, s->name, &f->borrowed_rank);
}

static void add_hook(struct facts *f, const struct object *o, const struct symbol *s)
{
	struct place place;

	if (text_is(s->name, "_dl_debug_state") && object_offset(o, s->value, &place)) {
		f->loader_hook = place.offset;
		f->hook_address = s->value;
	}
	if (text_is(s->name, "_r_debug"))
		f->debug_address = s->value;
}

static void add_symbol(struct facts *f, const struct object *o, const struct symbol *s)
{
	/* Defined here and used from here looks like an import only in a static program. */
	bool here = s->section != SHN_UNDEF && !object_is_static(o);

	add_raiser(f, s, here);
	add_borrowed(f, s);
	if (!here) {
		KEEP_BEST(f->loads, loaders, s->name, &f->loads_rank);
		KEEP_BEST(f->switches_stacks, switchers, s->name, &f->switches_rank);
	} else if (text_begins(s->name, "jump_fcontext") || text_begins(s->name, "__morestack")) {
		KEEP_BEST(f->switches_stacks, switchers, s->name, &f->switches_rank);
	}
	if (s->section != SHN_UNDEF)
		add_hook(f, o, s);
	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
		if (s->section == SHN_UNDEF && text_is(s->name, personalities[i]))
			f->runtime_imported = true;
	if (!f->language) {
		const struct name_rule *rule =
			name_rule_find(languages, ARRAY_SIZE(languages), s->name);

		f->language = rule ? rule->reason : NULL;
	}
}

void facts_add(struct facts *f, const struct object *o, const struct symbol_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct symbol s;

		if (symbols_get(table, i, &s))
			add_symbol(f, o, &s);
	}
}

static bool section_contains(const struct object *o, const char *name, const char *needle)
{
	const struct section *s = object_section(o, name);
	const void *bytes = s ? object_bytes(o, s) : NULL;

	return bytes && text_contains((struct text){bytes, s->size}, needle);
}

/* Read-only data, by section or, without sections, all that is mapped and not written. */
static bool constants_contain(const struct object *o, const char *needle)
{
	if (o->n_sections)
		return section_contains(o, ".rodata", needle);
	for (size_t i = 0; i < o->n_segments; i++) {
		const Elf64_Phdr *p = &o->segments[i];
		const void *bytes = image_at(&o->image, p->p_offset, p->p_filesz);

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && bytes &&
		    text_contains((struct text){bytes, p->p_filesz}, needle))
			return true;
	}

	return false;
}

static const char *language_by_sections(const struct object *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(language_sections); i++)
		if (object_section(o, language_sections[i].section))
			return language_sections[i].language;
	if (o->go_note)
		return "go";
	/* Stripped Rust keeps the paths of its library in the panic messages. */
	if (section_contains(o, ".comment", "rustc version") || constants_contain(o, "/rustc/"))
		return "rust";

	return NULL;
}

static const char *raises_by_language(const struct facts *f)
{
	static const struct {
		const char *language, *raises;
	} table[] = {{"go", "Go runtime"},
		     {"rust", "Rust runtime"},
		     {"d", "D runtime"},
		     {"ada", "Ada runtime"}};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(f->language, table[i].language))
			return table[i].raises;

	return NULL;
}

void facts_finish(struct facts *f, const struct object *o)
{
	const char *language = language_by_sections(o);

	if (language)
		f->language = language;
	if (!f->language)
		f->language = "";
	/* pthread_exit and the like are the weak end of the table. */
	if (!f->raises || text_begins(text_from(f->raises), "pthread_")) {
		const char *raises = raises_by_language(f);

		if (raises)
			f->raises = raises;
	}

	if (!f->raises)
		f->raises = f->borrowed;

	f->lands = frames_land(o);
	f->rewrites_stack = rewrites_stack(o);
	/* Landing pads, no names, nobody else's unwinder: a static one, stripped. */
	if (!f->raises && f->lands && !f->named && !f->runtime_imported &&
	    !name_rule_find(borrowers, ARRAY_SIZE(borrowers), o->soname))
		f->raises = "an unwinder of its own (stripped)";
	if (!f->raises && constants_contain(o, "terminate called after throwing an instance of"))
		f->raises = "a C++ runtime of its own";
	if (!f->raises)
		f->raises = "";
	if (!f->loads)
		f->loads = "";
	if (!f->switches_stacks)
		f->switches_stacks = "";
}
