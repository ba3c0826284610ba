#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""memview faults of memory touched page by page from known functions in known threads: kinds, shares, stacks. TAP."""

import atexit
import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Child, ENV, HERE, LIMIT, MEMVIEW, PAGE, Skip, die_with_us, main, memview, test  # noqa: E402

TOUCHER = os.environ.get("MV_TOUCHER", os.path.join(HERE, "..", "mv-toucher"))
SOURCE = os.path.join(HERE, "truth", "toucher.c")
FOLDER = tempfile.mkdtemp(prefix="mv-faults-", dir=os.environ.get("TMPDIR", "/var/tmp"))
atexit.register(shutil.rmtree, FOLDER, True)
SYMBOLS = b"without libunwind" not in memview("--version").stdout
STARTS = ("_start", "clone3", "clone", "__clone3", "__clone")


class Toucher(Child):
    def __init__(self, program=TOUCHER):
        path = os.path.join(FOLDER, "file")
        with open(path, "wb") as f:
            f.write(b"x" * (1024 * PAGE))
            f.flush()
            os.fdatasync(f.fileno())
        super().__init__(program, path)
        assert self.line.startswith("ready "), self.line

    def phase(self, name):
        """Run one; what it said of itself."""
        self.process.stdin.write(name.encode() + b"\n")
        self.process.stdin.flush()
        words = self.read_line().split()
        assert words and words[0] == name, words
        return {k: int(v) for k, v in (w.split("=") for w in words[1:])}


class Trace:
    """memview faults, from when it traces until it is told to end."""

    def __init__(self, pid, *args):
        # It says on a terminal when it traces.
        terminal, theirs = pty.openpty()
        self.process = subprocess.Popen([MEMVIEW, "faults", str(pid), "--json", "-d", "60", *args],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, env=ENV,
                                        preexec_fn=die_with_us)
        os.close(theirs)
        said = b""
        with open(terminal, "rb", buffering=0) as reader:
            while b"Ctrl-C" not in said:
                assert select.select([reader], [], [], LIMIT)[0], said
                try:
                    said += reader.read(4096)
                except OSError:  # EIO: nobody holds the other end any more
                    self.process.communicate(timeout=LIMIT)
                    raise Skip("faults can't be traced here: " + said.decode().strip()[:200]) from None

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self):
        out, _ = self.process.communicate(timeout=LIMIT)
        assert self.process.returncode == 0, self.process.returncode
        return json.loads(out)


def phase(toucher, name, *args):
    trace = Trace(toucher.pid, *args)
    said = toucher.phase(name)
    return said, trace.end()


def pages_in(found, *functions):
    """Pages touched below all of these functions."""
    return sum(s["pages"] for s in found["stacks"] if all(f in s["frames"] for f in functions))


def whole(found):
    """Every stack reaches its thread's start."""
    for s in found["stacks"]:
        assert s["frames"] and s["frames"][0] in STARTS, s


def needs_symbols():
    if not SYMBOLS:
        raise Skip("built without libunwind and libdw")


PHASES = {  # name: (kind, functions that every page is below)
    "zero": ("demand_zero", ("main", "run_phase", "phase_zero", "touch_write")),
    "read": ("demand_zero", ("phase_read", "touch_read")),
    "unzero": ("copy_on_write", ("phase_unzero", "touch_write")),
    "cow": ("copy_on_write", ("phase_cow", "touch_write")),
    "filecow": ("copy_on_write", ("phase_filecow", "touch_write")),
    "shmem": ("shared_memory", ("phase_shmem", "touch_write")),
    "signal": ("demand_zero", ("phase_signal", "raise", "on_signal", "touch_in_handler", "touch_write")),
    "thread": ("demand_zero", ("start_thread", "thread_main", "touch_write")),
}


def check_phase(toucher, name):
    kind, functions = PHASES[name]
    said, found = phase(toucher, name, "--period", "1")
    kinds = {k: v["faults"] for k, v in found["kinds"].items()}
    assert found["lost"] == 0 and found["period"] == 1, found
    # Every fault was sampled, and has a kind.
    assert found["sampled"] == found["faults"]["minor"] + found["faults"]["major"] == sum(kinds.values()), found
    assert sum(kinds.values()) >= said["minor"] + said["major"], (said, kinds)
    assert kinds[kind] >= said["pages"], (said, kinds)
    if SYMBOLS:
        assert pages_in(found, *functions) == said["pages"], (said, functions, found["stacks"])
        whole(found)
    return said, found, kinds


@test
def test_kinds():
    """at period 1 each kind is counted to the page, below the functions that touched, and every stack is whole"""
    with Toucher() as toucher:
        for name in PHASES:
            check_phase(toucher, name)
            if name == "cow":
                toucher.phase("unshare")


@test
def test_file():
    """a file's pages in RAM: as many faults as the kernel counted, of kind file"""
    with Toucher() as toucher:
        said, found = phase(toucher, "file", "--period", "1")
        assert found["kinds"]["file"]["faults"] >= said["minor"] > 0, (said, found["kinds"])
        assert any(m["name"].endswith("/file") for m in found["mappings"]), found["mappings"]


@test
def test_disk():
    """pages that had to be read: major faults, of kind disk"""
    with Toucher() as toucher:
        said, found = phase(toucher, "disk", "--period", "1")
        if not said["major"]:
            raise Skip("the page cache can't be emptied here")
        assert found["kinds"]["disk"]["faults"] == said["major"] == found["faults"]["major"], (said, found["kinds"])


@test
def test_stack():
    """a recursion: what the stack was mapped for is filled, then it grows page by page"""
    with Toucher() as toucher:
        with open("/proc/%d/maps" % toucher.pid, encoding="ascii") as f:
            start, end = next(line for line in f if "[stack]" in line).split()[0].split("-")
        mapped = (int(end, 16) - int(start, 16)) // PAGE
        said, found = phase(toucher, "stack", "--period", "1")
        kinds = {k: v["faults"] for k, v in found["kinds"].items()}
        assert kinds["stack_growth"] >= said["pages"] - mapped, (said, mapped, kinds)
        assert kinds["stack_growth"] + kinds["demand_zero"] >= said["minor"] - 1, (said, kinds)
        if SYMBOLS:
            # Most are deeper than the stack that is copied beside a sample: they say so.
            assert pages_in(found, "recurse") >= said["minor"] - 1, found["stacks"]
            assert all(s["end"] in ("complete", "truncated") for s in found["stacks"]), found["stacks"]


@test
def test_huge():
    """huge pages: one fault each, 512 base pages each"""
    with Toucher() as toucher:
        said, found = phase(toucher, "huge", "--period", "1")
        if said["minor"] > 100:
            raise Skip("no transparent huge pages here")
        huge = found["kinds"]["huge"]
        assert huge["faults"] == 4 and huge["pages"] == 4 * (2 << 20) // PAGE, (said, found["kinds"])


@test
def test_syscall():
    """faults inside a system call: seen with privileges, said to be unseen without"""
    with Toucher() as toucher:
        said, found = phase(toucher, "syscall", "--period", "1")
        if found["kernel_side"]:
            assert found["kinds"]["demand_zero"]["faults"] >= said["pages"], (said, found["kinds"])
            if SYMBOLS:
                assert pages_in(found, "phase_syscall") >= said["pages"], found["stacks"]
        else:
            assert sum(k["faults"] for k in found["kinds"].values()) < said["minor"], found
        assert found["faults"]["minor"] >= said["minor"], found


@test
def test_shares():
    """sampled at period 101 the shares of functions are within 5 points; the sum within 5 percent of the exact count"""
    needs_symbols()
    with Toucher() as toucher:
        said, found = phase(toucher, "much", "--period", "101")
        third, rest = (pages_in(found, f) for f in ("touch_third", "touch_rest"))
        total = third + rest
        assert abs(third / total - 1 / 3) < 0.05, (third, rest)
        assert abs(total - said["pages"]) < 0.05 * said["pages"], (total, said)
        assert found["faults"]["minor"] >= said["minor"], found


@test
def test_default_period():
    """the default period adapts, loses nothing, and the sum is near the exact count"""
    with Toucher() as toucher:
        trace = Trace(toucher.pid)
        said = [toucher.phase("much") for _ in range(5)]
        found = trace.end()
        total = sum(k["faults"] for k in found["kinds"].values())
        assert found["lost"] == 0 and found["period"] > 1, (found["lost"], found["period"])
        exact = sum(s["minor"] for s in said)
        assert abs(total - exact) < 0.1 * exact, (total, exact, found["period"])


@test
def test_ends_with_the_process():
    """the process ends in the middle: what was seen is printed, status 0"""
    with Toucher() as toucher:
        trace = Trace(toucher.pid, "--period", "1")
        toucher.phase("zero")
        toucher.process.stdin.close()
        found = trace.wait()
        toucher.process.stdin = open(os.devnull, "wb")
        # A page that nobody looked at before it went may have been a huge one.
        kinds = {k: v["faults"] for k, v in found["kinds"].items()}
        assert kinds["demand_zero"] + kinds["unknown"] >= 100, kinds
        assert found["lost"] == 0 and sum(kinds.values()) == found["sampled"] == found["faults"]["minor"], found
        if SYMBOLS:
            assert pages_in(found, "phase_zero", "touch_write") == 100, found["stacks"]


@test
def test_static():
    """a static program: the same"""
    needs_symbols()
    compiler = shutil.which("cc") or shutil.which("gcc")
    program = os.path.join(FOLDER, "static")
    if not compiler or subprocess.run([compiler, "-O2", "-fomit-frame-pointer", "-static", "-o", program, SOURCE, "-pthread"],
                                      stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("no static C library here")
    with Toucher(program) as toucher:
        check_phase(toucher, "zero")
        check_phase(toucher, "signal")
        check_phase(toucher, "thread")


@test
def test_stripped():
    """a stripped program: stacks as deep, its own functions named by file and offset"""
    needs_symbols()
    if not shutil.which("strip"):
        raise Skip("no strip here")
    program = os.path.join(FOLDER, "stripped")
    subprocess.run(["strip", "-o", program, TOUCHER], check=True)
    with Toucher(program) as toucher:
        _, found = phase(toucher, "zero", "--period", "1")
        deep = [s for s in found["stacks"] if s["pages"] == 100]
        assert len(deep) == 1, found["stacks"]
        named = [f for f in deep[0]["frames"] if f.startswith("stripped+0x")]
        assert len(named) >= 4, deep
        assert not any("phase_zero" in f for f in deep[0]["frames"]), deep


CXX = r"""
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>
#include <vector>
#include <algorithm>
template <typename T> struct Toucher {
	virtual ~Toucher() {}
	__attribute__((noinline)) virtual void touch(T *at, int pages) {
		for (int i = 0; i < pages; i++)
			((volatile T *)at)[(size_t)i * 4096 / sizeof(T)] = 1;
		if (pages < 0)
			throw std::runtime_error("none");
	}
};
struct Other : Toucher<long> {
	__attribute__((noinline)) void touch(long *at, int pages) override {
		Toucher<long>::touch(at, pages);
		std::printf("%s", "");
	}
};
static char *fresh(int pages) {
	char *at = (char *)mmap(0, pages * 4096ul, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(at, pages * 4096ul, 15);
	return at;
}
namespace rows {
__attribute__((noinline)) void load(Toucher<long> *t, int pages) {
	try {
		t->touch((long *)fresh(pages), pages);
	} catch (const std::exception &e) {
		std::puts(e.what());
	}
	std::fflush(stdout);
}
}
int main() {
	Toucher<long> *t = new Other;
	std::printf("ready\n");
	std::fflush(stdout);
	for (int c; (c = getchar()) != EOF;) {
		if (c != 'g')
			continue;
		rows::load(t, 64);
		std::thread([t] { rows::load(t, 32); }).join();
		std::printf("done\n");
		std::fflush(stdout);
	}
}
"""


@test
def test_cxx():
    """C++: templates, virtual calls, handlers for exceptions, std::thread; names as people write them"""
    needs_symbols()
    compiler = shutil.which("c++") or shutil.which("g++")
    if not compiler:
        raise Skip("no C++ compiler here")
    source, program = os.path.join(FOLDER, "t.cc"), os.path.join(FOLDER, "cxx")
    with open(source, "w", encoding="ascii") as f:
        f.write(CXX)
    subprocess.run([compiler, "-O2", "-fomit-frame-pointer", "-o", program, source, "-pthread"], check=True)
    with Child(program) as child:
        trace = Trace(child.pid, "--period", "1")
        child.process.stdin.write(b"g\n")
        child.process.stdin.flush()
        assert child.read_line() == "done"
        found = trace.end()
        whole(found)
        touched = [(s["thread"] != child.pid, s["pages"]) for s in found["stacks"]
                   if any("rows::load(" in f for f in s["frames"]) and any("Toucher<long>::touch(" in f for f in s["frames"])]
        assert sorted(touched) == [(False, 64), (True, 32)], found["stacks"]


@test
def test_threads_covered():
    """1,000 threads against few descriptors: covers what it can and says how many"""
    code = ("import threading,sys,mmap\nb=threading.Barrier(301)\n"
            "def f():\n b.wait(); sys.stdin.readline\n b.wait()\n"
            "threading.stack_size(65536)\n"
            "t=[threading.Thread(target=f,daemon=True) for _ in range(300)]\n[x.start() for x in t]\nb.wait()\n"
            "print('ready',flush=True)\nsys.stdin.readline()\n")
    with Child(sys.executable, "-c", code) as child:
        assert child.line == "ready", child.line
        run = subprocess.run([MEMVIEW, "faults", str(child.pid), "--json", "-d", "0.3"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, timeout=LIMIT, check=False,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
        if run.returncode:
            raise Skip("faults can't be traced here: " + run.stderr.decode()[:200])
        found = json.loads(run.stdout)
        assert found["threads"] == 301, found["threads"]
        assert 0 < found["threads_covered"] < 301, found["threads_covered"]
        assert any(u["what"] == "threads" for u in found["unavailable"]), found["unavailable"]


sys.exit(main())
