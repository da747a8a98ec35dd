# SPDX-License-Identifier: GPL-2.0-only
"""A hotpathd whose reader begins only when the test says so: what happens meanwhile is
then no matter of luck."""
import os
import shutil

# Without an environment and as nobody: it finds its pipes beside itself.
SOURCE = r"""
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_beside(const char *name, int flags)
{
	char self[PATH_MAX] = "", path[PATH_MAX + 32];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	*strrchr(self, '/') = '\0';
	snprintf(path, sizeof(path), "%s/%s", self, name);
	return open(path, flags | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	char *const none[] = {NULL};
	char c;
	int fd = open_beside("started", O_WRONLY);

	if (fd < 0 || write(fd, "s", 1) != 1)
		return 126;
	fd = open_beside("go", O_RDONLY);
	if (fd < 0 || read(fd, &c, 1) != 1)
		return 126;
	fd = open_beside("real", O_RDONLY);
	fexecve(fd, argv, none);
	return 127;
}
"""


class HeldReader:
    """A build directory of its own, for t.new_daemon(build=...)."""

    def __init__(self, t):
        self.build = f"{t.tmp}/held{len(t.daemons)}"
        os.mkdir(self.build)
        os.chmod(t.tmp, 0o755)
        os.chmod(self.build, 0o755)
        shutil.copy(f"{t.build}/hotpathd", self.build)
        shutil.copy(f"{t.build}/hotpath-reader", f"{self.build}/real")
        shutil.copy(t.compile("held-reader.c", text=SOURCE), f"{self.build}/hotpath-reader")
        for name in ("started", "go"):
            os.mkfifo(f"{self.build}/{name}")
            os.chmod(f"{self.build}/{name}", 0o666)
        # Open at both ends: nobody waits in open().
        self.fd = {name: os.open(f"{self.build}/{name}", os.O_RDWR) for name in ("started", "go")}

    def wait(self):
        """Until one more has started."""
        os.read(self.fd["started"], 1)

    def begun(self):
        """How many have started since the last wait()."""
        os.set_blocking(self.fd["started"], False)
        try:
            return len(os.read(self.fd["started"], 4096))
        except BlockingIOError:
            return 0
        finally:
            os.set_blocking(self.fd["started"], True)

    def go(self, n=1):
        """Lets the next n read."""
        os.write(self.fd["go"], b"g" * n)
