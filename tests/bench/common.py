# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of make bench share: targets, and how figures are said."""
import os
import statistics
import subprocess
import time

IMPORTS = ("json,ssl,sqlite3,ctypes,decimal,lzma,bz2,multiprocessing,curses,readline,asyncio,http.client,"
           "xml.etree.ElementTree,unittest,zoneinfo,_elementtree,pyexpat,mmap,time")
NULL = open(os.devnull, "r+b")


def say(text=""):
    print(text, flush=True)


# ---- targets ----

class Running:
    """A program that says when it is ready, counts what it does for each line, and ends with its input."""

    def __init__(self, name, argv, **more):
        self.name = name
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        if self.process.stdout.readline().split()[:1] != [b"ready"]:
            self.end()
            raise RuntimeError(f"{name} did not start")
        self.pid = str(self.process.pid)

    def ask(self):
        """Operations so far, and when."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return [int(x) for x in self.process.stdout.readline().split()]

    def rate(self, seconds, between=lambda: None):
        """Operations a second over a while."""
        before = self.ask()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            between()
            time.sleep(min(0.05, max(0.0, until - time.monotonic())))
        return self.rate_since(before)

    def rate_since(self, before):
        after = self.ask()
        return (after[0] - before[0]) * 1e9 / (after[1] - before[1])

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Target(Running):
    def __init__(self, build, name, loop=False):
        super().__init__(name, ["/usr/bin/python3", "-c",
                                f"import {IMPORTS}\nprint('ready', flush=True)\nimport sys\nsys.stdin.read()"]
                         if name == "T1" else [f"{build}/mv-target", name] + (["loop"] if loop else []))


# ---- figures ----

def spread(values):
    return f"{statistics.median(values):9.2f} ({min(values):.2f}..{max(values):.2f})"


def ratio(a, b):
    """Median of the ratios of neighbours: what a drifting machine disturbs least."""
    pairs = sorted(x / y for x, y in zip(a, b) if y > 0)
    return pairs[len(pairs) // 2] if pairs else float("nan")


def verdict(value, goal, smaller):
    if goal is None:
        return ""
    met = value <= goal if smaller else value >= goal
    return f"   goal {'<=' if smaller else '>='} {goal:g}: {'met' if met else 'MISSED'}"
