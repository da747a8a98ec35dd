/* SPDX-License-Identifier: GPL-2.0-only */
/* A breakpoint at the entry point of a traced process, and its removal. */
#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct entry {
	uint64_t address; /* 0: none set */
	long word;	  /* what stood there */
};

/* -ENOEXEC: not a program of this machine and width. */
int entry_break(pid_t pid, struct entry *ret);
/* Does a process that stopped by SIGTRAP stand just behind it? */
bool entry_reached(pid_t pid, const struct entry *entry);
/* Puts the code back and the process onto the entry point. */
int entry_restore(pid_t pid, const struct entry *entry);

#endif
