/* SPDX-License-Identifier: GPL-2.0-only */
/* What hotpathd says of an attach, for people; and how to name that afterwards. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <stdio.h>
#include "cli/options.h"
#include "cli/request.h"
#include "wire.pb-c.h"

/* A line for each process, or one for all of more than ten; then what is to be known. */
void answer_print(FILE *f, const struct options *options, const Hotpath__AttachReply *reply);

/* Was any of them attached before? */
bool answer_existed(const Hotpath__AttachReply *reply);

/*
 * What report and detach take for it: the family, which children belong to; where there
 * is none, or it shares processes with an earlier attach, the PIDs (too). -ENOMEM, told.
 */
int answer_targets(const Hotpath__AttachReply *reply, const struct pids *asked, struct pids *ret);

#endif
