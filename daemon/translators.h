/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that execute others by translating their code, valgrind's tools for one: a
 * breakpoint in a file that one of them maps ends what it executes. The kernel puts those
 * of a probe that is for every process into it, too, so there is none while one runs:
 *
 *	translators_begin(...)	 one is held at its exec: all such probes are removed
 *	translators_running()	 one that runs already: an attach is refused
 *	translators_meant()	 what a target has become is one: it is not followed
 *
 * A user who starts one thereby ends what others profile, and that is said there. The
 * alternative is to end what the user runs.
 */
#ifndef DAEMON_TRANSLATORS_H
#define DAEMON_TRANSLATORS_H

#include "registry.h"

/* A gate's hold of HP_PROCESS_TRANSLATES, which is released here. */
void translators_begin(struct registry *registry, const struct hp_hold *hold, bool held);
/* Does this path name one? */
bool translators_meant(const char *exe);
/* Its pid, and its file's name; 0: none runs. */
pid_t translators_running(char *name, size_t size);

#endif
