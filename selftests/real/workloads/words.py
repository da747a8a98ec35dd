# SPDX-License-Identifier: GPL-2.0-only
"""What Python programs do all day: dictionaries, text, exceptions, generators, threads."""
import hashlib
import json
import re
import sys
import threading
import zlib


def words(n):
    x = 12345
    for _ in range(n):
        x = (x * 1103515245 + 12345) % 2**31
        yield "".join(chr(97 + (x >> s) % 26) for s in (3, 8, 13, 18))


class Account:
    def __init__(self):
        self.balance = 0

    def change(self, by):
        if self.balance + by < 0:
            raise ValueError(f"{self.balance} is less than {-by}")
        self.balance += by


def refused(changes):
    account, count = Account(), 0
    for c in changes:
        try:
            account.change(c)
        except ValueError as e:
            count += len(str(e))
    return account.balance, count


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


def main():
    n = int(sys.argv[1])
    text = " ".join(words(n))
    counts = {}
    for w in text.split():
        counts[w] = counts.get(w, 0) + 1
    print(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3])
    document = json.dumps({"words": sorted(counts), "pi": 3.14159, "none": None})
    print(len(document), json.loads(document)["words"][-1], len(re.findall(r"\b[a-m]\w*z\b", text)))
    print(hashlib.sha256(text.encode()).hexdigest(), zlib.crc32(text.encode()))
    print(refused((-1) ** i * (i * i % 97) for i in range(n)))
    try:
        deep(10**6 if n > 500 else 300)
    except RecursionError as e:
        print("too deep:", str(e)[:40], deep(200))
    results = [None] * 3

    def work(i):
        results[i] = sum(len(w) for w in words(n // 10 + i))
    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(results, file=sys.stderr)
    sys.exit(3)


main()
