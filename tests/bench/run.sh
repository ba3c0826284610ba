#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# make bench: run.sh BUILDDIR [run.py's options]
exec python3 "$(dirname "$0")/run.py" "$@"
