// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that sit in execve for as long as they are let. The file is on a FUSE mount of our
 * own at $SLOWEXEC_FOLDER, in a mount namespace of our own, whose server answers no READ: "exec" returns when a
 * thread is in the midst of executing it, "give_up" ends the server, and execve fails. "hook N"
 * calls what a dynamic loader calls when objects come, N times. "fuse": 0 when there is none.
 */
#include <fcntl.h>
#include <link.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "target.h"

static int fuse = -1, reads[2], failed;
static pid_t server;
static pthread_t thread;
static const char *folder;
static unsigned long hooks;

PROBED void slow_hook(void)
{
	PUSHES;
	hooks++;
	((void (*)(void))_r_debug.r_brk)();
	NOT_A_TAIL;
}

static void answer(const struct fuse_in_header *to, int error, const void *data, size_t size)
{
	char text[4096];
	struct fuse_out_header head = { .len = sizeof(head) + size, .error = error, .unique = to->unique };

	memcpy(text, &head, sizeof(head));
	memcpy(text + sizeof(head), data, size);
	if (write(fuse, text, head.len) < 0 && errno != ENOENT)
		_exit(1);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){ .ino = node, .nlink = 1, .size = node == 1 ? 0 : 100000,
				   .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0755 };
}

static void serve_one(const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = 65536, .max_readahead = 65536 };
	struct fuse_entry_out entry = { .nodeid = 2, .attr_valid = 100, .entry_valid = 100,
					.attr = attributes(2) };
	struct fuse_attr_out attr = { .attr_valid = 100, .attr = attributes(in->nodeid) };
	struct fuse_open_out opened = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		return answer(in, 0, &init, sizeof(init));
	case FUSE_LOOKUP:
		return answer(in, 0, &entry, sizeof(entry));
	case FUSE_GETATTR:
		return answer(in, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return answer(in, 0, &opened, sizeof(opened));
	case FUSE_READ:
		if (write(reads[1], "r", 1) != 1)
			_exit(1);
		return;
	case FUSE_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return answer(in, -ENOSYS, "", 0);
	}
}

static void serve(void)
{
	static char text[1 << 20];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (read(fuse, text, sizeof(text)) > 0)
			serve_one((struct fuse_in_header *)text);
		else if (errno != EINTR && errno != ENOENT)
			_exit(0);
	}
}

/* False: it is not to be had here. */
static int mount_it(void)
{
	char options[64];

	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("slow", folder, "fuse", 0, options) || pipe(reads))
		return 0;
	server = fork();
	if (server == 0)
		serve();
	/* Its alone: what waits for it fails when it has ended. */
	close(fuse);
	return 1;
}

static void *run_it(void *unused)
{
	char path[512], *argv[] = { path, NULL };

	snprintf(path, sizeof(path), "%s/it", folder);
	execv(path, argv);
	failed = errno;
	return unused;
}

static void exec_it(void)
{
	char c;

	if (pthread_create(&thread, NULL, run_it, NULL) || read(reads[0], &c, 1) != 1)
		abort();
}

static void give_up(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	int has;

	folder = getenv("SLOWEXEC_FOLDER");
	has = folder && mount_it();
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("exec"))
			exec_it();
		else if (target_is("give_up"))
			give_up();
		for (unsigned long i = 0; target_is("hook") && i < target_number(0); i++)
			slow_hook();
		target_truth("\"fuse\":%d,\"hooks\":%lu,\"failed\":%d", has, hooks, failed);
	}
	return 0;
}
