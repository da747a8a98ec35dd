# SPDX-License-Identifier: GPL-2.0-only
"""Where a program's code is: moved, in memory files, on stacked file systems, in namespaces."""
import os
import shutil
import subprocess

MOVES = r'''
#include "target.h"
#include <sys/mman.h>
PROBED long moved_away(long x)
{
	PUSHES;
	return x * 5 + 1;
}
/* As programs do that want their code in huge pages: a copy is put in its place. */
static int move_text(void)
{
	unsigned long start, end, here = (unsigned long)moved_away;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], perms[8];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3 || here < start || here >= end)
			continue;
		void *copy = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memcpy(copy, (void *)start, end - start);
		mprotect(copy, end - start, PROT_READ | PROT_EXEC);
		return mremap(copy, end - start, end - start, MREMAP_MAYMOVE | MREMAP_FIXED,
			      (void *)start) == (void *)start;
	}
	return 0;
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command())
		if (target_is("move"))
			target_truth("\"moved\":%d", move_text());
		else
			target_truth("\"sum\":%ld", moved_away((long)target_number(0)));
	return 0;
}
'''


def counted(t, target, name="work_one"):
    """The functions of a worker are found there and counted exactly."""
    t.attach(target, name)
    target.ask("go 10")
    row = t.functions(target)[name]
    t.equal("calls and exits", (row["calls"], row["exits"]), (30, 30))
    t.equal("status", target.end(), 0)


def test_code_that_was_moved_is_said_never_to_fire(t):
    path = t.compile("moves.c", name="moves", text=MOVES)
    target = t.target("moves", path=path)
    t.equal("moved", target.ask("move")["moved"], 1)
    t.refused("attach", target.pid, "-f", "moved_away", says=["never fire", "anonymous"])
    t.attach(target, "moved_away", "libc.so*:poll", args=["--max-bystanders", "100000"])
    target.ask("call 3")
    health = t.report(target, "--sections", "all")["health"]
    t.matches("noted", "1 matching functions are not probed, probes can never fire", "\n".join(health["notes"]))
    t.equal("status", target.end(), 0)


def test_code_that_moves_later_is_noticed_by_the_report(t):
    path = t.compile("moves.c", name="moves", text=MOVES)
    target = t.target("moves", path=path)
    t.attach(target, "moved_away")
    target.ask("call 3")
    t.equal("before", t.report(target)["health"]["counters"].get("moved_functions", 0), 0)
    t.equal("moved", target.ask("move")["moved"], 1)
    # Not called again: the copy has the breakpoint in it, which nobody handles there.
    t.equal("after", t.report(target)["health"]["counters"].get("moved_functions"), 1)
    t.equal("calls until then", t.functions(target)["moved_away"]["calls"], 1)
    t.equal("status", target.end(), 0)


def test_pages_made_private_are_told(t):
    target = t.target("worker")
    t.attach(target, "work_*")
    health = t.report(target, "--sections", "all")["health"]
    t.between("pages", 1, health.get("text_pages", 0), 4)
    r = t.hotpath("report", target.pid, "--sections", "health").out.decode()
    t.matches("said", "of its code .* private, for the probes", r)
    t.equal("status", target.end(), 0)


def test_a_memfd_program_is_counted(t):
    """No file system has it: fexecve() of anonymous memory."""
    script = ("import os,sys\nfd = os.memfd_create('inmemory', 0)\n"
              f"os.write(fd, open({t.target_path('worker')!r}, 'rb').read())\n"
              "os.execve(fd, ['inmemory'], dict(os.environ))\n")
    target = t.target(script, path=script, prefix=["/usr/bin/python3", "-c"])
    counted(t, target)


def test_an_overlayfs_program_is_counted(t):
    """As containers run: from a lower layer, and from the upper one after a change there."""
    for layer in ("lower", "upper"):
        with t.case(layer):
            base = f"{t.tmp}/{layer}-stack"
            script = (f"mkdir {base} && mount -t tmpfs none {base} && cd {base} && mkdir low up work all"
                      f" && cp {t.target_path('worker')} low/worker"
                      f" && mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work all"
                      + (" && touch all/worker" if layer == "upper" else "")
                      + f" && exec {base}/all/worker")
            target = t.target(script, path=script, prefix=["unshare", "-m", "sh", "-c"])
            counted(t, target)


def test_other_namespaces_are_no_hindrance(t):
    folder = f"{t.tmp}/root"
    os.makedirs(f"{folder}/tmp")
    static = t.compile("worker.c", "-static", name="static")
    shutil.copy(static, f"{folder}/worker")
    os.chmod(t.tmp, 0o755)
    for what, prefix, path in (
            ("pid", ["unshare", "-p", "-f", "--mount-proc"], t.target_path("worker")),
            ("user", ["unshare", "-U", "-r", "-m"], t.target_path("worker")),
            ("all", ["unshare", "-U", "-r", "-m", "-p", "-f", "-i", "-u", "-n"], t.target_path("worker")),
            ("chroot", ["chroot", folder], "/worker"),
            ("chroot in a mount namespace", ["unshare", "-m", "chroot", folder], "/worker")):
        with t.case(what):
            target = t.target("worker", path=path, prefix=prefix)
            # its own idea of its pid is another one there
            pid = target.pid
            while True:
                out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
                if not out.strip():
                    break
                pid = int(out.split()[0])
            target.target_pid = pid
            t.attach(target, "work_one")
            target.ask("go 10")
            t.equal("calls", t.functions(target)["work_one"]["calls"], 30)
            t.equal("status", target.end(), 0)


def test_several_names_at_one_address_are_all_kept(t):
    """Aliases, and what a linker folded: one function, found by any of its names."""
    path = t.compile("names.c", name="names", text=r'''
#include "target.h"
PROBED long name_first(long x)
{
	PUSHES;
	return x + 3;
}
long name_second(long x) __attribute__((alias("name_first")));
long name_hidden(long x) __attribute__((alias("name_first"), visibility("hidden")));
__asm__(".symver name_second, name_old@@V1");
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long sum = 0;
		for (long i = 0; i < (long)target_number(0); i++)
			sum += name_first(i) + name_second(i) + name_hidden(i);
		target_truth("\"sum\":%ld", sum);
	}
	return 0;
}
''')
    for name in ("name_first", "name_second", "name_hidden"):
        with t.case(name):
            target = t.target("names", path=path)
            t.attach(target, name)
            target.ask("go 10")
            rows = t.functions(target)
            t.equal("calls", [r["calls"] for r in rows.values()], [30])
            t.equal("one row", len(rows), 1)
            t.equal("status", target.end(), 0)
