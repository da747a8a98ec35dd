# SPDX-License-Identifier: GPL-2.0-only
"""Programs as they come, and work for each: what they print, write and how they end.

A Command runs to its end; a Server is started, loaded, asked for what it did, and
ended. Both give a Result that is the same each time, profiled or not, and are made
anew in a folder of their own for each run.
"""
import glob
import hashlib
import os
import re
import resource
import shutil
import subprocess

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "real", "workloads")


class Missing(Exception):
    """A program that is not installed."""


class Result(dict):
    """What a workload gave, piece by piece: status, stdout, stderr, files by name."""

    def differences(self, other):
        """Sentences; none when both are the same."""
        for key in sorted(set(self) | set(other)):
            a, b = self.get(key), other.get(key)
            if a != b:
                yield f"{key}: {str(a)[:1500]!r} instead of {str(b)[:1500]!r}"


def source(name):
    return os.path.join(HERE, name)


def find(*paths):
    for path in paths:
        found = shutil.which(path) or next(iter(sorted(glob.glob(path), reverse=True)), None)
        if found:
            return found
    raise Missing(f"{paths[0]} is not installed: make deps-check installs it")


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Command:
    """argv(folder) after prepare(folder); files: globs below the folder that it writes."""
    env = {}
    input = None
    rungs = (None, "-returns")  # HOTPATH_FEATURES to compare; where all is by ways out anyhow: one
    exact = False  # the same calls of each function, every time
    truth = {}  # function -> calls, known beforehand; `truths`: the patterns that name those
    truths = ()
    one = ("libc.so.6:getpid",)  # a run with next to nothing probed, to compare with
    files = ()
    not_files = ()
    settle = staticmethod(lambda text: text)  # removes what differs from run to run

    def __init__(self, build):
        self.build = build

    def prepare(self, folder):
        pass

    def objects(self):
        """The files whose functions `patterns` names."""
        return [os.path.realpath(self.argv(None)[0])]

    def start(self, folder):
        """A new folder, and what to run in it: (argv, arguments of Popen)."""
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        self.prepare(folder)
        env = {**{k: v for k, v in os.environ.items() if not k.startswith("HOTPATH_")}, "LC_ALL": "C.UTF-8",
               "TZ": "UTC", **self.env}
        return self.argv(folder), {"cwd": folder, "env": env}

    def result(self, folder, status, out, err):
        seen = Result(status=status, stdout=self.settle(out.decode("utf-8", "replace")),
                      stderr=self.settle(err.decode("utf-8", "replace")))
        skip = {p for g in self.not_files for p in glob.glob(f"{folder}/{g}", recursive=True)}
        for pattern in self.files:
            for path in sorted(glob.glob(f"{folder}/{pattern}", recursive=True)):
                if path not in skip and os.path.isfile(path):
                    with open(path, "rb") as f:
                        seen[os.path.relpath(path, folder)] = hashlib.sha256(f.read()).hexdigest()[:16]
        return seen

    def alone(self, folder):
        """(Result, CPU seconds) of the program by itself."""
        argv, more = self.start(folder)
        before = cpu_of_children()
        r = subprocess.run(argv, input=self.input, capture_output=True, timeout=60, check=False, **more,
                           **({} if self.input else {"stdin": subprocess.DEVNULL}))
        return self.result(folder, r.returncode, r.stdout, r.stderr), cpu_of_children() - before


class Sqlite(Command):
    name, title = "sqlite3", "sqlite3, a script of SQL"
    patterns = ("libsqlite3*:*", "sqlite3:*")
    sample = ("libsqlite3*:/^sqlite3_.*[a-m]$/", "libsqlite3*:/[048c]0$/")
    exact = True
    truths = ("libsqlite3*:sqlite3_prepare_v2",)
    one = ("libsqlite3*:sqlite3_close",)
    truth = {"sqlite3_prepare_v2": 27}  # statements, the refused one among them

    def objects(self):
        return [*super().objects(), find("/usr/lib/x86_64-linux-gnu/libsqlite3.so.0", "libsqlite3.so.0")]

    def argv(self, _folder):
        with open(source("orders.sql"), "rb") as f:
            self.input = f.read()
        return [find("sqlite3"), ":memory:"]


class Python(Command):
    name, title = "python3", "python3, a script with exceptions and threads"
    patterns = ("python3*:*",)
    sample = ("python3*:/[g-m]$/", "python3*:/[048c]0$/")
    truths = ("python3*:PyThread_start_new_thread",)
    one = ("python3*:Py_BytesMain",)
    truth = {"PyThread_start_new_thread": 3}
    env = {"PYTHONHASHSEED": "0"}

    def argv(self, _folder):
        return [find("/usr/bin/python3"), "-S", "-E", source("words.py"), "300"]


class CMake(Command):
    name, title = "cmake", "cmake, configuring and generating a project; throws"
    patterns = ("cmake:*",)
    sample = ("cmake:/c0$/",)
    rungs = (None,)
    truths = ("libstdc++*:__cxa_throw", "libstdc++*:__cxa_begin_catch")
    truth = {"__cxa_throw": 60, "__cxa_begin_catch": 60}  # 29 without a name, 31 broken ones
    files = ("b/**/*",)
    not_files = ("b/**/*.log", "b/**/*.bin", "b/**/a.out")  # of compilers, with names made up anew
    define = ()

    def prepare(self, folder):
        os.mkdir(f"{folder}/s")
        for name in ("CMakeLists.txt", "sorting.c"):
            shutil.copy(source(name), f"{folder}/s/{name}")

    def argv(self, _folder):
        return [find("/usr/bin/cmake"), "-G", "Unix Makefiles", *self.define, "-S", "s", "-B", "b"]


class Ripgrep(Command):
    name, title = "ripgrep", "ripgrep, a tree of files, four threads"
    patterns = ("rg:*",)
    sample = patterns
    rungs = (None,)
    truths = ("libc.so.6:pthread_create",)
    truth = {"pthread_create": 4}

    def prepare(self, folder):
        x = 1
        for i in range(60):
            os.makedirs(f"{folder}/tree/{i % 7}/{i % 5}", exist_ok=True)
            with open(f"{folder}/tree/{i % 7}/{i % 5}/{i}.txt", "w", encoding="ascii") as f:
                for _ in range(40):
                    x = (x * 1103515245 + 12345) % 2**31
                    f.write(f"{x:x} some words and foo{x % 13}bar, {x % 7 * 'x'} needle{x % 3}\n")
        with open(f"{folder}/tree/.gitignore", "w", encoding="ascii") as f:
            f.write("*1.txt\n!11.txt\n")

    def argv(self, _folder):
        return [find("/usr/bin/rg"), "-j", "4", "--no-require-git", "--count-matches", r"foo1\dbar.*x{3}|needle[12]$",
                "tree"]

    @staticmethod
    def settle(text):
        return "\n".join(sorted(text.split("\n")))


class Go(Command):
    name, title = "go", "a Go program: gzip, sha256, JSON, goroutines, panics"
    patterns = ("pack:*",)
    sample = patterns
    rungs = (None,)
    truth = {"main.pack": 10, "main.deep": sum(501 + job for job in range(10)), "main.main": 1}
    one = ("pack:main.main",)

    def built(self):
        out = f"{self.build}/selftests/pack"
        if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source("pack.go")):
            subprocess.run([find("go", "/usr/local/go/bin/go", "/usr/lib/go*/bin/go"), "build", "-o", out,
                            source("pack.go")], check=True, capture_output=True,
                           env={**os.environ, "GO111MODULE": "off", "GOCACHE": f"{self.build}/go-cache",
                                "HOME": self.build})
        return out

    def argv(self, _folder):
        return [self.built(), "10"]


class Compiler(Command):
    """cc1 by itself: no child, 26,000 functions."""
    name, title = "cc1", "gcc's cc1 -O2, a file of C"
    patterns = ("cc1:*",)
    sample = ("cc1:/_[a-d][a-z]*[st]$/", "cc1:/[08]40$/")
    rungs = (None,)
    exact = True
    truths = ("cc1:c_parse_file",)
    truth = {"c_parse_file()": 1}
    files = ("*.s",)

    def prepare(self, folder):
        shutil.copy(source("sorting.c"), folder)

    def argv(self, _folder):
        gcc = find("/usr/bin/gcc")
        cc1, where = (subprocess.run([gcc, *what], check=True, capture_output=True, text=True).stdout.strip()
                      for what in (["-print-prog-name=cc1"], ["-print-multiarch"]))
        return [cc1, "-quiet", "-O2", "-Wall", "-Wextra", "-imultiarch", where, "sorting.c", "-o", "sorting.s"]


class Driver(Compiler):
    """gcc itself, and the children that it starts by vfork."""
    name, title = "gcc", "gcc -O2 -c, the driver"
    patterns = ("*gcc*:*",)
    sample = patterns
    truths, truth = (), {}
    files = ("*.o",)

    def argv(self, _folder):
        return [find("/usr/bin/gcc"), "-O2", "-c", "-Wall", "-Wextra", "sorting.c"]


COMMANDS = (Sqlite, Python, CMake, Ripgrep, Go, Compiler, Driver)
