#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# memview machine against free, vmstat and sar, and against children whose memory is known. TAP.

here=${top_srcdir:-$(dirname "$0")/..}/tests
if ! command -v python3 >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 is missing"
	exit 0
fi
exec python3 "$here/truth/machine.py"
