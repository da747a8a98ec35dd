// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as an object: symbols, facts, frames, placement. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/book.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct book_options options;
	uint8_t *copy = malloc(size + !size);
	struct book b = {0};

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (book_open_image(&b, (struct image){copy, size, IMAGE_HEAP}, text_from("/fuzz")) == 0 &&
	    book_read_functions(&b) == 0)
		for (size_t i = 0; i < b.functions.count && i < 1000; i++)
			book_judge(&b, &b.functions.list[i], &options);
	book_close(&b);

	return 0;
}
