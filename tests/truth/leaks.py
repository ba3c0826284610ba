#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""memview leaks against what is known, LeakSanitizer and valgrind, on one and the same program. TAP."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Child, ENV, HERE, LIMIT, LONG, MEMVIEW, Skip, main, memview, test  # noqa: E402

LEAKER = os.environ.get("MV_LEAKER", os.path.join(os.path.dirname(MEMVIEW), "mv-leaker"))
LOSING = os.path.join(os.path.dirname(LEAKER), "mv-losing")
SOURCE = os.path.join(HERE, "truth", "leaker.c")
BUILD = os.environ.get("top_builddir", os.path.dirname(os.path.abspath(MEMVIEW)))  # config.h
FOLDER = tempfile.mkdtemp(prefix="mv-leaks-", dir=os.environ.get("TMPDIR", "/var/tmp"))
atexit.register(shutil.rmtree, FOLDER, True)
SEEDS = range(1, 21 if LONG else 4)
# Its heap lies low, where a number may look like an address (the loader keeps a count of cycles): put it higher.
VALGRIND = ("valgrind", "--leak-check=full", "--aspace-minaddr=0x200000000")
MAPPED = 100000  # from here on mv-leaker's blocks are mappings of their own


class Sum:
    """So many blocks, so many bytes as the program asked for them."""

    def __init__(self, blocks=0, size=0):
        self.blocks, self.bytes = blocks, size

    def __add__(self, other):
        return Sum(self.blocks + other.blocks, self.bytes + other.bytes)

    def __eq__(self, other):
        return (self.blocks, self.bytes) == (other.blocks, other.bytes)

    def __repr__(self):
        return "%d blocks, %d bytes" % (self.blocks, self.bytes)


class Truth:
    """What mv-leaker says of its blocks."""

    def __init__(self):
        self.kinds = {}

    def take(self, line):
        what, _, kind, size = line.split()
        self.kinds[what, kind] = self.kinds.get((what, kind), Sum()) + Sum(1, int(size))

    def lost(self):
        return sum((s for (what, _), s in self.kinds.items() if what == "L"), Sum())

    def kept(self, *kinds):
        return sum((self.kinds["K", kind] for kind in kinds), Sum())


def need_leaker():
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names or sys.maxsize < 1 << 32:
        raise Skip("the C library here is not a 64-bit glibc")
    if not os.path.exists(LEAKER):
        raise Skip("mv-leaker is not built")


class Leaker(Child):
    """It stands still, and says what it has lost."""

    def __init__(self, seed):
        super().__init__(LEAKER, seed, "alone")
        self.truth = Truth()
        while self.line != "ready":
            self.truth.take(self.line)
            self.line = self.read_line()


def run_to_its_end(*command, **env):
    """mv-leaker, or what runs it, without input: it ends once it has lost what it loses."""
    return subprocess.run([*map(str, command), "alone"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=dict(ENV, **env), timeout=LIMIT, check=False)


def ours(picture):
    """(lost, of these direct, indirect), without malloc's own bytes around each block."""
    assert not picture["left_out"]["groups"], picture["left_out"]
    direct = indirect = Sum()
    for g in picture["groups"]:
        net = g["size"] - (24 if g["size"] >= MAPPED else 8)
        direct += Sum(g["direct_blocks"], g["direct_blocks"] * net)
        indirect += Sum(g["blocks"] - g["direct_blocks"], (g["blocks"] - g["direct_blocks"]) * net)
    lost = picture["lost"]
    assert (lost["direct_blocks"], lost["indirect_blocks"]) == (direct.blocks, indirect.blocks), (lost, direct, indirect)
    assert lost["blocks"] == direct.blocks + indirect.blocks, (lost, direct, indirect)
    return direct + indirect, direct, indirect


def verdicts(seed):
    """What is known, what memview says of the running process, and what of it while it stands."""
    with Leaker(seed) as t:
        pictures = []
        for args in ((), ("--exact",)):
            run = memview("leaks", "--json", *args, t.pid)
            assert run.returncode == 10, (seed, args, run.returncode, run.stderr)
            pictures.append(json.loads(run.stdout))
    return t.truth, pictures


@test
def known():
    """what is known to be lost: all of it and nothing else, in blocks and in bytes, running and by a stop"""
    need_leaker()
    for seed in SEEDS:
        truth, pictures = verdicts(seed)
        for picture in pictures:
            assert ours(picture)[0] == truth.lost(), (seed, picture["mode"], ours(picture), truth.lost())
            only = picture["interior_only"]
            assert only["blocks"] == truth.kept("interior", "last-word").blocks, (seed, only)


def valgrind_says(run):
    """{its word for a kind: sum}"""
    text = run.stderr.decode("utf-8", "replace")
    found = re.findall(r"== +(definitely lost|indirectly lost|possibly lost): ([0-9,]+) bytes in ([0-9,]+) blocks", text)
    assert len(found) == 3, text[-2000:]
    return {word: Sum(*(int(n.replace(",", "")) for n in (blocks, size))) for word, size, blocks in found}


@test
def fast_turnover():
    """blocks replaced as fast as it can: what is lost is found, and hardly anything else"""
    need_leaker()
    with Child(LOSING, "100000") as child:
        found = json.loads(memview("leaks", "--json", child.pid).stdout)
        if os.environ.get("MV_SANITIZERS") and found["lost"] is None:
            raise Skip("with sanitizers it copies too slowly for a heap that changes so fast, and says so")
        lost = found["lost"]["blocks"]
        # 100 are lost. What the scan says beyond that was not: precision 0.98, recall 0.99.
        assert 99 <= lost <= 102, (lost, found["rounds"])


@test
def valgrind():
    """valgrind --leak-check=full: as many blocks and bytes definitely and indirectly lost; interior pointers alone: possibly"""
    need_leaker()
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    if run_to_its_end(*VALGRIND, "-q", LEAKER, 1).returncode:
        raise Skip("valgrind can't run a program here")
    for seed in SEEDS:
        theirs = valgrind_says(run_to_its_end(*VALGRIND, LEAKER, seed))
        truth, pictures = verdicts(seed)
        for picture in pictures:
            _, direct, indirect = ours(picture)
            assert direct == theirs["definitely lost"], (seed, picture["mode"], direct, theirs)
            assert indirect == theirs["indirectly lost"], (seed, picture["mode"], indirect, theirs)
        # To us such a block is reachable, and so is what hangs off it; interior_only has its number.
        possibly = truth.kept("interior", "last-word", "held-by-interior")
        assert possibly == theirs["possibly lost"], (seed, possibly, theirs)


def build_with_sanitizer():
    compiler = shutil.which("gcc") or shutil.which("cc")
    program = os.path.join(FOLDER, "leaker")
    if not compiler:
        raise Skip("no compiler is installed")
    made = subprocess.run([compiler, "-fsanitize=leak", "-O2", "-pthread", "-I" + BUILD, "-o", program, SOURCE],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if made.returncode:
        raise Skip("this compiler has no LeakSanitizer: %s" % made.stderr.decode("utf-8", "replace").strip()[:200])
    return program


def sanitizer_says(run):
    """(direct, indirect), or None where it could not look."""
    text = run.stderr.decode("utf-8", "replace")
    if "LeakSanitizer has encountered a fatal error" in text or "SUMMARY: LeakSanitizer" not in text:
        return None
    found = {"Direct": Sum(), "Indirect": Sum()}
    for kind, size, blocks in re.findall(r"^(Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object\(s\)", text, re.M):
        found[kind] += Sum(int(blocks), int(size))
    total = re.search(r"SUMMARY: LeakSanitizer: (\d+) byte\(s\) leaked in (\d+) allocation", text)
    assert found["Direct"] + found["Indirect"] == Sum(int(total.group(2)), int(total.group(1))), (found, total.group(0))
    return found["Direct"], found["Indirect"]


@test
def leak_sanitizer():
    """LeakSanitizer: as many blocks and bytes, direct and indirect; of a ring it calls no block direct, we one"""
    need_leaker()
    program = build_with_sanitizer()
    for seed in SEEDS:
        truth, pictures = verdicts(seed)
        for _ in range(3):
            theirs = sanitizer_says(run_to_its_end(program, seed, LSAN_OPTIONS="report_objects=0"))
            if theirs is None:
                raise Skip("LeakSanitizer can't stop a process here")
            # A word left on a stack hides a block from it, now and then: not what it says of the program, but of that run.
            if theirs[0] + theirs[1] == truth.lost():
                break
        rings = truth.kinds["L", "ring-last"]
        for picture in pictures:
            lost, direct, _ = ours(picture)
            assert lost == theirs[0] + theirs[1], (seed, picture["mode"], lost, theirs)
            assert direct == theirs[0] + rings, (seed, picture["mode"], direct, theirs, rings)


if __name__ == "__main__":
    sys.exit(main())
