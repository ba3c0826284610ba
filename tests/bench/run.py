#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What memview costs, as ratios within one interleaved run (see README.md here). Nothing here is a test.

usage: run.py BUILDDIR [--runs N] [--only NAME[,NAME]] [--targets T1,T2,...]
"""
import argparse
import ctypes
import fcntl
import os
import pty
import re
import resource
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

PR_SET_CHILD_SUBREAPER = 36
# memview's collector and keeper outlive their parent by a moment: they become our children, so that their CPU counts.
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

IMPORTS = ("json,ssl,sqlite3,ctypes,decimal,lzma,bz2,multiprocessing,curses,readline,asyncio,http.client,"
           "xml.etree.ElementTree,unittest,zoneinfo,_elementtree,pyexpat,mmap,time")
NULL = open(os.devnull, "r+b")


def say(text=""):
    print(text, flush=True)


# ---- targets ----

class Target:
    def __init__(self, build, name, loop=False):
        self.name = name
        if name == "T1":
            argv = ["/usr/bin/python3", "-c",
                    f"import {IMPORTS}\nprint('ready', flush=True)\nimport sys\nsys.stdin.read()"]
        else:
            argv = [f"{build}/mv-target", name] + (["loop"] if loop else [])
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline().strip() != b"ready":
            self.end()
            raise RuntimeError(f"{name} did not start")
        self.pid = str(self.process.pid)

    def rate(self, seconds, between=lambda: None):
        """Operations a second over a while."""
        def ask():
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
            return [int(x) for x in self.process.stdout.readline().split()]
        before = ask()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            between()
            time.sleep(min(0.05, max(0.0, until - time.monotonic())))
        after = ask()
        return (after[0] - before[0]) * 1e9 / (after[1] - before[1])

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def mappings(pid):
    with open(f"/proc/{pid}/maps", "rb") as f:
        return sum(1 for _ in f)


# ---- CPU of one command, with all that it started ----

def reap_orphans(known):
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if not orphans(known):
                return
            time.sleep(0.001)


def orphans(known):
    path = f"/proc/self/task/{os.getpid()}/children"
    with open(path) as f:
        return [int(p) for p in f.read().split() if int(p) not in known]


def cpu_ms(argv, known):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(argv, stdin=NULL, stdout=NULL, stderr=subprocess.DEVNULL)
    status = process.wait()
    reap_orphans(known)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status != 0:
        return None
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def interleaved(commands, runs, known):
    """{name: [ms…]} of commands run in turn; one that fails drops out."""
    times = {name: [] for name in commands}
    for argv in commands.values():  # once to warm up
        cpu_ms(argv, known)
    for _ in range(runs):
        for name in list(times):
            ms = cpu_ms(commands[name], known)
            if ms is None:
                del times[name]
            else:
                times[name].append(ms)
    return times


def spread(values):
    return f"{statistics.median(values):9.2f} ({min(values):.2f}..{max(values):.2f})"


def ratio(a, b):
    """Median of the ratios of neighbours: what a drifting machine disturbs least."""
    pairs = sorted(x / y for x, y in zip(a, b) if y > 0)
    return pairs[len(pairs) // 2] if pairs else float("nan")


GOALS = {  # (what, against what): (per target goal, True when smaller is better)
    ("quick", "floor-quick"): ({"*": 2.0}, True),
    ("collect", "floor-full"): ({"T1": 1.15, "T2": 1.15, "T3": 1.15, "T2m": 1.3}, True),
    ("report", "floor-full"): ({"*": 1.4}, True),
    ("pmap -X", "json"): ({"T2": 1.5}, False),
    ("pmap -X", "report"): ({"T1": 2.0, "T2": 4.0, "T3": 1.6}, False),
    ("smem", "report"): ({"*": 4.0}, False),
    ("psutil", "report"): ({"*": 4.0}, False),
    ("pmap -x", "quick"): ({"T1": 4.0, "T2": 6.0, "T3": 2.5, "T5": 0.9}, False),
}


def verdict(value, goal, smaller):
    if goal is None:
        return ""
    met = value <= goal if smaller else value >= goal
    return f"   goal {'<=' if smaller else '>='} {goal:g}: {'met' if met else 'MISSED'}"


def batch(build, target, runs):
    pid = target.pid
    commands = {
        "floor-quick": [f"{build}/mv-floor", "quick", pid],
        "floor-full": [f"{build}/mv-floor", "full", pid],
        "collect": [f"{build}/mv-collect", "full", pid],
        "quick": [f"{build}/memview", "report", "--quick", pid],
        "report": [f"{build}/memview", "report", pid],
        "json": [f"{build}/memview", "json", pid],
    }
    if shutil.which("pmap"):
        commands["pmap -x"] = ["pmap", "-x", pid]
        commands["pmap -X"] = ["pmap", "-X", pid]
    # smem and psutil look at every process or need python: only where that is bearable
    if shutil.which("smem") and target.name in ("T1", "T2", "T3"):
        name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        commands["smem"] = ["smem", "-P", "^" + re.escape(name if target.name == "T1" else f"{build}/mv-target")]
    psutil = f"import psutil; psutil.Process({pid}).memory_maps(grouped=False)"
    if target.name in ("T1", "T2", "T3") and subprocess.run(["/usr/bin/python3", "-c", "import psutil"],
                                                            stderr=subprocess.DEVNULL).returncode == 0:
        commands["psutil"] = ["/usr/bin/python3", "-c", psutil]
    times = interleaved(commands, runs, {target.process.pid})
    say(f"\n{target.name}: {mappings(pid)} mappings; CPU ms, median (min..max) of {runs}")
    for name, values in times.items():
        say(f"  {name:12} {spread(values)}")
    for (a, b), (goals, smaller) in GOALS.items():
        if a in times and b in times and times[a] and times[b]:
            value = ratio(times[a], times[b])
            goal = goals.get(target.name, goals.get("*"))
            say(f"  {a + ' / ' + b:24} {value:6.2f}{verdict(value, goal, smaller)}")


# ---- the screen ----

class Screen:
    """memview in a pseudo terminal."""

    def __init__(self, build, pid, rows=40, cols=120, args=()):
        env = dict(os.environ, TERM="xterm-256color", LANG="C.UTF-8", LC_ALL="C.UTF-8",
                   MEMVIEW_THEMES=os.environ.get("MEMVIEW_THEMES", f"{build}/../themes"))
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execve(f"{build}/memview", [f"{build}/memview", *args, *([pid] if pid else [])], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.bytes = 0

    def read(self, seconds):
        """What arrives within so long."""
        out = b""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
            if b"\x1b[6n" in data:  # the question how wide a glyph is
                os.write(self.fd, b"\x1b[1;2R")
        self.bytes += len(out)
        return out

    def wait_for(self, text, seconds):
        out = b""
        until = time.monotonic() + seconds
        while text not in out and time.monotonic() < until:
            if select.select([self.fd], [], [], until - time.monotonic())[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    return None
                out += data
                if b"\x1b[6n" in data:
                    os.write(self.fd, b"\x1b[1;2R")
        return time.monotonic() - self.began if text in out else None

    def key(self, text):
        """Seconds from a key to the first byte of its frame."""
        self.read(0.02)
        began = time.monotonic()
        os.write(self.fd, text)
        if not select.select([self.fd], [], [], 2)[0]:
            return None
        taken = time.monotonic() - began
        self.read(0.01)
        return taken

    def family(self):
        """The screen process and all its descendants."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as f:
                        todo += [int(p) for p in f.read().split()]
            except OSError:
                pass
        return found

    def cpu(self):
        total = 0.0
        for pid in self.family():
            try:
                with open(f"/proc/{pid}/schedstat") as f:
                    total += int(f.read().split()[0]) / 1e9
            except OSError:
                pass
        return total

    def pss_kib(self):
        total = 0
        for pid in self.family():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            except OSError:
                pass
        return total

    def end(self):
        try:
            os.write(self.fd, b"q")
            self.read(0.5)
        except OSError:
            pass
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        reap_orphans(KNOWN)


KNOWN = set()


def starts(build, target, runs):
    times = []
    for _ in range(runs):
        screen = Screen(build, target.pid)
        taken = screen.wait_for(b"RSS", 5)
        screen.end()
        if taken is not None:
            times.append(taken * 1000)
    if times:
        say(f"  start to first frame    {spread(times)} ms{verdict(statistics.median(times), 50, True)}")


def live(build, target, seconds):
    screen = Screen(build, target.pid)
    screen.read(6)  # the first look may take half a core
    cpu, count = screen.cpu(), screen.bytes
    began = time.monotonic()
    screen.read(seconds)
    taken = time.monotonic() - began
    percent = (screen.cpu() - cpu) / taken * 100
    rate = (screen.bytes - count) / taken / 1024
    pss = screen.pss_kib() / 1024
    goal = 0.3 if target.name == "T1" else 3.0
    say(f"  live at 1 Hz            {percent:9.2f} % of a core{verdict(percent, goal, True)}")
    say(f"                          {pss:9.1f} MiB{verdict(pss, 10, True) if target.name == 'T1' else ''}")
    say(f"                          {rate:9.2f} KiB/s to the terminal{verdict(rate, 3, True) if target.name == 'T1' else ''}")
    screen.end()


# Each of these changes the screen, whatever the target; Esc is told apart, since curses waits 25 ms for its end.
KEYS = (b"j", b"k", b"s", b"S", b"2", b"c", b"1", b"?")


def keys(build, target, count):
    for rows, cols, goal in ((40, 120, 16), (60, 200, 33)):
        screen = Screen(build, target.pid, rows, cols)
        screen.wait_for(b"RSS", 5)
        screen.read(1)
        times, escapes = [], []
        for _ in range(count):
            for key in KEYS + (b"\x1b",):
                taken = screen.key(key)
                if taken is not None:
                    (escapes if key == b"\x1b" else times).append(taken * 1000)
        screen.end()
        times.sort()
        if not times:
            continue
        p99 = times[int(len(times) * 0.99)]
        say(f"  key to frame {cols}x{rows}   median {statistics.median(times):.1f} ms, p99 {p99:.1f}"
            f"{verdict(p99, goal, True)}; Esc {statistics.median(escapes):.1f}")


def first_picture(build, target):
    screen = Screen(build, target.pid)
    screen.wait_for(b"RSS", 5)
    os.write(screen.fd, b"2")
    screen.read(0.1)
    began = time.monotonic()
    quiet = began
    while time.monotonic() - began < 30 and time.monotonic() - quiet < 1.0:
        if screen.read(0.05):
            quiet = time.monotonic()
        if b"reading" not in screen.read(0.05):
            break
    seconds = time.monotonic() - screen.began
    say(f"  first full picture      {seconds:9.2f} s after the start{verdict(seconds, 0.5, True)}, "
        f"{screen.pss_kib() / 1024:.1f} MiB{verdict(screen.pss_kib() / 1024, 30, True)}")
    screen.end()


def kept_rate(build, name, rounds):
    """What the target keeps of its rate of mmap/touch/munmap while it is looked at."""
    target = Target(build, name, loop=True)
    KNOWN.add(target.process.pid)
    target.rate(1)
    kept = []
    for _ in range(rounds):
        alone = target.rate(3)
        screen = Screen(build, target.pid)
        screen.read(1)
        watched = target.rate(3, lambda: screen.read(0.01))
        screen.end()
        again = target.rate(3)
        kept.append(watched / ((alone + again) / 2))
    say(f"\n{name} keeps {spread(kept)} of its rate while watched at 1 Hz"
        f"{verdict(statistics.median(kept), 0.95, False)}")
    target.end()


class Tracing(Screen):
    """memview faults beside a target, its CPU measured while it runs."""

    def __init__(self, build, pid, *args):
        self.began = time.monotonic()
        self.bytes = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(f"{build}/memview", ["memview", "faults", "-d", "3600", *args, pid])
        self.wait_for(b"Ctrl-C", 10)

    def end(self):
        os.kill(self.pid, signal.SIGINT)
        while self.read(0.2):
            pass
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        reap_orphans(KNOWN)


def kept_while_traced(build, rounds):
    """What a loop of page faults keeps of its rate while they are traced, and what the tracing takes."""
    target = Target(build, "T7", loop=True)
    KNOWN.add(target.process.pid)
    rate = target.rate(1)
    say(f"\nT7: {rate:.0f} page faults a second")
    for what, args, goal in (("by default", (), 0.97), ("every fault", ("--period", "1"), 0.55)):
        kept, cores = [], []
        for _ in range(rounds):
            alone = target.rate(1.5)
            tracing = Tracing(build, target.pid, *args)
            tracing.read(1)  # the period adapts
            cpu, began = tracing.cpu(), time.monotonic()
            traced = target.rate(1.5, lambda t=tracing: t.read(0.01))
            cores.append((tracing.cpu() - cpu) / (time.monotonic() - began) * 100)
            tracing.end()
            kept.append(traced / ((alone + target.rate(1.5)) / 2))
        say(f"  traced {what:15s}  keeps {spread(kept)} of its rate{verdict(statistics.median(kept), goal, False)}")
        say(f"                          {spread(cores)} % of a core for memview"
            f"{verdict(statistics.median(cores), 5, True) if not args else ''}")
    target.end()
    KNOWN.clear()


def stacks(build):
    for threads in (1, 100):
        run = subprocess.run([f"{build}/mv-stacks", str(threads)], stdin=NULL, stdout=subprocess.PIPE, text=True, check=False)
        figures = dict(line.split() for line in run.stdout.splitlines())
        if not figures:
            say("\nstacks: not measured here (no libunwind, or no rights)")
            return
        stop_goal = 0.1 if threads == 1 else 10
        say(f"\nstacks of {threads} threads: {float(figures['look_ms']):.2f} ms without a stop"
            f"{verdict(float(figures['look_ms']), 20, True)}")
        say(f"  memview-symbols {float(figures['unwind_us']):.1f} us a stack{verdict(float(figures['unwind_us']), 15, True)}"
            f"; stopped {float(figures['stop_ms']):.2f} ms{verdict(float(figures['stop_ms']), stop_goal, True)}"
            f"; {figures['epoll_eintr']} waits interrupted by the looks; whole {figures['whole']}")


# ---- the machine ----

SLEEPERS = 2000


def sleepers(count):
    """So many processes that do nothing, and end with us."""
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
            try:
                os.execv("/bin/sleep", ["sleep", "86400"])
            finally:
                os._exit(1)
        pids.append(pid)
    return pids


def peak_mib(argv):
    """The largest PSS of a command and all that it started, looked at all the time it runs."""
    run = Running(argv)
    peak = 0
    while run.process.poll() is None:
        peak = max(peak, Screen.pss_kib(run))
        time.sleep(0.1)
    reap_orphans(KNOWN)
    return peak / 1024


class Running:
    """A command whose family is told as a screen's is."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=NULL, stdout=NULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid

    family = Screen.family


def machine(build, runs):
    """With 2,000 processes at 1 Hz, against top's default refresh of them at the same interval."""
    pids = sleepers(SLEEPERS)
    KNOWN.update(pids)
    looks = 10
    commands = {
        "machine lines": [f"{build}/memview", "machine", "-i", "1", "-n", str(looks)],
        "machine --json": [f"{build}/memview", "machine", "--json", "-i", "1", "-n", str(looks - 1)],
        "top -b": ["top", "-b", "-d", "1", "-n", str(looks)],
    }
    try:
        say(f"\nmachine: {SLEEPERS} more processes that sleep, {looks} looks a second apart, CPU of all that is started")
        times = interleaved(commands, max(1, runs // 3), KNOWN)
        for name, values in times.items():
            say(f"  {name:<16}{spread([v / looks for v in values])} ms a look")
        for name in ("machine lines", "machine --json"):
            if times.get(name) and times.get("top -b"):
                value = ratio(times[name], times["top -b"])
                say(f"  {name:<16}{value:9.2f} x top -b{verdict(value, 1.0, True)}")
        firsts = []
        for _ in range(runs):
            began = time.monotonic()
            run = subprocess.Popen(commands["machine lines"][:2] + ["-n", "1"], stdin=NULL, stdout=subprocess.PIPE)
            run.stdout.readline()
            run.stdout.readline()
            firsts.append((time.monotonic() - began) * 1000)
            run.communicate()
            reap_orphans(KNOWN)
        say(f"  first line      {spread(firsts)} ms{verdict(statistics.median(firsts), 100, True)}")
        for name in ("machine lines", "machine --json"):
            mib = peak_mib(commands[name])
            say(f"  {name:<16}{mib:9.1f} MiB{verdict(mib, 20, True)}")
        machine_screen(build, statistics.median(times["top -b"]) / looks if times.get("top -b") else None)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
        KNOWN.difference_update(pids)


def machine_screen(build, top_ms):
    """The same on the screen: memview without an argument."""
    screen = Screen(build, None, 40, 120)
    taken = screen.wait_for(b"RSS", 5)
    if taken is None:
        say("  screen: not measured here: nothing came")
    else:
        say(f"  first frame     {taken * 1000:9.2f} ms{verdict(taken * 1000, 100, True)}")
        screen.read(6)
        cpu, began = screen.cpu(), time.monotonic()
        screen.read(20)
        ms = (screen.cpu() - cpu) * 1000 / (time.monotonic() - began)
        say(f"  screen          {ms:9.2f} ms a second" + (f", {ms / top_ms:.2f} x top -b{verdict(ms / top_ms, 1.0, True)}" if top_ms else ""))
        mib = screen.pss_kib() / 1024
        say(f"                  {mib:9.1f} MiB{verdict(mib, 20, True)}")
    screen.end()


def allow_many_mappings():
    """T2m needs a higher limit; the old one is returned, None when it may not be set."""
    path = "/proc/sys/vm/max_map_count"
    try:
        with open(path) as f:
            old = f.read()
        with open(path, "w") as f:
            f.write("1100000")
        return old
    except OSError:
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--targets", default="T1,T2,T2m,T3,T4,T5,T6")
    parser.add_argument("--only", default="batch,start,live,keys,picture,rate,faults,stacks,machine")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    only = args.only.split(",")
    say(f"memview bench: {os.cpu_count()} CPUs, Linux {os.uname().release}; ratios within this run, medians")
    for name in filter(None, args.targets.split(",")):
        old = None
        if name == "T2m":
            old = allow_many_mappings()
            if old is None:
                say("\nT2m: skipped, vm.max_map_count may not be raised here")
                continue
        try:
            target = Target(build, name)
            KNOWN.add(target.process.pid)
            runs = 3 if name == "T2m" else args.runs
            if "batch" in only:
                batch(build, target, runs)
            else:
                say(f"\n{name}: {mappings(target.pid)} mappings")
            if "start" in only:
                starts(build, target, runs)
            if "picture" in only and name == "T5":
                first_picture(build, target)
            if "live" in only:
                live(build, target, 20)
            if "keys" in only:
                keys(build, target, 25)
            target.end()
            KNOWN.clear()
        finally:
            if old is not None:
                with open("/proc/sys/vm/max_map_count", "w") as f:
                    f.write(old)
    if "rate" in only:
        for name in ("T2", "T3"):
            kept_rate(build, name, 3)
    if "faults" in only:
        kept_while_traced(build, 5)
    if "stacks" in only:
        stacks(build)
    if "machine" in only:
        machine(build, args.runs)


if __name__ == "__main__":
    sys.exit(main())
