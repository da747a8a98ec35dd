# SPDX-License-Identifier: GPL-2.0-only
"""A pure-Python benchmark that never ends: floats and attributes, lists, dictionaries and
strings, some 1 ms of work an iteration. Says each 10 ms "NS ITERATIONS LONGEST"."""
import sys
import time


class Body:
    def __init__(self, x, v, mass):
        self.x, self.v, self.mass = x, v, mass


def advance(bodies, dt):
    for i, a in enumerate(bodies):
        for b in bodies[i + 1:]:
            d = a.x - b.x
            force = dt / (d * d + 0.01) ** 1.5
            a.v -= d * b.mass * force
            b.v += d * a.mass * force
    for b in bodies:
        b.x += dt * b.v


def flips(n):
    """Pancake sorting of a fixed sequence."""
    p, count = [(i * 7 + 3) % n for i in range(n)], 0
    while p[0]:
        k = p[0] + 1
        p[:k] = p[k - 1::-1]
        count += 1
    return count


def words(n):
    seen = {}
    for i in range(n):
        key = "w%d" % (i * i % 37)
        seen[key] = seen.get(key, 0) + 1
    return ",".join(sorted(k.upper() for k in seen))


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def iteration(bodies):
    for _ in range(100):
        advance(bodies, 0.01)
    return flips(23), words(1200), fib(15)


def main():
    bodies = [Body(i * 1.7, 0.1 * i, 1.0 + i) for i in range(5)]
    last = told = time.monotonic_ns()
    longest = count = 0
    while True:
        iteration(bodies)
        count += 1
        now = time.monotonic_ns()
        longest, last = max(longest, now - last), now
        if now - told >= 10_000_000:
            sys.stdout.write(f"{now} {count} {longest}\n")
            sys.stdout.flush()
            told, longest = now, 0


try:
    main()
except BrokenPipeError:
    pass
