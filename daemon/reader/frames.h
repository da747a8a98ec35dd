/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an object's .eh_frame says about landing pads: whether any function has
 * language specific data (LSDA), so that an exception may be caught or a
 * cleanup run there. When the table can not be understood: true.
 */
#ifndef READER_FRAMES_H
#define READER_FRAMES_H

#include "daemon/reader/object.h"

bool frames_land(const struct object *o);

#endif
