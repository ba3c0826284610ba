#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the README's pictures anew from a fixture: the same memview gives the same files, to the byte.
#   doc/pictures/make.sh [DIR]     into DIR (here); MEMVIEW: the program, build/memview without it

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
to=${1:-$top/doc/pictures}
memview=${MEMVIEW:-$top/build/memview}
LC_ALL=C.UTF-8 MEMVIEW_THEMES=$top/themes XDG_CONFIG_HOME=/nonexistent
export LC_ALL MEMVIEW_THEMES XDG_CONFIG_HOME
unset NO_COLOR MEMVIEW_NO_IOCTL

# picture NAME THEME SIZE KEYS: of a process
picture() {
	"$memview" --proc-root "$top/tests/fixtures/python" --theme "$2" --size "$3" --keys "$4" --dump-svg "$to/$1.svg" 4711
}
# machine NAME SIZE KEYS FIXTURE
machine() {
	"$memview" --proc-root "$top/tests/fixtures/$4" --theme dark --size "$2" --keys "$3" --dump-svg "$to/$1.svg"
}

picture map dark 110x32 '<Tick>/0x7f63ae000000<Enter>'
picture pages dark 110x24 '22<Tick>'
picture page dark 110x30 '/0x7f63ae000000<Enter><Enter><Enter>'
picture tables dark 110x26 7
picture faults dark 110x28 '3<Tick>'
picture light light 80x24 '<Tick>/0x7f63ae000000<Enter>'
ticks='<Tick><Tick><Tick><Tick><Tick><Tick>'
machine machine 110x24 "$ticks$ticks" leaking
machine reclaim 110x26 '<Tick>4' machine
machine atlas 110x26 '<Tick>6' machine
