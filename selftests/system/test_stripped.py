# SPDX-License-Identifier: GPL-2.0-only
"""Functions without a symbol: found by .eh_frame, named by their address."""
import json
import os
import re
import shutil
import subprocess

from context import deadline


def listed(t, path, *patterns):
    """offset -> function, as `hotpath probes FILE` lists them; of the executable alone."""
    r = t.hotpath("probes", path, *patterns, "--format", "json")
    return {f["offset"]: f for f in json.loads(r.out)["objects"][0]["functions"]}


def stripped(t, path, name):
    copy = f"{t.tmp}/{name}"
    subprocess.run(["strip", "-o", copy, path], check=True)
    return copy


def symbols(path):
    """name -> address, of functions."""
    out = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    return {m[2]: int(m[1], 16) for m in re.finditer(r"^(\w+) [tTwW] (\S+)$", out, re.M)}


def test_a_stripped_program_is_counted_by_address(t):
    for what, flags in (("PIE", ["-pie", "-fPIE"]), ("not PIE", ["-fno-pie", "-no-pie"]),
                        ("static", ["-static"]), ("static PIE", ["-static-pie"])):
        with t.case(what):
            path = t.compile("worker.c", *flags)
            address = symbols(path)["work_one"]
            target = t.target("worker", path=stripped(t, path, "bare"))
            name = f"bare+{address:#x}"
            t.attach(target, name)
            target.ask("go 10")
            t.equal("calls", t.functions(target)[name]["calls"], 30)
            if "static" in what:
                r = t.hotpath("probes", target.pid, name, "--format", "json")
                f = json.loads(r.out)["objects"][0]["functions"][0]
                t.true("its return is left alone", f["returns"] != "session", f)
            t.hotpath("detach", target.pid)
            t.attach(target, "bare:*")
            target.ask("go 10")
            row = t.functions(target)[name]
            t.equal("calls among all", row["calls"], 30)
            t.equal("status", target.end(), 0)
            os.unlink(f"{t.tmp}/bare")


def test_nearly_every_function_of_a_stripped_program_is_found(t):
    """Against its own symbols: what is missed and made up is known, by kind."""
    for path in (f"{t.build}/hotpathd", t.target_path("throws"), t.target_path("plugins")):
        with t.case(os.path.basename(path)):
            full = listed(t, path)
            bare = listed(t, stripped(t, path, "bare"))
            missed = {f["name"] for o, f in full.items() if o not in bare}
            no_frame = {"_init", "_fini", "_start", "deregister_tm_clones", "register_tm_clones",
                        "__do_global_dtors_aux", "frame_dummy", "_dl_relocate_static_pie"}
            t.equal("missed", {n for n in missed - no_frame if ".cold" not in n}, set())
            t.equal("made up", [f["name"] for o, f in bare.items() if o not in full], [])
            wrong = [f["name"] for o, f in bare.items()
                     if "+0x" in f["name"] and full[o]["size"] and f["size"] != full[o]["size"]]
            t.equal("sizes that differ", wrong, [])


def test_patterns_without_an_object_mean_names(t):
    """`bare*` in a stripped program called bare is not all of it."""
    path = stripped(t, t.target_path("worker"), "bare")
    target = t.target("worker", path=path)
    t.refused("attach", target.pid, "-f", "bare*", says=["bare", "stripped", r"\+0x", "debug"])
    t.equal("by its object", len(listed(t, path, "bare:*")) > 5, True)
    t.equal("by a part of the address", len(listed(t, path, "*+0x*")), len(listed(t, path, "bare:*")))
    t.equal("all of it", len(listed(t, path, "*")), len(listed(t, path)))
    t.equal("status", target.end(), 0)


def test_section_headers_are_not_needed(t):
    path = stripped(t, t.target_path("worker"), "bare")
    with open(path, "r+b") as f:
        f.seek(40)
        f.write(bytes(8))  # e_shoff
        f.seek(58)
        f.write(bytes(6))  # e_shentsize, e_shnum, e_shstrndx
    address = symbols(t.target_path("worker"))["work_one"]
    target = t.target("worker", path=path)
    t.attach(target, f"bare+{address:#x}")
    target.ask("go 10")
    t.equal("exits", t.functions(target)[f"bare+{address:#x}"]["exits"], 30)


def test_programs_of_debian_have_thousands(t):
    for name, least in (("redis-server", 3900), ("cmake", 9000), ("rg", 7000)):
        path = shutil.which(name)
        if not path:
            continue
        with t.case(name):
            found = listed(t, path)
            t.true(f"at least {least} functions", len(found) >= least, len(found))
            possible = [f for f in found.values() if f["class"] != "impossible"]
            t.true("nearly all can be probed", len(possible) > 0.98 * len(found), len(possible))


def test_a_compilers_clone_goes_by_its_functions_name(t):
    path = t.compile("clones.c", "-fno-inline", "-fipa-cp-clone", name="clones", text=r'''
#include "target.h"
/* static, its first argument the same everywhere: gcc makes clone_known.constprop.0 */
__attribute__((noinline)) static long clone_known(int by, long x)
{
	for (int i = 0; i < by; i++)
		asm volatile("" : "+r"(x));
	PUSHES;
	return x + by;
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long sum = 0;
		for (long i = 0; i < (long)target_number(0); i++)
			sum += clone_known(7, i);
		target_truth("\"sum\":%ld", sum);
	}
	return 0;
}
''')
    clone = [n for n in symbols(path) if n.startswith("clone_known")]
    t.true("gcc cloned it", any("." in n for n in clone), clone)
    target = t.target("clones", path=path)
    t.attach(target, "clone_known")
    target.ask("go 10")
    rows = t.functions(target)
    t.equal("calls", {n: rows[n]["calls"] for n in rows}, {clone[0]: 10})


def test_a_stripped_go_program_keeps_its_names(t):
    """From the runtime's own table; with the symbols as the judge of it."""
    if not shutil.which("go"):
        t.skip("no Go here")
    built = {}
    for what, flags in (("full", []), ("stripped", ["-ldflags", "-s -w"]),
                        ("PIE", ["-buildmode=pie", "-ldflags", "-s -w"])):
        built[what] = f"{t.build}/selftests/variants/go-{what}"
        if not os.path.exists(built[what]):
            os.makedirs(os.path.dirname(built[what]), exist_ok=True)
            r = subprocess.run(["go", "build", *flags, "-o", built[what],
                                f"{t.root}/selftests/targets/goroutines.go"], capture_output=True, check=False,
                               env=t.environment(GOFLAGS="-mod=mod", GO111MODULE="off"))
            if r.returncode:
                t.skip(f"go build: {r.stderr.decode()[-300:]}")
    full, bare = listed(t, built["full"]), listed(t, built["stripped"])
    t.equal("missed", [f["name"] for o, f in full.items() if o not in bare], ["runtime.etext"])
    t.equal("made up", [f["name"] for o, f in bare.items() if o not in full], [])
    pairs = [(f["name"].replace(".abi0", ""), bare[o]["name"].replace("\u00b7", "."))
             for o, f in full.items() if o in bare]
    t.equal("names that differ", [p for p in pairs if p[0] != p[1]], [])
    t.equal("PIE: the same names", {f["name"] for f in listed(t, built["PIE"], "main.*").values()},
            {f["name"] for f in listed(t, built["stripped"], "main.*").values()})


HAZARDS = (("throws", "go 300"), ("raises", "cast 100"), ("raises", "at 100"), ("stacks", "altstack 200"),
           ("stacks", "cancel 10"), ("stacks", "setjmp 200"), ("jumps", "jump 20 50"), ("tails", "go 50"),
           ("asmjumps", "go 200"), ("coroutines", "frame 100"), ("coroutines", "moved 100"),
           ("exec-threads", "go 50"), ("worker", "fork 50"))


def outcome(argv, env=None):
    r = subprocess.run(argv, capture_output=True, timeout=60, check=False, env=env)
    return r.returncode, steady(r.stdout)


def steady(out):
    """Without what differs from run to run: times, addresses."""
    return re.sub(rb'("(pid|own|outer|inner|total|ns|max|min|later|leaf)\w*": ?)\d+', rb"\1N", out)


def compare(t, path, command, patterns, env=None):
    expected = outcome([path, command], env)
    r, document = t.run(path, command, args=[x for p in patterns for x in ("-f", p)], check=False,
                        env=env or {})
    status = expected[0] if expected[0] >= 0 else 128 - expected[0]
    t.equal("status", r.status, status)
    t.equal("output", steady(r.out), expected[1])
    return document


@deadline(180)
def test_nothing_breaks_when_every_nameless_function_is_probed(t):
    for features in (None, "-session"):
        t.new_daemon(features=features)
        for name, command in HAZARDS:
            with t.case(f"{features or 'everything'}: {name} {command}"):
                path = stripped(t, t.target_path(name), "bare")
                compare(t, path, command, ["bare:*"])
                os.unlink(path)


@deadline(180)
def test_nothing_breaks_when_the_c_library_has_no_names(t):
    """Its hidden functions start threads, jump and unwind: no name says so."""
    folder = f"{t.tmp}/nameless"
    os.mkdir(folder)
    for library in ("libc.so.6", "libgcc_s.so.1"):
        found = subprocess.run(["gcc", f"-print-file-name={library}"], capture_output=True, text=True,
                               check=True).stdout.strip()
        # Without what leads to its debug file.
        subprocess.run(["objcopy", "--strip-all", "-R", ".note.gnu.build-id", "-R", ".gnu_debuglink",
                        os.path.realpath(found), f"{folder}/{library}"], check=True)
    env = {"LD_LIBRARY_PATH": folder}
    nameless = [f for f in listed(t, f"{folder}/libc.so.6").values() if "+0x" in f["name"]]
    t.true("it has many", len(nameless) > 500, len(nameless))
    for name, command in (h for h in HAZARDS if h[0] != "exec-threads"):  # it has arguments alone
        with t.case(f"{name} {command}"):
            def run(*patterns):
                target = t.target(name, path=t.target_path(name), env={**os.environ, **env})
                if patterns:
                    t.attach(target, *patterns, args=["--max-bystanders", "100000"])
                return steady(json.dumps(target.ask(command)).encode()), target.end()
            t.equal("answer and status", run("lib*:lib*+0x*", "main"), run())
