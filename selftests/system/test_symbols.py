# SPDX-License-Identifier: GPL-2.0-only
"""Names that are not what they seem: resolvers, folded code, hidden and imported functions."""
import os
import shutil
import subprocess

IFUNC = r'''
#include "target.h"
PROBED long pick_slow(long x)
{
	PUSHES;
	return x + 1;
}
PROBED long pick_fast(long x)
{
	PUSHES;
	return x + 1;
}
static long (*pick_resolve(void))(long)
{
	return getenv("PICK_SLOW") ? pick_slow : pick_fast;
}
long picked(long x) __attribute__((ifunc("pick_resolve")));
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long sum = 0;
		for (long i = 0; i < (long)target_number(0); i++)
			sum += picked(i);
		target_truth("\"sum\":%ld", sum);
	}
	return 0;
}
'''


def test_a_resolver_is_not_taken_for_its_function(t):
    # No getenv() before relocation: the loader asks the resolver lazily.
    for what, flags in (("PIE", ["-fPIE", "-pie"]), ("not PIE", ["-fno-pie", "-no-pie"])):
        with t.case(what):
            path = t.compile("ifunc.c", "-Wl,-z,lazy", *flags, name="ifunc", text=IFUNC.replace(
                'getenv("PICK_SLOW") ? pick_slow : pick_fast',
                '*(volatile char *)pick_slow == 1 ? pick_slow : pick_fast'))
            target = t.target("ifunc", path=path)
            t.refused("attach", target.pid, "-f", "picked",
                      says=["IFUNC", "resolver", "chooses among.*pick_fast", "pick_slow"])
            t.attach(target, "pick_fast", "pick_slow")
            target.ask("go 10")
            rows = t.functions(target)
            t.equal("calls", (rows["pick_fast"]["calls"], rows["pick_slow"]["calls"]), (10, 0))
            t.equal("status", target.end(), 0)


def test_functions_that_a_linker_folded_keep_all_names(t):
    linker = shutil.which("ld.gold") or shutil.which("ld.lld")
    if not linker:
        t.skip("no linker here that folds identical code")
    text = r'''
#include "target.h"
__attribute__((noinline)) long fold_a(long x) { PUSHES; return x * 7 + 1; }
__attribute__((noinline)) long fold_b(long x) { PUSHES; return x * 7 + 1; }
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long sum = 0;
		for (long i = 0; i < (long)target_number(0); i++) {
			sum += fold_a(i);
			asm volatile("" ::: "memory");
			sum += fold_b(i);
		}
		target_truth("\"sum\":%ld", sum);
	}
	return 0;
}
'''
    path = t.compile("folded.c", f"-fuse-ld={linker.rsplit('.', 1)[1]}", "-ffunction-sections",
                     "-fno-ipa-icf", "-Wl,--icf=all", name="folded", text=text)
    for name in ("fold_a", "fold_b"):
        with t.case(name):
            target = t.target("folded", path=path)
            t.attach(target, name)
            target.ask("go 10")
            rows = t.functions(target)
            t.equal("both are one", [r["calls"] for r in rows.values()], [20])
            t.equal("status", target.end(), 0)


def test_an_imported_function_is_probed_where_it_is(t):
    """The program has a PLT entry, the library the function, hidden ones too."""
    library = t.compile("imported.c", "-shared", "-fPIC", name="libimported.so", text=r'''
#include "target.h"
__attribute__((visibility("hidden"), noinline)) long import_inner(long x)
{
	PUSHES;
	return x + 1;
}
__attribute__((noinline)) long import_outer(long x)
{
	PUSHES;
	long r = import_inner(x);
	NOT_A_TAIL;
	return r + 1;
}
''')
    program = r'''
#include "target.h"
extern long import_outer(long x);
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long sum = 0;
		for (long i = 0; i < (long)target_number(0); i++)
			sum += import_outer(i);
		target_truth("\"sum\":%ld", sum);
	}
	return 0;
}
'''
    for what, flags in (("by PLT", []), ("without PLT", ["-fno-plt"]), ("bound now", ["-Wl,-z,now"])):
        with t.case(what):
            path = t.compile("importer.c", library, "-Wl,-rpath,/", *flags, name="importer", text=program)
            target = t.target("importer", path=path)
            t.attach(target, "import_*")
            target.ask("go 10")
            rows = t.functions(target)
            t.equal("calls", (rows["import_outer"]["calls"], rows["import_inner"]["calls"]), (10, 10))
            t.matches("in the library", "libimported", rows["import_outer"]["object"])
            t.equal("status", target.end(), 0)


RUST = r'''
use std::io::{BufRead, Write};
mod shapes {
    pub struct Box2(pub u64);
    impl Box2 {
        #[inline(never)]
        pub fn grow(&mut self, by: u64) -> u64 { self.0 = self.0.wrapping_mul(3) + by; self.0 }
    }
    #[inline(never)]
    pub fn apply<F: Fn(u64) -> u64>(f: F, x: u64) -> u64 { std::hint::black_box(f(std::hint::black_box(x))) }
}
fn main() {
    println!("ready {}", std::process::id());
    for line in std::io::stdin().lock().lines() {
        let n: u64 = line.unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut b = shapes::Box2(1);
        for i in 0..n {
            std::hint::black_box(b.grow(i));
            shapes::apply(|x| x ^ 5, i);
        }
        println!("{{\"sum\":{}}}", b.0);
        std::io::stdout().flush().unwrap();
    }
}
'''


def test_rust_names_of_both_kinds_are_found(t):
    rustc = shutil.which("rustc")
    if not rustc:
        t.skip("no Rust compiler")
    source = f"{t.tmp}/names.rs"
    with open(source, "w", encoding="utf-8") as f:
        f.write(RUST)
    for kind, flags in (("legacy", ["-Zunstable-options"]), ("v0", []), ("default", None)):
        with t.case(kind):
            path = f"{t.tmp}/names-{kind}"
            argv = [rustc, "-O", "-g", "-o", path, source]
            if flags is not None:
                argv += [*flags, "-C", f"symbol-mangling-version={kind}"]
            r = subprocess.run(argv, capture_output=True, check=False,
                               env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
            if r.returncode:
                raise AssertionError(r.stderr.decode()[-500:])
            target = t.target("names", path=path)
            t.attach(target, "*::Box2*::grow", "*shapes::apply*")
            target.ask("go 10")
            rows = t.functions(target)
            t.equal("calls", sorted((("grow" if "grow" in n else "apply"), r["calls"]) for n, r in rows.items()),
                    [("apply", 10), ("grow", 10)])
            t.true("names as written", all("shapes::" in n for n in rows), list(rows))
            t.equal("status", target.end(), 0)
