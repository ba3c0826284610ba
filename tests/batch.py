#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""report, json, watch and their exit statuses, on processes that this test starts. TAP."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    jsonschema = None

from tap import ENV, HERE, MEMVIEW, PAGE, Skip, main, memview, one_line, test

SCHEMA = json.load(open(os.path.join(HERE, "schema", "memview.process.1.json"), encoding="utf-8"))


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
    """report, json, watch: the screen's options are mistakes"""
    for word in ("report", "json", "watch"):
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
    one_line(memview("\x1b[31m--evil", "x"), 2)
    run = memview()
    assert run.returncode == 2 and run.stdout == b"" and b"memview PID" in run.stderr


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
        for word in ("report", "json", "watch"):
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
    assert run.returncode == 0 and run.stdout.startswith(b"memview ")
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
