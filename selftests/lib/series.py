# SPDX-License-Identifier: GPL-2.0-only
"""What a program got done, by its own clock, and how much of it in a stretch of time.

A sample is (ns of CLOCK_MONOTONIC, work so far, longest wait since the sample before
in ns). Who writes them: loads.py. Nothing here knows programs or clocks.
"""
import bisect
import threading
import time


class Series:
    def __init__(self):
        self.at, self.work, self.longest = [], [], []
        self.grown = threading.Condition()

    def add(self, at, work, longest):
        with self.grown:
            if self.at and at <= self.at[-1]:  # a coarse clock: the same moment again
                self.work[-1], self.longest[-1] = work, max(longest, self.longest[-1])
            else:
                self.at.append(at)
                self.work.append(work)
                self.longest.append(longest)
            self.grown.notify_all()

    def wait(self, at, timeout=60.0):
        """Until there is a sample of that moment or later."""
        end = time.monotonic() + timeout
        with self.grown:
            while not self.at or self.at[-1] < at:
                if not self.grown.wait(max(0.0, end - time.monotonic())):
                    return False
        return True

    def so_far(self, at):
        """Work at a moment: on the line between the samples around it."""
        i = bisect.bisect_left(self.at, at)
        if i == 0:
            return self.work[0]
        if i == len(self.at):
            return self.work[-1]
        part = (at - self.at[i - 1]) / (self.at[i] - self.at[i - 1])
        return self.work[i - 1] + part * (self.work[i] - self.work[i - 1])

    def done(self, start, end):
        return self.so_far(end) - self.so_far(start)

    def rate(self, start, end):
        """Work a nanosecond."""
        return self.done(start, end) / (end - start)

    def lost_ns(self, start, end, rate):
        """What is missing of the work that this rate would have done, as time."""
        return (end - start) - self.done(start, end) / rate

    def worst_ns(self, start, end):
        """The longest wait that was seen to end in that time, or by the next sample."""
        a = bisect.bisect_left(self.at, start)
        b = bisect.bisect_left(self.at, end) + 1
        return max(self.longest[a:b], default=0)
