# SPDX-License-Identifier: GPL-2.0-only
"""Ways out of functions: what the reader says against a disassembler, and against what
happens when a program runs one instruction at a time."""
import re
import shutil
import subprocess

import reader
from context import deadline

FLAGS = [(cc, *flags) for cc in ("gcc", "clang") for flags in (
    ("-O0",), ("-O1", "-fcf-protection"), ("-O2", "-fstack-protector-all"), ("-O3", "-fno-omit-frame-pointer"),
    ("-O2", "-no-pie", "-fno-pie"))]


def code_offset(path):
    """(address less file offset) of the executable segment."""
    out = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True, check=True).stdout
    m = re.search(r"LOAD\s+0x(\w+) 0x(\w+) .* R E ", out)
    return int(m[2], 16) - int(m[1], 16)


def instructions(path):
    """address -> text, as objdump has it."""
    out = subprocess.run(["objdump", "-dw", "--no-show-raw-insn", path], capture_output=True, text=True,
                         errors="replace", check=True).stdout
    return {int(m[1], 16): m[2].strip() for m in re.finditer(r"^\s+([0-9a-f]+):\s+(.*)$", out, re.M)}


def is_ret(text):
    return bool(re.match(r"((repz|bnd) )?ret\b", text))


def check_against_disassembly(t, path):
    text, bias = instructions(path), code_offset(path)
    known = 0
    for f in reader.exits(t.build, path):
        t.true(f"{f['name']}: exits or a reason", bool(f["exits"]) != bool(f["none"]), f)
        known += bool(f["exits"])
        sites = {e["offset"] + bias for e in f["exits"]}
        for at in sites:
            t.true(f"{f['name']}: a way out at {at:#x}", is_ret(text.get(at, "")) or
                   re.match(r"((bnd|notrack) )?j", text.get(at, "")), text.get(at))
        if not sites or any(e["class"] != 3 for e in f["exits"]):
            continue  # emulated ones stand in for rets
        start = f["offset"] + bias
        rets = {at for at in range(start, start + f["size"]) if is_ret(text.get(at, ""))}
        t.true(f"{f['name']}: every ret", rets <= sites, [hex(a) for a in rets - sites])
    return known


def step(t, path):
    functions = reader.exits(t.build, path)
    sites = f"{t.tmp}/sites"
    with open(sites, "w", encoding="ascii") as out:
        for number, f in enumerate(functions):
            if not f["exits"]:
                continue
            print(number, f["offset"] + f["skip"], file=out)
            for e in f["exits"]:
                print(number, e["offset"], e["sp_offset"], e["frame_pointer"], e["condition"], file=out)
    r = subprocess.run([t.target_path("stepper"), sites, path, path], capture_output=True, text=True, timeout=100,
                       check=False)
    figures = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", r.stdout)}
    t.equal("stepper's status", r.returncode, 0)
    return figures


@deadline(150)
def test_every_ret_is_a_way_out(t):
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    for cc, *flags in FLAGS:
        if cc in compilers:
            with t.case(f"{cc} {' '.join(flags)}"):
                path = t.compile("waysout.c", *flags, cc=cc)
                t.true("functions known", check_against_disassembly(t, path) >= 10)
    with t.case("C++ that throws"):
        t.true("functions known", check_against_disassembly(t, t.target_path("throws")) >= 3)


@deadline(300)
def test_every_call_leaves_once_by_a_way_out(t):
    for cc, *flags in (("gcc", "-O0"), ("gcc", "-O2", "-fstack-protector-all"), ("clang", "-O2")):
        with t.case(f"{cc} {' '.join(flags)}"):
            seen = step(t, t.compile("waysout.c", *flags, cc=cc))
            t.true("calls", seen["calls"] > 500, seen)
            t.equal("exits", seen["exits"], seen["calls"])
            t.equal("missed, strays, unwound, open",
                    [seen[k] for k in ("missed", "stray", "unwound", "open")], [0] * 4)


INTERPRETER = """
#define NEXT goto *table[*++code]
__attribute__((noinline)) long threaded(const unsigned char *code, long x)
{
	static const void *const table[] = {&&add, &&twice, &&end};

	goto *table[*code];
add:
	x++;
	NEXT;
twice:
	x *= 2;
	NEXT;
end:
	return x;
}
__attribute__((noinline)) long by_table(long (*const *table)(long), unsigned i, long x)
{
	return table[i](x + 1);
}
int main(int argc, char **argv)
{
	return threaded((const unsigned char *)argv[0], 3) + by_table((void *)argv, 0, 3);
}
"""


def test_jumps_by_tables_are_followed_or_said(t):
    for flags in (("-fPIE", "-pie"), ("-fno-pie", "-no-pie")):
        with t.case(flags[0]):
            path = t.compile("threaded.c", "-O2", *flags, name=f"threaded{flags[0]}", text=INTERPRETER)
            f = {f["name"]: f for f in reader.exits(t.build, path)}
            t.equal("an interpreter whose table the loader fills in", f["threaded"]["none"], "")
            t.equal("a table that an argument is", f["by_table"]["none"],
                    "an indirect jump goes by a table that is not known")


CHANGED = """__asm__(".globl changed\\n.type changed, @function\\n"
	"changed: movabs $changed, %rax\\nmovzbl (%rax), %eax\\nret\\n.size changed, .-changed");
"""


def test_nothing_is_named_in_code_that_the_loader_changes(t):
    path = t.compile("changed.c", "-shared", "-Wl,-z,notext", name="changed.so", text=CHANGED)
    t.equal("reasons", {f["none"] for f in reader.exits(t.build, path) if f["name"] == "changed"},
            {"its code is changed when it is loaded (text relocations)"})
