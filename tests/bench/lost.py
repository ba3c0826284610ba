# SPDX-License-Identifier: GPL-3.0-or-later
"""make bench, sections heap and leaks: reading malloc's heap, looking for lost blocks, and who else does."""
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from common import NULL, Running, say, spread, verdict

LOSING_BLOCKS = 300000


def figures(argv):
    """What one of our programs prints: {name: text}; empty when it could not."""
    run = subprocess.run(argv, stdin=NULL, stdout=subprocess.PIPE, text=True, check=False)
    found = dict(line.split(" ", 1) for line in run.stdout.splitlines())
    why = next((text for name, text in found.items() if name.endswith("why")), "no answer")
    if run.returncode:
        say(f"  not measured: {why}")
        return {}
    return found


# ---- heap ----

def heap(build):
    for blocks, goal in ((1000000, 100), (5000000, 600)):
        target = Running("heapster", [f"{build}/mv-heapster", "big", str(blocks)])
        say(f"\nheap of {blocks:,} blocks, one thread")
        f = figures([f"{build}/mv-heap", target.pid])
        target.end()
        if not f:
            continue
        read, walked = float(f["read_ms"]), int(f["blocks"])
        more = (float(f["mib"]) * 1048576 - int(f["heap_bytes"])) / walked
        say(f"  warm reading            {read:9.1f} ms{verdict(read, goal, True)}")
        say(f"    the first             {float(f['first_ms']):9.1f} ms; of a warm one {f['copy_ms']} ms copying, "
            f"{f['walk_ms']} ms walking")
        say(f"  memory beside the heap  {more:9.1f} bytes a block{verdict(more, 24, True)}")


# ---- leaks ----

def leaks(build):
    say("\nleak scan of 7,000,000 blocks in lists, 100 threads; medians of 5")
    f = figures([f"{build}/mv-leaks", "754", "104", "100"])
    if not f:
        return
    heap_bytes, blocks = float(f["heap_mib"]) * 1048576, int(f["blocks"])
    for mode, words in (("scan", "while it runs"), ("exact", "by a stop")):
        took = float(f[mode + "_ms"]) / 1000
        rate = heap_bytes / took / 1e9
        marking = float(f[mode + "_marked_mib"]) * 1048576 / 1e9 / (float(f[mode + "_mark_ms"]) / 1000)
        say(f"  {words:23} {took:9.2f} s{verdict(took, 3, True)}; {f[mode + '_lost']} of {blocks:,} blocks lost")
        say(f"                          {rate:9.2f} GB of heap a second{verdict(rate, 1, False)}; marking alone {marking:.2f}")
    stopped, exact = float(f["scan_stopped_ms"]), float(f["exact_stopped_ms"]) / 1000
    say(f"  stop for registers      {stopped:9.2f} ms{verdict(stopped, 5, True)}")
    per_gib = exact / (heap_bytes / (1 << 30))
    say(f"  exact stop              {per_gib:9.2f} s a GiB{verdict(per_gib, 0.3, True)} (said beforehand: "
        f"{float(f['predicted_stop_ms']) / 1000:.2f} s, was {exact:.2f} s)")
    more = (float(f["exact_rss_mib"]) * 1048576 - heap_bytes) / blocks
    say(f"  memory beside the heap  {more:9.1f} bytes a block{verdict(more, 24, True)}")


# ---- the same program by memview, LeakSanitizer and valgrind ----

class Losing(Running):
    def __init__(self, *argv, **more):
        began = time.monotonic()
        super().__init__("losing", [*argv, str(LOSING_BLOCKS)], **more)
        self.start_s = time.monotonic() - began

    def verdict_at_end(self):
        """Seconds from the end of its input to its end: what looks for leaks does so then."""
        began = time.monotonic()
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()
        return time.monotonic() - began


def by_memview(build, args, runs):
    """[(seconds to the verdict, what it keeps of its rate meanwhile, blocks lost or None)]"""
    target = Losing(f"{build}/mv-losing")
    target.rate(1)
    found = []
    for _ in range(runs):
        before_rate = target.rate(1)
        before = target.ask()
        began = time.monotonic()
        run = subprocess.run([f"{build}/memview", "leaks", *args, target.pid], stdin=NULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False, text=True)
        seconds = time.monotonic() - began
        kept = target.rate_since(before) / ((before_rate + target.rate(1)) / 2)
        match = re.match(r"([0-9,]+) blocks, ", run.stdout)
        found.append((seconds, kept, int(match.group(1).replace(",", "")) if match else None))
    target.end()
    return found


def by_peer(argv, lost, plain_rate, **more):
    """Seconds to ready, what it keeps of its rate, seconds from its end to the verdict, blocks lost; None: it does not run."""
    with tempfile.TemporaryFile() as errors:
        try:
            target = Losing(*argv, stderr=errors, **more)
        except RuntimeError:
            return None
        kept = target.rate(3) / plain_rate
        end_s = target.verdict_at_end()
        errors.seek(0)
        text = errors.read().decode("utf-8", "replace")
    blocks = sum(int(n.replace(",", "")) for n in re.findall(lost, text))
    return target.start_s, kept, end_s, blocks


def sanitized(folder):
    """The program built with LeakSanitizer; None where that can't be done."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "losing.c")
    program = os.path.join(folder, "losing")
    open(os.path.join(folder, "config.h"), "w", encoding="ascii").write("#define _GNU_SOURCE 1\n")
    if compiler and subprocess.run([compiler, "-O2", "-fsanitize=leak", "-pthread", "-I" + folder, "-o", program, source],
                                   stdin=NULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return program
    return None


def say_peer(name, found):
    if not found:
        say(f"  {name:15} left out: it does not run here")
        return
    start_s, kept, end_s, blocks = found
    say(f"  {name}")
    say(f"                  verdict in {end_s:9.2f} s after the end of a run of its own, ready after {start_s:.2f} s")
    say(f"                  keeps      {kept:9.2f} of its rate, all the time")
    say(f"                  {blocks} blocks lost")


def beside_peers(build, runs):
    say(f"\none program of {LOSING_BLOCKS:,} blocks that loses {LOSING_BLOCKS // 1000}, and works")
    plain = Losing(f"{build}/mv-losing")
    plain.rate(1)
    plain_rate = plain.rate(3)
    plain.end()
    say(f"  alone           {plain_rate:,.0f} malloc and free a second, ready after {plain.start_s:.2f} s")
    for args in ((), ("--exact",)):
        found = by_memview(build, args, runs)
        seconds, kept = [s for s, _, _ in found], [k for _, k, _ in found]
        lost = [n for _, _, n in found if n]
        say(f"  memview leaks {' '.join(args)}")
        say(f"                  verdict in {spread(seconds)} s of a run that goes on; {len(lost)} verdicts of {runs}")
        say(f"                  keeps      {spread(kept)} of its rate meanwhile, all of it before and after")
        if lost:
            right = LOSING_BLOCKS / 1000 / statistics.median(lost)
            say(f"                  {', '.join(map(str, lost))} blocks lost: {right:.3f} of them are{verdict(right, 0.98, False)}")
    with tempfile.TemporaryDirectory() as folder:
        program = sanitized(folder)
        say_peer("LeakSanitizer", program and by_peer([program], r"leak of \d+ byte\(s\) in (\d+) object", plain_rate,
                                                      env=dict(os.environ, LSAN_OPTIONS="")))
    say_peer("valgrind", shutil.which("valgrind") and
             by_peer(["valgrind", "--leak-check=full", f"{build}/mv-losing"],
                     r"(?:definitely|indirectly) lost: [0-9,]+ bytes in ([0-9,]+) blocks", plain_rate))
