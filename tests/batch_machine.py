# SPDX-License-Identifier: GPL-3.0-or-later
"""memview machine: lines, JSON and metrics, of a fixture whose figures are known and of this machine. Part of batch.py."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

from tap import ENV, HERE, LIMIT, MEMVIEW, PAGE, Skip, die_with_us, memview, one_line, test

MACHINE = os.path.join(HERE, "fixtures", "machine")
MACHINE_SCHEMA = json.load(open(os.path.join(HERE, "schema", "memview.machine.1.json"), encoding="utf-8"))


def pictures_of(*args, env=None):
    """Each line a picture that the schema allows."""
    run = memview("machine", "--json", *args, env=env)
    assert run.returncode == 0 and run.stderr == b"", (run.returncode, run.stderr)
    assert run.stdout.endswith(b"}\n")
    pictures = [json.loads(line) for line in run.stdout.splitlines()]
    for picture in pictures:
        if jsonschema:
            jsonschema.validate(picture, MACHINE_SCHEMA)
    return pictures


@test
def machine_lines():
    """machine prints a line a look: of a fixture letter for letter, of this machine with rates from the second on"""
    run = memview("machine", "--proc-root", MACHINE, "-n", "4", env={"TZ": "UTC"})
    assert run.returncode == 0 and run.stderr == b"", run.stderr
    assert run.stdout.decode() == """\
TIME       TOTAL   USED   FREE  BUFF/CACHE  AVAILABLE  SWAP USED    FAULT/S  MAJFLT/S   PGSCAN/S  PGSTEAL/S  PSI SOME  PSI FULL
15:06:40    7.8G   4.7G   794M        2.8G       3.1G       656M          -         -          -          -         -         -
15:06:41    7.8G   4.8G   694M        2.8G       3.0G       656M     50,000        25      1,250      1,000      5.0%      2.0%
15:06:43    7.8G   4.8G   654M        2.9G       3.0G       656M     20,000        10        400        400     20.0%     10.0%
15:06:44    7.8G   4.7G   704M        2.9G       3.0G       706M          -         4     16,000     12,800     10.0%      0.0%
""", run.stdout.decode()
    # Without an argument and without a terminal: the same, once.
    run = memview()
    assert run.returncode == 0 and run.stdout.count(b"\n") == 2 and run.stdout.startswith(b"TIME "), run.stdout
    run = memview("machine", "-i", "0.1", "-n", "3")
    assert run.returncode == 0 and run.stderr == b"", run.stderr
    heading, first, second, third = (line.split() for line in run.stdout.decode().splitlines())
    assert heading[:4] == ["TIME", "TOTAL", "USED", "FREE"]
    assert first[7:] == ["-"] * 6, first
    for line in (second, third):
        assert re.fullmatch(r"\d\d:\d\d:\d\d", line[0]) and re.fullmatch(r"[\d.]+[KMGTP]", line[1]), line
        assert re.fullmatch(r"[\d,]+", line[7]) and line[1] == first[1], line


@test
def machine_json_of_a_fixture():
    """machine --json: every figure of free, sar -r ALL and sar -B under its name there, as the fixture has it; a counter that fell is null"""
    one, two, three = pictures_of("--proc-root", MACHINE, "-n", "3")
    assert [p["seconds"] for p in (one, two, three)] == [1, 2, 1]
    assert one["free"] == {
        "total": 8126464 * 1024, "used": 4984832 * 1024, "free": 710248 * 1024, "shared": 307200 * 1024,
        "buffers": 204800 * 1024, "cache": 2744320 * 1024, "buff_cache": 2949120 * 1024, "available": 3141632 * 1024,
        "swap_total": 2621440 * 1024, "swap_used": 671744 * 1024, "swap_free": 1949696 * 1024}
    assert one["sar_r"] == {
        "kbmemfree": 710248, "kbavail": 3141632, "kbmemused": 4344216, "%memused": 53.458, "kbbuffers": 204800,
        "kbcached": 2457600, "kbcommit": 9539584, "%commit": 88.758, "kbactive": 4198400, "kbinact": 2240512,
        "kbdirty": 20480, "kbanonpg": 3788800, "kbslab": 409600, "kbkstack": 16384, "kbpgtbl": 49152, "kbvmused": 40960}
    rates = ("pgpgin/s", "pgpgout/s", "fault/s", "majflt/s", "pgfree/s", "pgscank/s", "pgscand/s", "pgsteal/s", "%vmeff")
    assert [one["sar_B"][k] for k in rates] == [4096, 1024, 50000, 25, 60000, 1000, 250, 1000, 80]
    assert [two["sar_B"][k] for k in rates] == [2048, 8192, 20000, 10, 30000, 400, 0, 400, 100]
    assert [three["sar_B"][k] for k in rates] == [0, 51200, None, 4, None, 14000, 2000, 12800, 80]
    assert {u["what"] for u in three["unavailable"]} == {"sar_B.fault/s", "sar_B.pgfree/s"}, three["unavailable"]
    assert [p["pressure"]["some"]["share"] for p in (one, two, three)] == [5, 20, 10]
    assert [sum(n << i for i, n in enumerate(z["blocks"])) for z in one["buddy"]] == [z["free"] for z in one["buddy"]]
    assert (one["oom"]["kills"], two["oom"]["kills"]) == (2, 3)
    assert [n["total"] for n in one["nodes"]] == [4126464 * 1024, 4000000 * 1024]
    assert one["huge"][0] == {"page_bytes": 2 << 20, "total": 64, "free": 32, "reserved": 4, "surplus": 0}
    assert one["zswap"] == {"enabled": True, "pool": 81920 * 1024, "stored": 245760 * 1024}
    scores = [n["badness"] for n in one["oom"]["next"]]
    assert scores == sorted(scores, reverse=True) and len(scores) > 3
    assert any(kill["pid"] > 0 and kill["line"] for kill in one["oom"]["log"])
    assert all(p["pss"] is None for p in one["processes"])


@test
def machine_json_live():
    """machine --json of this machine: this process is in it, named ones alone with PSS; one that is not there is said to be missing"""
    picture, = pictures_of("-i", "0.1")
    mine, = (p for p in picture["processes"] if p["pid"] == os.getpid())
    assert mine["ppid"] == os.getppid() and not mine["kernel_thread"] and mine["rss"] > 0 and mine["pss"] is None
    assert picture["page_bytes"] == PAGE and picture["kernel"] == os.uname().release
    assert picture["free"]["total"] == int(re.search(r"MemTotal: *(\d+)", open("/proc/meminfo").read()).group(1)) * 1024
    gone = subprocess.Popen(["true"])
    gone.wait()
    picture, = pictures_of("-i", "0.1", os.getpid(), gone.pid)
    named, = picture["processes"]
    assert named["pid"] == os.getpid() and 0 < named["pss"] <= named["rss"] + 64 * PAGE, named
    assert [u for u in picture["unavailable"] if u["what"] == "process %d" % gone.pid], picture["unavailable"]


def metrics_of(path):
    """By the grammar of OpenMetrics: {(name, labels): value}; families are whole and come once, counters end with _total."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1, text[-200:]
    label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
    samples, types, helped, family = {}, {}, set(), None
    for line in text.splitlines()[:-1]:
        meta = re.fullmatch(r"# (TYPE|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)", line)
        if meta:
            kind, family, rest = meta.groups()
            if kind == "TYPE":
                assert family not in types and rest in ("gauge", "counter"), line
                types[family] = rest
            else:
                assert family not in helped, line
                helped.add(family)
            continue
        sample = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(%s(?:,%s)*)\})? (-?[0-9.]+)" % (label, label), line)
        assert sample, line
        name, labels, value = sample.groups()
        assert family in helped and name == family + ("_total" if types[family] == "counter" else ""), line
        assert (name, labels) not in samples and name.startswith("memview_"), line
        samples[name, labels] = float(value)
    return samples


@test
def machine_metrics():
    """machine --openmetrics writes what the grammar allows, with the fixture's figures; names are escaped"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "memview.prom")
        run = memview("machine", "--proc-root", MACHINE, "--openmetrics", path, 1523, 3500, 1523, 999)
        assert run.returncode == 0 and run.stdout == b"" and run.stderr == b"", run.stderr
        got = metrics_of(path)
        for name, labels, value in (
                ("machine_free_available_bytes", None, 3244032 * 1024),
                ("machine_sar_memused_ratio", None, 0.521976),
                ("machine_vmstat_pgfault_total", None, 90000000),
                ("machine_vmstat_pgpgin_bytes_total", None, 1000000 * 1024),
                ("machine_vmstat_pgsteal_total", None, 430050),
                ("machine_pressure_some_seconds_total", None, 12),
                ("machine_buddy_free_blocks", 'node="0",zone="DMA32",order="10"', 66),
                ("machine_zone_low_bytes", 'node="1",zone="Normal"', 6965 * 4096),
                ("machine_node_anon_bytes", 'node="0"', 1843200 * 1024),
                ("machine_hugepages_free", 'page_bytes="2097152"', 32),
                ("machine_swap_used_bytes", 'device="/dev/zram0"', 262144 * 1024),
                ("process_anon_bytes", 'pid="1523",name="firefox-esr"', 943718400),
                ("process_major_faults_total", r'pid="3500",name="a) R 1 (\\x0a\\x1b[31m"', 0)):
            assert got["memview_" + name, labels] == value, (name, labels, got.get(("memview_" + name, labels)))
        assert not [k for k in got if k[1] and "999" in k[1]]
        if shutil.which("promtool"):
            with open(path, "rb") as file:
                said = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, check=False)
            # It knows the older format alone, in which a counter's TYPE bears _total.
            assert all(line.endswith("_total no help text") for line in said.stderr.decode().splitlines()), said.stderr


@test
def machine_metrics_are_whole():
    """the file is replaced whole at each look, readable as the umask says, and nothing is left beside it"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.prom")
        with open(path, "w", encoding="ascii") as file:
            file.write("old\n")
        before = os.stat(path).st_ino
        run = memview("machine", "-n", "1", "--openmetrics", path, preexec_fn=lambda: os.umask(0o027))
        assert run.returncode == 0 and os.stat(path).st_ino != before and os.stat(path).st_mode & 0o777 == 0o640, run.stderr
        run = subprocess.Popen([MEMVIEW, "machine", "-i", "0.1", "--openmetrics", path, str(os.getpid())],
                               stdin=subprocess.DEVNULL, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=die_with_us)
        stamps, deadline = set(), time.monotonic() + LIMIT
        while len(stamps) < 6:
            assert time.monotonic() < deadline and run.poll() is None
            stamps.add(metrics_of(path)["memview_machine_taken_timestamp_seconds", None])
        assert any(name == "memview_process_pss_bytes" for name, _ in metrics_of(path))
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=LIMIT)
        assert run.returncode == -signal.SIGTERM and out == b"" and err == b"", (run.returncode, err)
        assert os.listdir(folder) == ["m.prom"], os.listdir(folder)
        metrics_of(path)


@test
def machine_can_not_write():
    """machine says so when it can't write: no such folder, a folder in the way, no room"""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "taken"))
        for name, words in (("none/x", "No such file"), ("taken", "taken")):
            one_line(memview("machine", "--proc-root", MACHINE, "--openmetrics", os.path.join(folder, name)), 1, words)
        assert os.listdir(folder) == ["taken"], os.listdir(folder)
        path = os.path.join(folder, "x")

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        one_line(memview("machine", "--proc-root", MACHINE, "--openmetrics", path, preexec_fn=small_files), 1, "too large")
        assert os.listdir(folder) == ["taken"], os.listdir(folder)
    with open("/dev/full", "wb") as full:
        one_line(memview("machine", "-n", "1", stdout=full), 1, "No space")
        one_line(memview("machine", "--proc-root", MACHINE, "--json", stdout=full), 1, "No space")
