#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen process on a pty: what it may do, how it ends, what it leaves behind. TAP."""

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

from tap import MEMVIEW, Skip, main, test

LEAVE = b"\x1b[?1049l"
LIMIT = 30  # seconds until something that should come is given up


class Screen:
    """memview on a pty of its own; stderr apart."""

    def __init__(self, *args, term="xterm-256color", env=None, cwd=None, rows=60, cols=100, program=MEMVIEW,
                 user=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.errors = tempfile.TemporaryFile()
        environment = dict(os.environ, LC_ALL="C.UTF-8", TERM=term or "", **(env or {}))
        if term is None:
            del environment["TERM"]
        environment.pop("NO_COLOR", None)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if user is not None:
                os.fchown(0, user, -1)
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)

        self.process = subprocess.Popen([program, *map(str, args)], stdin=slave, stdout=slave, stderr=self.errors,
                                        env=environment, cwd=cwd, preexec_fn=take_terminal)
        self.pid = self.process.pid
        self.seen = b""

    def read_some(self, until):
        if not select.select([self.master], [], [], max(0, until - time.monotonic()))[0]:
            raise AssertionError("nothing more came after %r" % self.seen[-300:])
        try:
            more = os.read(self.master, 65536)
        except OSError:
            more = b""
        self.seen += more
        return more

    def expect(self, what):
        until = time.monotonic() + LIMIT
        at = len(self.seen)
        while what not in self.seen[max(0, at - len(what)):]:
            if not self.read_some(until):
                raise AssertionError("%r did not come: %r" % (what, self.seen[-300:]))

    def send(self, text):
        os.write(self.master, text)

    def wait(self):
        """The exit status; all output is in seen."""
        until = time.monotonic() + LIMIT
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.02)[0]:
                self.read_some(until)
            assert time.monotonic() < until, "it does not end"
        while select.select([self.master], [], [], 0)[0]:
            self.read_some(until)
        return self.process.returncode

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def restored(self):
        assert LEAVE in self.seen, self.seen[-200:]
        assert b"\x1b[?25h" in self.seen[self.seen.rindex(b"\x1b[?1049h"):] or b"\x1b[?12l\x1b[?25h" in self.seen
        assert termios.tcgetattr(self.slave) == self.before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self.master, self.slave):
            try:
                os.close(fd)
            except OSError:
                pass
        self.errors.close()


class Sleeper:
    def __enter__(self):
        self.process = subprocess.Popen(["sleep", "1000"])
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def status_of(pid):
    fields = {}
    for line in open("/proc/%d/status" % pid, encoding="utf-8", errors="replace"):
        key, _, value = line.partition(":")
        fields[key] = value.split()
    return fields


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if int(open("/proc/%s/stat" % entry, "rb").read().rsplit(b")", 1)[1].split()[1]) == pid:
                    found.append(int(entry))
            except OSError:
                pass
    return found


@test
def privileges():
    """started as root, the screen runs as nobody, without a capability and without a way back"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with Sleeper() as target, Screen(target.pid, env={"SUDO_UID": ""}) as screen:
        screen.expect(b"ADDRESS")
        status = status_of(screen.pid)
        assert "0" not in status["Uid"] + status["Gid"], status["Uid"]
        assert status["Uid"][0] == "65534"
        for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[key][0], 16) == 0, (key, status[key])
        assert status["NoNewPrivs"] == ["1"]
        keeper = children(screen.pid)
        assert len(keeper) == 1 and status_of(keeper[0])["Uid"][0] == "0"
        screen.send(b"\x0c")  # they may have come with the heading
        screen.expect(b"[stack]")  # and yet another user's mappings are there
        screen.send(b"q")
        assert screen.wait() == 0
        screen.restored()


@test
def privileges_of_the_way_to_a_process():
    """started as root, the screen opens from the machine what its own user may not read; started as nobody it says what is missing"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with Sleeper() as target, Screen(env={"SUDO_UID": ""}) as screen:
        screen.expect(b"available")
        assert "0" not in status_of(screen.pid)["Uid"]
        screen.send(b"/%d\r" % target.pid)
        screen.send(b"\r")
        screen.expect(b"ADDRESS")
        screen.send(b"\x0c")
        screen.expect(b"[stack]")
        for pid in children(screen.pid) + children(children(screen.pid)[0]):
            assert status_of(pid)["Uid"][0] == "0", pid
        screen.send(b"q")
        assert screen.wait() == 0
        screen.restored()
    with tempfile.TemporaryDirectory() as folder, Sleeper() as target:
        os.chmod(folder, 0o755)
        with Screen(program=shutil.copy(MEMVIEW, folder), user=65534) as screen:
            screen.expect(b"available")
            screen.send(b"/%d\r" % target.pid)
            screen.send(b"\r")
            screen.expect(b"CAP_SYS_PTRACE")
            screen.send(b"q")
            assert screen.wait() == 0


@test
def invoking_user():
    """under sudo the screen runs as the invoking user, and reads that user's themes"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with Sleeper() as target, Screen(target.pid, env={"SUDO_UID": "1987654", "SUDO_GID": "1987655"}) as screen:
        screen.expect(b"ADDRESS")
        status = status_of(screen.pid)
        assert status["Uid"] == ["1987654"] * 4 and status["Gid"] == ["1987655"] * 4, status["Uid"]
        assert status["Groups"] == ["1987655"], status["Groups"]
        screen.send(b"q")
        assert screen.wait() == 0


@test
def command_of_the_invoking_user():
    """under sudo a COMMAND runs as the invoking user; what it printed comes after quit, made safe"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with Screen("--", "sh", "-c", "id -u; printf 'x\\033[31my\\n'; exit 7",
                env={"SUDO_UID": "1987654", "SUDO_GID": "1987655"}) as screen:
        screen.expect(b"ended with exit status 7")
        screen.send(b"q")
        assert screen.wait() == 0
        screen.restored()
        after = screen.seen[screen.seen.rindex(LEAVE):]
        assert b"1987654\r\nx\\x1b[31my\r\n" in after, after
        assert "ended with status 7" in screen.stderr(), screen.stderr()


@test
def signals():
    """SIGTERM, SIGHUP, SIGQUIT restore the terminal and end it; so does ^C"""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        with Sleeper() as target, Screen(target.pid) as screen:
            screen.expect(b"ADDRESS")
            os.kill(screen.pid, number)
            assert screen.wait() == -number, screen.process.returncode
            screen.restored()
    with Sleeper() as target, Screen(target.pid) as screen:
        screen.expect(b"ADDRESS")
        screen.send(b"\x03")
        assert screen.wait() == 0
        screen.restored()


@test
def crash():
    """a crash restores the terminal, then crashes"""
    with Sleeper() as target, Screen(target.pid) as screen:
        screen.expect(b"ADDRESS")
        os.kill(screen.pid, signal.SIGSEGV)
        assert screen.wait() == -signal.SIGSEGV
        screen.restored()


@test
def stalled_terminal():
    """a terminal that takes nothing any more: SIGTERM ends it all the same"""
    with Sleeper() as target, Screen(target.pid) as screen:
        screen.expect(b"ADDRESS")
        for _ in range(2000):  # enough redraws to fill the pty
            screen.send(b"\x0c")
        os.kill(screen.pid, signal.SIGTERM)
        assert screen.process.wait(LIMIT) == -signal.SIGTERM


@test
def hangup():
    """the terminal goes away: it ends, and with it the keeper and the collector"""
    with Sleeper() as target, Screen(target.pid) as screen:
        screen.expect(b"ADDRESS")
        keeper = children(screen.pid)
        ends = [os.pidfd_open(pid) for pid in keeper + children(keeper[0])]
        assert len(ends) == 2
        os.close(screen.slave)
        os.close(screen.master)
        screen.process.wait(LIMIT)
        for end in ends:
            assert select.select([end], [], [], LIMIT)[0], "a process is left"
            os.close(end)
        assert target.process.poll() is None


@test
def target_ends():
    """the target ends: its last picture stays, and a banner says so"""
    with Sleeper() as target, Screen(target.pid) as screen:
        screen.expect(b"[stack]")
        target.process.kill()
        target.process.wait()
        screen.expect(b"ENDED")
        screen.send(b"q")
        assert screen.wait() == 0
        screen.restored()


@test
def command_left_running():
    """q while a COMMAND runs asks; l leaves it running, y ends it"""
    for key, lives in ((b"l", True), (b"y", False)):
        with Screen("--", "sleep", "1000") as screen:
            screen.expect(b"ADDRESS")
            screen.send(b"q")
            screen.expect(b"leave it running")
            keeper = children(screen.pid)[0]
            command = next(pid for pid in children(keeper)
                           if open("/proc/%d/comm" % pid, encoding="ascii").read() == "sleep\n")
            end = os.pidfd_open(command)
            screen.send(key)
            assert screen.wait() == 0
            if lives:
                assert not select.select([end], [], [], 0)[0]
                signal.pidfd_send_signal(end, signal.SIGKILL)
            assert select.select([end], [], [], LIMIT)[0]
            os.close(end)


@test
def no_usable_terminal():
    """TERM unset, unknown or dumb: one line, status 1, nothing drawn"""
    with Sleeper() as target:
        for term in (None, "", "no-such-terminal", "dumb"):
            with Screen(target.pid, term=term) as screen:
                assert screen.wait() == 1
                assert screen.seen == b"", screen.seen
                text = screen.stderr()
                assert text.startswith("memview: ") and text.count("\n") == 1 and "TERM" in text, text


@test
def theme_with_errors():
    """a theme with an error: the line is named, the default is used"""
    themes = os.environ.get("MEMVIEW_THEMES")
    if not themes:
        raise Skip("MEMVIEW_THEMES is not set")
    with tempfile.TemporaryDirectory() as folder, Sleeper() as target:
        os.chmod(folder, 0o755)
        for name in os.listdir(themes):
            if name.endswith(".ini"):
                shutil.copy(os.path.join(themes, name), folder)
        with open(os.path.join(folder, "broken.ini"), "w", encoding="ascii") as file:
            file.write("[theme]\nname = broken\n[roles]\ntext = #zzz\n")
        for name, words in (("broken", "line 4"), ("no-such-theme", "no theme is called")):
            with Screen(target.pid, "--theme", name, env={"MEMVIEW_THEMES": folder}) as screen:
                screen.expect(b"ADDRESS")
                screen.send(b"q")
                assert screen.wait() == 0
                assert words in screen.stderr() and screen.stderr().count("\n") == 1, screen.stderr()


@test
def saving():
    """p saves text and picture, never over an existing file, and says their names"""
    with tempfile.TemporaryDirectory() as folder, Sleeper() as target:
        os.chmod(folder, 0o777)
        with Screen(target.pid, cwd=folder) as screen:
            screen.expect(b"[stack]")
            for count in (2, 4):
                screen.send(b"p")
                until = time.monotonic() + LIMIT
                while len(os.listdir(folder)) < count:
                    screen.read_some(until)
            assert b"saved as" in screen.seen
            screen.send(b"q")
            assert screen.wait() == 0
        for name in os.listdir(folder):
            assert name.startswith("memview-%d-" % target.pid), name
            data = open(os.path.join(folder, name), "rb").read()
            assert b"[stack]" in data if name.endswith(".txt") else data.rstrip().endswith(b"</svg>"), name


@test
def sizes():
    """resized to 1x1, 500x200 and back, it goes on"""
    with Sleeper() as target, Screen(target.pid) as screen:
        screen.expect(b"ADDRESS")
        for rows, cols in ((1, 1), (200, 500), (2, 5), (10, 40), (60, 100)):
            at = len(screen.seen)
            fcntl.ioctl(screen.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.kill(screen.pid, signal.SIGWINCH)
            until = time.monotonic() + LIMIT
            while len(screen.seen) == at:
                screen.read_some(until)
        screen.seen = screen.seen[:screen.seen.index(b"ADDRESS")]
        screen.send(b"?")
        screen.expect(b"help")
        screen.send(b"q")
        assert screen.wait() == 0


if __name__ == "__main__":
    sys.exit(main())
