/* SPDX-License-Identifier: GPL-2.0-only */
/* A breakpoint at the entry point of a traced process, and its removal. */
#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the process stops with at its entry point. */
#define ENTRY_SIGNAL SIGILL

struct entry {
	uint64_t address; /* 0: none set */
	long word;	  /* what stood there */
};

/* -ENOEXEC: not a program of this machine and width. */
int entry_break(pid_t pid, struct entry *ret);
/* Does a process that stopped by ENTRY_SIGNAL stand there? */
bool entry_reached(pid_t pid, const struct entry *entry);
/* Puts the code back and the process onto the entry point. */
int entry_restore(pid_t pid, const struct entry *entry);

#endif
