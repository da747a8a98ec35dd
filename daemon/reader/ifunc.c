/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses that a resolver may return: those it loads, if a function begins there. */
#include <stdio.h>
#include <string.h>

#include "daemon/reader/ifunc.h"
#include "daemon/reader/instruction.h"

#define CODE_MAX    4096 /* bytes of a resolver */
#define CHOICES_MAX 12

/* lea d(%rip),%r64; mov $imm,%r32 or %r64: the address, or 0. */
static uint64_t loaded_address(const uint8_t *code, uint8_t length, uint64_t vaddr)
{
	int32_t value;

	if (length == 7 && (code[0] & 0xfb) == 0x48 && code[1] == 0x8d && (code[2] & 0xc7) == 5) {
		memcpy(&value, code + 3, 4);
		return vaddr + length + (uint64_t)(int64_t)value;
	}
	if (length == 7 && (code[0] & 0xfe) == 0x48 && code[1] == 0xc7 && code[2] >= 0xc0) {
		memcpy(&value, code + 3, 4);
		return (uint64_t)(int64_t)value;
	}
	if (length == 5 && (code[0] & 0xf8) == 0xb8) {
		memcpy(&value, code + 1, 4);
		return (uint32_t)value;
	}

	return 0;
}

static const struct function *function_at(const struct book *b, uint64_t vaddr)
{
	const struct function *fn = vaddr ? functions_around(&b->functions, vaddr) : NULL;

	return fn && fn->vaddr == vaddr && fn->place.executable ? fn : NULL;
}

static size_t find_choices(const struct book *b, const struct function *resolver,
			   const struct function *choices[CHOICES_MAX])
{
	uint64_t size = resolver->size ? resolver->size : resolver->bound, at = 0;
	struct instruction instruction;
	const uint8_t *code;
	size_t n = 0;

	if (size > resolver->bound)
		size = resolver->bound;
	if (size > CODE_MAX)
		size = CODE_MAX;
	code = resolver->mapped ? image_at(&b->object->image, resolver->place.offset, size) : NULL;
	while (code && at < size && n < CHOICES_MAX &&
	       instruction_decode(code + at, size - at, resolver->vaddr + at, &instruction) == 0) {
		uint64_t vaddr =
			loaded_address(code + at, instruction.length, resolver->vaddr + at);
		const struct function *fn = function_at(b, vaddr);
		size_t i = 0;

		while (i < n && choices[i] != fn)
			i++;
		if (fn && fn != resolver && i == n)
			choices[n++] = fn;
		at += instruction.length;
	}

	return n;
}

char *ifunc_reason(const struct book *b, const struct function *fn)
{
	const struct function *choices[CHOICES_MAX];
	size_t n = find_choices(b, fn, choices), used;
	char text[2048];

	used = (size_t)snprintf(text, sizeof(text),
				"IFUNC: the symbol names the resolver, not the function%s",
				n ? "; it chooses among" : "");
	for (size_t i = 0; i < n; i++) {
		char *name = text_printable(functions_name(&b->functions, choices[i], 0), 100);

		if (!name)
			return NULL;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s", i ? "," : "",
					 name);
		free(name);
	}
	if (n == CHOICES_MAX)
		snprintf(text + used, sizeof(text) - used, ", perhaps others");

	return strdup(text);
}
