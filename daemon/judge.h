/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Judges a running target anew: objects arrived, or it called exec. BPF has
 * stopped arming returns by itself; they are allowed again when the objects
 * that are mapped now forbid nothing (returns.h).
 */
#ifndef DAEMON_JUDGE_H
#define DAEMON_JUDGE_H

#include "proc.h"
#include "registry.h"

/* Takes its time in the event loop; while one runs another is only noted. Once
 * forbidden, returns stay so until exec: a program that loads and unloads in a
 * loop must not keep us busy. */
void judge_start(struct registry *registry, struct target *target);

/* Has anything arrived that the verdict was not about? Then forbids and judges. */
void judge_check(struct registry *registry, struct target *target);

/* Acts on a verdict about these objects; seen: target_state() before the look at them.
 * Sets judge_again when something has come since. */
struct returns_verdict;
void judge_apply(struct target *target, uint64_t seen, const struct proc_objects *objects,
		 const struct returns_verdict *verdict);

/* Remembers what a verdict was about. */
int judge_remember(struct target *target, const struct proc_objects *objects);

/* A request about these objects; every pointer in it leads into them or to what
 * the caller frees by judge_request_done(). */
struct judge_request {
	Hotpath__ReaderRequest message;
	Hotpath__ReaderObject *object, **objects;
	int *fds;
};
/* called: the name of the process, by which patterns may name its executable. */
int judge_request_init(struct judge_request *request, const struct proc_objects *objects,
		       const char *called);
/* What is asked in order to probe functions that match, beyond the facts. */
void judge_request_ask(struct judge_request *request, ProtobufCBinaryData *patterns,
		       size_t n_patterns, const struct features *features);
void judge_request_done(struct judge_request *request);

#endif
