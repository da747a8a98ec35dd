/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared objects of the hazardous programs. */
#ifndef SELFTESTS_CARRY_H
#define SELFTESTS_CARRY_H

#ifdef __cplusplus
extern "C" {
#endif

/* libhzcarry.so: back(x) + 2, by way of two C frames. */
int carry(int (*back)(int), int x);

/* libhzpass.so, C++: back(x) + 1, with something to clean up; calls to the clean-up. */
int pass_through(int (*back)(int), int x);
int pass_cleaned(void);
/* Catches whatever back throws, and says x + 1000. */
int pass_catch(int (*back)(int), int x);
/* Throws x. */
int pass_throw(int x);
/* Throws another, while it handles the first. */
int pass_rethrow(int (*back)(int), int x);

#ifdef __cplusplus
}
#endif

#endif
