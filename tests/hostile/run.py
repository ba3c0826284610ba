#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets that are hostile, dying or never still, and surroundings in which little works. TAP."""

import fcntl
import json
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Child, ENV, LIMIT, LONG, MEMVIEW, PAGE, Skip, main, memview, one_line, test  # noqa: E402

CHURN = os.environ.get("MV_CHURN", os.path.join(os.path.dirname(os.environ.get("MV_WORKLOAD", MEMVIEW)), "mv-churn"))
TRACE = ["faults", "--json", "-d", "0.2"]
STACKS = ["stacks", "--json"]
SCREEN = ("--dump", "--size", "120x60", "--keys")
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]")
# Whatever one of these means to a terminal, it must not get there.
RAW = (b"\x1b]0;PWN", b"\x1b[6nPWN", b"\xc2\x9b6nPWN", b"\x9b6nPWN", b"\xe2\x80\xae", b"\xff\xfePWN", b"\x07PWN",
       b"\xe2\x80\x8b", b"\xed\xa0\x80")
NAMES = (b"a\x1b]0;PWN\x07b", b"\x1b[6nPWN", b"\xc2\x9b6nPWN", b"\x9b6nPWN", b"rtl\xe2\x80\xaetxt.exe", b"\xff\xfePWN",
         b"new\nline 7f0000000000-7f0000001000 rw-p 00000000 00:00 0 [heap]", b"[heap]", b"[stack]", b"[vdso]",
         b"x (deleted)", b"tab\ttab", b"back\\slash\\x1b\\012", b"\x07PWN", b"zero\xe2\x80\x8bwidth",
         b"\xed\xa0\x80surrogate", b"n" * 255, "가나다 메모리".encode(), "é".encode() * 127, b"  blanks  ", b"%s%n%d",
         "e\u0301\u0301\u0301\u0301".encode(), b"\xf4\x90\x80\x80", b"'\"$(id)`")

HOSTILE = """
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None)
keep = []
for name in os.listdir(os.fsencode(%r)):
    fd = os.open(os.path.join(os.fsencode(%r), name), os.O_RDWR)
    m = mmap.mmap(fd, mmap.PAGESIZE)
    m[0] = 1
    keep.append(m)
libc.prctl(15, %r, 0, 0, 0)
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.read()
"""


def safe(data, escapes=False):
    """No byte of data that a terminal would obey, but for lines and, where there are to be some, our own sequences."""
    for raw in RAW:
        assert raw not in data, (raw, data[max(0, data.find(raw) - 80):][:200])
    text = data.decode("utf-8")
    if escapes:
        text = re.sub("\x1b(\\[[0-9;?<=>]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78MDEHc]|\\][0-9;]*(\x07|\x1b\\\\))", "", text)
        text = re.sub("[\r\b\x0e\x0f]", "", text)
    bad = UNSEEN.search(text)
    assert not bad, (bad, text[max(0, bad.start() - 60):][:120])


class Hostile(Child):
    """A process with a hostile name, command line, and a mapped file for each of NAMES."""

    def __init__(self, folder, comm=NAMES[0]):
        for name in NAMES:
            with open(os.path.join(os.fsencode(folder), name), "wb") as file:
                file.write(b"x" * PAGE)
        code = HOSTILE % (folder, folder, comm)
        super().__init__(sys.executable, "-c", code)
        assert self.line == "ready"


class HostileArguments(Child):
    """A process whose every argument is hostile."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.process = subprocess.Popen([b"-\x1b]0;PWN\x07evil", b"-c", b"echo ready; read x", *NAMES],
                                        executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self.line = self.read_line()


@test
def hostile_names_in_text():
    """hostile names: nothing raw in report, json, watch and each dumped view, in UTF-8, C and Latin-1"""
    for locale in ("C.UTF-8", "C", "POSIX"):
        with tempfile.TemporaryDirectory() as folder, Hostile(folder) as target, HostileArguments() as other:
            for pid in (target.pid, other.pid):
                runs = [memview("report", pid, env={"LC_ALL": locale}), memview("watch", "-n", "1", pid,
                                                                                env={"LC_ALL": locale})]
                runs += [memview(*SCREEN, keys, pid, env={"LC_ALL": locale})
                         for keys in ("", "G", "x", "2", "22", "7", "w", "C", "2<Enter>", "/PWN<Enter>", "/heap<Enter>2")]
                for run in runs:
                    assert run.returncode == 0 and run.stderr == b"", (run.args, run.returncode, run.stderr)
                    safe(run.stdout)
                    if locale != "C.UTF-8" and run.args[1] in ("report", "watch"):
                        assert run.stdout.isascii(), run.stdout
            run = memview("json", target.pid, env={"LC_ALL": locale})
            assert run.returncode == 0 and run.stderr == b"" and run.stdout.isascii(), run.stderr
            picture = json.loads(run.stdout)
            files = [m for m in picture["mappings"] if m["name"] and m["name"].startswith(folder + "/")]
            assert len(files) == len(NAMES), (len(files), [m["name"] for m in files])
            assert all(m["kind"] == "data" and m["inode"] for m in files), [(m["kind"], m["name"]) for m in files]
            assert sum(m["kind"] == "heap" for m in picture["mappings"]) <= 1
            for m in picture["mappings"]:
                assert not UNSEEN.search(m["name"] or ""), m
            assert not UNSEEN.search(picture["process"]["name"])
            # Reversible: each name is there once, escaped.
            names = [m["name"][len(folder) + 1:] for m in files]
            assert len(set(names)) == len(NAMES), names
            for wanted in ("가나다 메모리", "n" * 255, r"tab\x09tab", "x (deleted)", "[heap]", r"rtl\u{202e}txt.exe",
                           r"\xff\xfePWN", "  blanks  "):
                assert wanted in names, (wanted, names)


@test
def hostile_names_on_errors():
    """hostile arguments: errors are one line, with nothing raw in it"""
    for name in NAMES:
        if b"\0" in name or not name.strip():
            continue
        texts = [(["report", "-p", name], (1,)), (["-p", name, "json"], (1, 2)), (["watch", name], (1, 2)),
                 (["json", "--pages", name, "1"], (2,)), (["--" + "x", name], (2,)), ([b"--evil" + name], (2,)),
                 (["-i", name, "1"], (2,)), (["--", b"/no/such/" + name], (1,)),
                 (["report", "--proc-root", b"/no/such/" + name, "1"], (1,)), (["--size", name, "--dump", "1"], (2,))]
        for arguments, statuses in texts:
            run = subprocess.run([os.fsencode(MEMVIEW), *[a if isinstance(a, bytes) else a.encode() for a in arguments]],
                                 stdin=subprocess.DEVNULL, capture_output=True, env=ENV, timeout=LIMIT, check=False)
            assert run.stdout == b"", run
            safe(run.stderr)
            assert run.stderr.startswith(b"memview: ") and run.stderr.count(b"\n") == 1, (arguments, run.stderr)
            assert run.returncode in statuses, (arguments, run.returncode, run.stderr)


@test
def hostile_candidates():
    """several processes of a hostile name: the list of them is safe, and aligned line by line"""
    with tempfile.TemporaryDirectory() as folder, Hostile(folder, b"\x1b]0;PWN\n9 r") as a, \
            Hostile(folder, b"\x1b]0;PWN\n9 r") as b:
        run = subprocess.run([os.fsencode(MEMVIEW), b"report", b"-p", b"\x1b]0;PWN\n9 r"], stdin=subprocess.DEVNULL,
                             capture_output=True, env=ENV, timeout=LIMIT, check=False)
        safe(run.stderr)
        assert run.returncode == 1 and run.stdout == b"", run
        assert run.stderr.count(b"\n") == 4, run.stderr
        for target in (a, b):
            assert re.search(rb"^ *%d " % target.pid, run.stderr, re.M), run.stderr


@test
def hostile_themes():
    """broken, hostile, huge, unreadable theme files: one safe line, and it goes on"""
    bodies = (b"\x1b]0;PWN\x07 = red\n", b"title = \x1b[6nPWN\n", b"[\x1b[6nPWN]\n", b"\xff\xfePWN = red", b"title = " +
              b"x" * 100000, b"\0\0\0\0", b"title", b"=\n=\n=\n" * 5000, b"", b"title = #12345g", b"cell = 99999999999")
    with tempfile.TemporaryDirectory() as folder, Child("sh", "-c", "echo ready; read x") as target:
        for body in bodies:
            with open(os.path.join(folder, "mine.ini"), "wb") as file:
                file.write(body)
            run = memview(*SCREEN, "", "--theme", "mine", target.pid, env={"MEMVIEW_THEMES": folder})
            assert run.returncode == 0 and b"ADDRESS" in run.stdout, (body[:40], run.returncode, run.stderr)
            safe(run.stderr)
            assert run.stderr.count(b"\n") <= 1, (body[:40], run.stderr)
        for name in (b"\x1b]0;PWN\x07", b"../../etc/passwd", b"no-such", b"", b"x" * 5000, b"\xc2\x9b6nPWN"):
            run = subprocess.run([os.fsencode(MEMVIEW), *[s.encode() for s in SCREEN], b"", b"--theme", name,
                                  b"%d" % target.pid], stdin=subprocess.DEVNULL, capture_output=True, env=ENV,
                                 timeout=LIMIT, check=False)
            safe(run.stderr)
            assert run.returncode in (0, 2) and run.stderr.count(b"\n") == 1, (name[:40], run.returncode, run.stderr)
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            program = shutil.copy(MEMVIEW, folder)
            os.chmod(os.path.join(folder, "mine.ini"), 0)
            run = subprocess.run([program, *SCREEN, "", "--theme", "mine", str(os.getpid())], stdin=subprocess.DEVNULL,
                                 capture_output=True, env=dict(ENV, MEMVIEW_THEMES=folder), user=65534, group=65534,
                                 extra_groups=[], timeout=LIMIT, check=False)
            one_line(run, 0, "mine")


class Screen:
    """memview on a pty of its own; what it writes there is kept."""

    def __init__(self, *args, cwd=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 160, 0, 0))

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([MEMVIEW, *map(str, args)], stdin=slave, stdout=slave, stderr=slave, cwd=cwd,
                                        env=dict(ENV, TERM="xterm-256color"), preexec_fn=take_terminal)
        os.close(slave)
        self.seen = b""

    def read_until(self, done):
        until = time.monotonic() + LIMIT
        while not done():
            assert time.monotonic() < until, self.seen[-300:]
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    more = os.read(self.master, 65536)
                except OSError:
                    return
                if not more:
                    return
                self.seen += more

    def expect(self, what):
        at = len(self.seen)
        self.read_until(lambda: what in self.seen[max(0, at - len(what)):])

    def shows(self, what):
        """It is on the screen: drawn anew, since else only what has changed is sent."""
        at = len(self.seen)

        def shown():
            self.send(b"\x0c")
            return what in self.seen[at:]

        self.read_until(shown)

    def send(self, text):
        os.write(self.master, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@test
def hostile_names_on_the_screen():
    """hostile names: nothing raw reaches the terminal, nor the saved files"""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cwd:
        os.chmod(cwd, 0o777)
        with Hostile(folder) as target, Screen(target.pid, cwd=cwd) as screen:
            screen.expect(b"ADDRESS")
            screen.send(b"G")
            screen.expect(b"[stack]")
            screen.send(b"x")
            screen.expect(b"PWN")
            screen.send(b"p")
            screen.expect(b"saved as")
            screen.send(b"x/PWN\r2")
            screen.expect(b"one cell")
            screen.send(b"p")
            screen.expect(b"saved as")
            screen.send(b"q")
            screen.read_until(lambda: screen.process.poll() is not None)
            assert screen.process.wait(LIMIT) == 0
            safe(screen.seen, escapes=True)
        saved = os.listdir(cwd)
        assert len(saved) == 4, saved
        for name in saved:
            safe(name.encode())
            with open(os.path.join(cwd, name), "rb") as file:
                safe(file.read(), escapes=True)


@test
def hostile_names_at_the_machine():
    """a hostile name among the machine's processes: it is filtered, opened and left, and nothing raw reaches the terminal"""
    with tempfile.TemporaryDirectory() as folder, Hostile(folder) as target, Screen() as screen:
        screen.expect(b"available")
        screen.send(b"/%d\r\r" % target.pid)
        screen.expect(b"ADDRESS")
        screen.send(b"0\x0c")
        screen.expect(b"Machine")
        screen.send(b"q")
        screen.read_until(lambda: screen.process.poll() is not None)
        assert screen.process.wait(LIMIT) == 0
        assert b"PWN" in screen.seen
        safe(screen.seen, escapes=True)


@test
def ending_while_it_is_opened():
    """a process that ends at any moment of being opened from the machine: the screen goes on"""
    rng = random.Random(4711)
    with Child(CHURN, "maps") as lasting, Child(CHURN, "maps"), Screen("-i", "0.1", os.path.basename(CHURN)) as screen:
        screen.expect(b"available")
        for i in range(60 if LONG else 12):
            target = subprocess.Popen([CHURN, "maps"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            target.stdout.readline()
            screen.shows(b" %d " % target.pid)
            screen.send(b"/%d\r\r" % target.pid)
            select.select([], [], [], rng.random() * 0.03)  # whenever
            target.kill()
            if i % 2:
                target.wait()
            select.select([], [], [], rng.random() * 0.03)
            screen.send(b"0\x0c")
            target.wait()
            target.stdin.close()
            target.stdout.close()
        screen.shows(b"Machine")
        screen.send(b"/%d\r\r" % lasting.pid)
        screen.shows(b"ADDRESS")
        screen.send(b"q")
        screen.read_until(lambda: screen.process.poll() is not None)
        assert screen.process.wait(LIMIT) == 0


@test
def hostile_output_of_a_command():
    """a COMMAND that prints hostile bytes and names: on the terminal they are escaped"""
    with Screen("--", "sh", "-c", r"printf 'a\033]0;PWN\007\033[6nPWN\302\2336nPWN\377\376PWN\342\200\256\n'; exit 3") as s:
        s.expect(b"status 3")
        s.send(b"o")
        s.expect(b"PWN")
        s.send(b"q")
        s.read_until(lambda: s.process.poll() is not None)
        safe(s.seen, escapes=True)


def acceptable(run, statuses=(0, 1, 3)):
    """Documented status; at most one safe line, and one exactly when it has failed; all of the output or none."""
    assert run.returncode in statuses, (run.args, run.returncode, run.stderr)
    safe(run.stderr)
    warns = int("--exact" in run.args)  # it says beforehand what it will do to the process
    lines = run.stderr.count(b"\n")
    assert lines <= 1 + warns and (run.stderr == b"" or run.stderr.endswith(b"\n")), run.stderr
    assert run.returncode == 0 or lines in (1, 1 + warns), (run.args, run.returncode, run.stderr)
    if run.returncode == 0:
        assert run.stdout, (run.args, run.stderr)
        if run.args[1] == "json" or "--json" in run.args:
            json.loads(run.stdout)


@test
def executing_itself():
    """a process that execs itself 1,000 times: a report, JSON and a view of whichever it is"""
    for word in (["report"], ["json"], ["json", "--quick"], [*SCREEN, "2"], ["watch", "-n", "2", "-i", "0.1"], TRACE, STACKS,
                 [*STACKS, "--exact"]):
        with Child(CHURN, "exec", 5000 if LONG else 1000) as target:
            assert target.line == "ready"
            for _ in range(5):
                acceptable(memview(*word, target.pid))


@test
def dying_at_every_moment():
    """a process that ends at any moment of being read: status 0, 1 or 3, one line, never a crash"""
    rng = random.Random(4711)
    seen = set()
    for i in range(400 if LONG else 60):
        word = (["report"], ["json"], [*SCREEN, "7"], ["json", "--pages", "0-7fffffffffff"], TRACE, STACKS,
                [*STACKS, "--exact"])[i % 7]
        target = subprocess.Popen([CHURN, "maps"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        target.stdout.readline()
        run = subprocess.Popen([MEMVIEW, *word, str(target.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=ENV)
        watch = os.pidfd_open(run.pid)
        select.select([watch], [], [], rng.random() * 0.03)  # it may be done before
        target.kill()
        if i % 2:
            target.wait()  # no zombie is left to look at
        out, err = run.communicate(timeout=LIMIT)
        os.close(watch)
        target.wait()
        target.stdin.close()
        target.stdout.close()
        acceptable(subprocess.CompletedProcess([MEMVIEW, *word], run.returncode, out, err))
        seen.add(run.returncode)
    assert 0 in seen and len(seen) > 1, seen


@test
def ending_while_watched():
    """watch and the screen: the end of the process is said, not suffered"""
    for i in range(6):
        with Child(CHURN, "maps") as target:
            run = subprocess.Popen([MEMVIEW, "watch", "-i", "0.1", str(target.pid)], stdin=subprocess.DEVNULL, env=ENV,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            run.stdout.readline()
            run.stdout.readline()
            target.process.kill()
            if i % 2:
                target.process.wait()
            _, err = run.communicate(timeout=LIMIT)
            assert run.returncode == 0 and err.count(b"\n") == 1, (i, run.returncode, err)
            assert re.search(rb"%d (has ended|was ended by signal 9)" % target.pid, err), err


@test
def never_the_same_mappings():
    """mappings that come and go in 4 threads: read, in order, without overlap"""
    with Child(CHURN, "maps") as target:
        assert target.line == "ready"
        for word in (["report"], ["json"], ["json", "--quick"], [*SCREEN, "22"], ["watch", "-n", "3", "-i", "0.1"]):
            for _ in range(4):
                run = memview(*word, target.pid)
                acceptable(run, (0,))
                if word[0] == "json":
                    picture = json.loads(run.stdout)
                    ranges = [(int(m["start"], 16), int(m["end"], 16)) for m in picture["mappings"]]
                    cut = "maps" in [u["what"] for u in picture["unavailable"]]
                    whole = any(m["kind"] == "stack" for m in picture["mappings"])
                    assert whole or cut, picture["mappings"][-1]  # never incomplete without a word
                    assert ranges and all(a < b for a, b in ranges), ranges
                    assert all(a[1] <= b[0] for a, b in zip(ranges, ranges[1:])), ranges


@test
def deleted_files():
    """a mapped file that was deleted is told from one that is there; a memfd is neither"""
    code = ("import mmap, os, sys\nkeep = []\nfor name in sys.argv[1:]:\n    fd = os.open(name, os.O_RDWR)\n"
            "    keep.append(mmap.mmap(fd, mmap.PAGESIZE))\nfd = os.memfd_create('mine')\n"
            "os.ftruncate(fd, mmap.PAGESIZE)\nkeep.append(mmap.mmap(fd, mmap.PAGESIZE))\nos.unlink(sys.argv[1])\n"
            "print('ready', flush=True)\nsys.stdin.read()\n")
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("gone", "there")]
        for name in names:
            with open(name, "wb") as file:
                file.write(b"x" * PAGE)
        with Child(sys.executable, "-c", code, *names) as target:
            assert target.line == "ready"
            said = {m["name"] for m in json.loads(memview("json", target.pid).stdout)["mappings"]}
            assert {names[0] + " (deleted)", names[1], "/memfd:mine"} <= said, said
            lines = memview("report", target.pid).stdout.decode().splitlines()
            for name in (names[0] + " (deleted)", names[1], "/memfd:mine"):
                assert any(line.endswith(" " + name) for line in lines), (name, lines)


@test
def never_the_same_threads():
    """threads that come and go: read as any other"""
    with Child(CHURN, "threads") as target:
        assert target.line == "ready"
        for word in (["report"], ["json"], [*SCREEN, ""], TRACE, STACKS, [*STACKS, "--exact"]):
            for _ in range(4):
                acceptable(memview(*word, target.pid), (0,) if word[0] not in ("faults", "stacks") else (0, 1))


@test
def stopped():
    """a stopped process can be read as any other, and stays stopped"""
    with Child(CHURN, "maps") as target:
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED)
        for word in (["report"], ["json"], [*SCREEN, "2"]):
            acceptable(memview(*word, target.pid), (0,))
        run = json.loads(memview("json", target.pid).stdout)
        assert run["process"]["state"] == "T" and run["mappings"], run["process"]
        assert b"stopped" in memview("report", target.pid).stdout
        acceptable(memview(*STACKS, "--exact", target.pid), (0, 1))
        with open("/proc/%d/stat" % target.pid, encoding="utf-8") as f:
            assert f.read().rpartition(")")[2].split()[0] == "T"


@test
def frozen():
    """a process in a frozen cgroup can be read as any other"""
    folder = "/sys/fs/cgroup/mv-test-%d" % os.getpid()
    try:
        os.mkdir(folder)
    except OSError as error:
        raise Skip("no cgroup can be made: %s" % error.strerror)
    try:
        if not os.path.exists(folder + "/cgroup.freeze"):
            raise Skip("no cgroup freezer")
        with Child(CHURN, "threads") as target:
            try:
                with open(folder + "/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(target.pid))
                with open(folder + "/cgroup.freeze", "w", encoding="ascii") as file:
                    file.write("1")
            except OSError as error:
                raise Skip("the freezer can't be used: %s" % error.strerror)
            events = os.open(folder + "/cgroup.events", os.O_RDONLY)
            poll = select.poll()
            poll.register(events, select.POLLPRI)
            while b"frozen 1" not in os.pread(events, 4096, 0):
                assert poll.poll(LIMIT * 1000), "it does not freeze"
            os.close(events)
            for word in (["report"], ["json"], [*SCREEN, "2"]):
                acceptable(memview(*word, target.pid), (0,))
            with open(folder + "/cgroup.freeze", "w", encoding="ascii") as file:
                file.write("0")
    finally:
        until = time.monotonic() + LIMIT
        while True:  # it is empty once its processes have been reaped
            try:
                os.rmdir(folder)
                break
            except OSError:
                if time.monotonic() > until:
                    raise


@test
def no_numbers():
    """what is nearly a PID: one line, status 1 or 2"""
    for text in ("+5", " 5", "5 ", "0x5", "1e3", "5.0", "", "4711abc", "٣", "２", "-0", "00", "0" * 1000, "9" * 1000,
                 "2147483648", "18446744073709551617", "x" * 100000, "1/../1", "self", "/proc/1", "..", "."):
        for word in ("report", "json", "watch"):
            run = memview(word, "--", text) if text.startswith("-") else memview(word, text)
            one_line(run, (1, 2))
            assert len(run.stderr) < 500, (text[:30], len(run.stderr))
        acceptable(memview(*SCREEN, "", *(["--", text] if text.startswith("-") else [text])), (1, 2))


@test
def leading_zeroes():
    """a PID with zeroes before it is that PID"""
    with Child("sh", "-c", "echo ready; read x") as target:
        picture = json.loads(memview("json", "000%d" % target.pid).stdout)
        assert picture["process"]["pid"] == target.pid


@test
def itself():
    """its own ancestors and init: as any other"""
    for pid in {os.getpid(), os.getppid(), 1}:
        run = memview("json", pid)
        acceptable(run, (0, 1))


def limited(which, amount):
    return lambda: resource.setrlimit(which, (amount, amount))


@test
def few_descriptors():
    """RLIMIT_NOFILE of 3 to 24: it works, or says so in one line"""
    worked = 0
    with Child("sh", "-c", "echo ready; read x") as target:
        for most in range(3, 25):
            for word in (["report"], ["json"], [*SCREEN, "2"]):
                run = memview(*word, target.pid, preexec_fn=limited(resource.RLIMIT_NOFILE, most))
                if b"shared librar" in run.stderr:
                    continue
                acceptable(run, (0, 1))
                worked += run.returncode == 0
    assert worked >= 3, worked


@test
def little_memory():
    """RLIMIT_AS of 2 to 64 MiB: it works, says so in one line, or could not even be loaded"""
    if os.environ.get("MV_SANITIZERS"):
        raise Skip("AddressSanitizer needs terabytes of address space")
    with Child("sh", "-c", "echo ready; read x") as target:
        for mib in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24, 28, 32, 48, 64):
            for word in (["report"], ["json"], [*SCREEN, "2"]):
                run = memview(*word, target.pid, preexec_fn=limited(resource.RLIMIT_AS, mib << 20))
                if run.returncode == 127 or run.returncode == -signal.SIGKILL or b"shared librar" in run.stderr:
                    continue  # the dynamic loader's, or the kernel's
                acceptable(run, (0, 1))


@test
def small_files_and_few_processes():
    """RLIMIT_FSIZE 0 and no more processes: works, or one line"""
    with Child("sh", "-c", "echo ready; read x") as target:
        for word in (["report"], ["json"], [*SCREEN, ""]):
            acceptable(memview(*word, target.pid, preexec_fn=limited(resource.RLIMIT_FSIZE, 0)), (0, 1))
        if os.geteuid() == 0:
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                program = shutil.copy(MEMVIEW, folder)
                # limits on processes do not hold for root
                run = subprocess.run(["setpriv", "--reuid=1987654", "--regid=1987654", "--clear-groups", "sh", "-c",
                                      "ulimit -u 1; exec \"$0\" report $$", program], stdin=subprocess.DEVNULL,
                                     capture_output=True, env=ENV, timeout=LIMIT, check=False)
                acceptable(run, (0, 1))


@test
def closed_descriptors():
    """standard descriptors closed: no crash, and nothing is written into what came in their place"""
    with Child("sh", "-c", "echo ready; read x") as target:
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            for word in ("report", "json", "watch -n 1", "--dump"):
                run = subprocess.run(["sh", "-c", '"$0" %s "$1" %s' % (word, closed), MEMVIEW, str(target.pid)],
                                     stdin=subprocess.DEVNULL, capture_output=True, env=ENV, timeout=LIMIT, check=False)
                assert run.returncode in (0, 1), (closed, word, run.returncode, run.stderr)
                assert run.stderr.count(b"\n") <= 1, run.stderr


@test
def full_device():
    """/dev/full under the dump: one line, status 1"""
    with Child("sh", "-c", "echo ready; read x") as target, open("/dev/full", "wb") as full:
        one_line(memview(*SCREEN, "2", target.pid, stdout=full), 1, "No space")
        one_line(memview("--version", stdout=full), 1, "No space")
        run = memview("--dump-svg", "/dev/full", target.pid)
        one_line(run, 1)
        run = memview("--dump-svg", "/no/such/folder/x.svg", target.pid)
        one_line(run, 1)


@test
def closed_pipe():
    """a reader that has gone: quiet, status 1, also under watch"""
    with Child("sh", "-c", "echo ready; read x") as target:
        for word in (["report"], ["json"], ["watch", "-i", "0.1"], [*SCREEN, ""], ["--help"], ["--version"]):
            for ignored in (True, False):
                reading, writing = os.pipe()
                os.close(reading)
                who = [] if word[0] in ("--help", "--version") else [target.pid]
                run = memview(*word, *who, stdout=writing, restore_signals=not ignored)
                os.close(writing)
                assert run.stderr == b"", (word, run.stderr)
                assert run.returncode in (1, -signal.SIGPIPE), (word, run.returncode)
                assert not ignored or run.returncode == 1, (word, run.returncode)


@test
def bare_environment():
    """no environment at all"""
    with Child("sh", "-c", "echo ready; read x") as target:
        for word in (["report"], ["json"], ["watch", "-n", "1"], [*SCREEN, "2"]):
            run = subprocess.run([MEMVIEW, *word, str(target.pid)], stdin=subprocess.DEVNULL, capture_output=True, env={},
                                 timeout=LIMIT, check=False)
            acceptable(run, (0,))
        for env in ({"HOME": "/no/such"}, {"HOME": ""}, {"LC_ALL": "xx_YY.nonsense"}, {"XDG_CONFIG_HOME": "\x1b[31m"},
                    {"MEMVIEW_THEMES": "/no/such"}, {"NO_COLOR": "1"}, {"TERM": "\x1b]0;PWN\x07"}, {"COLUMNS": "x"},
                    {"MEMVIEW_NO_IOCTL": "\x1b"}, {"MALLOC_PERTURB_": "165"}, {"SUDO_UID": "\x1b]0;PWN"}):
            for word in (["report"], [*SCREEN, ""]):
                run = memview(*word, target.pid, env=env)
                assert run.returncode == 0, (env, run.returncode, run.stderr)
                safe(run.stderr)
                assert run.stderr.count(b"\n") <= 1, run.stderr


if __name__ == "__main__":
    sys.exit(main())
