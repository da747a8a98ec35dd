/* SPDX-License-Identifier: GPL-2.0-only */
/* From what was sampled to the protobuf that goes to the CLI. */
#ifndef DAEMON_ENCODE_SAMPLES_H
#define DAEMON_ENCODE_SAMPLES_H

#include "snapshot.pb-c.h"
#include "target.h"

/* Adds it to the figures of that target, running or final. 0, or -ENOMEM. */
int encode_samples(struct target *t, struct codefiles *files, Hotpath__Target *message);

#endif
