# SPDX-License-Identifier: GPL-2.0-only
"""A private hotpathd on a socket of its own."""
import os
import re
import signal
import subprocess

from processes import Log, Timeout

READY = re.compile(r"listening on ")


class Daemon:
    """Started and ready, or `refused` (log and exit status say why)."""

    def __init__(self, build, socket, features=None, args=(), env=None, calibrate=False):
        self.socket = str(socket)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HOTPATH_")}
        environment.update(env or {})
        if features:
            environment["HOTPATH_FEATURES"] = features
        # Tests start many: to measure what probes cost in each would slow down all.
        args = (*args, *(() if calibrate else ("--no-calibrate",)))
        self.proc = subprocess.Popen([f"{build}/hotpathd", "--socket", self.socket, *args],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, env=environment)
        self.pid = self.proc.pid
        self.log = Log(self.proc.stdout)
        self.ready_line = self.log.wait(READY, 30)
        self.refused = self.ready_line is None
        if self.refused:
            self.proc.wait(10)

    def running(self):
        return self.proc.poll() is None

    def stop(self, number=signal.SIGTERM, timeout=60.0):
        """Ends it and returns its exit status."""
        if self.running():
            self.proc.send_signal(number)
        try:
            status = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Timeout(f"hotpathd did not end within {timeout:g} s of signal {number}") from None
        self.log.thread.join(5)
        return status

    def text(self):
        return "\n".join(self.log.text)
