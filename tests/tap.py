# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Python tests share: TAP, memview run once, processes that end with the test."""

import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MEMVIEW = os.environ.get("MEMVIEW", os.path.join(HERE, "..", "memview"))
PAGE = os.sysconf("SC_PAGESIZE")
LONG = os.environ.get("MV_LONG", "") not in ("", "0")
ENV = dict(os.environ, LC_ALL="C.UTF-8")
LIMIT = 60  # seconds until something that should come is given up
LIBC = ctypes.CDLL(None, use_errno=True)

tests = []
chosen = []  # of these, in this run


def test(function):
    tests.append(function)
    return function


class Skip(Exception):
    pass


def die_with_us():
    LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def memview(*args, env=None, stdout=subprocess.PIPE, limit=LIMIT, **more):
    return subprocess.run([MEMVIEW, *map(str, args)], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          env=dict(ENV, **(env or {})), timeout=limit, check=False, **more)


def one_line(run, status, *words):
    """One line on stderr, and that exit status (or one of these)."""
    text = run.stderr.decode()
    assert run.returncode in (status if isinstance(status, tuple) else (status,)), (run.returncode, text)
    assert text.startswith("memview: ") and text.endswith("\n") and text.count("\n") == 1, text
    assert text[:-1].isprintable(), repr(text)
    for word in words:
        assert word in text, (word, text)


class Child:
    """A process that says a line once it is ready, and ends with us."""

    def __init__(self, *args, **more):
        self.process = subprocess.Popen([*map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=die_with_us, **more)
        self.pid = self.process.pid
        self.line = self.read_line()

    def read_line(self):
        return self.process.stdout.readline().decode().strip()

    def step(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.line = self.read_line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def outcome(number, function):
    """(whether it has failed, what is to be printed of it)"""
    words = function.__doc__
    try:
        function()
        return False, "ok %d - %s" % (number, words)
    except Skip as reason:
        return False, "ok %d - %s # SKIP %s" % (number, words, reason)
    except Exception as error:  # whatever it is, the test has failed and the others go on
        text = ("%s: %s" % (type(error).__name__, error))[:2000]
        return True, "\n".join(["not ok %d - %s" % (number, words)] + ["# " + line for line in text.splitlines()])


def outcome_at(number):
    return outcome(number, chosen[number - 1])


def main(beside=1, prepare=None):
    """Run them, so many at a time, each then in a process that has called prepare() and ends with us."""
    wanted = sys.argv[1:]
    chosen.extend(t for t in tests if not wanted or t.__name__ in wanted)
    print("1..%d" % len(chosen), flush=True)
    numbers = range(1, len(chosen) + 1)
    failed = False
    with contextlib.ExitStack() as stack:
        if beside == 1:
            outcomes = map(outcome_at, numbers)
        else:
            pool = concurrent.futures.ProcessPoolExecutor(beside, multiprocessing.get_context("fork"), prepare)
            outcomes = stack.enter_context(pool).map(outcome_at, numbers)
        for bad, text in outcomes:
            failed |= bad
            print(text, flush=True)
    return 1 if failed else 0
