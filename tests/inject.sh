#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# System calls and mallocs that fail. TAP.

here=${top_srcdir:-$(dirname "$0")/..}/tests
if ! command -v python3 >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 is missing"
	exit 0
fi
exec python3 "$here/inject.py"
