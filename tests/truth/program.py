#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that memview prints, of memory known to the page and of real programs, against the kernel's. TAP."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Child, ENV, HERE, LIMIT, MEMVIEW, PAGE, Skip, die_with_us, main, memview, test  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

WORKLOAD = os.environ.get("MV_WORKLOAD", os.path.join(HERE, "..", "mv-workload"))
SCHEMA = json.load(open(os.path.join(HERE, "schema", "memview.process.1.json"), encoding="utf-8"))
GIB_PAGES = (1 << 30) // PAGE
HUGE_PAGES = (2 << 20) // PAGE
PRESENT = ("zero", "cow", "anon", "anon-shared", "shmem", "file")
GLYPHS = {"none": "·", "guard": "×", "swapped": "s", "zero": "○", "cow": "◆", "anon": "█", "anon-shared": "▓",
          "shmem": "▚", "file": "▒"}
EIGHTHS = "·▁▂▃▄▅▆▇█"
WAYS = ({}, {"MEMVIEW_NO_IOCTL": "1"})


class Workload(Child):
    """mv-workload: where, and what is there by its own word."""

    def __init__(self, name, *args):
        super().__init__(WORKLOAD, name, *args)
        assert self.line.startswith("ready "), self.line
        self.read_ready()

    def read_ready(self):
        words = self.line.split()
        self.start, self.end = (int(x, 16) for x in words[1].split("-"))
        self.said = {k: v for k, v in (w.split("=") for w in words[2:])}
        self.pid = int(self.said["pid"])

    def get(self, key, otherwise=0):
        return int(self.said.get(key, otherwise))

    @property
    def pages(self):
        return (self.end - self.start) // PAGE


def spread(state, indices):
    return {i: state for i in indices}


def layout(name, load):
    """The state of each page that has one, by its index; None: only the counts are known."""
    if name in ("23of100", "exec-after"):
        return spread("anon", range(7, 30))
    if name == "every-second":
        return spread("anon", range(0, 1024, 2))
    if name == "one-per-2m":
        return spread("anon", range(0, 128 * HUGE_PAGES, HUGE_PAGES))
    if name == "zero":
        return {**spread("zero", range(40)), **spread("anon", range(50, 60))}
    if name == "cow-fork":
        return {**spread("anon", range(50)), **spread("anon-shared", range(50, 100))}
    if name == "private-file-cow":
        return {**spread("cow", range(16)), **spread("file", range(16, 64))}
    if name == "shmem":
        return spread("shmem", range(40))
    if name == "memfd":
        return spread("shmem", range(20, 50))
    if name == "guard":
        return {**spread("guard", range(load.get("guard"))), **spread("anon", range(20, 50))}
    if name == "sparse-1t":
        return spread("anon", (i * GIB_PAGES + i for i in range(1000)))
    if name == "protnone-with-pages":
        return spread("anon", range(25))
    if name in ("mlock", "huge", "exec"):
        return spread("anon", range(load.get("present")))
    return None


def json_of(*args, env=None):
    run = memview("json", *args, env=env)
    assert run.returncode == 0 and run.stderr == b"", (run.returncode, run.stderr)
    picture = json.loads(run.stdout)
    if jsonschema:
        jsonschema.validate(picture, SCHEMA)
    return picture


def smaps_of(pid):
    """[(start, end, {field: bytes})] as the kernel prints it."""
    mappings = []
    for line in open("/proc/%d/smaps" % pid, encoding="utf-8", errors="replace"):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        field = re.match(r"(\w+):\s+(\d+) kB", line)
        if head:
            mappings.append((int(head.group(1), 16), int(head.group(2), 16), {}))
        elif field:
            mappings[-1][2][field.group(1)] = int(field.group(2)) * 1024
    return mappings


def status_of(pid):
    """Sizes of /proc/PID/status in bytes."""
    return {m.group(1): int(m.group(2)) * 1024 for m in re.finditer(
        r"^(\w+):\s+(\d+) kB$", open("/proc/%d/status" % pid, encoding="utf-8", errors="replace").read(), re.M)}


def minor_faults(pid):
    return int(open("/proc/%d/stat" % pid, "rb").read().rsplit(b")", 1)[1].split()[7])


def settled(pid, env=None, *args):
    """A picture, smaps and status of a moment in which nothing changed; None when it never holds still."""
    for _ in range(20):
        before, status = smaps_of(pid), status_of(pid)
        picture = json_of(*args, pid, env=env)
        if smaps_of(pid) == before and status_of(pid) == status:
            return picture, before, status
    return None


def counts_within(picture, start, end):
    """Page counts of the mappings that meet the range; None where one of them does not know."""
    sums = {}
    for m in picture["mappings"]:
        if int(m["start"], 16) < end and int(m["end"], 16) > start:
            for key, value in m["pages"].items():
                sums[key] = None if value is None or sums.get(key, 0) is None else sums.get(key, 0) + value
    return sums


def wanted_counts(load, states):
    """By JSON's definitions: present counts zero, file and shared memory; file counts shared memory."""
    if states is None:
        want = {"present": load.get("present")}
        if "swap" in load.said:
            want["swapped"] = load.get("swap")
        if "anon" in load.said:
            want["anon"] = load.get("anon")
        return want
    have = list(states.values())
    return {"present": sum(s in PRESENT for s in have),
            "anon": sum(s in ("anon", "anon-shared", "cow") for s in have),
            "file": sum(s in ("file", "shmem") for s in have),
            "zero": have.count("zero"), "guard": have.count("guard"), "swapped": have.count("swapped"),
            "huge": load.get("huge")}


def check_counts(load, states, env):
    got = settled(load.pid, env)
    assert got, "it never holds still"
    picture, smaps, status = got
    counts = counts_within(picture, load.start, load.end)
    wanted = wanted_counts(load, states)
    for key, value in wanted.items():
        if env and counts[key] is None:
            assert "pages." + key in [u["what"] for u in picture["unavailable"]], (key, picture["unavailable"])
            continue
        assert counts[key] == value, (env, key, counts, wanted)
    if states and env:  # what the words of pagemap tell for certain
        assert counts["present"] is not None and counts["swapped"] is not None
    check_sums(picture, smaps, status)
    return picture


def check_sums(picture, smaps, status):
    """Mapping by mapping and in sum: smaps, VmRSS, VmPTE. The zero page is in no RSS, hugetlb pages neither."""
    mappings = picture["mappings"]
    assert [(int(m["start"], 16), int(m["end"], 16)) for m in mappings] == [s[:2] for s in smaps]
    for m, (_, _, row) in zip(mappings, smaps):
        assert m["rss"] == row["Rss"] and m["swap"] == row["Swap"] and m["anon"] == row["Anonymous"], (m, row)
        pages = m["pages"]
        if m["kind"] == "vsyscall" or pages is None:
            continue
        hugetlb = row.get("Private_Hugetlb", 0) + row.get("Shared_Hugetlb", 0)
        zero = pages["zero"]
        if zero is not None:
            assert (pages["present"] - zero) * PAGE == row["Rss"] + hugetlb, (m, row)
        else:
            assert pages["present"] * PAGE >= row["Rss"] + hugetlb, (m, row)
        if pages["anon"] is not None and not hugetlb:
            assert pages["anon"] * PAGE == row["Anonymous"], (m, row)
    totals = picture["totals"]
    assert totals["rss"] == sum(row["Rss"] for _, _, row in smaps), totals
    assert totals["swap"] == sum(row["Swap"] for _, _, row in smaps), totals
    assert totals["anon"] == sum(row["Anonymous"] for _, _, row in smaps), totals
    assert totals["page_tables"] == status["VmPTE"], (totals, status)
    # Until 6.16 status' counters lag by up to a batch a processor.
    release = tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2])
    lag = 0 if release >= (6, 16) else 64 * (os.cpu_count() or 1) * PAGE * 3
    assert abs(totals["rss"] - status["VmRSS"]) <= lag, (totals, status)
    assert totals["size"] - status["VmSize"] in (0, PAGE), (totals, status)  # a vsyscall page is not counted there


def check_runs(load, states, env, start, end):
    """json --pages: every page of the range exactly once, in the state it is in."""
    picture = json_of("--quick", "--pages", "%x-%x" % (start, end), load.pid, env=env)
    at = start
    for run in picture["page_runs"]:
        first, last = int(run["start"], 16), int(run["end"], 16)
        assert first == at and last > first, (run, hex(at))
        at = last
        if run["state"] is None:
            assert env, run
            continue
        if last - first > 1 << 30:
            inside = [i for i in states if first <= load.start + i * PAGE < last]
            assert run["state"] == "none" and not inside, (run, inside[:3])
            continue
        for address in range(first, last, PAGE):
            state = states.get((address - load.start) // PAGE, "none")
            assert run["state"] == state, (env, run, (address - load.start) // PAGE, state)
    assert at == end, (hex(at), hex(end))


class Grid:
    """The pages view as dumped: rows of cells by address, and the line of counts."""

    def __init__(self, load, zoom, env=None, at=None, size="200x60"):
        keys = "/0x%x<Enter>2" % (load.start if at is None else at)
        keys += "+" * 40 + "-" * (zoom.bit_length() - 1)
        run = memview("--dump", "--size", size, "--keys", keys, load.pid, env=env)
        assert run.returncode == 0 and run.stderr == b"", (run.returncode, run.stderr)
        text, roles = run.stdout.decode().split("--- roles\n")
        lines, legend = text.split("\n"), {}
        role_lines = roles.split("\n")
        for line in role_lines:
            name = re.match(r"(\S) page-([a-z-]+)$", line)
            if name:
                legend[name.group(1)] = name.group(2)
        head = next(line for line in lines if " one cell = " in line)
        said = re.search(r"one cell = (one page|([\d,]+) pages)", head)
        self.zoom = int(said.group(2).replace(",", "")) if said.group(2) else 1
        self.cells = []  # (address, glyph, role)
        for y, line in enumerate(lines):
            # An address, the cursor's mark, cells, and on the right where the screen is in it all.
            row = re.match(r" ?([0-9a-f]{6,16})[ ▸]([^ ]+) *[│┃]?\s*$", line)
            if row:
                x = row.start(2)
                address = int(row.group(1), 16)
                for i, glyph in enumerate(row.group(2)):
                    role = role_lines[y][x + i] if x + i < len(role_lines[y]) else " "
                    self.cells.append((address + i * self.zoom * PAGE, glyph, legend.get(role)))
        # Zooming out ends where one cell holds the whole mapping, and not before.
        assert self.zoom == zoom or self.zoom < zoom and len(self.cells) == 1, head
        line = next(line for line in lines if "never touched" in line)
        self.counts = {}
        for number, key in re.findall(r"([\d,]+) (present|anon|file|zero|swapped|never touched)", line):
            self.counts[key] = int(number.replace(",", ""))
        self.counts["pages"] = int(re.search(r" of ([\d,]+) ", line).group(1).replace(",", ""))


def expected_cell(states, first, count):
    """Glyph and possible roles of a cell of pages [first, first + count)."""
    inside = [states[i] for i in range(first, first + count) if i in states] if count < 1 << 20 else \
        [s for i, s in states.items() if first <= i < first + count]
    if count == 1:
        state = inside[0] if inside else "none"
        return GLYPHS[state], {state}
    swapped, guard = "swapped" in inside, "guard" in inside
    if swapped or guard:
        return "&" if swapped and guard else "s" if swapped else "×", {"swapped" if swapped else "guard"}
    if not inside:
        return EIGHTHS[0], {"none"}
    # Sharing is read of single pages alone.
    names = ["anon" if s == "anon-shared" else s for s in inside]
    most = max(names.count(n) for n in names)
    full = 8 if len(inside) == count else min(7, -(-len(inside) * 8 // count))
    return EIGHTHS[full], {n for n in names if names.count(n) == most}


def check_grid(load, states, zoom, env=None):
    grid = Grid(load, zoom, env)
    first_mapping = next(s for s in smaps_of(load.pid) if s[0] <= load.start < s[1])
    start, end = first_mapping[:2]
    assert grid.cells and grid.cells[0][0] == start, (grid.cells[:1], hex(start))
    assert grid.zoom == zoom or grid.zoom // 2 * PAGE < end - start <= grid.zoom * PAGE, (grid.zoom, zoom)
    zoom = grid.zoom
    for address, glyph, role in grid.cells:
        first = (address - load.start) // PAGE
        count = min(zoom, (end - address) // PAGE)
        # Only the last cell is smaller; it is as full as its own pages are, and a single one is still a part.
        wanted, roles = expected_cell(states, first, count) if zoom == 1 or count > 1 else \
            (EIGHTHS[8] if first in states else EIGHTHS[0], {states.get(first, "none")})
        # Under the cursor any block is drawn as this one, in its own colour.
        assert glyph == wanted or glyph == "■" and "▀" <= wanted <= "▟", (zoom, first, glyph, wanted)
        assert role is None or role in roles, (zoom, first, role, roles)
    assert grid.counts["pages"] == (end - start) // PAGE, grid.counts
    have = list(states.values())
    assert grid.counts["present"] == sum(s in PRESENT for s in have), grid.counts
    assert grid.counts["anon"] == sum(s in ("anon", "anon-shared", "cow") for s in have), grid.counts
    assert grid.counts["file"] == sum(s in ("file", "shmem") for s in have), grid.counts
    assert grid.counts["zero"] == have.count("zero") and grid.counts["swapped"] == have.count("swapped"), grid.counts
    assert grid.counts["never touched"] == grid.counts["pages"] - len(have), grid.counts
    return grid


def check_report(load):
    """report: the same mappings and RSS as smaps, to the KiB."""
    run = memview("report", load.pid)
    assert run.returncode == 0 and run.stderr == b"", run.stderr
    lines = run.stdout.decode().splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("ADDRESS"))
    column = lines[head].split().index("RSS")
    said = [(int(words[0], 16), int(words[column]) * 1024)
            for words in (line.split() for line in lines[head + 1:]) if words and re.fullmatch("[0-9a-f]{6,16}", words[0])]
    assert said == [(start, row["Rss"]) for start, _, row in smaps_of(load.pid)], said


PATTERNS = ("23of100", "every-second", "one-per-2m", "zero", "cow-fork", "huge", "private-file-cow", "shmem", "memfd",
            "guard", "sparse-1t", "protnone-with-pages", "mlock")


def for_pattern(name):
    def run():
        with Workload(name) as load:
            if name == "huge" and not load.get("huge"):
                raise Skip("no transparent huge pages here")
            states = layout(name, load)
            for env in WAYS:
                check_counts(load, states, env)
                end = load.end if load.pages < 1 << 24 else load.start + 8 * GIB_PAGES * PAGE
                check_runs(load, states, env, load.start, end)
            for zoom in (1, 2, 16, 512):
                check_grid(load, states, zoom)
            check_report(load)
    run.__name__ = re.sub(r"\W", "_", name)
    run.__doc__ = "%s: exact in json with PAGEMAP_SCAN and without, in the grid at 1, 2, 16, 512, in report" % name
    test(run)


for pattern in PATTERNS:
    for_pattern(pattern)


@test
def guards():
    """guard markers: as many as the kernel made"""
    with Workload("guard") as load:
        if not load.get("guard"):
            raise Skip("this kernel has no guard markers")
        assert counts_within(json_of(load.pid), load.start, load.end)["guard"] == 10


@test
def zero_pages_without_rights():
    """zero: without PAGEMAP_SCAN and frame numbers, what may be the zero page is null, and the rest exact"""
    if os.geteuid() != 0:
        raise Skip("not root")
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copies = [shutil.copy(program, folder) for program in (MEMVIEW, WORKLOAD)]
        with Child(copies[1], "zero", **nobody) as load:
            where = load.line.split()[1]
            run = subprocess.run([copies[0], "json", "--pages", where, str(load.pid)], stdin=subprocess.DEVNULL,
                                 capture_output=True, env=dict(ENV, MEMVIEW_NO_IOCTL="1"), timeout=LIMIT, check=False,
                                 **nobody)
            assert run.returncode == 0, run.stderr
            picture = json.loads(run.stdout)
            start, end = (int(x, 16) for x in where.split("-"))
            counts = counts_within(picture, start, end)
            assert counts["present"] == 50 and counts["anon"] is None and counts["zero"] is None, counts
            assert {"pages.zero", "pages.anon"} <= {u["what"] for u in picture["unavailable"]}
            runs = [((int(r["start"], 16) - start) // PAGE, r["state"]) for r in picture["page_runs"]]
            assert runs == [(0, None), (40, "none"), (50, "anon"), (60, "none")], runs


@test
def file_half():
    """file-half: half a file, private and shared: file pages only, as many as smaps has"""
    with Workload("file-half") as load:
        for env in WAYS:
            picture, smaps, status = settled(load.pid, env)
            check_sums(picture, smaps, status)
            shared = [int(x, 16) for x in load.said["shared"].split("-")]
            for start, end in ((load.start, load.end), shared):
                counts = counts_within(picture, start, end)
                assert counts["file"] >= 32 and counts["file"] == counts["present"] and counts["anon"] == 0, counts
                runs = json_of("--quick", "--pages", "%x-%x" % (start, end), load.pid, env=env)["page_runs"]
                assert runs[0]["state"] == "file" and {r["state"] for r in runs} <= {"file", "none"}, runs
                assert int(runs[0]["end"], 16) - int(runs[0]["start"], 16) >= 32 * PAGE, runs
                pages = sum(int(r["end"], 16) - int(r["start"], 16) for r in runs if r["state"] == "file") // PAGE
                assert pages == counts["file"], (runs, counts)


@test
def hundred_mib():
    """hundred-mib: 25,600 pages and as many minor faults"""
    with Workload("hundred-mib") as load:
        faults = []
        for env in ({}, {}):
            picture = check_counts(load, None, env)
            faults.append(picture["faults"]["minor"])
            assert faults[-1] == minor_faults(load.pid)
            if len(faults) == 1:
                load.step()
                load.said.update(w.split("=") for w in load.line.split()[2:])
        assert load.get("faults") == (100 << 20) // PAGE
        extra = faults[1] - faults[0] - load.get("faults")
        assert 0 <= extra <= 8, faults  # what else the workload runs into when it is woken: a line of output
        check_runs(load, spread("anon", range(load.pages)), {}, load.start, load.end)
        check_grid(load, spread("anon", range(load.pages)), 16)


@test
def growing():
    """growing: each page when it comes"""
    with Workload("growing") as load:
        for n in range(6):
            for env in WAYS:
                counts = counts_within(json_of("--quick", load.pid, env=env), load.start, load.end)
                assert counts["present"] == n, (n, counts)
            load.step()


@test
def many_mappings():
    """many-mappings: 1,000 of one page each, alone and in sum"""
    with Workload("many-mappings") as load:
        for env in WAYS:
            picture = check_counts(load, None, env)
            inside = [m for m in picture["mappings"] if load.start <= int(m["start"], 16) < load.end]
            assert len(inside) == load.get("mappings")
            assert all(m["pages"]["present"] == 1 for m in inside)
        check_report(load)


@test
def after_an_exec():
    """exec: the picture before, and after, of the same PID"""
    with Workload("exec") as load:
        check_counts(load, layout("exec", load), {})
        load.step()
        load.read_ready()
        check_counts(load, layout("exec-after", load), {})


@test
def swapped():
    """swap: pages swapped out are told from present ones, with PAGEMAP_SCAN and without"""
    with Workload("swap") as load:
        if not load.get("swap"):
            raise Skip("nothing can be swapped out here")
        for env in WAYS:
            check_counts(load, None, env)
            if load.get("swap") == 32:
                states = {**spread("swapped", range(32)), **spread("anon", range(32, 64))}
                check_runs(load, states, env, load.start, load.end)


@test
def hugetlb():
    """hugetlb: one huge page, which is in no RSS"""
    with Workload("hugetlb") as load:
        if not load.get("hugetlb"):
            raise Skip("no hugetlb pages are reserved")
        for env in WAYS:
            picture = check_counts(load, None, env)
            mapping = next(m for m in picture["mappings"] if int(m["start"], 16) == load.start)
            assert mapping["kind"] == "huge" and mapping["rss"] == 0, mapping


@test
def page_tables():
    """the tables view counts the page tables to VmPTE, to the table"""
    for name in ("23of100", "one-per-2m", "sparse-1t", "many-mappings"):
        with Workload(name) as load:
            run = memview("--dump", "--size", "120x50", "--keys", "7", load.pid)
            assert run.returncode == 0 and run.stderr == b"", run.stderr
            lines = run.stdout.decode().split("\n")
            kib = status_of(load.pid)["VmPTE"] // 1024
            tables = sum(int(m.group(1).replace(",", "")) for m in
                         (re.match(r" +(?:P4D|PUD|PMD|PTE) +([\d,]+) ", line) for line in lines) if m)
            assert tables * PAGE // 1024 == kib, (name, tables, kib)
            assert any("VmPTE" in line and "equal" in line for line in lines), (name, lines[2:12])


def check_real(pid):
    """What holds of any program that stands still; of one that moves, within what moved."""
    got = settled(pid)
    if got:
        check_sums(*got)
        return
    before = sum(row["Rss"] for _, _, row in smaps_of(pid))
    rss = json_of(pid)["totals"]["rss"]
    after = sum(row["Rss"] for _, _, row in smaps_of(pid))
    slack = max(abs(after - before) * 4, max(before, after) // 4)
    assert min(before, after) - slack <= rss <= max(before, after) + slack, (before, rss, after)


def real(name, *args, line=True):
    def run():
        if not shutil.which(args[0]):
            raise Skip("%s is not installed" % args[0])
        with Child(*args) as child:
            assert child.line or not line
            check_real(child.pid)
    run.__name__ = "real_" + name
    run.__doc__ = "%s: sums are those of smaps, VmRSS, VmPTE" % name
    test(run)


real("python3", "python3", "-c", "import json, re, sys; x = [str(i) for i in range(200000)]; print('ready', flush=True); "
     "sys.stdin.read()")
real("perl", "perl", "-e", "$|=1; my @x = (1..200000); print qq(ready\\n); <STDIN>;")
real("bash", "bash", "-c", "x=$(seq 1 20000); echo ready; read y")
real("node", "node", "-e", "const x = []; for (let i = 0; i < 200000; i++) x.push({i}); console.log('ready'); "
     "process.stdin.resume()")


@test
def real_gdb():
    """gdb attached to a process: both can be read, the stopped one and the one that stopped it"""
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    with Workload("23of100") as load:
        with Child("gdb", "-q", "-nx", "-batch-silent", "-p", str(load.pid), "-ex",
                   "python import sys; sys.__stdout__.write('ready\\n'); sys.__stdout__.flush(); sys.stdin.readline()",
                   stderr=subprocess.DEVNULL) as gdb:
            if gdb.line != "ready":
                raise Skip("gdb can't attach here, or has no Python")
            assert json_of(load.pid)["process"]["state"] == "t"
            check_counts(load, layout("23of100", load), {})
            check_real(gdb.pid)


@test
def real_stress_ng():
    """stress-ng changing its mappings: what is printed lies between what smaps says before and after"""
    if not shutil.which("stress-ng"):
        raise Skip("stress-ng is not installed")
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(["stress-ng", "--vm", "1", "--vm-bytes", "32M", "--timeout", "60", "--temp-path",
                                    folder, "--oomable"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, preexec_fn=die_with_us, start_new_session=True)
        try:
            check_real(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the session that we started
            process.wait(LIMIT)


@test
def real_browser():
    """a browser, if there is one"""
    name = next((n for n in ("chromium", "chromium-browser", "google-chrome") if shutil.which(n)), None)
    if not name:
        raise Skip("no browser is installed")
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([name, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + folder,
                                    "--remote-debugging-port=0", "about:blank"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        try:
            for line in process.stderr:
                if b"DevTools listening" in line:
                    break
            check_real(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the session that we started
            process.wait(LIMIT)


@test
def real_32_bit():
    """a 32-bit program"""
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "a.c"), os.path.join(folder, "a")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) {\n"
                       "memset(malloc(1 << 22), 1, 1 << 22); puts(\"ready\"); fflush(stdout); getchar(); return 0; }\n")
        made = subprocess.run(["gcc", "-m32", "-o", program, source], capture_output=True, check=False) \
            if shutil.which("gcc") else None
        if not made or made.returncode:
            raise Skip("gcc -m32 does not work here")
        with Child(program) as child:
            assert child.line == "ready"
            picture, smaps, status = settled(child.pid)
            check_sums(picture, smaps, status)
            assert all(int(m["end"], 16) <= 1 << 32 for m in picture["mappings"] if m["kind"] != "vsyscall")


if __name__ == "__main__":
    sys.exit(main())
