/* SPDX-License-Identifier: GPL-2.0-only */
/* libdw on bytes in memory. */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/debuginfo.h"

bool debuginfo_has(const struct object *o)
{
	return object_section(o, ".debug_info") || object_section(o, ".zdebug_info");
}

static bool has_compressed(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &header) && header.sh_flags & SHF_COMPRESSED)
			return true;
	}

	return false;
}

/*
 * libelf changes the headers of compressed sections in place when it expands them,
 * and an image is read-only: those, and only those, are copied. *ret_copy is to be
 * freed after the Elf.
 */
static Elf *open_elf(const struct object *o, void **ret_copy)
{
	Elf *elf = elf_memory((char *)o->image.data, o->image.size);

	if (!elf || !has_compressed(elf))
		return elf;

	elf_end(elf);
	*ret_copy = malloc(o->image.size);
	if (!*ret_copy)
		return NULL;
	return elf_memory(memcpy(*ret_copy, o->image.data, o->image.size), o->image.size);
}

void debuginfo_open(const struct object *o, struct debuginfo *ret)
{
	*ret = (struct debuginfo){0};
	elf_version(EV_CURRENT);
	ret->elf = open_elf(o, &ret->copy);
	if (ret->elf)
		ret->dwarf = dwarf_begin_elf(ret->elf, DWARF_C_READ, NULL);
}

void debuginfo_close(struct debuginfo *info)
{
	dwarf_end(info->dwarf);
	elf_end(info->elf);
	free(info->copy);
	*info = (struct debuginfo){0};
}
