# SPDX-License-Identifier: GPL-2.0-only
"""The daemon under 1,000 functions and a million calls a second: CPU, memory, its slope."""
import shutil
import time

import loads
import processes

WARM, STEP, KIB = 5, 1, 1024  # seconds; what the first calls allocate is no leak


class Hits(loads.Load):
    name, unit, ends_by = "1,000 functions", "calls", 15

    def begin(self, _folder):
        self.pids = [self.teller([f"{self.build}/selftests/bench/hits"]).pid]


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def slope(points):
    """Of the line through (x, y) with the least squares."""
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mx) ** 2 for x, _ in points)
    return sum((x - mx) * (y - my) for x, y in points) / spread if spread else 0.0


def measure(bench, seconds):
    """(calls a second, CPU percent, resident KiB at the end, KiB a minute)."""
    load = Hits(bench.build)
    try:
        load.start(f"{bench.tmp}/soak")
        bench.hotpath("attach", *load.pids, "-f", "/^hit_[0-9]+$/", "--budget", "0")
        time.sleep(WARM)
        start, cpu, points = time.monotonic_ns(), processes.cpu_ms(bench.daemon.pid), []
        while (now := time.monotonic_ns()) < start + seconds * 10**9:
            points.append(((now - start) / 60e9, resident_kib(bench.daemon.pid)))
            time.sleep(STEP)
        cpu = processes.cpu_ms(bench.daemon.pid) - cpu
        load.series.wait(now)
        rate = load.series.rate(start, now) * 1e9
        bench.hotpath("detach", *load.pids)
    finally:
        load.end()
        shutil.rmtree(f"{bench.tmp}/soak", ignore_errors=True)
    return rate, 100 * cpu * 1e6 / (now - start), points[-1][1], slope(points)


def run(bench, seconds):
    rate, cpu, kib, a_minute = measure(bench, seconds)
    flat = a_minute < 64
    print(f"the daemon, {seconds} s, 1,000 functions, {rate / 1e6:.2f} M calls/s\n")
    print(f"  CPU       {cpu:6.2f} % of a core     aim < 1 %             {'aim met' if cpu < 1 else 'aim missed'}")
    print(f"  resident  {kib / KIB:6.1f} MiB, {a_minute:+.1f} KiB a minute; aim < 64 "
          f"        {'aim met' if flat else 'aim missed'}")
