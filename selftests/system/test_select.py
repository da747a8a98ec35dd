# SPDX-License-Identifier: GPL-2.0-only
"""Processes that are chosen by what they are: which those are, and that nobody learns
by that what is not theirs to see."""
import contextlib
import json
import os
import shutil
import subprocess

import raw
import reports
import wire
from context import GROUP, as_user
from processes import wait_until

# A client of its own, as the socket tells the daemon who asks.
ASKS = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(bytes.fromhex(sys.argv[2]))
s.shutdown(socket.SHUT_WR)
while data := s.recv(4096):
    sys.stdout.buffer.write(data)
"""


def answer_of(socket, user, request):
    return subprocess.run([*as_user(user), "/usr/bin/python3", "-c", ASKS, socket, raw.framed(request).hex()],
                          check=True, capture_output=True, timeout=30).stdout


def test_a_path_in_a_closed_folder_is_not_looked_up_for_a_user(t):
    d = t.new_daemon()
    os.chown(d.socket, -1, GROUP)
    closed = f"{t.tmp}/closed"
    os.mkdir(closed, 0o700)
    os.mkdir(f"{closed}/there")
    with open(f"{closed}/is", "wb"):
        pass
    answers = {}
    for name in ("is", "no", "there"):
        path = f"{closed}/{name}".encode()
        for kind, word in ((9, path), (10, b"/../../.." + path)):
            content = raw.field(2, b"work_one") + raw.field(kind, word)
            answer = answer_of(d.socket, "nobody", raw.request(raw.ATTACH, content))
            answers.setdefault(kind, set()).add(answer.replace(word, b"it")[4:])
    for kind, seen in answers.items():
        t.equal(f"different answers to field {kind}", len(seen), 1)
    status = t.hotpath("status").out.decode()
    t.true("and nothing waits", "--exe" not in status, status)


@contextlib.contextmanager
def cgroup(t, name):
    """A control group with one in it, by paths below its root; gone at the end."""
    root = wire.cgroup_root()
    if not root:
        t.skip("no control groups version 2 here")
    made = [f"{root}/{name}", f"{root}/{name}/inner"]
    try:
        for folder in made:
            os.mkdir(folder)
    except OSError as e:
        t.skip(f"a control group cannot be made here: {e}")
    try:
        yield [folder[len(root):] for folder in made]
    finally:
        for folder in reversed(made):
            with open(f"{folder}/cgroup.procs", encoding="ascii") as f:
                left = f.read().split()
            for pid in left:
                enter("/", pid)
            os.rmdir(folder)


def enter(path, pid="0"):
    with open(f"{wire.cgroup_root()}{path}/cgroup.procs", "w", encoding="ascii") as f:
        f.write(str(pid))


def chosen_by_cgroup(t, option, word, outer, inner):
    """One that runs there, one that starts there, one below that; not who is elsewhere."""
    t.new_daemon()
    worker = t.target_path("worker")
    inside, outside = t.target("worker"), t.target("worker")
    enter(outer, inside.pid)
    r = t.hotpath("attach", option, word, "-f", "work_one")
    t.matches("the one that runs there", str(inside.pid), r.out)
    for n, path in ((10, outer), (20, inner), (40, "/")):
        subprocess.run([worker, f"go {n}"], check=True, capture_output=True,
                       preexec_fn=lambda path=path: enter(path))
    inside.ask("go 1")
    outside.ask("go 100")
    targets = t.document("--merge", "none")["targets"]
    t.equal("calls", sorted(reports.functions(x)["work_one"]["calls"] for x in targets
                            if "work_one" in reports.functions(x)), [3, 30, 60])
    for target in (inside, outside):
        t.equal("exit status", target.end(), 0)


def test_cgroup_takes_who_is_in_it_and_who_comes(t):
    with cgroup(t, f"hotpath-{os.getpid()}") as (outer, inner):
        chosen_by_cgroup(t, "--cgroup", outer, outer, inner)


def test_unit_is_the_control_group_of_that_name(t):
    """systemd makes one for each; by any other hand it is the same to us."""
    with cgroup(t, f"hotpath-{os.getpid()}.service") as (outer, inner):
        chosen_by_cgroup(t, "--unit", outer.strip("/")[:-len(".service")], outer, inner)


def test_what_is_not_there_cannot_be_waited_for(t):
    if not wire.cgroup_root():
        t.skip("no control groups version 2 here")
    for option, word, says in (("--exe", f"{t.tmp}/none", "No such file"),
                               ("--cgroup", "/none/such", "there is no control group"),
                               ("--unit", "none-such", "it does not run.*none-such.service")):
        with t.case(option):
            t.refused("attach", option, word, "-f", "main", status=2, says=[option, says])


def test_one_name_may_be_waited_for_by_several_users(t):
    """Each gets their own processes; nobody keeps others from waiting by having been first."""
    d = t.new_daemon()
    os.chown(d.socket, -1, GROUP)
    name = f"worker{os.getpid()}"
    os.link(t.public(t.target_path("worker")), f"{t.tmp}/{name}")
    users = ("nobody", 12345)
    for user in users:
        t.hotpath("attach", "--name", name, "-f", "work_one", user=user)
    for user in users:
        subprocess.run([*as_user(user), f"{t.tmp}/{name}", "go 10"], check=True, capture_output=True)
    for user in users:
        with t.case(user):
            targets = reports.read(t.hotpath("report", "--format", "json", user=user).out)["targets"]
            t.equal("calls of work_one", [reports.functions(x)["work_one"]["calls"] for x in targets], [30])


def test_what_is_waited_for_and_may_not_be_probed_is_a_number(t):
    """Somebody else runs the file, and nobody may be slowed down."""
    t.new_daemon()
    name = f"worker{os.getpid()}"
    for link in ("other", name):
        os.link(t.public(t.target_path("worker")), f"{t.tmp}/{link}")
    other = t.target("other", path=f"{t.tmp}/other")
    wire.attach(t.daemon.socket, ["work_one"], names=[name], bystanders=0)
    subprocess.run([f"{t.tmp}/{name}", "go 10"], check=True, capture_output=True)
    document = t.document()
    t.equal("unmeasured", [(x["what"], x["programs"]) for x in document.get("unmeasured", [])],
            [(f"--name {name}", 1)])
    t.matches("and in the table", "1 program of family .* ran without probes", t.hotpath("report").out)
    other.end()


def test_what_was_not_measured_is_told_after_its_attach_has_ended(t):
    t.new_daemon()
    name = f"worker{os.getpid()}"
    folders = [f"{t.tmp}/{x}" for x in "ab"]
    for folder in folders:
        os.mkdir(folder)
        shutil.copy(t.target_path("worker"), f"{folder}/{name}")
    os.link(f"{folders[1]}/{name}", f"{t.tmp}/other")
    other = t.target("other", path=f"{t.tmp}/other")
    t.hotpath("attach", "--name", name, "-f", "work_one", "--max-bystanders", "0", "--ttl", "2s")
    for folder in folders:
        subprocess.run([f"{folder}/{name}", "go 10"], check=True, capture_output=True)
    families = lambda: json.loads(t.hotpath("status", "--format", "json").out)["families"]  # noqa: E731
    wait_until("its time is over", lambda: not families(), 20, 0.1)
    target, = t.document()["targets"]
    t.equal("calls of the one that was measured", reports.functions(target)["work_one"]["calls"], 30)
    t.equal("complete", target["complete"], False)
    t.true("says why", "1 program that came of the same attach" in str(target["health"]["notes"]),
           target["health"])
    other.end()
