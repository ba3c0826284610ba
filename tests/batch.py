#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""report, json, watch, faults, stacks, heap, leaks, machine and their exit statuses, on processes that this test starts. TAP."""

import ctypes
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

import batch_machine  # noqa: F401 # its tests are registered
from tap import ENV, HERE, LIBC, LIMIT, MEMVIEW, PAGE, Child, Skip, die_with_us, main, memview, one_line, test

SCHEMA, FAULTS_SCHEMA, STACKS_SCHEMA, HEAP_SCHEMA, LEAKS_SCHEMA = (
    json.load(open(os.path.join(HERE, "schema", "memview.%s.1.json" % name), encoding="utf-8"))
    for name in ("process", "faults", "stacks", "heap", "leaks"))
SYMBOLS = os.path.join(os.path.dirname(MEMVIEW), "memview-symbols")
HEAPSTER = os.environ.get("MV_HEAPSTER", os.path.join(os.path.dirname(MEMVIEW), "mv-heapster"))
LEAKER = os.environ.get("MV_LEAKER", os.path.join(os.path.dirname(MEMVIEW), "mv-leaker"))


class Target:
    """A Python process that runs CODE, says it is ready, and then waits."""

    def __init__(self, code="", name=None, wait=True):
        script = "import sys, ctypes, mmap\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        if name is not None:
            script += "libc.prctl(15, %r, 0, 0, 0)\n" % name
        script += code + "\nsys.stdout.write('ready\\n'); sys.stdout.flush()\n"
        script += "sys.stdin.read()\n" if wait else ""
        self.process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said = []
        for line in self.process.stdout:
            if line == b"ready\n":
                break
            self.said.append(line.decode().strip())
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# Maps PAGES anonymous pages and touches those that the condition names.
ANON = """
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
P = %d
at = libc.mmap(None, (%d + 2) * P, 0, 0x22, -1, 0) + P
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise(at, %d * P, 15)
libc.mprotect(at, %d * P, 3)
for i in range(%d):
    if %s:
        ctypes.memset(at + i * P, 1, 1)
print(hex(at))
"""


def anon(pages, condition):
    return ANON % (PAGE, pages, pages, pages, pages, condition)


def json_of(*args, env=None):
    run = memview("json", *args, env=env)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stderr == b"", run.stderr.decode()
    assert run.stdout.isascii()
    picture = json.loads(run.stdout)
    if jsonschema:
        jsonschema.validate(picture, SCHEMA)
    return picture


def smaps_of(pid):
    """[(start, end, {field: KiB})] as the kernel prints it."""
    mappings = []
    for line in open("/proc/%d/smaps" % pid, encoding="utf-8", errors="replace"):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        field = re.match(r"(\w+):\s+(\d+) kB", line)
        if head:
            mappings.append((int(head.group(1), 16), int(head.group(2), 16), {}))
        elif field:
            mappings[-1][2][field.group(1)] = int(field.group(2))
    return mappings


def mapping_at(picture, address):
    return next(m for m in picture["mappings"] if int(m["start"], 16) <= address < int(m["end"], 16))


@test
def json_equals_smaps():
    """json: valid, and every mapping's figures are those of smaps"""
    if not jsonschema:
        raise Skip("python3-jsonschema is missing")
    with Target(anon(100, "i % 4 == 0")) as t:
        picture = json_of(t.pid)
        smaps = smaps_of(t.pid)
        fields = {"rss": "Rss", "swap": "Swap", "anon": "Anonymous", "huge": "AnonHugePages", "locked": "Locked"}
        # Who else maps a file can change between the two reads: only their sum holds still.
        sums = {("shared_clean", "private_clean"): ("Shared_Clean", "Private_Clean"),
                ("shared_dirty", "private_dirty"): ("Shared_Dirty", "Private_Dirty")}
        assert [(int(m["start"], 16), int(m["end"], 16)) for m in picture["mappings"]] == [s[:2] for s in smaps]
        for mapping, (start, end, row) in zip(picture["mappings"], smaps):
            assert mapping["size"] == end - start
            for key, name in fields.items():
                assert mapping[key] == row[name] * 1024, (mapping, name, row)
            for keys, names_ in sums.items():
                assert sum(mapping[k] for k in keys) == sum(row[n] for n in names_) * 1024, (mapping, names_, row)
            if mapping["inode"] == 0:
                assert mapping["private_dirty"] == row["Private_Dirty"] * 1024, (mapping, row)
            if mapping["kind"] != "vsyscall":
                pages = mapping["pages"]
                assert pages["present"] == pages["anon"] + pages["file"] + pages["zero"]
                assert (pages["present"] - pages["zero"]) * PAGE == mapping["rss"], mapping
        assert picture["totals"]["rss"] == sum(m["rss"] for m in picture["mappings"])
        assert picture["process"]["pid"] == t.pid and picture["process"]["cmdline"][1] == "-c"


@test
def json_counts_pages():
    """json: 23 of 100 pages, and the run of each of them"""
    with Target(anon(100, "i < 20 or i in (50, 98, 99)")) as t:
        at = int(t.said[0], 16)
        picture = json_of(t.pid, "--pages", "%x-%x" % (at, at + 100 * PAGE))
        mapping = mapping_at(picture, at)
        assert mapping["pages"]["present"] == 23 and mapping["pages"]["anon"] == 23, mapping
        assert mapping["rss"] == 23 * PAGE
        runs = [((int(r["start"], 16) - at) // PAGE, (int(r["end"], 16) - at) // PAGE, r["state"])
                for r in picture["page_runs"]]
        assert runs == [(0, 20, "anon"), (20, 50, "none"), (50, 51, "anon"), (51, 98, "none"), (98, 100, "anon")], runs


@test
def json_long_page_runs():
    """json --pages: one page in each 2 MiB of 1 GiB, and a terabyte with nothing in it"""
    code = anon(512 * 512, "i % 512 == 7") + "print(hex(libc.mmap(None, 1 << 40, 0, 0x4022, -1, 0)))\n"
    with Target(code) as t:
        at, empty = (int(word, 16) for word in t.said)
        picture = json_of(t.pid, "--pages", "0x%x-0x%x" % (at, at + 512 * 512 * PAGE))
        touched = [r for r in picture["page_runs"] if r["state"] == "anon"]
        assert [int(r["start"], 16) for r in touched] == [at + (512 * i + 7) * PAGE for i in range(512)]
        assert all(int(r["end"], 16) - int(r["start"], 16) == PAGE for r in touched)
        covered = sum(int(r["end"], 16) - int(r["start"], 16) for r in picture["page_runs"])
        assert covered == 512 * 512 * PAGE, covered
        picture = json_of(t.pid, "--quick", "--pages", "%x-%x" % (empty, empty + (1 << 40)))
        assert [r["state"] for r in picture["page_runs"]] == ["none"], picture["page_runs"][:3]


@test
def json_quick_leaves_out():
    """json --quick: what needs smaps is left out, what doesn't agrees"""
    with Target(anon(64, "i % 2")) as t:
        quick = json_of("--quick", t.pid)
        whole = json_of(t.pid)
        for mapping in quick["mappings"]:
            assert not {"pss", "private_dirty", "locked", "vm_flags"} & set(mapping), mapping
        assert "pss" not in quick["totals"]
        strip = [(m["start"], m["end"], m["rss"], m["pages"]) for m in whole["mappings"] if m["kind"] != "vsyscall"]
        assert [(m["start"], m["end"], m["rss"], m["pages"]) for m in quick["mappings"]
                if m["kind"] != "vsyscall"] == strip


@test
def json_without_the_ioctls():
    """json: the pagemap fallback counts the same, and says what it can't tell"""
    with Target(anon(100, "i % 3 == 0")) as t:
        at = int(t.said[0], 16)
        scan = json_of(t.pid)
        words = json_of(t.pid, env={"MEMVIEW_NO_IOCTL": "1"})
        assert mapping_at(words, at)["pages"]["present"] == 34
        assert mapping_at(words, at)["pages"]["huge"] is None
        assert "pages.huge" in [u["what"] for u in words["unavailable"]]
        for a, b in zip(scan["mappings"], words["mappings"]):
            if a["kind"] != "vsyscall":
                assert a["pages"]["present"] == b["pages"]["present"], (a, b)


@test
def hostile_names():
    """hostile names: nothing raw in any output, JSON valid"""
    name = b"a\x1b]0;x\x07\xff\n) R"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "evil\x1b[31m\n\u202e\xff [heap]").encode("utf-8", "surrogateescape")
        with open(path, "wb") as file:
            file.write(b"x" * PAGE)
        code = "f = open(%r, 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); m[0]" % path
        with Target(code, name=name) as t:
            for locale in ("C.UTF-8", "C"):
                env = {"LC_ALL": locale}
                picture = json_of(t.pid, env=env)
                assert "\\x1b" in picture["process"]["name"], picture["process"]
                assert any("evil" in m["name"] and m["kind"] == "file" for m in picture["mappings"])
                report = memview("report", t.pid, env=env)
                watch = memview("watch", "-n", "1", t.pid, env=env)
                for run in (report, watch):
                    assert run.returncode == 0, run.stderr
                    text = run.stdout.decode("utf-8")
                    bad = [c for c in text if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0 or c == "\u202e"]
                    assert not bad, bad


@test
def report_adds_up():
    """report: its table is that of smaps, its total the sum"""
    with Target(anon(100, "True")) as t:
        run = memview("report", t.pid)
        assert run.returncode == 0 and run.stderr == b"", run.stderr
        lines = run.stdout.decode().splitlines()
        head = next(i for i, line in enumerate(lines) if line.startswith("ADDRESS"))
        columns = lines[head].split()
        rows = []
        for line in lines[head + 1:]:
            words = line.split()
            if words[0] == "total":
                break
            rows.append(words)
        smaps = smaps_of(t.pid)
        assert len(rows) == len(smaps)
        rss, size = columns.index("RSS"), columns.index("SIZE")
        for words, (start, end, row) in zip(rows, smaps):
            assert int(words[0], 16) == start and int(words[size]) * 1024 == end - start
            assert int(words[rss]) == row["Rss"]
        assert int(words[rss]) == smaps[-1][2]["Rss"]
        total = next(line for line in lines if line.startswith("total")).split()
        assert int(total[rss]) == sum(row["Rss"] for _, _, row in smaps)
        assert int(total[size]) * 1024 == sum(end - start for start, end, _ in smaps)


@test
def report_instead_of_the_screen():
    """without a terminal `memview PID` is the report"""
    with Target() as t:
        run = memview(t.pid)
        assert run.returncode == 0 and b"ADDRESS" in run.stdout and b"\x1b" not in run.stdout


@test
def report_of_a_command():
    """`memview -- COMMAND` without a terminal reports on it; what can't be started is said"""
    run = memview("--", "sleep", "1000")
    assert run.returncode == 0 and run.stdout.startswith(b"sleep "), (run.returncode, run.stdout[:200], run.stderr)
    one_line(memview("--", "mv-no-such-command"), 1, "no such command")
    one_line(memview("--", "/etc/passwd"), 1, "not executable")


@test
def watch_lines():
    """watch: as many lines as asked for, with faults and rates"""
    with Target() as t:
        run = memview("watch", "-i", "0.1", "-n", "3", t.pid)
        assert run.returncode == 0 and run.stderr == b"", run.stderr
        lines = run.stdout.decode().splitlines()
        assert len(lines) == 4 and lines[0].split()[:2] == ["TIME", "VSZ"], lines
        first, last = lines[1].split(), lines[3].split()
        faults = int(open("/proc/%d/stat" % t.pid, encoding="ascii").read().rsplit(")", 1)[1].split()[7])
        assert int(last[5].replace(",", "")) == faults and first[6] == "-" and last[6] == "+0/s", lines
        quick = memview("watch", "--quick", "-n", "1", t.pid).stdout.decode().splitlines()[1].split()
        assert quick[3] == "-" and last[3] != "-"


@test
def watch_ends_with_its_process():
    """watch: the process ends, it says so, status 0"""
    with Target() as t:
        run = subprocess.Popen([MEMVIEW, "watch", "-i", "0.1", str(t.pid)], stdin=subprocess.DEVNULL, env=ENV,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert run.stdout.readline().startswith(b"TIME")
        assert run.stdout.readline()
        t.process.stdin.close()
        out, err = run.communicate(timeout=30)
        assert run.returncode == 0 and b"%d has ended" % t.pid in err, (run.returncode, out, err)


@test
def zombie_and_gone():
    """a zombie is shown as one; a process that has gone is refused"""
    with Target(wait=False) as t:
        os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOWAIT)
        run = memview("report", t.pid)
        assert run.returncode == 0 and b"zombie" in run.stdout, (run.stdout, run.stderr)
        picture = json_of(t.pid)
        assert picture["process"]["state"] == "Z" and picture["mappings"] == [], picture
        gone = t.pid
    one_line(memview("report", gone), 1, "no such process")


@test
def kernel_thread():
    """a kernel thread: no user memory, status 0"""
    try:
        comm = open("/proc/2/comm", encoding="ascii").read().strip()
    except OSError:
        comm = ""
    if comm != "kthreadd":
        raise Skip("no kernel threads are seen here")
    run = memview("report", 2)
    assert run.returncode == 0 and b"kernel thread: no user memory" in run.stdout, (run.stdout, run.stderr)
    assert json_of(2)["mappings"] == []


@test
def refused_to_root():
    """what the kernel refuses root is not blamed on sudo"""
    if os.geteuid() != 0:
        raise Skip("not root")
    try:
        open("/proc/1/maps", encoding="ascii").close()
        raise Skip("root may read PID 1 here")
    except PermissionError:
        pass
    run = memview("report", 1)
    one_line(run, 1, "of 1 can't be read, even by root")
    assert b"sudo" not in run.stderr and b"another user" not in run.stderr, run.stderr


@test
def screen_options():
    """the commands that print: the screen's options are mistakes"""
    for word in ("report", "json", "watch", "faults", "stacks", "heap", "leaks"):
        for options in (("--theme", "dark"), ("--ascii",), ("--no-color",), ("--no-mouse",)):
            one_line(memview(word, *options, os.getpid()), 2, options[0], "only for the screen")


@test
def report_names_its_units():
    """report: the table's heading says which units"""
    with Target() as t:
        lines = memview("report", t.pid).stdout.decode().splitlines()
    heading = next(i for i, line in enumerate(lines) if line.startswith("ADDRESS"))
    assert "KiB" in lines[heading - 1] and "pages" in lines[heading - 1], lines[heading - 1]


@test
def a_thread():
    """a thread's number is answered with its process's"""
    with Target("import threading, time\nt = threading.Thread(target=time.sleep, args=(1000,), daemon=True); t.start()\n"
                "print(t.native_id)") as t:
        tid = t.said[0]
        one_line(memview("report", tid), 1, "%s is a thread of %d" % (tid, t.pid), "memview %d" % t.pid)


@test
def wrong_numbers():
    """PIDs that can't be"""
    one_line(memview("report", "0"), 2, "0 is no process")
    one_line(memview("report", "-5"), 2, "-5")
    one_line(memview("-12"), 2, "-12")
    one_line(memview("report", "99999999999999999999"), 2, "no PID is that big")
    one_line(memview("report", "4194999"), 1, "no such process")


@test
def wrong_usage():
    """usage errors are one line and status 2"""
    one_line(memview("--no-such-option"), 2, "unknown option")
    one_line(memview("-x"), 2, "unknown option")
    one_line(memview("report"), 2, "which process")
    one_line(memview("report", "1", "2"), 2)
    one_line(memview("watch", "-i", "0", "1"), 2)
    one_line(memview("watch", "-i", "abc", "1"), 2)
    one_line(memview("json", "--pages", "zz", "1"), 2)
    one_line(memview("--"), 2)
    one_line(memview("report", "--pages", "1-2", "1"), 2)
    one_line(memview("faults"), 2, "which process")
    one_line(memview("faults", "-d", "0", "1"), 2, "no duration")
    one_line(memview("faults", "--folded", "--json", "1"), 2)
    one_line(memview("stacks", "--folded", "1"), 2)
    one_line(memview("\x1b[31m--evil", "x"), 2)


@test
def names():
    """a name: one bearer, none, several, -p"""
    with Target(name=b"mv-lonely") as t:
        assert json_of("mv-lonely")["process"]["pid"] == t.pid
        assert json_of("-p", "mv-lonely")["process"]["pid"] == t.pid
    one_line(memview("report", "mv-lonely"), 1, '"mv-lonely"')
    one_line(memview("frobnicate"), 1, '"frobnicate"')
    with Target(name=b"report") as a, Target(name=b"report") as b:
        run = memview("report", "-p", "report")
        text = run.stderr.decode()
        assert run.returncode == 1 and run.stdout == b"" and "2 processes" in text, text
        assert re.search(r"^ *%d " % a.pid, text, re.M) and re.search(r"^ *%d " % b.pid, text, re.M), text


def copy_for_all(folder):
    """A copy of memview that any user may run."""
    os.chmod(folder, 0o755)
    copy = os.path.join(folder, "memview")
    with open(MEMVIEW, "rb") as program, open(copy, "wb") as file:
        file.write(program.read())
    os.chmod(copy, 0o755)
    return copy


@test
def not_allowed():
    """another user's process: what is known is printed, the rest is null and named; status 1"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with tempfile.TemporaryDirectory() as folder, Target() as t:
        copy = copy_for_all(folder)
        for word in ("report", "json"):
            run = subprocess.run([copy, word, str(t.pid)], stdin=subprocess.DEVNULL, capture_output=True, env=ENV,
                                 user=65534, group=65534, extra_groups=[], timeout=60, check=False)
            one_line(run, 1, "CAP_SYS_PTRACE", "try sudo memview %d" % t.pid)
            assert str(t.pid).encode() in run.stdout
        picture = json.loads(run.stdout)
        if jsonschema:
            jsonschema.validate(picture, SCHEMA)
        assert picture["mappings"] is None and "maps" in [u["what"] for u in picture["unavailable"]], picture
        assert picture["totals"]["pss"] is None and picture["totals"]["rss"] > 0
        assert picture["faults"]["minor"] > 0


# ---- faults ----

# Touches %d pages at each line on stdin, in memory that it maps now and that never gets huge pages. Says where, then "done".
TOUCH = """
import sys, ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
P, N = %d, %d
at = libc.mmap(None, 8 * N * P, 3, 0x22, -1, 0)
libc.madvise(at, 8 * N * P, 15)
print(hex(at)); sys.stdout.flush()
for round, line in enumerate(sys.stdin):
    libc.memset(at + round * N * P, 1, N * P)
    print("done"); sys.stdout.flush()
    %s
"""


def touching(pages, then="pass", python=sys.executable, **more):
    return Child(python, "-c", TOUCH % (PAGE, pages, then), **more)


def need_perf(kernel_side=True):
    """Whether this kernel lets us count page faults; with kernel_side also those inside system calls."""
    if os.uname().machine != "x86_64":
        raise Skip("this test knows perf_event_open's number on x86-64 only")
    attr = struct.pack("<IIQQQQQ", 1, 64, 2, 0, 0, 0, 1 if kernel_side else 1 | 1 << 5) + bytes(16)
    fd = LIBC.syscall(298, ctypes.c_char_p(attr), 0, -1, -1, 0)
    if fd < 0:
        raise Skip("perf_event_open: " + os.strerror(ctypes.get_errno()))
    os.close(fd)


class Tracing:
    """memview faults (or leaks) with these options, once it has begun to trace: it says so on a terminal."""

    def __init__(self, *args, program=MEMVIEW, command="faults", **more):
        self.terminal, other = pty.openpty()
        # As on a terminal of its own: SIGINT must be ours to send, and not reach this test.
        self.process = subprocess.Popen([program, command, *map(str, args)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=other, env=ENV, preexec_fn=die_with_us, **more)
        os.close(other)
        self.said = b""
        while b"tracing page faults of" not in self.said:
            if not select.select([self.terminal], [], [], LIMIT)[0]:
                self.process.kill()
                raise AssertionError("it does not begin: %r" % self.said)
            try:
                self.said += os.read(self.terminal, 4096)
            except OSError:  # its end, on Linux
                raise AssertionError("it ended with %r" % self.said) from None

    def end(self, interrupt=True):
        """What it printed, and its exit status."""
        if interrupt:
            self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=LIMIT)
        os.close(self.terminal)
        return out.decode(), self.process.returncode

    def end_json(self, interrupt=True):
        out, status = self.end(interrupt)
        assert status == 0, (status, self.said)
        return valid(out, FAULTS_SCHEMA)


def valid(text, schema):
    picture = json.loads(text)
    if jsonschema:
        jsonschema.validate(picture, schema)
    return picture


def has_stacks(picture):
    return "stacks" not in [u["what"] for u in picture["unavailable"]]


@test
def faults_every_one():
    """faults --period 1: each touched page is counted, with its mapping, kind, thread and stack; SIGINT ends it, status 0"""
    need_perf()
    with touching(300) as t:
        at = int(t.line, 16)
        tracing = Tracing("--json", "--period", 1, "-d", 3600, t.pid)
        t.step()
        picture = tracing.end_json()
    assert picture["pid"] == t.pid and picture["period"] == 1 and picture["kernel_side"] is True, picture
    assert picture["faults"]["minor"] >= 300 and picture["seconds"] > 0
    assert picture["lost"] == 0 and picture["sampled"] >= 300
    assert sum(k["faults"] for k in picture["kinds"].values()) == picture["sampled"], picture["kinds"]
    mapping = mapping_at(picture, at)
    assert mapping["faults"] == mapping["pages"] == 300 and mapping["kinds"] == {"demand_zero": 300}, mapping
    assert picture["threads"] == picture["threads_covered"] == 1
    assert {s["thread"] for s in picture["stacks"]} == {t.pid}
    assert sum(s["pages"] for s in picture["stacks"]) == sum(k["pages"] for k in picture["kinds"].values())
    if has_stacks(picture):
        top = picture["stacks"][0]
        assert top["pages"] >= 300 and top["end"] == "complete" and len(top["frames"]) > 3, top


@test
def faults_of_an_ending_process():
    """faults: the process ends, what it touched last is still counted; status 0"""
    need_perf()
    with touching(200, "sys.exit()") as t:
        at = int(t.line, 16)
        tracing = Tracing("--json", "--period", 1, "-d", 3600, t.pid)
        t.step()
        picture = tracing.end_json(interrupt=False)
    assert mapping_at(picture, at)["faults"] == 200, picture["mappings"]
    assert picture["faults"]["minor"] >= 200


@test
def faults_folded():
    """faults --folded: process;outermost;…;innermost PAGES, each stack once"""
    need_perf()
    with touching(500) as t:
        tracing = Tracing("--folded", "--period", 1, "-d", 3600, t.pid)
        t.step()
        out, status = tracing.end()
        name = open("/proc/%d/comm" % t.pid, encoding="utf-8").read().strip()
    assert status == 0, (status, out)
    stacks = [re.fullmatch(r"(.+) ([0-9]+)", line).groups() for line in out.splitlines()]
    assert stacks and all(stack.split(";")[0] == name for stack, _ in stacks), out
    assert 500 <= sum(int(pages) for _, pages in stacks) < 1000, out


@test
def faults_text():
    """faults: text with the exact counters, kinds, mappings, threads; as long as -d says"""
    need_perf()
    with touching(400) as t:
        tracing = Tracing("--period", 1, "-d", 3600, t.pid)
        t.step()
        out, status = tracing.end()
    assert status == 0, (status, out)
    lines = out.splitlines()
    minor = next(line.split() for line in lines if line.startswith("minor"))
    assert int(minor[1].replace(",", "")) >= 400 and minor[2].endswith("/s"), lines[:4]
    for heading in ("By kind", "By mapping", "By thread"):
        assert any(line.startswith(heading) for line in lines), (heading, out)
    zero = next(line.split() for line in lines if "demand zero    first" in line)
    assert int(zero[0].replace(",", "")) >= 400, zero
    # By itself: the time is up.
    with touching(1) as t:
        run = memview("faults", "-d", "0.1", "--json", t.pid)
    assert run.returncode == 0 and run.stderr == b"", (run.returncode, run.stderr)
    assert valid(run.stdout, FAULTS_SCHEMA)["seconds"] >= 0.1


def copy_of_all(folder):
    """memview and memview-symbols for any user."""
    copy = copy_for_all(folder)
    if os.path.exists(SYMBOLS):
        with open(SYMBOLS, "rb") as program, open(os.path.join(folder, "memview-symbols"), "wb") as file:
            file.write(program.read())
        os.chmod(os.path.join(folder, "memview-symbols"), 0o755)
    return copy


PYTHON_OF_ALL = "/usr/bin/python3"
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


@test
def faults_unprivileged():
    """faults without privileges: one's own process, and it says what is not seen"""
    if os.geteuid() != 0:
        raise Skip("not root")
    if int(open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii").read()) != 2:
        raise Skip("kernel.perf_event_paranoid is not 2 here")
    need_perf()
    if not os.path.exists(PYTHON_OF_ALL):
        raise Skip("no %s, and another may be out of nobody's reach" % PYTHON_OF_ALL)
    with tempfile.TemporaryDirectory() as folder, touching(100, python=PYTHON_OF_ALL, cwd="/", **NOBODY) as t:
        at = int(t.line, 16)
        copy = copy_of_all(folder)
        for options in (["--json"], []):
            tracing = Tracing("--period", 1, "-d", 3600, *options, t.pid, program=copy, cwd="/", **NOBODY)
            t.step()
            out, status = tracing.end()
            assert status == 0, (status, out, tracing.said)
            if options:
                picture = valid(out, FAULTS_SCHEMA)
                assert picture["kernel_side"] is False and mapping_at(picture, at)["faults"] == 100, picture
            else:
                assert "not seen  faults inside system calls" in out, out


@test
def faults_not_allowed():
    """faults of another user's process: one line that says what would help, status 1; JSON says null"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with tempfile.TemporaryDirectory() as folder, Target() as t:
        copy = copy_of_all(folder)
        for options in (["--json"], []):
            run = subprocess.run([copy, "faults", *options, "-d", "0.1", str(t.pid)], stdin=subprocess.DEVNULL,
                                 capture_output=True, env=ENV, timeout=60, check=False, cwd="/", **NOBODY)
            one_line(run, 1, "sudo memview")
            if options:
                picture = valid(run.stdout, FAULTS_SCHEMA)
                assert picture["kinds"] is None and picture["faults"]["minor"] is None, picture
                assert "faults" in [u["what"] for u in picture["unavailable"]]
            else:
                assert b"since it began" in run.stdout, run.stdout


# ---- stacks ----

THREADS = """
import threading, time
def wait(): time.sleep(100000)
def work():
    while True: pass
for f in %s:
    t = threading.Thread(target=f, daemon=True); t.start()
    print(f.__name__, t.native_id)
"""


def stacks_of(*args):
    run = memview("stacks", "--json", *args)
    assert run.returncode == 0, run.stderr.decode()
    return valid(run.stdout, STACKS_SCHEMA), run.stderr.decode()


def waits_at(pid, tid):
    """(stack pointer, program counter) of a thread that waits in a system call."""
    words = open("/proc/%d/task/%d/syscall" % (pid, tid), encoding="ascii").read().split()
    return [int(word, 16) for word in words[-2:]] if len(words) == 9 else None


def until(condition, what):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, what
        os.sched_yield()


@test
def stacks_unstopped():
    """stacks: every thread, where it waits, and its stack, without stopping it"""
    with Target(THREADS % "(wait, wait)") as t:
        tids = [t.pid] + [int(line.split()[1]) for line in t.said]
        for tid in tids:
            until(lambda: waits_at(t.pid, tid), "thread %d does not wait" % tid)
        picture, said = stacks_of(t.pid)
        assert said == "", said
        assert [thread["tid"] for thread in picture["threads"]] == sorted(tids), picture
        if "stacks" in [u["what"] for u in picture["unavailable"]]:
            raise Skip(picture["unavailable"][0]["why"])
        for thread in picture["threads"]:
            sp, pc = waits_at(t.pid, thread["tid"])
            stack = thread["stack"]
            assert thread["how"] == "unstopped" and thread["state"] == "S", thread
            assert int(thread["frames"][0]["pc"], 16) == pc, (thread["frames"][0], hex(pc))
            assert int(stack["end"], 16) - sp == stack["used"] <= stack["touched"], (stack, hex(sp))
            assert int(stack["start"], 16) <= sp, (stack, hex(sp))
            assert len(thread["frames"]) > 3 and thread["end"] == "complete", thread


@test
def stacks_text():
    """stacks: a block a thread, calls numbered from the innermost"""
    with Target(THREADS % "(wait,)") as t:
        tid = int(t.said[0].split()[1])
        until(lambda: waits_at(t.pid, tid), "the thread does not wait")
        run = memview("stacks", t.pid)
        assert run.returncode == 0 and run.stderr == b"", run.stderr
        lines = run.stdout.decode().splitlines()
        assert re.match(r"\S+ %d   2 threads   " % t.pid, lines[0]), lines[0]
        heads = [line for line in lines if line.startswith("thread ")]
        assert [int(line.split()[1]) for line in heads] == sorted([t.pid, tid]), heads
        assert all("  sleeping  in use " in line for line in heads), heads
        at = lines.index(heads[1])
        assert re.match(r"  #0   0x%012x " % waits_at(t.pid, tid)[1], lines[at + 1]) or lines[at + 1].startswith("  - ("), lines


@test
def stacks_exact():
    """stacks --exact: says that it stops, takes threads that run as well, and leaves none stopped"""
    with Target(THREADS % "(wait, work)") as t:
        picture, said = stacks_of("--exact", t.pid)
        assert said.count("\n") == 1 and "stopping %d" % t.pid in said and "EINTR" in said, said
        assert len(picture["threads"]) == 3, picture
        if "stacks" not in [u["what"] for u in picture["unavailable"]]:
            assert all(thread["how"] == "stopped" and thread["frames"] for thread in picture["threads"]), picture
        for thread in picture["threads"]:
            text = open("/proc/%d/task/%d/stat" % (t.pid, thread["tid"]), encoding="ascii").read()
            assert text.rsplit(")", 1)[1].split()[0] in "RS", text


# Waits in epoll_wait for a line; says what that returned, and errno.
EPOLL = """
import ctypes, select, sys
libc = ctypes.CDLL(None, use_errno=True)
poll = select.epoll()
poll.register(0, select.EPOLLIN)
event = ctypes.create_string_buffer(12)
print("ready"); sys.stdout.flush()
got = libc.epoll_wait(poll.fileno(), event, 1, -1)
print(got, ctypes.get_errno() if got < 0 else 0); sys.stdout.flush()
sys.stdin.read()
"""


@test
def stacks_disturb_nothing():
    """stacks: a process in epoll_wait sees no EINTR"""
    with Child(sys.executable, "-c", EPOLL) as t:
        until(lambda: waits_at(t.pid, t.pid), "it does not wait")
        picture, _ = stacks_of(t.pid)
        assert [thread["tid"] for thread in picture["threads"]] == [t.pid]
        t.step()
        assert t.line == "1 0", t.line


@test
def stacks_not_allowed():
    """stacks of another user's process: status 1, with what would help"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with tempfile.TemporaryDirectory() as folder, Target() as t:
        run = subprocess.run([copy_of_all(folder), "stacks", str(t.pid)], stdin=subprocess.DEVNULL, capture_output=True,
                             env=ENV, timeout=60, check=False, cwd="/", **NOBODY)
        one_line(run, 1, "sudo memview")


@test
def traces_of_what_is_no_process():
    """faults and stacks of a zombie, and of what has gone; hostile names"""
    with Target(wait=False) as t:
        os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOWAIT)
        for word in ("faults", "stacks"):
            run = memview(word, t.pid)
            assert run.returncode == 0 and b"zombie" in run.stdout, (word, run.stdout, run.stderr)
        gone = t.pid
    for word in ("faults", "stacks"):
        one_line(memview(word, gone), 1, "no such process")
    with Target(name=b"a\x1b]0;x\x07\xff\n) R") as t:
        for args in (["stacks"], ["stacks", "--json"], ["faults", "-d", "0.1"], ["faults", "-d", "0.1", "--folded"]):
            text = memview(*args, t.pid).stdout.decode("utf-8")
            assert "\\x1b" in text or not text, text
            assert not [c for c in text if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0], text


# ---- heap and leaks ----


def need_glibc():
    """These read the heap of glibc's malloc, in 64-bit programs."""
    if not os.path.exists(HEAPSTER) or not os.path.exists(LEAKER):
        raise Skip("mv-heapster and mv-leaker are not built")
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names or sys.maxsize < 1 << 32:
        raise Skip("the C library here is not a 64-bit glibc")


class Heapster(Child):
    """A heap of known construction; each line is answered by its own mallinfo2."""

    def __init__(self, *args, **more):
        super().__init__(HEAPSTER, *args, **more)
        assert self.line.startswith("ready "), self.line

    def value(self, key):
        return dict(word.split("=", 1) for word in self.line.split() if "=" in word)[key]

    def mallinfo(self):
        self.step()
        return {key: int(value) for key, value in (word.split("=") for word in self.line.split()[1:])}


class Leaker(Child):
    """A process whose lost blocks are known."""

    def __init__(self, *args, **more):
        super().__init__(LEAKER, *args, **more)
        self.lost, self.kept = set(), set()
        while self.line != "ready":
            what, address, _ = self.line.split(" ", 2)
            (self.lost if what == "L" else self.kept).add(int(address, 16))
            self.line = self.read_line()


def heap_of(pid):
    run = memview("heap", "--json", pid)
    assert run.returncode == 0 and run.stderr == b"", (run.returncode, run.stderr)
    return valid(run.stdout, HEAP_SCHEMA)


@test
def heap_equals_mallinfo():
    """heap: mallinfo2 is what the process itself reports; arenas and sizes add up to the whole"""
    need_glibc()
    for args in (("sizes", 1), ("threads", 4), ("fast",), ("blocked",), ("mapped",)):
        with Heapster(*args) as t:
            picture = heap_of(t.pid)
            own = t.mallinfo()
        for key, value in picture["mallinfo2"].items():
            assert value == own[key], (args, key, value, own)
        used = {key: picture["in_use"][key] + picture["mmapped"][key] for key in ("blocks", "bytes")}
        assert {key: sum(z[key] for z in picture["sizes"]) for key in used} == used, (args, used)
        free = ("free", "tcache", "fastbins")
        for key in ("blocks", "bytes"):
            assert sum(z["free_" + key] for z in picture["sizes"]) == sum(picture[part][key] for part in free), args
            for part in ("in_use", "top", *free):
                assert sum(a[part][key] for a in picture["arenas"]) == picture[part][key], (args, part)
        assert picture["allocator"] == "glibc" and picture["version_guess"].startswith("glibc "), picture
        assert sum(a["system_bytes"] for a in picture["arenas"]) == picture["system_bytes"] == own["arena"]
        assert picture["unavailable"] == [] and picture["still"] is True, picture["unavailable"]


@test
def heap_text():
    """heap: the text has the same figures"""
    need_glibc()
    with Heapster("threads", 3) as t:
        picture = heap_of(t.pid)
        run = memview("heap", t.pid)
    assert run.returncode == 0 and run.stderr == b"", run.stderr
    lines = run.stdout.decode().splitlines()
    assert re.match(r"\S+ %d   malloc heap   " % t.pid, lines[0]), lines[0]
    rows = {line[:12].strip(): line[12:].split() for line in lines}
    for label, part in (("in use", "in_use"), ("free", "free"), ("tcache", "tcache"), ("top", "top")):
        assert int(rows[label][0].replace(",", "")) == picture[part]["blocks"], (label, rows[label])
    for key, value in picture["mallinfo2"].items():
        assert "%s %d" % (key, value) in " ".join(rows["mallinfo2"]), (key, value)
    at = next(i for i, line in enumerate(lines) if line.startswith("By block size"))
    first = lines[at + 2].split()
    most = max(picture["sizes"], key=lambda z: z["bytes"])
    assert int(first[0].replace(",", "")) == most["blocks"], (first, most)
    assert int(first[5].replace(",", "")) == most["size"], (first, most)


def leaks_of(pid, *args):
    run = memview("leaks", "--json", *args, pid)
    return valid(run.stdout, LEAKS_SCHEMA), run


@test
def leaks_known():
    """leaks: blocks known to be lost, all and only these, running and by a stop; status 10; none is left stopped"""
    need_glibc()
    with Leaker(5) as t:
        for args in ((), ("--exact",)):
            picture, run = leaks_of(t.pid, *args)
            assert run.returncode == 10, (run.returncode, run.stderr)
            assert picture["mode"] == ("exact" if args else "scan"), picture["mode"]
            lost = picture["lost"]
            assert lost["blocks"] == len(t.lost) == lost["direct_blocks"] + lost["indirect_blocks"], (lost, len(t.lost))
            assert lost["bytes"] == lost["direct_bytes"] + lost["indirect_bytes"]
            assert sum(g["blocks"] for g in picture["groups"]) == lost["blocks"] or picture["left_out"]["groups"]
            assert [g["bytes"] for g in picture["groups"]] == sorted((g["bytes"] for g in picture["groups"]), reverse=True)
            found = {int(e, 16) for g in picture["groups"] for e in g["examples"]}
            assert found and found <= t.lost, found - t.lost
            assert picture["growth"] is None and picture["unavailable"] == [], picture["unavailable"]
            if args:
                text = run.stderr.decode()
                assert text.count("\n") == 1 and re.search(r"stopping %d for .* EINTR" % t.pid, text), text
                assert picture["stopped_ns"] > 0 and picture["rounds"] == 1
            else:
                assert run.stderr == b"", run.stderr
            for tid in os.listdir("/proc/%d/task" % t.pid):
                text = open("/proc/%d/task/%s/stat" % (t.pid, tid), encoding="ascii").read()
                assert text.rsplit(")", 1)[1].split()[0] in "RS", text


@test
def leaks_text():
    """leaks: the verdict first, groups with examples, what was left out; --exact says beforehand how long it stops"""
    need_glibc()
    with Leaker(6) as t:
        run = memview("leaks", t.pid)
    lines = run.stdout.decode().splitlines()
    assert run.returncode == 10 and run.stderr == b"", (run.returncode, run.stderr)
    match = re.match(r"([0-9,]+) blocks, \S+ lost: nothing points to ([0-9,]+) of them, only lost blocks to the other ", lines[0])
    assert match and int(match.group(1).replace(",", "")) == len(t.lost), (lines[0], len(t.lost))
    assert re.match(r"\S+ %d   leak scan   " % t.pid, lines[1]), lines[1]
    assert any(line.startswith("left out    nothing") for line in lines), lines[:8]
    first = next(line for line in lines if line.startswith("     as at ") or line.startswith("     at "))
    assert {int(word, 16) for word in first.split() if word.startswith("0x")} <= t.lost, first
    assert any(line.startswith("How they hang together") for line in lines)


@test
def leaks_nothing():
    """leaks: nothing lost in a program that keeps what it has, nor in Python; status 0"""
    need_glibc()
    with Heapster("big", 5000) as t:
        run = memview("leaks", t.pid)
        assert run.returncode == 0 and run.stdout.startswith(b"nothing lost: "), (run.returncode, run.stdout[:200], run.stderr)
    with Target("import json, re, collections\nx = [str(i) * 50 for i in range(10000)]") as t:
        picture, run = leaks_of(t.pid)
        assert run.returncode == 0 and picture["lost"]["blocks"] == 0 and picture["groups"] == [], (picture["groups"], run.stderr)


# Loses 2,000 blocks of 1,000 bytes at each line: pointers become Python's numbers, which are kept in pieces.
LOSING = """
import sys, ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def lose():
    for _ in range(2000):
        libc.memset(libc.malloc(1000), 1, 1000)
print("ready"); sys.stdout.flush()
for line in sys.stdin:
    lose()
    print("done"); sys.stdout.flush()
    %s
"""


@test
def leaks_of_what_grows():
    """leaks -d: memory that grew, call stacks that touched it first, block sizes; SIGINT ends the tracing"""
    need_glibc()
    need_perf()
    for options in (["--json"], []):
        with Child(sys.executable, "-c", LOSING % "pass") as t:
            tracing = Tracing(*options, "-d", 3600, t.pid, command="leaks")
            t.step()
            out, status = tracing.end()
        assert status == 10, (status, out, tracing.said)
        if not options:
            assert re.match(r"[0-9,]+ blocks, \S+ lost", out) and "\nWho makes it grow, in " in out, out
            assert re.search(r"/(s|min|h) +\S+ +2,000  1,008$", out, re.M), out
            continue
        picture = valid(out, LEAKS_SCHEMA)
        growth = picture["growth"]
        assert growth["bytes"] >= 2000 * 1000, growth
        assert growth["bytes"] == sum(m["bytes"] for m in growth["mappings"]), growth["mappings"]
        size = growth["sizes"][0]
        assert (size["size"], size["blocks"]) == (1008, 2000) and size["bytes_per_second"] > 0, size
        group = next(g for g in picture["groups"] if g["size"] == 1008)
        assert 1990 <= group["blocks"] <= 2000 and group["first_word"] == "0x101010101010101", group
        if growth["stacks"] is None:
            assert "growth.stacks" in [u["what"] for u in picture["unavailable"]], picture["unavailable"]
        else:
            assert sum(s["bytes"] for s in growth["stacks"]) >= 2000 * 1000 // 2, growth["stacks"]
            assert all(s["bytes_per_second"] > 0 for s in growth["stacks"])


@test
def leaks_of_an_ending_process():
    """leaks -d: the process ends meanwhile, what was seen is printed; status 3"""
    need_glibc()
    need_perf()
    with Child(sys.executable, "-c", LOSING % "sys.exit()") as t:
        tracing = Tracing("--json", "-d", 3600, t.pid, command="leaks")
        t.step()
        out, status = tracing.end(interrupt=False)
    picture = valid(out, LEAKS_SCHEMA)
    assert status == 3 and picture["lost"] is None and picture["growth"]["seconds"] > 0, (status, picture)
    assert "lost" in [u["what"] for u in picture["unavailable"]], picture["unavailable"]


@test
def leaks_killed_while_read():
    """leaks and heap of a process that is killed while they read it: an answer, or one line and status 1 or 3"""
    need_glibc()
    for word in ("leaks", "heap"):
        with Heapster("big", 300000) as t:
            run = subprocess.Popen([MEMVIEW, word, str(t.pid)], stdin=subprocess.DEVNULL, env=ENV, preexec_fn=die_with_us,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            until(lambda: len(descendants(run.pid)) > 2 or run.poll() is not None, "nothing reads it")
            t.process.kill()
            out, err = run.communicate(timeout=LIMIT)
        if run.returncode:
            assert run.returncode in (1, 3), (run.returncode, err)
            assert err.startswith(b"memview: ") and err.count(b"\n") == 1, err
        else:
            assert err == b"" and out, (out, err)


@test
def heap_smashed():
    """heap and leaks of a program that has overwritten a chunk's size: where the chain breaks; status 1, JSON all the same"""
    need_glibc()
    with Heapster("smashed") as t:
        smashed = int(t.value("smashed"))
        run = memview("heap", "--json", t.pid)
        one_line(run, 1, "the heap of %d can't be read" % t.pid, "corrupt")
        picture = valid(run.stdout, HEAP_SCHEMA)
        assert picture["in_use"] is None and picture["sizes"] is None, picture
        why = next(u["why"] for u in picture["unavailable"] if u["what"] == "heap")
        places = [int(word, 16) for word in re.findall(r"0x[0-9a-f]+", why)]
        assert smashed in places, (why, hex(smashed))
        for options in ((), ("--exact",)):
            picture, run = leaks_of(t.pid, *options)
            text = run.stderr.decode().splitlines()
            assert run.returncode == 1 and "can't tell what is lost" in text[-1] and len(text) == 1, text
            assert picture["lost"] is None and picture["groups"] is None, picture


@test
def heap_not_allowed():
    """heap and leaks of another user's process: one line that says what would help, status 1; JSON says null"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with tempfile.TemporaryDirectory() as folder, Target() as t:
        copy = copy_of_all(folder)
        for word, schema, key in (("heap", HEAP_SCHEMA, "in_use"), ("leaks", LEAKS_SCHEMA, "lost")):
            for options in ([], ["-d", "0.1"] if word == "leaks" else ["--json"], ["--json"]):
                run = subprocess.run([copy, word, *options, str(t.pid)], stdin=subprocess.DEVNULL, capture_output=True,
                                     env=ENV, timeout=60, check=False, cwd="/", **NOBODY)
                one_line(run, 1, "sudo memview")
            picture = valid(run.stdout, schema)
            assert picture[key] is None and "maps" in [u["what"] for u in picture["unavailable"]], picture


@test
def heap_unprivileged():
    """heap and leaks of one's own process, without privileges"""
    need_glibc()
    if os.geteuid() != 0:
        raise Skip("not root")
    if not os.path.exists(PYTHON_OF_ALL):
        raise Skip("no %s, and another may be out of nobody's reach" % PYTHON_OF_ALL)
    with tempfile.TemporaryDirectory() as folder, touching(100, python=PYTHON_OF_ALL, cwd="/", **NOBODY) as t:
        copy = copy_of_all(folder)
        for args in (["heap"], ["leaks"], ["leaks", "--exact"]):
            run = subprocess.run([copy, *args, str(t.pid)], stdin=subprocess.DEVNULL, capture_output=True, env=ENV,
                                 timeout=60, check=False, cwd="/", **NOBODY)
            if b"CAP_SYS_PTRACE" in run.stderr:
                raise Skip("Yama does not let one read one's own processes here")
            assert run.returncode == 0, (args, run.returncode, run.stdout[:300], run.stderr)


@test
def heap_of_another_allocator():
    """heap: another allocator than glibc's is named; status 1"""
    tried = False
    for library in ("libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"):
        found = [os.path.join(folder, library) for folder in ("/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu")
                 if os.path.exists(os.path.join(folder, library))]
        if not found:
            continue
        tried = True
        name = re.match(r"lib([a-z]+)", library).group(1)
        with Child(sys.executable, "-c", "import sys; print('ready'); sys.stdout.flush(); sys.stdin.read()",
                   env=dict(ENV, LD_PRELOAD=found[0], PYTHONMALLOC="malloc")) as t:
            run = memview("heap", "--json", t.pid)
            one_line(run, 1, "another allocator", name)
            assert valid(run.stdout, HEAP_SCHEMA)["allocator"] == name
            one_line(memview("leaks", t.pid), 1, "can't tell what is lost", name)
    if not tried:
        raise Skip("no other allocator is installed")


FOREIGN = {
    "musl": ("c", "#include <stdlib.h>\n#include <unistd.h>\nvolatile void *p; int main(void) { char c; for (int i = 0; i < 1000; i++) "
                  "p = malloc(100); if (write(1, \"ready\\n\", 6) != 6) return 1; return read(0, &c, 1) != 0; }",
             ["musl-gcc", "-static", "-o"]),
    "go": ("go", "package main\nimport (\"fmt\"; \"os\")\nvar keep [][]byte\nfunc main() { for i := 0; i < 1000; i++ { keep = "
                 "append(keep, make([]byte, 1000)) }; fmt.Println(\"ready\"); b := make([]byte, 1); os.Stdin.Read(b) }",
           ["go", "build", "-o"]),
}


@test
def heap_of_another_runtime():
    """heap and leaks of programs by musl and Go: status 1, with whose heap it is"""
    tried = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, source, compiler) in FOREIGN.items():
            path = os.path.join(folder, name)
            with open("%s.%s" % (path, suffix), "w", encoding="ascii") as file:
                file.write(source)
            try:
                built = subprocess.run([*compiler, path, "%s.%s" % (path, suffix)], capture_output=True, check=False,
                                       cwd=folder, env=dict(ENV, GOCACHE=folder, GOFLAGS="-mod=mod", HOME=folder), timeout=300)
            except FileNotFoundError:
                continue
            if built.returncode:
                continue
            tried.append(name)
            with Child(path) as t:
                run = memview("heap", "--json", t.pid)
                one_line(run, 1, "can't be read")
                assert valid(run.stdout, HEAP_SCHEMA)["in_use"] is None
                one_line(memview("leaks", t.pid), 1, "can't tell what is lost")
    if not tried:
        raise Skip("neither musl-gcc nor go is here")


@test
def heap_of_what_has_none():
    """heap and leaks of a zombie, a kernel thread and what has gone: status 1; hostile names"""
    with Target(wait=False) as t:
        os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOWAIT)
        for word in ("heap", "leaks"):
            run = memview(word, t.pid)
            one_line(run, 1, "zombie")
            assert b"zombie" in run.stdout, run.stdout
        gone = t.pid
    for word in ("heap", "leaks"):
        one_line(memview(word, gone), 1, "no such process")
    with Target(name=b"a\x1b]0;x\x07\xff\n) R") as t:
        for args in (["heap"], ["heap", "--json"], ["leaks"], ["leaks", "--json"]):
            text = memview(*args, t.pid).stdout.decode("utf-8")
            assert "\\x1b" in text, text
            assert not [c for c in text if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0], text


def in_own_mounts(script, *args):
    if os.geteuid() != 0:
        raise Skip("not root")
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if probe.returncode:
        raise Skip("no mount namespace: " + probe.stderr.decode().strip())
    return subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, env=ENV, timeout=60, check=False)


@test
def hidden():
    """a process hidden by hidepid: one line that says so"""
    with tempfile.TemporaryDirectory() as folder, Target() as t:
        run = in_own_mounts("mount -t proc -o hidepid=2 proc /proc || exit 99\n"
                            "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$1\" report \"$2\"",
                            copy_for_all(folder), t.pid)
        if run.returncode in (99, 127):
            raise Skip(run.stderr.decode().strip())
        one_line(run, 1, "hidepid", "sudo")


@test
def without_proc():
    """/proc not mounted: one line that says how to mount it"""
    with tempfile.TemporaryDirectory() as folder:
        run = in_own_mounts("mount -t tmpfs none /proc || exit 99\nexec \"$1\" report 1", copy_for_all(folder))
        if run.returncode == 99:
            raise Skip(run.stderr.decode().strip())
        if b"Sanitizer" in run.stderr:
            raise Skip("the sanitizers of this build need /proc themselves")
        one_line(run, 1, "/proc is not mounted")


@test
def full_disk_and_closed_pipe():
    """output that can't be written: status 1; a closed pipe ends it quietly"""
    with Target() as t, open("/dev/full", "wb") as full:
        for word in ("report", "json", "watch", "heap"):
            args = [word, t.pid] + (["-n", "1"] if word == "watch" else [])
            one_line(memview(*args, stdout=full), 1, "No space")
        one_line(memview("--help", stdout=full), 1, "No space")
        for word in ("report", "json"):
            reading, writing = os.pipe()
            os.close(reading)
            run = memview(word, t.pid, stdout=writing)
            os.close(writing)
            assert run.stderr == b"" and run.returncode in (1, -signal.SIGPIPE), (run.returncode, run.stderr)


@test
def help_and_version():
    """help and version go to stdout, status 0"""
    run = memview("--help")
    assert run.returncode == 0 and run.stderr == b"" and b"Exit status" in run.stdout
    run = memview("-V")
    assert run.returncode == 0 and run.stdout.startswith(b"memview ") and b"call stacks: " in run.stdout
    version = os.environ.get("MV_VERSION")
    assert not version or run.stdout.split()[1].decode() == version


def descendants(pid):
    """Their pidfds."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(open("/proc/%s/stat" % entry, "rb").read().rsplit(b")", 1)[1].split()[1])
                if parent == pid:
                    found += [os.pidfd_open(int(entry))] + descendants(int(entry))
            except OSError:
                pass
    return found


@test
def nothing_left_behind():
    """killed in the middle of a watch, memview leaves no process"""
    with Target() as t:
        run = subprocess.Popen([MEMVIEW, "watch", "-i", "0.1", str(t.pid)], stdin=subprocess.DEVNULL, env=ENV,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdout.readline()
        run.stdout.readline()
        others = descendants(run.pid)
        assert len(others) == 2, others
        run.kill()
        run.communicate(timeout=10)
        for other in others:
            assert select.select([other], [], [], 10)[0], "a process is left"
            os.close(other)


@test
def setuid_is_refused():
    """a setuid memview refuses to run"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with tempfile.TemporaryDirectory() as folder:
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            raise Skip("setuid has no effect in %s" % folder)
        copy = copy_for_all(folder)
        os.chmod(copy, 0o4755)
        run = subprocess.run([copy, "report", "1"], stdin=subprocess.DEVNULL, capture_output=True, env=ENV, user=65534,
                             group=65534, extra_groups=[], timeout=60, check=False)
        one_line(run, 1, "setuid")


if __name__ == "__main__":
    sys.exit(main())
