// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as an object: symbols, facts, frames, placement, ways out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/book.h"
#include "daemon/reader/ifunc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct book *b, const struct function *fn, struct exits_finder *finder)
{
	static const struct book_options options;
	Hotpath__ReaderFunction out = HOTPATH__READER_FUNCTION__INIT;
	struct verdict v = book_judge(b, fn, &options);

	book_fill_exits(b, fn, &v.site, finder, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + !size);
	struct exits_finder finder = {0};
	struct book b = {0};

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (book_open_image(&b, (struct image){copy, size, IMAGE_HEAP}, text_from("/fuzz")) == 0 &&
	    book_read_functions(&b) == 0 && book_prepare_exits(&b) == 0)
		for (size_t i = 0; i < b.functions.count && i < 1000; i++) {
			judge(&b, &b.functions.list[i], &finder);
			free(ifunc_reason(&b, &b.functions.list[i]));
		}
	exits_free(&finder);
	book_close(&b);

	return 0;
}
