# SPDX-License-Identifier: GPL-2.0-only
"""Every way an executable can be built or be away."""
import os
import shutil
import subprocess


def test_every_kind_of_executable_is_counted(t):
    expected = t.target("worker").ask("go 1000")["sum"]
    for what, flags in (("endbr64", ["-fcf-protection=full"]),
                        ("no endbr64", ["-fcf-protection=none"]),
                        ("PIE", ["-fPIE", "-pie"]),
                        ("not PIE", ["-fno-pie", "-no-pie"]),
                        ("static", ["-static"]),
                        ("static PIE", ["-static-pie"]),
                        ("frame pointers", ["-fno-omit-frame-pointer"]),
                        ("nop5 at entry", ["-fpatchable-function-entry=5"]),
                        ("-O0", ["-O0"]), ("-Os", ["-Os"]), ("-O3 and no debug information", ["-O3", "-g0"]),
                        ("compressed debug sections", ["-gz=zlib"]),
                        ("packed relocations, no old hash", ["-Wl,--hash-style=gnu"])):
        with t.case(what):
            target = t.target("worker", path=t.compile("worker.c", *flags))
            t.attach(target, "work_*")
            t.equal("result", target.ask("go 1000")["sum"], expected)
            f = t.functions(target)
            t.equal("calls", (f["work_one"]["calls"], f["work_two"]["calls"]), (3000, 2000))
            probe = f["work_one"]["probe"]
            if "static" in what and probe["returns"] == "none":
                # it holds an unwinder and all of libc: not timing it is allowed, with the reason
                t.true("has a reason", len(probe["reason"]) > 10, probe)
            else:
                t.true("returns", probe["returns"] == "session" or "static" in what, probe)
                t.equal("exits", (f["work_one"]["exits"], f["work_two"]["exits"]), (3000, 2000))
            if "no debug information" not in what:
                t.equal("source file", os.path.basename(f["work_one"].get("file", "")), "worker.c")
            if what == "endbr64":
                t.equal("endbr64 costs what a push costs", f["work_one"]["probe"]["class"], "emulated")
            t.equal("status", target.end(), 0)


def test_a_stripped_executable_is_refused_with_the_remedy(t):
    path = t.compile("worker.c", "-s", name="stripped")
    target = t.target("worker", path=path)
    t.refused("attach", target.pid, "-f", "work_one",
              says=["work_one", r"no symbol|stripped|symbols", r"debug|-g\b|symbols"])
    t.equal("status", target.end(), 0)


def test_symbols_come_from_separate_debug_files(t):
    """objcopy --only-keep-debug beside the program, found by its debuglink."""
    folder = f"{t.tmp}/linked"
    os.mkdir(folder)
    path = shutil.copy(t.compile("worker.c", "-Wl,--build-id", "-DSEPARATE", name="separate"), f"{folder}/worker")
    subprocess.run(["objcopy", "--only-keep-debug", path, f"{path}.debug"], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={path}.debug", path], check=True)
    target = t.target("worker", path=path)
    t.attach(target, "work_one")
    target.ask("go 10")
    row = t.functions(target)["work_one"]
    t.equal("exits", row["exits"], 30)
    t.equal("file", os.path.basename(row.get("file", "")), "worker.c")


def test_symbols_come_from_gnu_debugdata(t):
    """What Fedora ships: a stripped program with an xz-compressed .symtab inside."""
    if not shutil.which("xz"):
        t.skip("no xz here to make the section")
    path = shutil.copy(t.compile("worker.c", "-DDEBUGDATA", name="minidebug"), f"{t.tmp}/minidebug")
    mini = f"{t.tmp}/mini"
    subprocess.run(["objcopy", "--only-keep-debug", "--strip-debug", path, mini], check=True)
    subprocess.run(["xz", mini], check=True)
    subprocess.run(["strip", "--strip-all", path], check=True)
    subprocess.run(["objcopy", f"--add-section=.gnu_debugdata={mini}.xz", path], check=True)
    target = t.target("worker", path=path)
    t.attach(target, "work_one")
    target.ask("go 10")
    t.equal("exits", t.functions(target)["work_one"]["exits"], 30)


def test_a_deleted_executable_is_counted(t):
    path = shutil.copy(t.target_path("worker"), f"{t.tmp}/gone")
    target = t.target("worker", path=path)
    os.unlink(path)
    t.attach(target, "work_one")
    target.ask("go 10")
    t.equal("exits", t.functions(target)["work_one"]["exits"], 30)


def test_a_replaced_executable_is_the_one_that_runs(t):
    """A package upgrade: another file now has the path, with other offsets."""
    path = shutil.copy(t.target_path("worker"), f"{t.tmp}/upgraded")
    target = t.target("worker", path=path)
    os.unlink(path)
    shutil.copy(t.target_path("nesting"), path)
    t.attach(target, "work_one")
    target.ask("go 10")
    t.equal("exits", t.functions(target)["work_one"]["exits"], 30)
    t.refused("attach", target.pid, "-f", "nest_a", says=["nest_a"])


def test_a_target_in_another_mount_namespace_is_counted(t):
    folder = f"{t.tmp}/ns"
    os.mkdir(folder)
    shutil.copy(t.target_path("worker"), f"{t.tmp}/inside")
    script = f"mount -t tmpfs none {folder} && cp {t.tmp}/inside {folder}/inside && exec {folder}/inside"
    target = t.target(script, path=script, prefix=["unshare", "-m", "sh", "-c"])
    t.true("its file is not to be seen from here", not os.path.exists(f"{folder}/inside"))
    t.attach(target, "work_one")
    target.ask("go 10")
    t.equal("exits", t.functions(target)["work_one"]["exits"], 30)


def test_a_library_is_counted_by_object_pattern(t):
    target = t.target("worker")
    t.attach(target, "libc.so*:poll")
    target.say("stream")
    target.say("stop")
    target.truth()
    row = t.functions(target)["poll"]
    t.true("calls", row["calls"] >= 1, row)
    t.true("object", row["object"].startswith("libc"), row["object"])


def test_a_library_loaded_later_is_not_harmed(t):
    """dlopen after attach: what was armed stays right, the program lives."""
    library = t.compile("late.cc", "-shared", "-fPIC", cc="g++", name="late.so", text=r'''
#include <stdexcept>
extern "C" int late_call(int (*back)(int), int n)
{
	int caught = 0;
	for (int i = 0; i < n; i++)
		try {
			back(i);
			if (i % 2)
				throw std::runtime_error("late");
		} catch (const std::exception &) {
			caught++;
		}
	return caught;
}
''')
    path = t.compile("loader.c", "-ldl", name="loader", text=r'''
#include "target.h"
#include <dlfcn.h>
PROBED int load_back(int i)
{
	PUSHES;
	return i + 1;
}
PROBED int load_all(const char *path, int n)
{
	void *h = dlopen(path, RTLD_NOW);
	int (*call)(int (*)(int), int) = h ? (int (*)(int (*)(int), int))dlsym(h, "late_call") : NULL;
	int r = call ? call(load_back, n) : -1;
	NOT_A_TAIL;
	return r;
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command())
		target_truth("\"caught\":%d", load_all(strchr(target_line, ' ') + 1, 1000));
	return 0;
}
''')
    target = t.target("loader", path=path)
    t.attach(target, "load_*")
    t.equal("caught", target.ask(f"load {library}")["caught"], 500)
    t.equal("caught again", target.ask(f"load {library}")["caught"], 500)
    f = t.functions(target)
    t.equal("calls", (f["load_back"]["calls"], f["load_all"]["calls"]), (2000, 2))
    t.equal("status", target.end(), 0)


def test_what_can_be_probed_does_not_change_while_it_is_probed(t):
    """An unfiltered probe is put into every private mapping of the file, a reader's too."""
    path, one, two = t.target_path("worker"), t.target("worker"), t.target("worker")

    def listed():
        return [t.hotpath("probes", x, "work_*").out.decode() for x in (path, one.pid, two.pid)]
    before = listed()
    t.attach(one, "work_*")
    for seen, expected in zip(listed(), before):
        t.equal("what can be probed", seen, expected)


def test_probes_lists_functions_of_files_and_processes(t):
    path = t.target_path("worker")
    for what, args in (("file", [path]), ("process", [t.target("worker").pid])):
        with t.case(what):
            r = t.hotpath("probes", *args, "work_*")
            text = r.out.decode()
            t.true("has both functions", "work_one" in text and "work_two" in text, text)
            t.matches("says the class of the site", "nop5|emulated|cheap|stepped", text)
    cxx = t.target_path("throws")
    text = t.hotpath("probes", cxx, "throw_middle").out.decode()
    t.matches("an unsafe return has its reason", "exception|throw|unwind|raise", text)
