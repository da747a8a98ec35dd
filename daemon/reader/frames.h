/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an object's .eh_frame says: whether any function has a personality routine
 * or language specific data (LSDA), so that an exception may be caught or a cleanup
 * run there (true also when the table can not be understood), and where functions
 * begin.
 */
#ifndef READER_FRAMES_H
#define READER_FRAMES_H

#include "daemon/reader/object.h"

bool frames_land(const struct object *o);

/*
 * The stretch of code around vaddr that one frame description covers: a
 * function, or a part of one. For programs without symbols. False: none is
 * known, or the lookup table is not of the usual form.
 */
bool frames_find(const struct object *o, uint64_t vaddr, uint64_t *ret_start, uint64_t *ret_size);

#endif
