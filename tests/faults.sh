#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# memview faults against memory touched page by page from known functions. TAP.

here=${top_srcdir:-$(dirname "$0")/..}/tests
if ! command -v python3 >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 is missing"
	exit 0
fi
exec python3 "$here/truth/faults.py"
