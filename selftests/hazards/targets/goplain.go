// SPDX-License-Identifier: GPL-2.0-only

package main

// Without C there is nothing to call.
func overC(n uint64) uint64 { return n }
