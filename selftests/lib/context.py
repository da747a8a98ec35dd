# SPDX-License-Identifier: GPL-2.0-only
"""What a test function is given: t.

A test says what it expects with t.equal(), t.between(), t.true(): each remembers
what was expected and seen and goes on, so that one run shows all that is wrong.
What cannot go on raises. t.case(name) does the same for the rows of a table.
"""
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys

import reports
from daemon import Daemon
from processes import Lines, Target

NOBODY = 65534
GROUP = 65533  # stands for group hotpath: a supplementary group of our `nobody`


class Skip(Exception):
    pass


class Result:
    """How a command ended."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def __str__(self):
        def cut(b):
            s = b.decode("utf-8", "replace")
            return s if len(s) < 4000 else s[:3000] + " [...] " + s[-800:]
        return (f"$ {' '.join(os.path.basename(a) if i == 0 else a[:200] for i, a in enumerate(self.argv))}"
                f"\n  status {self.status}\n  stdout: {cut(self.out)!r}\n  stderr: {cut(self.err)!r}")


def deadline(seconds):
    """Decorator: this test may take longer than others."""
    def mark(function):
        function.deadline = seconds
        return function
    return mark


class Context:
    def __init__(self, build, name, tmp, shared):
        self.build, self.name, self.tmp = str(build), name, str(tmp)
        self.root = reports.ROOT
        self.failures, self.prefix = [], []
        self._shared, self._daemon, self.daemons = shared, None, []

    # --- what is expected -------------------------------------------------
    def fail(self, text):
        self.failures.append(": ".join(self.prefix + [text]))

    def true(self, what, condition, seen=""):
        if not condition:
            self.fail(f"{what}" + (f"; seen: {seen}" if seen != "" else ""))
        return bool(condition)

    def equal(self, what, seen, expected):
        return self.true(f"{what}: expected {expected!r}, seen {seen!r}", seen == expected)

    def between(self, what, low, seen, high):
        return self.true(f"{what}: expected {low:,} .. {high:,}, seen {seen:,}", low <= seen <= high)

    def matches(self, what, pattern, text):
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        return self.true(f"{what}: expected /{pattern}/, seen {text[:1500]!r}",
                         re.search(pattern, text, re.I | re.M))

    @contextlib.contextmanager
    def case(self, name):
        """A row of a table: what fails in it does not hide the other rows."""
        self.prefix.append(str(name))
        try:
            yield
        except (AssertionError, OSError, KeyError, ValueError, subprocess.SubprocessError) as e:
            self.fail(f"{type(e).__name__}: {e}")
        finally:
            self.prefix.pop()

    def skip(self, reason):
        raise Skip(reason)

    # --- programs ---------------------------------------------------------
    def target_path(self, name):
        path = f"{self.build}/selftests/targets/{name}"
        if not os.path.exists(path):
            raise AssertionError(f"{path} is not built: run make tests")
        return path

    def target(self, name, path=None, prefix=(), **more):
        return Target([*prefix, path or self.target_path(name)], **more)

    def lines(self, argv, **more):
        return Lines(argv, **more)

    def compile(self, source, *flags, cc="gcc", name=None, text=None):
        """A variant of a target, built once per build directory and set of flags."""
        path = f"{self.root}/selftests/targets/{source}" if text is None else None
        body = open(path, "rb").read() if path else text.encode()
        header = open(f"{self.root}/selftests/targets/target.h", "rb").read()
        key = hashlib.sha1(body + header + repr((source, cc, flags)).encode()).hexdigest()[:12]
        folder = f"{self.build}/selftests/variants"
        out = f"{folder}/{key}-{name or source.rsplit('.', 1)[0]}"
        if os.path.exists(out):
            return out
        os.makedirs(folder, exist_ok=True)
        if not path:
            path = f"{out}.{source.rsplit('.', 1)[1]}"
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        argv = [cc, "-O2", "-g", "-D_GNU_SOURCE", f"-I{self.root}/selftests/targets", "-o", out + ".new",
                path, *flags, "-lpthread"]
        r = subprocess.run(argv, capture_output=True, check=False)
        if r.returncode:
            raise AssertionError(f"{' '.join(argv)}:\n{r.stderr.decode()}")
        os.rename(out + ".new", out)
        return out

    # --- the daemon and the command ---------------------------------------
    @property
    def daemon(self):
        """The one shared by tests that do nothing special to it."""
        if self._daemon is None:
            self._daemon = self._shared()
        return self._daemon

    @daemon.setter
    def daemon(self, value):
        self._daemon = value

    def new_daemon(self, use=True, socket=None, build=None, **more):
        """A private one for this test; from now on the one that commands talk to."""
        d = Daemon(build or self.build, socket or f"{self.tmp}/d{len(self.daemons)}.sock", **more)
        self.daemons.append(d)
        if d.refused:
            raise AssertionError(f"hotpathd refused to start, status {d.proc.returncode}:\n{d.text()}")
        if use:
            self._daemon = d
        return d

    def environment(self, socket=None, **more):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("HOTPATH_") and k not in ("NO_COLOR", "LC_ALL", "LANG", "COLUMNS")}
        env["LC_ALL"] = "C.UTF-8"
        env["HOTPATH_BUDGET"] = "0"  # every call is to be seen, but by tests of the budget
        if socket:
            env["HOTPATH_SOCKET"] = socket
        env.update(more)
        return env

    def argv(self, *args, user=None):
        argv = [f"{self.build}/hotpath", *[str(a) for a in args]]
        if user is not None:
            argv[0] = self.public(argv[0])
            argv = [*as_user(user), *argv]
        return argv

    def public(self, path):
        """A copy that users other than root can reach, in this test's folder."""
        copy = f"{self.tmp}/{os.path.basename(path)}"
        if not os.path.exists(copy):
            shutil.copy(path, copy)
            os.chmod(copy, 0o755)
        return copy

    def hotpath(self, *args, check=True, timeout=60, user=None, env=None, no_daemon=False, **more):
        """Runs the command to its end; check: it must succeed."""
        argv = self.argv(*args, user=user)
        socket = None if no_daemon else self.daemon.socket
        try:
            r = subprocess.run(argv, env=self.environment(socket, **(env or {})), timeout=timeout,
                               check=False, **{"capture_output": True, "stdin": subprocess.DEVNULL, **more}
                               if "stdout" not in more else {"stdin": subprocess.DEVNULL,
                                                             "stderr": subprocess.PIPE, **more})
        except subprocess.TimeoutExpired as e:
            raise AssertionError(f"{' '.join(argv)} did not end within {timeout} s; stdout "
                                 f"{(e.stdout or b'')[-500:]!r}, stderr {(e.stderr or b'')[-500:]!r}") from None
        result = Result(argv, r.returncode, r.stdout or b"", r.stderr or b"")
        if check and result.status:
            raise AssertionError(f"expected success:\n{result}")
        return result

    def attach(self, target, *patterns, args=(), **more):
        flags = [x for p in patterns for x in ("-f", p)] + any_bystanders(args)
        return self.hotpath("attach", pid_of(target), *flags, *args, **more)

    def document(self, *args, **more):
        """`hotpath report` of args as a checked JSON document."""
        r = self.hotpath("report", *[pid_of(a) for a in args], "--format", "json", "-n", "0", **more)
        try:
            return reports.read(r.out)
        except Exception as e:
            raise AssertionError(f"{e}\n{r}") from e

    def report(self, target, *args, **more):
        """The one target's part of its report."""
        return reports.target_of(self.document(target, *args, **more), pid_of(target))

    def functions(self, target, *args, **more):
        return reports.functions(self.report(target, *args, **more))

    def run(self, *command, args=(), check=True, **more):
        """`hotpath run`, its JSON in a file: (result, document)."""
        out = f"{self.tmp}/run{len(os.listdir(self.tmp))}.json"
        r = self.hotpath("run", *any_bystanders(args), *args, "--format", "json", "-n", "0", "-o", out, "--", *command,
                         check=check, **more)
        if not os.path.exists(out):
            raise AssertionError(f"no report was written:\n{r}")
        with open(out, "rb") as f:
            data = f.read()
        try:
            return r, reports.read(data)
        except Exception as e:
            raise AssertionError(f"{e}\n{r}\n{data[:2000]!r}") from e

    def refused(self, *args, says=(), status=1, **more):
        """An error as product.md wants it: names what, why and the remedy, in one
        line and perhaps a hint; nothing on stdout."""
        r = self.hotpath(*args, check=False, **more)
        text = r.err.decode("utf-8", "replace")
        lines = [x for x in text.split("\n") if x.strip()]
        self.true(f"exit status {status}", r.status == status, str(r))
        self.true("one line of error, perhaps one of hint", 1 <= len(lines) <= 2, str(r))
        self.true("nothing on stdout", r.out == b"", str(r))
        self.true("no debris of a crash", not re.search(
            r"assertion|segmentation|sanitizer|stack trace|errno|protobuf|\(null\)", text, re.I), str(r))
        for pattern in says:
            self.true(f"says /{pattern}/", re.search(pattern, text, re.I), str(r))
        return r


def any_bystanders(args):
    """How many others run the same files is the machine's affair, not the test's."""
    return [] if "--max-bystanders" in args else ["--max-bystanders", "1000"]


def as_user(user):
    uid = NOBODY if user == "nobody" else int(user)
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={GROUP}"]


def pid_of(target):
    if isinstance(target, Target):
        return target.target_pid
    return target.pid if isinstance(target, Lines) else target


if sys.version_info < (3, 9):
    raise SystemExit("selftests need python 3.9 or newer")
