/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reply to send should the program fall or hang: time runs out, or a library
 * that reads hostile bytes crashes. The handler writes the bytes that were made
 * ready before, and leaves.
 *
 *	rescue_arm(data, size, seconds, crashes)
 *	rescue_disarm()
 */
#ifndef READER_RESCUE_H
#define READER_RESCUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* crashes: also when a fault or abort happens, not only when the time is over. */
void rescue_arm(const uint8_t *data, size_t size, unsigned int seconds, bool crashes);
void rescue_disarm(void);

#endif
