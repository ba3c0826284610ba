#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a cmocka program and hands on one TAP stream: cmocka writes a plan for each group, numbers each group from
# one, and a program that dies half-way must not look whole.
#
# usage: run-unit.sh PROGRAM

CMOCKA_MESSAGE_OUTPUT=TAP
export CMOCKA_MESSAGE_OUTPUT

{
	# A limit far beyond what any takes: one that hangs is to fail, not to hang what waits for it.
	timeout -k 10 "${MV_TEST_LIMIT_S:-300}" "$@" 2>&1
	# On a line of its own, since a program may die inside a line.
	printf '\n@exit %d\n' $?
} | awk -v name="${1##*/}" '
	/^1\.\.[0-9]+/ { sub(/^1\.\./, ""); planned += $0; next }
	/^(not )?ok( |$)/ {
		seen++
		bad = /^not ok/
		skip = toupper($0) ~ /# *SKIP/
		sub(/^(not )?ok *[0-9]* *-? */, "")
		if (skip) {
			sub(/^# *[Ss][Kk][Ii][Pp] */, "")
			sub(/ *# *[Ss][Kk][Ii][Pp] */, ": ")
			# cmocka knows no reason: a line "# SKIP why" before tells it.
			print "ok " seen " - " $0 " # SKIP" reason
			reason = ""
		} else {
			failed += bad
			print (bad ? "not ok " : "ok ") seen " - " $0
		}
		next
	}
	/^@exit [0-9]+$/ { status = $2; next }
	/^$/ { next }
	/^#? *SKIP / { reason = $0; sub(/^#? *SKIP/, "", reason); next }
	/^#/ { print; next }
	{ print "# " $0 }
	END {
		if (seen < planned || (status != 0 && !failed) || seen == 0) {
			seen++
			print "not ok " seen " - " name " ran to its end (" planned + 0 " tests planned, status " status ")"
		}
		print "1.." seen
	}'
