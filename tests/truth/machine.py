#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""memview machine against free, vmstat and sar. TAP.

Two ways. As root, in a mount namespace of their own, all read the same bytes (fixtures/machine over /proc): then figures must be equal.
On the live machine ours are read before and after theirs, which must lie between.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import ENV, HERE, LIBC, LIMIT, MEMVIEW, PAGE, Child, Skip, main, memview, test  # noqa: E402

MACHINE = os.path.join(HERE, "fixtures", "machine")
MIB = 1 << 20
# A counter of pages lags by up to 125 pages a CPU (the kernel's stat_threshold) until that CPU hands its share in.
SLACK = 125 * os.cpu_count() * PAGE
WIDE = 64 * MIB  # when a figure moves by more between two reads, that round says nothing of it
FREE = ("total", "used", "free", "shared", "buffers", "cache", "available")
SAR_R = ("kbmemfree", "kbavail", "kbmemused", "%memused", "kbbuffers", "kbcached", "kbcommit", "%commit", "kbactive", "kbinact",
         "kbdirty", "kbanonpg", "kbslab", "kbkstack", "kbpgtbl", "kbvmused")
SAR_B = ("pgpgin/s", "pgpgout/s", "fault/s", "majflt/s", "pgfree/s", "pgscank/s", "pgscand/s", "pgsteal/s", "%vmeff")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip("no %s here" % program + (" (package sysstat)" if program == "sar" else ""))


def in_namespace(script, *args):
    """A shell script in a mount namespace of its own."""
    if os.geteuid() != 0:
        raise Skip("not root: only it can lay other files over /proc")
    need("unshare")
    if subprocess.run(["unshare", "-m", "mount", "--bind", "/proc/self/stat", "/proc/meminfo"], capture_output=True,
                      check=False).returncode:
        raise Skip("no mount namespace")
    run = subprocess.run(["unshare", "-m", "sh", "-ec", script, "sh", *map(str, args)], capture_output=True, timeout=LIMIT,
                         check=False, env=dict(ENV, LC_ALL="C"))
    assert run.returncode == 0, run.stderr
    return run.stdout.decode()


def figures_of_free(text):
    """free -b -w: the names that memview has for them."""
    rows = {line.split(":")[0]: [int(n) for n in line.split(":")[1].split()] for line in text.splitlines()[1:]}
    figures = dict(zip(FREE, rows["Mem"]))
    figures["buff_cache"] = figures["buffers"] + figures["cache"]
    figures.update(zip(("swap_total", "swap_used", "swap_free"), rows["Swap"]))
    return figures


def figures_of_sar(text, names):
    """The line below the heading, but for the average."""
    lines = [line.split() for line in text.splitlines()]
    heading, = (i for i, words in enumerate(lines) if names[0] in words)
    at = lines[heading].index(names[0])
    assert lines[heading][at:] == list(names), lines[heading]
    return dict(zip(names, map(float, lines[heading + 1][at:])))


def picture(*args):
    run = memview("machine", "--json", *args)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def metrics(*pids):
    """One reading by the live way: {name: value} of what has no labels, and {name: value} of the one process that is named."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x")
        run = memview("machine", "-n", "1", "--openmetrics", path, *pids)
        assert run.returncode == 0, run.stderr
        with open(path, encoding="utf-8") as file:
            samples = re.findall(r'^memview_(\w+)(?:\{pid="\d+",name="[^"]*"\})? (\S+)$', file.read(), re.M)
    return {name: float(value) for name, value in samples}


def name_of(tool, key):
    if tool == "free":
        return "machine_free_%s_bytes" % key
    return "machine_sar_%s_ratio" % key[1:] if key[0] == "%" else "machine_sar_%s_bytes" % key[2:]


# ---- the same bytes for all ----

FOLDER = "d=$1; for f in meminfo vmstat; do mount --bind $d/$f /proc/$f; done; shift\n"


def steps():
    """The fixture's looks, each as a whole folder."""
    for step in range(4):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("meminfo", "vmstat"):
                at = os.path.join(MACHINE, "step%d" % step if step else ".", name)
                shutil.copy(at, folder)
            yield step, folder


@test
def the_same_bytes_for_free():
    """free -b -w and memview read the same meminfo: equal, by libproc2 and by our own formulae"""
    need("free")
    for step, folder in steps():
        out = in_namespace(FOLDER + 'free -b -w\necho ====\n"$1" machine -n 1 --openmetrics "$2"\n', folder, MEMVIEW, folder + "/x")
        theirs = figures_of_free(out.split("====")[0])
        with open(folder + "/x", encoding="utf-8") as file:
            ours = dict(re.findall(r"^memview_(\w+) (\S+)$", file.read(), re.M))
        for key, value in theirs.items():
            assert float(ours[name_of("free", key)]) == value, (step, key, value, ours[name_of("free", key)])
        # And without libproc2, which reads no fixture.
        if step:
            run = memview("machine", "--json", "-n", str(step), "--proc-root", MACHINE)
            last = json.loads(run.stdout.splitlines()[-1])
            assert last["free"] == theirs, (step, last["free"], theirs)


@test
def the_same_bytes_for_sar():
    """sar -r ALL and memview read the same meminfo: equal to the KiB and to the hundredth of a percent"""
    need("sar")
    for step, folder in steps():
        theirs = figures_of_sar(in_namespace(FOLDER + "sar -r ALL 1 1\n", folder), SAR_R)
        if step == 0:
            continue
        run = memview("machine", "--json", "-n", str(step), "--proc-root", MACHINE)
        ours = json.loads(run.stdout.splitlines()[-1])["sar_r"]
        for key, value in theirs.items():
            near = 0.0051 if key[0] == "%" else 0
            assert abs(ours[key] - value) <= near, (step, key, value, ours[key])


class Watch:
    """inotify: somebody has read the file to its end and closed it."""

    def __init__(self, path):
        self.fd = LIBC.inotify_init1(os.O_CLOEXEC)
        assert self.fd >= 0 and LIBC.inotify_add_watch(self.fd, path.encode(), 0x10) >= 0  # IN_CLOSE_NOWRITE

    def wait(self):
        signal.alarm(LIMIT)
        os.read(self.fd, 4096)
        signal.alarm(0)

    def close(self):
        os.close(self.fd)


@test
def the_same_counters_for_sar():
    """sar -B and memview read the same vmstat twice: the same rates, but for what sar 12.6 counts too much"""
    need("sar")
    if os.geteuid() != 0:
        raise Skip("not root: only it can lay other files over /proc")
    version = re.search(rb"version (\d+)\.(\d+)", subprocess.run(["sar", "-V"], capture_output=True, check=False).stdout)
    old = (int(version.group(1)), int(version.group(2))) < (12, 7)
    now = picture("--proc-root", MACHINE)["sar_B"]
    before, after = (dict(line.split() for line in open(os.path.join(MACHINE, step, "vmstat"), encoding="ascii"))
                     for step in (".", "step1"))
    more = {k: int(after[k]) - int(before[k]) for k in after}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vmstat")
        shutil.copy(os.path.join(MACHINE, "vmstat"), path)
        in_namespace("true")
        watch = Watch(path)
        run = subprocess.Popen(["unshare", "-m", "sh", "-ec", 'mount --bind "$1" /proc/vmstat; exec sar -B 1 1', "sh", path],
                               stdout=subprocess.PIPE, env=dict(ENV, LC_ALL="C"))
        watch.wait()
        # It has had its first look. In place: the bound file is this inode.
        with open(path, "r+", encoding="ascii") as file, open(os.path.join(MACHINE, "step1", "vmstat"), encoding="ascii") as new:
            file.write(new.read())
            file.truncate()
        theirs = figures_of_sar(run.communicate(timeout=LIMIT)[0].decode(), SAR_B)
        watch.close()
    extra = {"pgsteal/s": more["pgsteal_anon"] + more["pgsteal_file"], "pgscand/s": more["pgscan_direct_throttle"]}
    # sar takes its second from the kernel's clock in hundredths.
    for key in SAR_B[:-1]:
        want = now[key] + (extra.get(key, 0) if old else 0)
        assert abs(theirs[key] - want) <= want * 0.02 + 0.01, (key, theirs[key], want)
    if old:
        share = (now["pgsteal/s"] + extra["pgsteal/s"]) / (now["pgscank/s"] + now["pgscand/s"] + extra["pgscand/s"]) * 100
        assert abs(theirs["%vmeff"] - share) < 0.01, (theirs["%vmeff"], share)
    else:
        assert abs(theirs["%vmeff"] - now["%vmeff"]) < 0.01, theirs["%vmeff"]


# ---- the live machine ----

def agree(read_theirs, figures, tool, scale):
    """Round by round until each figure has lain between ours three times. scale: what makes bytes of theirs."""
    left = {key: 3 for key in figures}
    apart = {}
    for _ in range(60):
        before = metrics()
        theirs = read_theirs()
        after = metrics()
        for key in list(left):
            name = name_of(tool, key)
            low, high = sorted((before[name], after[name]))
            total = before["machine_free_total_bytes"]
            unit, slack = (0.01, SLACK / total + 0.0001) if key[0] == "%" else (scale, SLACK)
            value = theirs[key] * unit
            if (high - low) * (total if key[0] == "%" else 1) > WIDE:
                continue
            if low - slack <= value <= high + slack:
                left[key] -= 1
                if not left[key]:
                    del left[key]
            else:
                apart[key] = (low, value, high)
        if not left:
            return
    raise AssertionError("never between: %s" % {key: apart.get(key, "moved too fast") for key in left})


@test
def live_free():
    """free -b -w lies between our readings before and after"""
    need("free")
    agree(lambda: figures_of_free(subprocess.run(["free", "-b", "-w"], capture_output=True, check=True, env=dict(ENV, LC_ALL="C"))
                                  .stdout.decode()), FREE + ("buff_cache", "swap_total", "swap_used", "swap_free"), "free", 1)


@test
def live_vmstat():
    """vmstat -s: memory between our readings; faults and paging no less than before, no more than after"""
    need("vmstat")
    words = {"total memory": "free_total", "free memory": "free_free", "buffer memory": "free_buffers", "swap cache": "free_cache",
             "active memory": "sar_active", "inactive memory": "sar_inact", "total swap": "free_swap_total",
             "used swap": "free_swap_used", "free swap": "free_swap_free"}
    counters = {"K paged in": "pgpgin", "K paged out": "pgpgout", "pages swapped in": "pswpin", "pages swapped out": "pswpout"}

    def read():
        text = subprocess.run(["vmstat", "-s"], capture_output=True, check=True, env=dict(ENV, LC_ALL="C")).stdout.decode()
        return {line.split(None, 1)[1].removeprefix("K ").strip() if "paged" not in line else line.split(None, 1)[1].strip():
                int(line.split()[0]) for line in text.splitlines()}

    free = {"free_" + key: key for key in FREE + ("swap_total", "swap_used", "swap_free")}
    for tool, kinds in (("free", {w: free[n] for w, n in words.items() if n in free}),
                        ("sar", {"active memory": "kbactive", "inactive memory": "kbinact"})):
        agree(lambda kinds=kinds: {key: value for word, key in kinds.items() for said, value in read().items() if said == word},
              tuple(kinds.values()), tool, 1024)
    before = metrics()
    theirs = read()
    after = metrics()
    for word, key in counters.items():
        kib = key.startswith("pgpg")
        name = "machine_vmstat_%s_total" % (key + "_bytes" if kib else key)
        said, = (value for key_, value in theirs.items() if key_.removeprefix("K ") == word.removeprefix("K "))
        assert before[name] <= said * (1024 if kib else 1) <= after[name], (word, before[name], said, after[name])


@test
def live_sar_r():
    """sar -r ALL 1 1 lies between our readings before and after"""
    need("sar")
    if os.environ.get("MV_SANITIZERS"):
        raise Skip("what AddressSanitizer takes for memview is there while it looks, and not while sar does")
    agree(lambda: figures_of_sar(subprocess.run(["sar", "-r", "ALL", "1", "1"], capture_output=True, check=True,
                                                env=dict(ENV, LC_ALL="C")).stdout.decode(), SAR_R), SAR_R, "sar", 1024)


@test
def live_sar_b():
    """sar -B 1 1 counts no more in its second than we do from before to after, and what a child did meanwhile is in both"""
    need("sar")
    counters = {"pgpgin/s": "pgpgin_bytes", "pgpgout/s": "pgpgout_bytes", "fault/s": "pgfault", "majflt/s": "pgmajfault",
                "pgfree/s": "pgfree", "pgscank/s": "pgscan_kswapd"}
    before = metrics()
    run = subprocess.Popen(["sar", "-B", "1", "1"], stdout=subprocess.PIPE, env=dict(ENV, LC_ALL="C"))
    pages = 20000
    with Toucher(pages * PAGE) as child:
        # It goes round and round: whatever second sar takes, much of it is in there.
        rounds = 0
        while run.poll() is None:
            child.step()
            rounds += 1
        text = run.communicate()[0].decode()
    theirs = figures_of_sar(text, SAR_B)
    after = metrics()
    for key, name in counters.items():
        counted = after["machine_vmstat_%s_total" % name] - before["machine_vmstat_%s_total" % name]
        # Its second may be a hundredth shorter than it says; and bytes are KiB there.
        assert theirs[key] <= counted / (1024 if "pgpg" in key else 1) * 1.02 + 0.01, (key, theirs[key], counted)
    assert after["machine_vmstat_pgfault_total"] - before["machine_vmstat_pgfault_total"] >= rounds * pages, rounds
    assert theirs["fault/s"] >= (rounds - 2) * pages / 2, (theirs["fault/s"], rounds)


# Touches so many bytes of new anonymous memory page by page at each line that comes, after it has given those of before back.
TOUCHER = """
import mmap, sys
held = None
print("ready", flush=True)
for line in sys.stdin:
    if held: held.close()
    held = None
    if line.strip() == "end": break
    held = mmap.mmap(-1, %d, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    held.madvise(15)  # MADV_NOHUGEPAGE: a fault a page
    for at in range(0, len(held), %d): held[at] = 1
    print("touched", flush=True)
"""


class Toucher(Child):
    def __init__(self, size):
        super().__init__(sys.executable, "-c", TOUCHER % (size, PAGE))
        assert self.line == "ready", self.line


def until(condition, tries=5):
    """What else runs here moves the machine's figures as well: it must hold in one of some tries."""
    for at in range(tries):
        try:
            return condition()
        except AssertionError:
            if at == tries - 1:
                raise
    return None


def on_cpu_lists():
    """Bytes of pages that each CPU keeps free for itself: neither MemFree counts them nor anything else, so they are in `used`.
    Linux 6.7 and newer let these lists grow to hundreds of MiB."""
    with open("/proc/zoneinfo", encoding="ascii") as file:
        return sum(int(n) for n in re.findall(r"^\s+count:\s+(\d+)$", file.read(), re.M)) * PAGE


def readings(*pids):
    """metrics, and what is on the CPUs' lists."""
    return dict(metrics(*pids), machine_cpu_lists=on_cpu_lists())


def grew(before, after, name, size):
    """By the size, and by no more than a tenth of it less or more. Used pages may come from a CPU's list, or go there."""
    change = after["machine_" + name] - before["machine_" + name]
    if "used" in name:
        change -= after["machine_cpu_lists"] - before["machine_cpu_lists"]
    assert 0.9 * size <= change <= 1.1 * size, (name, change, size)


@test
def a_child_takes_anonymous_memory():
    """a child takes 256 MiB: exactly that is its own, and the machine's anonymous memory, used and faults grow by it"""
    size = 256 * MIB
    if metrics()["machine_free_available_bytes"] < 3 * size:
        raise Skip("too little memory")

    def once():
        with Toucher(size) as child:
            before = readings(child.pid)
            child.step()
            after = readings(child.pid)
        own = after["process_anon_bytes"] - before["process_anon_bytes"]
        # What Python itself allocates meanwhile; and counters of a thread lag by up to 64 pages.
        assert size - 64 * PAGE <= own <= size + MIB, own
        assert after["process_minor_faults_total"] - before["process_minor_faults_total"] >= size // PAGE
        assert after["machine_vmstat_pgfault_total"] - before["machine_vmstat_pgfault_total"] >= size // PAGE
        grew(before, after, "sar_anonpg_bytes", size)
        grew(before, after, "sar_memused_bytes", size)
        grew(before, after, "free_used_bytes", size)

    until(once)


@test
def a_child_fills_the_page_cache():
    """a file of 128 MiB is written: the page cache grows by it, used does not; it is deleted: the cache falls again"""
    size = 128 * MIB
    folder = tempfile.mkdtemp(dir=os.environ.get("top_builddir", "/var/tmp"))
    path = os.path.join(folder, "file")
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, check=False).stdout.decode().strip()
    try:
        if kind in ("tmpfs", "ramfs", "nfs"):
            raise Skip("%s is %s" % (folder, kind))
        if metrics()["machine_free_available_bytes"] < 4 * size or shutil.disk_usage(folder).free < 2 * size:
            raise Skip("too little room")

        def once():
            if os.path.exists(path):
                os.remove(path)
            before = readings()
            subprocess.run([sys.executable, "-c", "import sys\nblock = bytes(1 << 20)\nwith open(sys.argv[1], 'wb') as f:\n"
                            "    for _ in range(%d): f.write(block)\n" % (size // MIB), path], check=True)
            after = readings()
            os.remove(path)
            gone = metrics()
            grew(before, after, "sar_cached_bytes", size)
            grew(before, after, "free_cache_bytes", size)
            for name in ("machine_free_used_bytes", "machine_sar_memused_bytes"):
                used = after[name] - before[name] - (after["machine_cpu_lists"] - before["machine_cpu_lists"])
                assert abs(used) < size // 4, (name, used)
            grew(gone, after, "sar_cached_bytes", size)

        until(once)
    finally:
        shutil.rmtree(folder)


def own_cgroup(size):
    """A new memory cgroup with that limit: its folder, the file that takes a PID, and whether it is v1."""
    if os.geteuid() != 0:
        raise Skip("not root: only it makes cgroups")
    name = "memview-test-%d" % os.getpid()
    for base, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = os.path.join(base, name)
        try:
            os.mkdir(folder)
        except OSError:
            continue
        try:
            with open(os.path.join(folder, limit), "w", encoding="ascii") as file:
                file.write(str(size))
            return folder
        except OSError:
            os.rmdir(folder)
    raise Skip("no memory cgroup can be made")


@test
def a_child_is_killed_by_its_cgroup():
    """a child is OOM-killed in a memory cgroup of 32 MiB: one more kill, and the kernel's line of it decoded"""
    folder = own_cgroup(32 * MIB)
    before = picture("-i", "0.1")
    try:
        if before["oom"]["log"] is None:
            raise Skip("the kernel's log can't be read")
        with Toucher(256 * MIB) as child:
            had = metrics(child.pid)["process_anon_bytes"]  # before it moves: charged elsewhere
            with open("/proc/%d/comm" % child.pid, encoding="ascii") as file:
                comm = file.read().strip()
            with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(child.pid))
            child.step()  # its end is all that comes
            assert child.line == "" and child.process.wait() == -signal.SIGKILL, child.line
            pid = child.pid
        after = picture("-i", "0.1")
    finally:
        os.rmdir(folder)
    assert after["oom"]["kills"] >= before["oom"]["kills"] + 1, (before["oom"]["kills"], after["oom"]["kills"])
    kill, = (k for k in after["oom"]["log"] if k["pid"] == pid and k not in before["oom"]["log"])
    name = os.path.basename(folder)
    assert kill["constraint"] == "CONSTRAINT_MEMCG" and kill["uid"] == 0, kill
    assert kill["group"].endswith(name) and kill["limited_group"].endswith(name), kill
    assert kill["name"] == comm, kill
    # What it had taken when the limit was reached: most of it, and no more; page tables and the kernel's part are charged too.
    assert 24 * MIB <= kill["anon"] - had <= 32 * MIB and kill["total_vm"] > 256 * MIB, (had, kill)
    assert "Killed process %d" % pid in kill["line"], kill


if __name__ == "__main__":
    sys.exit(main())
