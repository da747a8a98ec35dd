/* SPDX-License-Identifier: GPL-2.0-only */
/* What was inlined at an address; see scopes.h. */
#include <dwarf.h>
#include <stdlib.h>

#include "daemon/reader/scopes.h"

/* The unit whose code is there. Clang makes no table of them. */
static bool unit_at(Dwarf *dwarf, uint64_t vaddr, Dwarf_Die *ret)
{
	Dwarf_Off offset = 0, next;
	size_t header;

	if (dwarf_addrdie(dwarf, vaddr, ret))
		return true;
	while (!dwarf_nextcu(dwarf, offset, &next, &header, NULL, NULL, NULL) && next > offset) {
		if (dwarf_offdie(dwarf, offset + header, ret) && dwarf_haspc(ret, vaddr) == 1)
			return true;
		offset = next;
	}

	return false;
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute))
		return dwarf_formstring(&attribute);

	return dwarf_diename(die);
}

const char *scopes_inlined(const struct debuginfo *info, uint64_t vaddr)
{
	Dwarf_Die unit, *scope = NULL;
	const char *name = NULL;
	int n;

	if (!unit_at(info->dwarf, vaddr, &unit))
		return NULL;
	n = dwarf_getscopes(&unit, vaddr, &scope);
	for (int i = 0; i < n && !name; i++) {
		if (dwarf_tag(&scope[i]) == DW_TAG_subprogram)
			break;
		if (dwarf_tag(&scope[i]) == DW_TAG_inlined_subroutine)
			name = name_of(&scope[i]);
	}
	free(scope);

	return name;
}
