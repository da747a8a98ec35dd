// SPDX-License-Identifier: GPL-2.0-only
/* Where a program begins, from its auxiliary vector; the part that knows the machine. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include "cli/entry.h"
#include "lib/cleanup.h"

#if defined(__x86_64__)
/* ud2, not int3: where the kernel has a uprobe, an int3 is the uprobe's, and the
 * program would run past us. */
static const uint8_t trap[] = {0x0f, 0x0b};
#define PC(regs) ((regs)->rip)
#elif defined(__aarch64__)
static const uint8_t trap[] = {0x00, 0x00, 0x00, 0x00}; /* udf #0 */
#define PC(regs) ((regs)->pc)
#else
#error "entry.c: which instruction traps here?"
#endif

/* A 32-bit process on a 64-bit kernel has a smaller set of registers. */
static int get_regs(pid_t pid, struct user_regs_struct *regs)
{
	struct iovec iov = {regs, sizeof(*regs)};

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		return -errno;

	return iov.iov_len == sizeof(*regs) ? 0 : -ENOEXEC;
}

static int read_entry(pid_t pid, uint64_t *ret)
{
	_cleanup_fd_ int fd = -1;
	char path[64];
	Elf64_auxv_t aux;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (read(fd, &aux, sizeof(aux)) == sizeof(aux))
		if (aux.a_type == AT_ENTRY) {
			*ret = aux.a_un.a_val;
			return 0;
		}

	return -ENOEXEC;
}

int entry_break(pid_t pid, struct entry *ret)
{
	struct user_regs_struct regs;
	struct entry entry;
	long word;
	int r;

	r = get_regs(pid, &regs);
	if (r == 0)
		r = read_entry(pid, &entry.address);
	if (r < 0)
		return r;

	errno = 0;
	entry.word = word = ptrace(PTRACE_PEEKTEXT, pid, entry.address, NULL);
	if (errno)
		return -errno;
	memcpy(&word, trap, sizeof(trap));
	if (ptrace(PTRACE_POKETEXT, pid, entry.address, word) < 0)
		return -errno;

	*ret = entry;
	return 0;
}

bool entry_reached(pid_t pid, const struct entry *entry)
{
	struct user_regs_struct regs;

	return entry->address && get_regs(pid, &regs) == 0 &&
	       PC(&regs) == entry->address;
}

int entry_restore(pid_t pid, const struct entry *entry)
{
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};
	int r;

	if (ptrace(PTRACE_POKETEXT, pid, entry->address, entry->word) < 0)
		return -errno;
	r = get_regs(pid, &regs);
	if (r < 0)
		return r;

	PC(&regs) = entry->address;
	return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0 ? -errno : 0;
}
