/* SPDX-License-Identifier: GPL-2.0-only */
/* One ELF object: headers, segments, sections, notes, the dynamic section. */
#include <errno.h>
#include <string.h>

#include "daemon/reader/object.h"

#define SEGMENTS_MAX 4096
#define SECTIONS_MAX 1000000 /* -ffunction-sections never reaches an executable */
#define DYNAMIC_MAX  65536
#define NOTES_MAX    4096

static const struct {
	uint16_t machine;
	const char *error;
} machines[] = {
	{EM_386, "32-bit program (i386): only x86-64 is supported"},
	{EM_X86_64, "32-bit program (x32): only x86-64 is supported"},
	{EM_ARM, "32-bit ARM program: only x86-64 is supported"},
	{EM_AARCH64, "aarch64 program: only x86-64 is supported"},
	{EM_RISCV, "RISC-V program: only x86-64 is supported"},
	{EM_PPC64, "POWER program: only x86-64 is supported"},
	{EM_S390, "s390 program: only x86-64 is supported"},
	{EM_BPF, "BPF object: not a program"},
};

static const char *machine_error(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].error;

	return "program for another machine: only x86-64 is supported";
}

static const char *check_type(uint16_t type)
{
	switch (type) {
	case ET_EXEC:
	case ET_DYN:
		return NULL;
	case ET_REL:
		return "relocatable object (.o): not loaded as it is";
	case ET_CORE:
		return "core dump: not a program";
	default:
		return "ELF file of an unknown type";
	}
}

static const char *check_header(const struct object *o)
{
	const Elf64_Ehdr *h = &o->header;

	if (memcmp(h->e_ident, ELFMAG, SELFMAG))
		return "not an ELF file";
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return "big-endian program: only x86-64 is supported";
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64)
		return machine_error(h->e_machine);
	if (h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr))
		return "malformed: program headers of an unknown size";

	return check_type(h->e_type);
}

static int read_segments(struct object *o, const char **ret_error)
{
	const Elf64_Ehdr *h = &o->header;
	size_t n = h->e_phnum, size = n * sizeof(Elf64_Phdr);
	const void *from = image_at(&o->image, h->e_phoff, size);

	*ret_error = !n			? "malformed: no program headers"
		     : n > SEGMENTS_MAX ? "malformed: more program headers than any loader takes"
		     : !from		? "truncated: program headers past the end of the file"
					: NULL;
	if (*ret_error)
		return -EBADMSG;

	o->segments = malloc(size);
	if (!o->segments)
		return -ENOMEM;
	memcpy(o->segments, from, size);
	o->n_segments = n;

	return 0;
}

/* Number of sections and of the name table, which overflow into section 0. */
static bool section_counts(const struct object *o, uint64_t *ret_n, uint32_t *ret_names)
{
	const Elf64_Ehdr *h = &o->header;
	Elf64_Shdr zero;

	if (!image_read(&o->image, h->e_shoff, &zero, sizeof(zero)))
		return false;
	*ret_n = h->e_shnum ? h->e_shnum : zero.sh_size;
	*ret_names = h->e_shstrndx == SHN_XINDEX ? zero.sh_link : h->e_shstrndx;

	return true;
}

static void name_sections(struct object *o, uint32_t names, const uint32_t *name_offsets)
{
	const struct section *table = names < o->n_sections ? &o->sections[names] : NULL;
	const char *strings = table ? object_bytes(o, table) : NULL;

	for (size_t i = 0; strings && i < o->n_sections; i++) {
		uint64_t at = name_offsets[i];

		if (at < table->size)
			o->sections[i].name = (struct text){
				strings + at, strnlen(strings + at, table->size - at)};
	}
}

static int read_sections(struct object *o)
{
	_cleanup_free_ uint32_t *name_offsets = NULL;
	const Elf64_Ehdr *h = &o->header;
	const uint8_t *from;
	uint32_t names = 0;
	uint64_t n = 0;

	if (!h->e_shoff)
		return 0;
	o->sections_error = "truncated: section headers past the end of the file";
	if (h->e_shentsize != sizeof(Elf64_Shdr)) {
		o->sections_error = "malformed: section headers of an unknown size";
		return 0;
	}
	if (!section_counts(o, &n, &names) || n > SECTIONS_MAX)
		return 0;
	from = image_at(&o->image, h->e_shoff, n * sizeof(Elf64_Shdr));
	if (!from)
		return 0;

	o->sections = calloc(n + 1, sizeof(*o->sections));
	name_offsets = calloc(n + 1, sizeof(*name_offsets));
	if (!o->sections || !name_offsets)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		Elf64_Shdr s;

		memcpy(&s, from + i * sizeof(s), sizeof(s));
		name_offsets[i] = s.sh_name;
		o->sections[i] = (struct section){.type = s.sh_type,
						  .link = s.sh_link,
						  .flags = s.sh_flags,
						  .address = s.sh_addr,
						  .offset = s.sh_offset,
						  .size = s.sh_size};
	}
	o->n_sections = n;
	o->sections_error = NULL;
	name_sections(o, names, name_offsets);

	return 0;
}

static void read_build_id(struct object *o, const uint8_t *id, size_t size)
{
	for (size_t i = 0; i < size && i < OBJECT_BUILD_ID_MAX; i++) {
		o->build_id[2 * i] = "0123456789abcdef"[id[i] >> 4];
		o->build_id[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
}

static void read_notes(struct object *o, uint64_t offset, uint64_t size)
{
	uint64_t at = 0;

	for (size_t i = 0; i < NOTES_MAX && at + sizeof(Elf64_Nhdr) <= size; i++) {
		uint64_t name_size, name_at, desc_at;
		const uint8_t *name, *desc;
		Elf64_Nhdr note;

		if (!image_read(&o->image, offset + at, &note, sizeof(note)))
			return;
		name_size = ((uint64_t)note.n_namesz + 3) & ~3ull;
		name_at = at + sizeof(note);
		desc_at = name_at + name_size;
		if (desc_at > size || note.n_descsz > size - desc_at)
			return;
		name = image_at(&o->image, offset + name_at, note.n_namesz);
		desc = image_at(&o->image, offset + desc_at, note.n_descsz);
		if (!name || !desc)
			return;

		if (note.n_namesz == 4 && !memcmp(name, "GNU", 4) && note.n_type == NT_GNU_BUILD_ID)
			read_build_id(o, desc, note.n_descsz);
		if (note.n_namesz == 4 && !memcmp(name, "Go\0", 4))
			o->go_note = true;
		at = desc_at + (((uint64_t)note.n_descsz + 3) & ~3ull);
	}
}

static void read_dynamic(struct object *o, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < DYNAMIC_MAX && (i + 1) * sizeof(Elf64_Dyn) <= size; i++) {
		Elf64_Dyn d;

		if (!image_read(&o->image, offset + i * sizeof(d), &d, sizeof(d)) ||
		    d.d_tag == DT_NULL)
			return;
		if (d.d_tag == DT_NEEDED)
			o->n_needed++;
		if (d.d_tag == DT_TEXTREL || (d.d_tag == DT_FLAGS && d.d_un.d_val & DF_TEXTREL))
			o->text_relocations = true;
		if (d.d_tag == DT_GNU_HASH)
			o->gnu_hash = d.d_un.d_val;
		if (d.d_tag > 0 && d.d_tag < DT_NUM)
			o->dynamic[d.d_tag] = d.d_un.d_val;
	}
}

static void read_soname(struct object *o)
{
	struct place place;
	const char *s;

	if (!o->dynamic[DT_SONAME] ||
	    !object_offset(o, o->dynamic[DT_STRTAB] + o->dynamic[DT_SONAME], &place))
		return;
	s = image_at(&o->image, place.offset, place.room);
	if (s)
		o->soname = (struct text){s, strnlen(s, place.room < 4096 ? place.room : 4096)};
}

static void read_contents(struct object *o)
{
	for (size_t i = 0; i < o->n_segments; i++) {
		const Elf64_Phdr *p = &o->segments[i];

		if (p->p_type == PT_INTERP)
			o->has_interpreter = true;
		else if (p->p_type == PT_NOTE)
			read_notes(o, p->p_offset, p->p_filesz);
		else if (p->p_type == PT_DYNAMIC)
			read_dynamic(o, p->p_offset, p->p_filesz);
	}
	read_soname(o);

	/* A separate debug file keeps the note's section but not always its segment. */
	for (size_t i = 0; i < o->n_sections; i++)
		if (o->sections[i].type == SHT_NOTE && o->sections[i].flags & SHF_ALLOC)
			read_notes(o, o->sections[i].offset, o->sections[i].size);
}

int object_parse(struct image image, struct object **ret, const char **ret_error)
{
	_cleanup_(object_freep) struct object *o = calloc(1, sizeof(*o));
	int r;

	*ret_error = NULL;
	if (!o) {
		image_close(&image);
		return -ENOMEM;
	}
	o->image = image;

	if (!image_read(&image, 0, &o->header, sizeof(o->header))) {
		bool magic = image.size >= SELFMAG && !memcmp(image.data, ELFMAG, SELFMAG);

		*ret_error = magic ? "truncated: shorter than an ELF header" : "not an ELF file";
		return -EBADMSG;
	}
	*ret_error = check_header(o);
	if (*ret_error)
		return -EBADMSG;

	r = read_segments(o, ret_error);
	if (r < 0)
		return r;

	r = read_sections(o);
	if (r < 0)
		return r;

	read_contents(o);
	*ret = TAKE(o);

	return 0;
}

struct object *object_free(struct object *o)
{
	if (!o)
		return NULL;
	image_close(&o->image);
	free(o->segments);
	free(o->sections);
	free(o->frames);
	free(o);

	return NULL;
}

const struct section *object_section(const struct object *o, const char *name)
{
	for (size_t i = 0; i < o->n_sections; i++)
		if (text_is(o->sections[i].name, name))
			return &o->sections[i];

	return NULL;
}

const void *object_bytes(const struct object *o, const struct section *s)
{
	if (s->type == SHT_NOBITS)
		return NULL;

	return image_at(&o->image, s->offset, s->size);
}

bool object_offset(const struct object *o, uint64_t vaddr, struct place *ret)
{
	for (size_t i = 0; i < o->n_segments; i++) {
		const Elf64_Phdr *p = &o->segments[i];
		uint64_t in = vaddr - p->p_vaddr;

		if (p->p_type != PT_LOAD || vaddr < p->p_vaddr || in >= p->p_filesz)
			continue;
		if (p->p_offset >= o->image.size || in >= o->image.size - p->p_offset)
			continue;
		ret->offset = p->p_offset + in;
		ret->room = p->p_filesz - in;
		if (ret->room > o->image.size - ret->offset)
			ret->room = o->image.size - ret->offset;
		ret->executable = p->p_flags & PF_X;
		ret->writable = p->p_flags & PF_W;
		return true;
	}

	return false;
}

bool object_is_static(const struct object *o)
{
	return !o->has_interpreter && !o->n_needed;
}

bool object_is_loader(const struct object *o)
{
	return text_begins(o->soname, "ld-linux");
}
