/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Globs over bytes: * ? [abc] [a-z] [!a-z], backslash takes the next character
 * as it is. At most pattern x text steps: fnmatch() can take exponentially many.
 */
#ifndef READER_GLOB_H
#define READER_GLOB_H

#include "daemon/reader/text.h"

bool glob_match(struct text pattern, struct text name);
bool glob_has_wildcard(struct text pattern);

#endif
