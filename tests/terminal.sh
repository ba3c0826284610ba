#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The real program in terminals that are emulated. TAP.

# ncurses keeps 10 bytes of TERM=linux's description; leaks of our own are looked for by the other tests.
ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS

here=${top_srcdir:-$(dirname "$0")/..}/tests
# A python3 of one's own in front of the system's often lacks what the distribution installs.
for python in python3 /usr/bin/python3; do
	if "$python" -c 'import pyte' 2>/dev/null; then
		exec "$python" "$here/terminal/run.py" "$@"
	fi
done
echo "1..0 # SKIP python3 with pyte is missing"
