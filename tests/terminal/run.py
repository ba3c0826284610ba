#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real program in terminals: pyte behind a pty shows what a user would see, tmux has a shell. TAP."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from tap import MEMVIEW, Skip, memview, test  # noqa: E402

LIMIT = 30  # seconds until something that should come is given up
YOUNG = 3  # seconds; an exec before is the end of the start
TARGET = """
import sys
memory = bytearray(b'x' * (8 << 20))
print(flush=True)
sys.stdin.readline()
"""
ENTER, ESC, CTRL_L = "\r", "\x1b", "\x0c"
MOUSE_ON = re.compile(rb"\x1b\[\?[0-9;]*100[0236][0-9;]*h")
MOUSE_OFF = re.compile(rb"\x1b\[\?[0-9;]*100[0236][0-9;]*l")


class Stream(pyte.ByteStream):
    """With the sequences that pyte does not know and that a terminfo entry may offer."""

    csi = dict(pyte.ByteStream.csi, b="repeat", S="scroll_up", T="scroll_down")
    events = pyte.ByteStream.events | {"repeat", "scroll_up", "scroll_down"}


class Emulator(pyte.Screen):
    """A terminal. It answers where its cursor is, as terminals do: one that draws ambiguous glyphs double says so."""

    def __init__(self, cols, rows, answer, wide=False):
        self.answer, self.wide = answer, wide
        self.last = " "
        super().__init__(cols, rows)

    def draw(self, data):
        self.last = data[-1]
        super().draw(data)

    def repeat(self, count=None):
        self.draw(self.last * (count or 1))

    def scroll_up(self, count=None):
        self.scroll(count, self.margins.bottom if self.margins else self.lines - 1, self.index)

    def scroll_down(self, count=None):
        self.scroll(count, self.margins.top if self.margins else 0, self.reverse_index)

    def scroll(self, count, line, step):
        column, before = self.cursor.x, self.cursor.y
        self.cursor.y = line
        for _ in range(count or 1):
            step()
        self.cursor.x, self.cursor.y = column, before

    def report_device_status(self, mode, **_):
        if mode == 6:
            self.answer(b"\x1b[%d;%dR" % (self.cursor.y + 1, self.cursor.x + 1 + self.wide))


class Terminal:
    """memview, or another program, on a pty with an emulator at its other end. Closes with everything in it."""

    def __init__(self, *args, program=MEMVIEW, term="xterm-256color", rows=40, cols=110, cwd=None, wide=False, **env):
        self.master, self.slave = pty.openpty()
        self.sizes(rows, cols)
        self.before = termios.tcgetattr(self.slave)
        self.screen = Emulator(cols, rows, lambda text: os.write(self.master, text), wide)
        self.stream = Stream(self.screen)
        self.pending = self.seen = b""
        self.errors = tempfile.TemporaryFile()
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": term, **env}
        for name in ("NO_COLOR", "COLORTERM", "TMUX"):
            if name not in env:
                environment.pop(name, None)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([program, *map(str, args)], stdin=self.slave, stdout=self.slave,
                                        stderr=self.errors, env=environment, cwd=cwd, preexec_fn=take_terminal)
        self.pid = self.process.pid

    def sizes(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows, cols):
        """As a terminal does it: first its own picture, then the news, by SIGWINCH to the foreground."""
        self.screen.resize(rows, cols)
        self.sizes(rows, cols)

    def read_some(self, until, why):
        if not select.select([self.master], [], [], max(0, until - time.monotonic()))[0]:
            raise AssertionError("%s; the screen shows:\n%s" % (why, self.text()))
        try:
            more = os.read(self.master, 65536)
        except OSError:  # all ends of the other side are closed
            more = b""
        self.seen += more
        # Colours written with colons (xterm-direct) are beyond pyte; half a sequence waits for its rest.
        self.pending = re.sub(rb"\x1b\[[0-9;]*:[0-9;:]*m", b"", self.pending + more)
        half = re.search(rb"\x1b(\[[0-9;:]*)?$", self.pending)
        whole = self.pending[:half.start()] if half else self.pending
        self.pending = self.pending[len(whole):]
        self.stream.feed(whole)
        return more

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait(self, holds, why):
        """Until holds(text), for everything that it wrote up to now was read."""
        until = time.monotonic() + LIMIT
        while select.select([self.master], [], [], 0)[0]:
            self.read_some(until, why)
        while not holds(self.text()):
            if not self.read_some(until, why) and self.process.poll() is not None:
                raise AssertionError("%s; it has ended: %s %s" % (why, self.process.returncode, self.stderr()))

    def bottom(self):
        row = self.screen.buffer[self.screen.lines - 1]
        return "".join(row[x].data for x in range(self.screen.columns))

    def says(self, word):
        """Until the bottom line holds it, looked at after each read: what it says there goes again by itself."""
        until = time.monotonic() + LIMIT
        while word not in self.bottom():
            self.read_some(until, "%r did not come" % word)

    def shows(self, *words):
        self.wait(lambda text: all(word in text for word in words), "%r did not come" % (words,))

    def hides(self, *words):
        self.wait(lambda text: not any(word in text for word in words), "%r did not go" % (words,))

    def press(self, keys, *words):
        os.write(self.master, keys.encode())
        self.shows(*words)

    def status(self):
        """Its exit status, when it has ended and all that it wrote has been read."""
        until = time.monotonic() + LIMIT
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.02)[0]:
                self.read_some(until, "it does not end")
            assert time.monotonic() < until, "it does not end"
        while select.select([self.master], [], [], 0)[0] and self.read_some(until, "its end"):
            pass
        return self.process.returncode

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def quit(self):
        os.write(self.master, b"q")
        assert self.status() == 0, (self.process.returncode, self.stderr())
        assert termios.tcgetattr(self.slave) == self.before, "the terminal's modes are not what they were"
        assert not self.screen.cursor.hidden, "the cursor is left hidden"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
        self.errors.close()


def target():
    return tap.Child(sys.executable, "-c", TARGET)


def stat_of(pid):
    """(its name, state, parent)"""
    with open("/proc/%s/stat" % pid, "rb") as stat:
        before, after = stat.read().rsplit(b")", 1)
    state, parent = after.split()[:2]
    return before.split(b"(", 1)[1].decode("utf-8", "replace"), state.decode(), int(parent)


def process_name(pid):
    return stat_of(pid)[0]


def process_state(pid):
    return stat_of(pid)[1]


def children(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if stat_of(entry)[2] == pid:
                found.append(int(entry))
        except OSError:
            pass
    return found


def has_terminfo(term):
    return subprocess.run(["infocmp", term], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def saved(terminal, folder):
    """The lines of the picture that p saves, and those that the terminal shows then."""
    os.write(terminal.master, (CTRL_L + "p").encode())
    terminal.says("saved as")
    shown = terminal.lines()
    name = next(n for n in os.listdir(folder) if n.endswith(".txt"))
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        lines = [re.sub("\x1b\\[[0-9;]*m", "", line).rstrip() for line in file.read().splitlines()]
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    os.write(terminal.master, CTRL_L.encode())
    terminal.hides("saved as")
    return lines[:-1], shown[:-1]  # the last line says where it was saved


class Still:
    """While the keeper is stopped: its counters move the header each second, paused or not."""

    def __init__(self, terminal):
        self.keeper = next(pid for pid in children(terminal.pid) if process_name(pid) == "memview-keep")

    def __enter__(self):
        os.kill(self.keeper, signal.SIGSTOP)
        until = time.monotonic() + LIMIT
        while process_state(self.keeper) != "T":
            assert time.monotonic() < until, "the keeper does not stop"
            os.sched_yield()

    def __exit__(self, *_):
        os.kill(self.keeper, signal.SIGCONT)


def same_as_saved(terminal, folder, moves=True):
    """What the emulator shows is, letter for letter, what memview thinks it shows."""
    if moves:
        terminal.press(" ", "PAUSED")
    with Still(terminal):
        # What was asked for before the pause, or sent before the stop, may come after it; and what the screen itself
        # takes is said anew each second, which may be between the two that are compared.
        until = time.monotonic() + LIMIT
        wanted, found = saved(terminal, folder)
        while wanted != found and time.monotonic() < until:
            wanted, found = saved(terminal, folder)
    assert len(wanted) == len(found), (len(wanted), len(found))
    for line, shown in zip(wanted, found):
        assert line == shown, "saved %r, but the terminal shows %r" % (line, shown)
    if moves:
        terminal.press(" ", "LIVE")


class Folder:
    """A folder that the screen may write to even after it has given up its privileges."""

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        os.chmod(self.path, 0o777)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


@test
def views():
    """every view and every box by its key, on a live process; letter for letter as memview meant it"""
    with target() as child, Folder() as folder, Terminal(child.pid, cwd=folder) as t:
        t.shows("address space", "ADDRESS", "[heap]", "LIVE 1s")
        same_as_saved(t, folder)
        t.press("2", "one cell =", "never touched")
        same_as_saved(t, folder)
        t.press("2", "whole process:")
        same_as_saved(t, folder)
        t.press("7", "LEVEL", "PTE FULL", "VmPTE")
        same_as_saved(t, folder)
        t.press("1", "ADDRESS", "RESIDENT")
        t.press("/[heap" + ENTER, "> ")
        t.wait(lambda text: re.search(r"^> .*\[heap\]", text, re.M), "[heap] is not selected")
        t.press(ENTER, "[heap]", "one cell =", "Esc out")
        t.press(ENTER, "> page ", "bits 47-39", "first seen")
        same_as_saved(t, folder)
        t.press(ESC, "one cell =")
        t.press(ESC, "ADDRESS", "address space")
        t.press("?", "memview: keys")
        same_as_saved(t, folder, moves=False)
        t.press(ESC, "ADDRESS")
        for key, words in (("w", "what is this figure"), ("C", "Space chooses"), ("f", "only these kinds")):
            t.press(key, words)
            os.write(t.master, ESC.encode())
            t.hides(words)
        t.press("x", "objects")
        os.write(t.master, b"x")
        t.hides("objects")
        t.press("s", "SIZE▾")
        t.press("S", "SIZE▴")
        t.press("z", "true to scale")
        os.write(t.master, b"u")
        t.wait(lambda text: re.search(r"RSS [0-9]+,[0-9]{3}", text), "no exact figures")
        t.press("<", "LIVE 2s")
        t.press(">", "LIVE 1s")
        t.press("o", "only a COMMAND")
        t.press(ESC, "outermost")
        t.quit()


@test
def sizes():
    """from 1x1 to 500x200 and back; each time the whole screen is right"""
    with target() as child, Folder() as folder, Terminal(child.pid, cwd=folder) as t:
        t.shows("ADDRESS", "[heap]")
        t.resize(1, 1)
        t.shows("…")
        t.resize(200, 500)
        t.shows("ADDRESS", "GROWTH", "[stack]")
        same_as_saved(t, folder)
        t.resize(3, 20)
        t.hides("GROWTH")
        t.resize(10, 60)
        t.shows("ADDRESS", "RSS")
        t.resize(40, 110)
        t.shows("ADDRESS", "address space", "RESIDENT")
        same_as_saved(t, folder)
        t.quit()


@test
def terms():
    """each kind of terminal that terminfo knows shows the same letters, and is left as it was"""
    with target() as child, Folder() as folder:
        known = [term for term in ("xterm-256color", "tmux-256color", "screen-256color", "linux", "vt100", "xterm",
                                   "xterm-direct", "rxvt-unicode-256color", "alacritty", "foot", "xterm-kitty")
                 if has_terminfo(term)]
        if not known:
            raise Skip("no infocmp, or it knows none of them")
        for term in known:
            with Terminal(child.pid, term=term, cwd=folder, rows=24, cols=80) as t:
                t.shows("ADDRESS", "[heap]")
                t.press("2", "one cell =")
                try:
                    same_as_saved(t, folder)
                except AssertionError as error:
                    raise AssertionError("TERM=%s: %s" % (term, error)) from error
                t.quit()


@test
def colours():
    """NO_COLOR and the theme mono: no colour is ever set; t goes through the themes and says which"""
    colour = re.compile(rb"\x1b\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9]+)*m")
    with target() as child:
        for args, env in ((("--no-color",), {}), ((), {"NO_COLOR": "1"}), (("--theme", "mono"), {})):
            with Terminal(*args, child.pid, **env) as t:
                t.press("", "ADDRESS", "[heap]")
                t.quit()
                assert not colour.search(t.seen), (args, env, colour.search(t.seen))
        with Terminal(child.pid) as t:
            t.shows("ADDRESS", "[heap]")
            names = set()
            for _ in range(5):
                t.press("t", "theme ")
                name = re.search(r"theme (\S+)", t.text()).group(1)
                t.press(CTRL_L + "<>", "LIVE")
                names.add(name)
                t.hides("theme ")
            assert {"light", "mono", "projector"} <= names, names
            t.quit()
            assert colour.search(t.seen)


@test
def themes_of_root():
    """root's themes where nobody can read them (a build in /root): the screen, which is nobody's, wears them all the same"""
    if os.geteuid() != 0:
        raise Skip("not root")
    with target() as child, tempfile.TemporaryDirectory() as folder:
        shutil.copytree(os.environ.get("MEMVIEW_THEMES", "themes"), folder + "/themes")
        os.chmod(folder, 0o700)
        with Terminal("--theme", "light", child.pid, MEMVIEW_THEMES=folder + "/themes") as t:
            t.press("", "ADDRESS", "[heap]")
            assert "no theme is called" not in t.text(), t.text()
            t.press("t", "theme projector")
            t.quit()


@test
def ascii_only():
    """LC_ALL=C, --ascii, and a terminal that draws ambiguous glyphs double: not one byte beyond ASCII is drawn"""
    with target() as child:
        with Terminal(child.pid, LC_ALL="C") as t:
            t.press("2", "one cell =")
            t.press("1", "ADDRESS", "[heap]")
            t.quit()
            assert not re.search(rb"[\x80-\xff]", t.seen), re.search(rb".{20}[\x80-\xff]+", t.seen)
        with Terminal("--ascii", child.pid) as t:
            t.press("2", "one cell =")
            t.quit()
            assert all(ord(c) < 128 for c in t.text())
        with Terminal(child.pid, wide=True) as t:
            t.shows("+ address space", "[heap]")
            t.press("2", "one cell =")
            assert all(ord(c) < 128 for c in t.text()), t.text()
            t.quit()


@test
def mouse():
    """a click selects, two open, the wheel moves; --no-mouse leaves the mouse to the terminal"""
    def button(t, what, line, column=20):
        os.write(t.master, b"\x1b[<%d;%d;%dM" % (what, column + 1, line + 1))
        if what < 64:
            os.write(t.master, b"\x1b[<%d;%d;%dm" % (what, column + 1, line + 1))

    def selected(t):
        return next((y for y, line in enumerate(t.lines()) if line.startswith("> ")), None)

    def clicked(t, line):  # two clicks that a loaded machine draws too far apart are just that
        if "one cell =" not in t.text():
            button(t, 0, line)
        return "Esc out" in t.text()

    with target() as child, Terminal(child.pid) as t:
        t.shows("ADDRESS", "[heap]")
        first = selected(t)
        button(t, 0, first + 3)
        t.wait(lambda _: selected(t) == first + 3, "the click did not select")
        button(t, 65, first + 3)
        t.wait(lambda _: selected(t) != first + 3, "the wheel did not move")
        t.wait(lambda _: clicked(t, first + 1), "two clicks did not open")
        t.quit()
        assert MOUSE_ON.search(t.seen) and MOUSE_OFF.search(t.seen, MOUSE_ON.search(t.seen).end())
    with target() as child, Terminal("--no-mouse", child.pid) as t:
        t.shows("ADDRESS", "[heap]")
        t.quit()
        assert not MOUSE_ON.search(t.seen), MOUSE_ON.search(t.seen)


@test
def split_sequences():
    """what a report of the mouse or a key brings in two reads is taken as one, never as the keys of its digits"""
    with target() as child, Terminal(child.pid) as t:
        t.shows("ADDRESS", "[heap]")
        for first, rest in ((b"\x1b[<65;", b"20;12M"), (b"\x1b[<0;2", b"7;7M\x1b[<0;27;7m"), (b"\x1b[", b"<35;17;12M"),
                            (b"\x1b", b"[<35;72;12M"), (b"\x1b[", b"B")):
            os.write(t.master, first)
            # Longer than curses waits for the rest of a sequence.
            time.sleep(0.2)
            os.write(t.master, rest)
            t.wait(lambda _: "ADDRESS" in t.text() and "one cell" not in t.text(), "the digits were taken as keys")
        # All has been read when this shows.
        t.press("?", "memview: keys")
        t.quit()
        assert not any(word in t.seen for word in (b"one cell =", b"VmPTE")), "a side was turned to"


def cursor_on(t, pid):
    """The machine's list has its cursor on the process."""
    t.wait(lambda text: re.search(r"^> *%d " % pid, text, re.M), "the cursor is not on %d" % pid)


def find(t, pid):
    """Once it is listed, the cursor goes to it."""
    t.shows("processes", " %s " % pid)
    os.write(t.master, b"/%d\r" % pid)
    cursor_on(t, pid)


@test
def machine():
    """memview alone: the machine and its sides; Enter opens a process, Esc and 0 lead back to its row"""
    with target() as child, Folder() as folder, Terminal(cwd=folder, rows=200, cols=130) as t:
        t.shows("1 Machine", "available", "LIVE 1s")
        for key in "23456":
            t.press(key, "LIVE 1s")
        os.write(t.master, b"1")
        find(t, child.pid)
        t.press(ESC, "this is the outermost level; q quits")
        t.press("0", "started for no process")
        t.press(ENTER, "ADDRESS", "[heap]", "%d" % child.pid, "Esc machine")
        same_as_saved(t, folder)
        t.press("2", "one cell =")
        t.press("0", "1 Machine")
        cursor_on(t, child.pid)
        t.press(ENTER, "ADDRESS", "[heap]")
        t.press("2", "one cell =")
        t.resize(24, 80)
        t.shows("1Map")
        t.press(ESC, "1Machine")
        cursor_on(t, child.pid)
        t.resize(200, 130)
        t.press("p", "saved as memview-machine-")
        t.quit()


@test
def machine_and_ends():
    """a process that ends while it is shown, while one is at the machine, and before Enter is pressed on its row"""
    with Terminal(rows=200, cols=130) as t:
        with target() as child:
            find(t, child.pid)
            t.press(ENTER, "ADDRESS", "[heap]")
            child.process.kill()
            child.process.wait()
            t.shows("ENDED")
            t.press(ESC, "1 Machine")
        with target() as child:
            find(t, child.pid)
            t.press(" ", "PAUSED")
            child.process.kill()
            child.process.wait()
            t.press(ENTER, "%d has ended" % child.pid)
            t.press(" ", "LIVE")
            t.quit()
    with target() as child, Terminal(child.pid, rows=200, cols=130) as t:
        t.shows("ADDRESS", "[heap]")
        t.press("0", "1 Machine")
        cursor_on(t, child.pid)
        child.process.kill()
        child.process.wait()
        t.hides(" %d " % child.pid)
        t.press("0", "ENDED", "[heap]")
        t.quit()


@test
def from_a_process_to_the_machine():
    """memview PID: 0 the machine, Enter on the same row comes back, on another row opens that; a COMMAND goes on"""
    with target() as child, target() as other, Terminal(child.pid, rows=200, cols=130) as t:
        t.shows("ADDRESS", "[heap]")
        t.press(ESC, "0 the machine, q quits")
        t.press("2", "one cell =")
        t.press("0", "%d is still watched" % child.pid)
        cursor_on(t, child.pid)
        t.press(ENTER, "one cell =")  # the side that was left
        t.press(ESC, "1 Machine")
        find(t, other.pid)
        t.press(ENTER, "ADDRESS", "[heap]", "%d" % other.pid)
        t.press(ESC, "1 Machine")
        cursor_on(t, other.pid)
        t.press("0", "started for no process")
        t.quit()
    with target() as other, Terminal("--", "sh", "-c", "echo first; sleep 1000", rows=200, cols=130) as t:
        t.shows("ADDRESS")
        t.press("0", " goes on: 0 or Enter on its row goes back")
        t.press("o", "first")
        t.press("o", "1 Machine")
        find(t, other.pid)
        t.press(ENTER, "ADDRESS", "[heap]", "%d" % other.pid)
        t.press("o", "first")
        t.press("o", "ADDRESS")
        t.press("0", "1 Machine")
        cursor_on(t, other.pid)
        t.press("0", "ADDRESS", "Esc machine")
        os.write(t.master, b"0")
        cursor_on(t, other.pid)
        os.write(t.master, b"q")
        t.shows("still runs", "leave it running")
        os.write(t.master, b"y")
        assert t.status() == 0, t.stderr()
        assert "was ended" in t.stderr(), t.stderr()


@test
def several_of_a_name():
    """a name that several processes bear: the machine's list of these; without a terminal they are listed"""
    script = "import ctypes; ctypes.CDLL(None).prctl(15, b'mv-namesake'); " + TARGET
    with tap.Child(sys.executable, "-c", script) as one, tap.Child(sys.executable, "-c", script) as two:
        with Terminal("mv-namesake", rows=200, cols=130) as t:
            t.shows("1 Machine", " %d " % one.pid, " %d " % two.pid, "2 processes")
            assert " %d " % os.getpid() not in t.text(), t.text()
            t.press(ENTER, "ADDRESS", "[heap]")
            t.press(ESC, "2 processes")
            t.quit()
        run = memview("mv-namesake")
        assert run.returncode == 1 and b"choose one by its PID" in run.stderr, run


@test
def nothing_is_left_of_the_machine():
    """SIGKILL of the screen with a process opened from the machine: both keepers and both collectors end"""
    with target() as child, Terminal(rows=200, cols=130) as t:
        find(t, child.pid)
        t.press(ENTER, "ADDRESS", "[heap]")
        pids = []
        for pid in [t.pid]:
            pids += children(pid)
        for pid in pids:  # it grows meanwhile
            pids += children(pid)
        ends = [os.pidfd_open(pid) for pid in pids]
        assert len(ends) == 4, "two keepers and two collectors, not %r" % pids
        t.process.kill()
        t.process.wait()
        for end in ends:
            assert select.select([end], [], [], LIMIT)[0], "a process is left"
            os.close(end)
        assert child.process.poll() is None


@test
def nothing_is_left():
    """SIGKILL of the screen: keeper and collector end, the target lives"""
    with target() as child, Terminal(child.pid) as t:
        t.shows("ADDRESS", "[heap]")
        keeper = children(t.pid)
        ends = [os.pidfd_open(pid) for pid in keeper + children(keeper[0])]
        assert len(ends) == 2, "keeper and collector"
        t.process.kill()
        t.process.wait()
        for end in ends:
            assert select.select([end], [], [], LIMIT)[0], "a process is left"
            os.close(end)
        assert child.process.poll() is None


@test
def new_program():
    """the target execs: a line says so, and the new program's mappings are shown"""
    with tap.Child("sh", "-c", "echo; read line; exec sleep 1000") as child, Terminal(child.pid) as t:
        t.shows("ADDRESS", "[stack]")
        t.wait(lambda _: time.time() > os.stat("/proc/%d" % child.pid).st_ctime + YOUNG, "it stays young")
        child.process.stdin.write(b"\n")
        child.process.stdin.flush()
        t.shows("exec: a new program since", "sleep %d" % child.pid)
        t.quit()


@test
def command():
    """a COMMAND: o shows what it printed, its end is told, and its status"""
    with Terminal("--", "sh", "-c", "echo first; sleep 1000; echo never") as t:
        t.shows("ADDRESS")
        t.press("o", "first")
        t.press(ESC, "ADDRESS")
        os.write(t.master, b"q")
        t.shows("leave it running")
        os.write(t.master, b"y")
        assert t.status() == 0, t.stderr()
    with Terminal("--", "sh", "-c", "echo some; exit 3") as t:
        t.shows("ended with exit status 3")
        t.press("o", "some")
        os.write(t.master, b"q")
        assert t.status() == 0, t.stderr()
        assert "3" in t.stderr(), t.stderr()


@test
def no_terminal():
    """without a terminal on stdout: the report, and no escape sequence"""
    with target() as child:
        run = memview(child.pid)
        assert run.returncode == 0, run.stderr
        assert b"\x1b" not in run.stdout and b"[heap]" in run.stdout, run.stdout[:200]


class Tmux:
    """A shell in a tmux of our own."""

    def __init__(self, rows=24, cols=100):
        if not shutil.which("tmux"):
            raise Skip("tmux is missing")
        self.folder = tempfile.mkdtemp()
        self.base = ["tmux", "-S", os.path.join(self.folder, "socket"), "-f", "/dev/null"]
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")}
        environment.update(LC_ALL="C.UTF-8", PS1="$ ", ENV="", TERM="xterm-256color")
        subprocess.run([*self.base, "new-session", "-d", "-x", str(cols), "-y", str(rows), "sh -i"], check=True,
                       env=environment, stdin=subprocess.DEVNULL)

    def run(self, *args):
        return subprocess.run([*self.base, *args], check=True, stdout=subprocess.PIPE).stdout.decode()

    def type(self, *keys):
        self.run("send-keys", *keys)

    def shows(self, *words):
        until = time.monotonic() + LIMIT
        while True:  # tmux tells nobody that its picture has changed
            text = self.run("capture-pane", "-p")
            if all(word in text for word in words):
                return text
            if time.monotonic() > until:
                raise AssertionError("%r did not come:\n%s" % (words, text))
            select.select([], [], [], 0.05)

    def leaves(self):
        """Press q, wait for the shell: what is typed before memview has left is flushed with its terminal modes."""
        self.type("q")
        until = time.monotonic() + LIMIT
        while not self.run("capture-pane", "-p").rstrip().endswith(("$", "#")):
            assert time.monotonic() < until, self.run("capture-pane", "-p")
            select.select([], [], [], 0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.base, "kill-server"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


@test
def stopped_and_continued():
    """^Z under a shell: the shell's screen is back; fg: memview's; q: all is as before"""
    with target() as child, Tmux() as t:
        t.type("stty -g >%s/before; %s %d" % (t.folder, MEMVIEW, child.pid), "Enter")
        t.shows("ADDRESS", "RSS")
        for _ in range(2):
            t.type("C-z")
            text = t.shows("Stopped")
            assert "ADDRESS" not in text, text
            t.type("clear; fg", "Enter")
            t.shows("ADDRESS", "LIVE")
        t.type("0")
        t.shows("1 Machine", "LIVE")
        t.type("C-z")
        t.shows("Stopped")
        t.type("clear; fg", "Enter")
        t.shows("1 Machine", "LIVE")
        t.leaves()
        t.type("stty -g >%s/after; clear; printf '%%s\\n' is' 'left" % t.folder, "Enter")
        text = t.shows("is left")
        assert "ADDRESS" not in text, text
        with open(t.folder + "/before") as before, open(t.folder + "/after") as after:
            assert before.read() == after.read()


@test
def in_tmux():
    """in tmux: every side, and the pane resized while it runs"""
    with target() as child, Tmux(40, 110) as t:
        t.type("%s %d" % (MEMVIEW, child.pid), "Enter")
        t.shows("address space", "ADDRESS", "╭", "LIVE")
        t.type("2")
        t.shows("one cell =")
        t.type("7")
        t.shows("LEVEL", "PTE")
        t.run("resize-window", "-x", "60", "-y", "15")
        t.shows("page tables")
        t.type("1")
        t.shows("ADDRESS", "? help")
        t.run("resize-window", "-x", "1", "-y", "1")
        t.run("resize-window", "-x", "110", "-y", "40")
        t.shows("address space", "RESIDENT")
        t.leaves()
        t.type("clear; printf '%s\\n' is' 'left", "Enter")
        t.shows("is left")


if __name__ == "__main__":
    sys.exit(tap.main())
