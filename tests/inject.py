#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each system call, and each malloc, fails in turn: no crash, a documented status, one line, nothing left. TAP.

make check tries a sample; MV_LONG=1 all of them, and valgrind.
"""

import collections
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Child, ENV, HERE, LIBC, LONG, MEMVIEW, Skip, die_with_us, main, test  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMA = json.load(open(os.path.join(HERE, "schema", "memview.process.1.json"), encoding="utf-8"))

COMMANDS = {"report": ["report"], "json": ["json"], "json-pages": ["json", "--pages", "0-7fffffffffff"],
            "watch": ["watch", "-n", "2", "-i", "0.1"], "faults": ["faults", "-d", "0.1"], "stacks": ["stacks"],
            "dump": ["--dump", "--size", "100x40", "--keys", "2<Enter>"]}
# What each call may fail with; EINTR is always tried.
ERRORS = {"openat": ("EMFILE", "EACCES", "ENOENT", "ENOMEM"), "read": ("EIO", "EAGAIN"), "pread64": ("EIO", "ESRCH", "EACCES"),
          "ioctl": ("EINVAL", "ENOTTY", "ESRCH", "EFAULT"), "mmap": ("ENOMEM",), "mremap": ("ENOMEM",),
          "write": ("ENOSPC", "EIO", "EPIPE"), "poll": ("ENOMEM",), "ppoll": ("ENOMEM",),
          "recvmsg": ("ECONNRESET", "ENOMEM"), "sendmsg": ("ENOBUFS", "EPIPE", "EAGAIN"), "clone": ("EAGAIN", "ENOMEM"),
          "ftruncate": ("EFBIG",), "memfd_create": ("EMFILE",), "socketpair": ("EMFILE",), "fcntl": ("EPERM",),
          "pidfd_open": ("ENOSYS", "EMFILE"), "getdents64": ("EIO",), "process_vm_readv": ("EPERM", "EFAULT"),
          "setresuid": ("EAGAIN",), "setresgid": ("EPERM",), "setgroups": ("EPERM",), "prctl": ("EINVAL",),
          "capset": ("EPERM",), "newfstatat": ("EACCES",), "lseek": ("EINVAL",), "readlink": ("EACCES",),
          "clock_gettime": ("EINVAL",), "statfs": ("ENOSYS",), "fstatfs": ("ENOSYS",), "setsid": ("EPERM",),
          "dup2": ("EMFILE",), "prlimit64": ("EPERM",), "getrandom": ("ENOSYS",), "waitid": ("ECHILD",), "wait4": ("ECHILD",),
          "madvise": ("EINVAL",), "munmap": ("ENOMEM",), "perf_event_open": ("EMFILE", "EACCES", "ENOSYS", "ESRCH"),
          "execveat": ("ENOENT", "EACCES"), "socket": ("EMFILE",), "sendto": ("EAGAIN", "EPIPE"), "openat2": ("ENOSYS", "EACCES"),
          "kcmp": ("ENOSYS",)}
CRASH = re.compile(r"killed by SIG(SEGV|ABRT|BUS|FPE|ILL|TRAP|SYS)")
HANG = 30  # far more than any of these takes, replacing a collector included


def children():
    try:
        return {int(pid) for pid in open("/proc/self/task/%d/children" % os.getpid(), encoding="ascii").read().split()}
    except OSError as error:
        raise Skip("this kernel does not list children") from error


def bury(orphans, kill):
    """What a run has left comes to us, since we are a subreaper. Returns whether one of them did not end by itself."""
    stayed = False
    for pid in orphans:
        ending = os.pidfd_open(pid)
        if kill or not select.select([ending], [], [], HANG)[0]:
            stayed = True
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ending)
    return stayed


def run_quietly(command, env=None):
    """As subprocess.run, but what does not end in time is ended, all of it (it has a session of its own)."""
    before = children()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(ENV, **(env or {})), start_new_session=True)
    try:
        out, err = process.communicate(timeout=HANG)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.communicate()
        while children() - before:
            bury(children() - before, True)
        raise AssertionError("it hangs: %s" % " ".join(command)) from None
    if bury(children() - before, False):
        raise AssertionError("a process is left behind")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def json_complaint(text):
    """Whether it is JSON, and whole: every mapping says the same of itself."""
    try:
        picture = json.loads(text)
    except ValueError:
        return "status 0, and broken JSON"
    if jsonschema:
        try:
            jsonschema.validate(picture, SCHEMA)
        except jsonschema.ValidationError as error:
            return "status 0, and %s" % error.message
    keys = {tuple(m) + tuple(m["pages"] or ()) for m in picture["mappings"] or () if m["kind"] != "vsyscall"}
    return None if len(keys) <= 1 else "status 0, and some keys are missing"


def complaint(run, quiet=False):
    """What is wrong with how it ended, or None."""
    text = run.stderr.decode("utf-8", "replace")
    if run.returncode == 127 and "shared librar" in text or "version `" in text or "ld.so" in text:
        return None  # the dynamic loader's own
    if run.returncode == -signal.SIGABRT and (b"nss_database.c" in run.stderr or run.stderr == b"Unexpected error.\n"):
        return None  # glibc's name service takes its own end for the answer to a failing malloc
    if run.returncode not in (0, 1, 3) and not (quiet and run.returncode == -signal.SIGPIPE):
        return "status %d, %s" % (run.returncode, text[:300])
    if text.count("\n") > 1 or (text and not text.startswith("memview: ")):
        return "not one line: %r" % text[:400]
    if run.returncode and not text and not quiet:
        return "status %d without a word" % run.returncode
    if run.returncode == 0:
        if not run.stdout:
            return "status 0, and nothing printed (%r)" % text
        if run.stdout[:1] == b"{":
            return json_complaint(run.stdout)
    return None


def strace_log(command, *options):
    with tempfile.NamedTemporaryFile() as log:
        run = run_quietly(["strace", "-f", "-q", "-o", log.name, *options, *command])
        return run, log.read().decode("utf-8", "replace")


def calls_of(command):
    """{name: (first, last)}: which calls of each kind are its own, not the dynamic loader's before them. The most that
    one of its processes makes: strace counts for each process anew."""
    _, log = strace_log(command, "-e", "trace=%s" % ",".join("?" + name for name in ERRORS))
    loader, _, _ = log.partition('"/dev/null", O_RDWR)')
    before = collections.Counter(re.findall(r"^\d+ +(\w+)\(", loader, re.M))
    before["openat"] -= 1  # that one
    each = collections.Counter(re.findall(r"^(\d+) +(\w+)\(", log, re.M))
    most = {}
    for (_, name), count in each.items():
        if name not in ERRORS:  # strace shows calls that it doesn't know whatever it was told to trace
            continue
        most[name] = max(count, most.get(name, 0))
    return {name: (1 + before[name], count) for name, count in most.items() if count > before[name]}


def sample(first, last, rng, size):
    if LONG or last - first < size:
        return range(first, last + 1)
    return sorted({first, last} | {rng.randrange(first, last + 1) for _ in range(size - 2)})


def inject(word):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    wrong = []
    rng = random.Random(word)
    with Child("sh", "-c", "echo ready; read x") as target:
        command = [MEMVIEW, *COMMANDS[word], str(target.pid)]
        probe, log = strace_log(command, "-e", "trace=getppid", "-e", "inject=getppid:error=EPERM:when=9")
        if probe.returncode or not probe.stdout:
            raise Skip("strace can't trace here: %s" % probe.stderr.decode().strip()[:200])
        counts = calls_of(command)
        assert counts["openat"][0] > 1 and counts["openat"][1] > 3, counts
        tried = injected = 0
        for name, (first, last) in sorted(counts.items()):
            for when in sample(first, last, rng, 3):
                errors = (*ERRORS[name], "EINTR")
                for error in errors if LONG else [rng.choice(errors)]:
                    fault = "inject=%s:error=%s:when=%d" % (name, error, when)
                    try:
                        run, log = strace_log(command, "-e", "trace=" + name, "-e", fault)
                        injected += "(INJECTED)" in log
                        bad = complaint(run, quiet="EPIPE" in fault) or (CRASH.search(log) and CRASH.search(log).group(0))
                    except AssertionError as hang:
                        bad = str(hang)
                    tried += 1
                    if bad:
                        wrong.append("%s: %s" % (fault, bad))
        assert injected > tried // 2, (injected, tried)
    assert not wrong, "%d of %d:\n%s" % (len(wrong), tried, "\n".join(wrong))


SHIM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static long count, at = -1, from;
static const char *told;
static int fails(void)
{
	if (at < 0) {
		const char *n = getenv("MV_FAIL_AT"), *m = getenv("MV_FAIL_FROM");
		at = n ? atol(n) : 0;
		from = m ? atol(m) : 0;
		told = getenv("MV_FAIL_TOLD");
	}
	count++;
	if (count != at && !(from && count >= from))
		return 0;
	if (told)
		close(open(told, O_CREAT | O_WRONLY, 0600));
	errno = ENOMEM;
	return 1;
}
void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return fails() ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
"""


def fail_malloc(word, without="0"):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Skip("no compiler is installed")
    wrong = []
    rng = random.Random(word)
    with tempfile.TemporaryDirectory() as folder, Child("sh", "-c", "echo ready; read x") as target:
        os.chmod(folder, 0o777)
        source, shim, told = (os.path.join(folder, name) for name in ("shim.c", "shim.so", "told"))
        with open(source, "w", encoding="ascii") as file:
            file.write(SHIM)
        made = subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, source], capture_output=True, check=False)
        if made.returncode:
            raise Skip("the shim can't be built: %s" % made.stderr.decode()[:200])
        command = [MEMVIEW, *COMMANDS[word], str(target.pid)]

        def attempt(**fail):
            if os.path.exists(told):
                os.unlink(told)
            run = run_quietly(command, {"LD_PRELOAD": shim, "MV_FAIL_TOLD": told, "MEMVIEW_NO_IOCTL": without, **{k: str(v) for k, v in fail.items()}})
            return run, os.path.exists(told)

        run, failed = attempt(MV_FAIL_AT=1 << 40)
        if run.returncode or failed:
            raise Skip("a build with sanitizers has a malloc of its own")
        low, high = 1, 1 << 22  # the last that fails something
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if attempt(MV_FAIL_AT=middle)[1] else (low, middle - 1)
        for way in ("MV_FAIL_AT", "MV_FAIL_FROM"):
            for n in sample(1, low, rng, 40):
                try:
                    run, _ = attempt(**{way: n})
                    bad = complaint(run)
                except AssertionError as hang:
                    bad = str(hang)
                if bad:
                    wrong.append("%s=%d of %d: %s" % (way, n, low, bad))
    assert not wrong, "%d:\n%s" % (len(wrong), "\n".join(wrong))


def add(function, word, words):
    def run():
        function(word)
    run.__name__ = "%s_%s" % (function.__name__, word.replace("-", "_"))
    run.__doc__ = "%s: %s" % (word, words)
    test(run)


for command_name in COMMANDS:
    add(inject, command_name, "system calls that fail, one at a time")


@test
def fail_malloc_json_unavailable():
    """json, with things unavailable: a malloc that fails, and all from one on"""
    fail_malloc("json", without="1")


for command_name in ("report", "json", "dump"):
    add(fail_malloc, command_name, "a malloc that fails, and all from one on")


@test
def valgrind():
    """the batch commands under valgrind: no error"""
    if not LONG:
        raise Skip("only with MV_LONG=1")
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    with Child("sh", "-c", "echo ready; read x") as target:
        for word in COMMANDS.values():
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o777)
                run = run_quietly(["valgrind", "-q", "--vgdb=no", "--error-exitcode=99", "--trace-children=yes",
                                   "--log-file=%s/%%p" % folder, MEMVIEW, *word, str(target.pid)],
                                  {"MEMVIEW_NO_IOCTL": "1"})  # it does not know what PAGEMAP_SCAN fills
                logs = [open(os.path.join(folder, name), encoding="utf-8").read() for name in os.listdir(folder)]
                errors = [line for log in logs for line in log.splitlines() if line.startswith("==")]
                assert run.returncode == 0 and run.stderr == b"" and not errors, (word, run.returncode, errors[:30])


def prepare():
    die_with_us()
    LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


if __name__ == "__main__":
    # They wait more than they work, and each has a target of its own.
    sys.exit(main(2 * (os.cpu_count() or 1), prepare))
