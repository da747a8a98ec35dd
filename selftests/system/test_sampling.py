# SPDX-License-Identifier: GPL-2.0-only
"""On-CPU time by samples, of programs that know where theirs went."""
import math
import os
import re
import shutil
import signal
import subprocess

LIBRARY = r'''
static volatile unsigned long plug_sink;
__attribute__((noinline)) void plug_work(unsigned long n)
{
	unsigned long x = plug_sink;
	for (unsigned long i = 0; i < n; i++)
		__asm__ volatile("imul $7, %0, %0\n\tadd $3, %0" : "+r"(x));
	plug_sink = x;
}
'''


def cpu(t, target, *args, **more):
    """The section functions-cpu; what must hold of each is checked here."""
    return checked(t, t.report(target, *args, **more))


def checked(t, report):
    section = report["functions_cpu"]
    t.true("it was sampled", section["sampled"])
    rows = section["data"]
    t.equal("samples of all rows", sum(r["samples"] for r in rows), section["own_samples"])
    t.equal("own, in probes and discarded are all",
            section["own_samples"] + section["probe_samples"] + section["discarded"],
            section["total_samples"])
    if rows:
        t.true("shares are 100 %", abs(sum(r["percent_total"] for r in rows) - 100) < 0.01,
               [r["percent_total"] for r in rows])
    measured = sum(r["samples"] for r in rows if r["kind"] == "measured")
    t.equal("what is measured and what is outside are all",
            measured + sum(o["samples"] for o in section["outside"]), section["own_samples"])
    return section


def share(section, name, **more):
    """Of rows of that name, and object or kind."""
    own = section["own_samples"]
    return sum(r["samples"] for r in section["data"] if re.fullmatch(name, r["name"])
               and all(re.search(v, r.get(k, "")) for k, v in more.items())) / max(own, 1)


def is_near(t, what, seen, expected, n):
    """Within four standard deviations of n samples, and a hundredth for what is beside the point."""
    room = 4 * math.sqrt(max(expected * (1 - expected), 0.001) / max(n, 1)) + 0.01
    t.true(f"{what}: expected {expected:.3f} +- {room:.3f} of {n} samples, seen {seen:.3f}",
           abs(seen - expected) <= room)


def is_truth(t, section, truth, *, three="share_three", one="share_one", **more):
    """Shares of the two functions against the CPU time that the program measured."""
    a, b = share(section, three, **more), share(section, one, **more)
    expected = truth["three"] / (truth["three"] + truth["one"])
    t.true("both are most of it", a + b > 0.9, (a, b))
    is_near(t, "the larger one", a / max(a + b, 1e-9), expected, section["own_samples"])


def outside(section, place):
    for row in section["outside"]:
        if re.fullmatch(place, row["place"]):
            return row
    return {"place": "", "samples": 0, "percent": 0}


def enough(t, section, n=60):
    return t.true(f"at least {n} samples", section["own_samples"] >= n, section["own_samples"])


def test_shares_are_those_of_the_cpu_time(t):
    target = t.target("shares")
    t.attach(target, "share_one")
    truth = target.ask("mix 3000")
    report = t.report(target)
    section = checked(t, report)
    enough(t, section)
    is_truth(t, section, truth)
    rows = {r["name"]: r for r in section["data"]}
    t.equal("one is measured", rows["share_one"]["kind"], "measured")
    t.equal("it has the id of its calls", rows["share_one"]["id"],
            report["functions_timing"]["data"][0]["id"])
    t.equal("the other is not", (rows["share_three"]["kind"], "id" in rows["share_three"]),
            ("function", False))
    t.equal("what would measure it", outside(section, r"\[functions not measured\]").get("add"), "*")
    seconds = sum(r["on_cpu_ns"] for r in section["data"]) / 1e9
    spent = report["cpu_total_ns"] / 1e9
    t.true("times add up to the CPU time less the probes'", 0.8 * spent < seconds <= spent * 1.001,
           (seconds, spent))
    is_near(t, "samples are of the CPU time", section["total_samples"] / section["frequency_hz"] / spent, 1.0,
            section["total_samples"])


def test_a_target_under_a_budget_has_them_too(t):
    """Nothing is chosen: both are measured, and what is outside is next to nothing."""
    target = t.target("shares")
    t.hotpath("attach", target.target_pid, "--max-bystanders", "1000")
    truth = target.ask("mix 4000")
    section = cpu(t, target)
    enough(t, section)
    is_truth(t, section, truth)
    t.true("both are measured", share(section, "share_(three|one)", kind="measured") > 0.8, section["data"][:4])


def test_every_thread_is_seen(t):
    target = t.target("shares")
    t.attach(target, "share_one")
    truth = target.ask("threads 700")
    section = cpu(t, target)
    enough(t, section)
    is_truth(t, section, truth)


def test_the_kernels_part_is_the_kernels(t):
    target = t.target("shares")
    t.attach(target, "share_one")
    target.ask("kernel 4000000")
    section = cpu(t, target)
    enough(t, section)
    t.true("most is the kernel's", share(section, r"\[kernel\]") > 0.3, section["data"][:4])
    t.equal("nothing is in probes", section["probe_samples"], 0)
    t.equal("nothing would add it", "add" in outside(section, r"\[kernel\]"), False)


def test_generated_code_is_said_to_be(t):
    target = t.target("shares")
    t.attach(target, "share_one")
    target.ask("generated 2000000000")
    section = cpu(t, target)
    enough(t, section)
    t.true("most is generated", share(section, r"\[generated code\]", kind="anonymous") > 0.9,
           section["data"][:4])


def test_code_without_symbols_goes_by_its_address(t):
    path = t.compile("shares.c", "-s", name="bare")
    target = t.target("shares", path=path)
    t.attach(target, "libc.so.6:getpid")
    truth = target.ask("mix 3000")
    section = cpu(t, target)
    enough(t, section)
    name = re.escape(os.path.basename(path)) + r"\+0x[0-9a-f]+"
    top = [r for r in section["data"] if re.fullmatch(name, r["name"])][:2]
    t.equal("two of them", len(top), 2)
    a, b = (r["samples"] for r in top)
    is_near(t, "the larger one", a / (a + b), truth["three"] / (truth["three"] + truth["one"]), a + b)
    r = t.hotpath("report", target.target_pid)
    t.matches("what to do is in the table", r"\(add -f '\*'\)", r.out)
    t.matches("and why there are no names", r"go by their address: the debug package of \S*bare", r.out)


def test_what_a_library_does_has_the_pattern_that_adds_it(t):
    library = t.compile("plug.c", "-shared", "-fPIC", name="libplug.so.1", text=LIBRARY)
    target = t.target("shares")
    target.ask(f"plug {library}")
    t.attach(target, "share_one")
    target.ask("library 500000000")
    section = cpu(t, target)
    enough(t, section)
    t.true("most is there", share(section, "plug_work", object="libplug.so.1") > 0.9)
    add = outside(section, r"\[.*libplug\.so\.1\]").get("add", "")
    t.matches("the pattern", r"libplug\*:$", add)
    t.matches("the table says so", re.escape(f"(add -f '{add}')"), t.hotpath("report", target.target_pid).out)
    t.attach(target, add)
    target.ask("library 1000")
    t.equal("it works", t.functions(target)["plug_work"]["calls"], 1)


def test_a_library_that_came_late_is_named_after_the_end(t):
    library = t.compile("plug.c", "-shared", "-fPIC", name="libplug.so.1", text=LIBRARY)
    target = t.target("shares")
    t.attach(target, "share_one")
    target.ask(f"plug {library}")
    target.ask("library 500000000")
    target.end()
    section = cpu(t, target)
    enough(t, section)
    t.true("most is there", share(section, "plug_work", object="libplug.so.1") > 0.9, section["data"][:3])


def test_run_of_a_short_program_has_its_shares(t):
    path = t.target_path("shares")
    _, document = t.run(path, "mix 2000", args=("-f", "share_one"))
    section = checked(t, document["targets"][0])
    enough(t, section)
    is_near(t, "three of four", share(section, "share_three"), 0.75, section["own_samples"])


def test_children_have_their_own(t):
    path = t.target_path("shares")
    _, document = t.run(path, "forks 600", args=("-f", "share_one", "--merge", "none"))
    children = [c for c in document["targets"] if c.get("parent_pid")]
    t.equal("children", len(children), 3)
    for child in children:
        section = checked(t, child)
        enough(t, section, 30)
        is_near(t, "three of four", share(section, "share_three"), 0.75, section["own_samples"])
    _, document = t.run(path, "forks 600", args=("-f", "share_one"))
    t.equal("merged", len(document["targets"]), 1)
    section = checked(t, document["targets"][0])
    is_near(t, "three of four", share(section, "share_three"), 0.75, section["own_samples"])


def test_time_in_probes_is_not_the_programs(t):
    """Calls of next to nothing: nearly all is the probes', and that is what the CPU time says."""
    target = t.target("worker")
    t.attach(target, "work_*")
    target.ask("go 300000")
    report = t.report(target)
    section = checked(t, report)
    t.true("most samples are in probes", section["probe_samples"] > 3 * section["own_samples"], section)


PADDED = r'''
__asm__(".text\n.globl plug_work\n.type plug_work,@function\nplug_work:\nmov %rdi, %rcx\njmp inner\n"
	".size plug_work, .-plug_work\n"
	".balign 64, 0xcc\n.skip 64, 0xcc\n.type inner,@function\ninner:\n"
	"loop 1f\nret\n1: jmp inner\n.size inner, .-inner\n");
'''


def test_what_is_behind_padding_of_breakpoints_is_the_programs(t):
    """As lld makes it: a loop's first instruction, at which half of the samples are here, has
    one before it that nobody put there."""
    library = t.compile("plug.c", "-shared", "-fPIC", name="libplug.so.1", text=PADDED)
    target = t.target("shares")
    target.ask(f"plug {library}")
    t.attach(target, "share_one")
    target.ask("library 1500000000")
    section = cpu(t, target)
    enough(t, section)
    t.true("nearly nothing is in probes", section["probe_samples"] * 50 < section["total_samples"], section)


def test_samples_that_find_no_room_are_counted(t):
    """hotpathd stands still, and nobody empties the table of places."""
    d = t.new_daemon()
    target = t.target("shares")
    t.attach(target, "share_one")
    os.kill(d.pid, signal.SIGSTOP)
    try:
        target.ask("wide 400000", timeout=60)
    finally:
        os.kill(d.pid, signal.SIGCONT)
    report = t.report(target)
    section = checked(t, report)
    t.true("some were lost", section["lost"] > 0, section["total_samples"])
    t.equal("health says so", report["health"]["counters"].get("samples_lost"), section["lost"])
    spent = report["cpu_total_ns"] / 1e9
    n = section["total_samples"] + section["lost"]
    is_near(t, "with the lost ones it is all", n / section["frequency_hz"] / spent, 1.0, n)
    t.true("places in one function are one row", share(section, "share_wide") > 0.9, section["data"][:3])


def test_a_program_on_overlayfs_is_named(t):
    base = f"{t.tmp}/stack"
    script = (f"mkdir {base} && mount -t tmpfs none {base} && cd {base} && mkdir low up work all"
              f" && cp {t.target_path('shares')} low/shares"
              " && mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work all"
              f" && exec {base}/all/shares")
    target = t.target(script, path=script, prefix=["unshare", "-m", "sh", "-c"])
    t.attach(target, "share_one")
    truth = target.ask("mix 2000")
    section = cpu(t, target)
    enough(t, section)
    is_truth(t, section, truth)


def test_what_was_inlined_is_named(t):
    """share_outer does nine tenths in steps(), of which there is no function."""
    target = t.target("shares")
    t.attach(target, "share_one")
    target.ask("outer 5000")
    section = cpu(t, target)
    enough(t, section)
    rows = {r["name"]: r for r in section["data"]}
    is_near(t, "nine of ten", share(section, "share_outer"), 0.9, section["own_samples"])
    t.equal("what is in it", rows["share_outer"].get("inlined", {}).get("name"), "steps")
    t.matches("the table says so", r"share_outer: most of it is in steps, inlined there; use HOTPATH_SCOPE or "
              "-fno-inline", t.hotpath("report", target.target_pid).out)


def test_odd_names_of_files_do_no_harm(t):
    library = t.compile("plug.c", "-shared", "-fPIC", name="libplug.so.1", text=LIBRARY)
    odd = f"{t.tmp}/lib'o\x1b[2Jd\";:*?$(x).so"
    shutil.copy(library, odd)
    target = t.target("shares")
    t.attach(target, "share_one")
    target.ask(f"plug {odd}")
    target.ask("library 500000000")
    section = cpu(t, target)
    enough(t, section)
    t.true("most is there", share(section, "plug_work", object=re.escape(os.path.basename(odd))) > 0.9,
           section["data"][:3])
    t.true("no pattern that a shell would take apart", all("'" not in o.get("add", "") for o in section["outside"]),
           section["outside"])
    out = t.hotpath("report", target.target_pid).out
    t.true("nothing for the terminal", b"\x1b" not in out, out)


def perf_shares(t, path):
    """Of samples by symbol, as perf has it."""
    r = subprocess.run(["perf", "script", "-i", path, "-F", "ip,sym"], capture_output=True, text=True, check=False)
    names = [line.split(None, 1)[1].strip() for line in r.stdout.split("\n") if len(line.split(None, 1)) == 2]
    t.true("perf has samples", len(names) > 100, r.stderr)
    return {n: names.count(n) / max(len(names), 1) for n in set(names)}, len(names)


def test_perf_sees_the_same(t):
    if not shutil.which("perf"):
        t.fail("perf is not there: apt-get install linux-perf")
        return
    target = t.target("shares")
    t.attach(target, "share_one")
    with subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-p", str(target.target_pid),
                           "-o", f"{t.tmp}/perf.data"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as perf:
        target.ask("mix 300")  # perf is there by then
        target.ask("mix 3000")
        target.ask("outer 3000")
        target.ask("kernel 2000000")
        perf.send_signal(signal.SIGINT)
        perf.communicate(timeout=30)
    section = cpu(t, target)
    shares, n = perf_shares(t, f"{t.tmp}/perf.data")
    enough(t, section)
    for name in ("share_three", "share_one", "share_outer"):
        is_near(t, name, share(section, name), shares.get(name, 0), min(n, section["own_samples"]))
