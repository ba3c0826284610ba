#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fuzzes every fuzz_*.c with clang's libFuzzer under ASan and UBSan, SECONDS each; make fuzz calls it.
# What it learns stays in build/fuzz/found, what breaks in build/fuzz/broken.
#
# usage: run.sh SECONDS SOURCE...   (the archives' sources; CPPFLAGS, LIBS and SYMBOLS_LIBS from the environment)

set -eu

seconds=$1
shift
top=${top_srcdir:?}
build=${top_builddir:?}
clang=${CLANG:-clang}
if ! command -v "$clang" >/dev/null 2>&1; then
	echo "make fuzz needs clang (Debian: clang, libclang-rt-dev)" >&2
	exit 1
fi
mkdir -p "$build/fuzz/broken"

themes="-DMV_THEMES_DIR=\"/nonexistent\""
flags="-std=gnu17 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
objects=
symbols=
for source in "$@"; do
	case $source in
	core/symbols.c) symbols=1 ;;
	*.c) ;;
	*) continue ;;
	esac
	object=$build/fuzz/$(echo "${source%.c}" | tr / -).o
	# shellcheck disable=SC2086 # lists of options
	"$clang" $flags -fsanitize=fuzzer-no-link -I"$build" -I"$top" "$themes" ${CPPFLAGS-} -c -o "$object" "$top/$source"
	objects="$objects $object"
done

status=0
for target in "$top"/tests/fuzz/fuzz_*.c; do
	name=${target##*/fuzz_}
	name=${name%.c}
	if [ "$name" = elf ]; then
		# Only a build with libunwind and libdw has what it tests.
		[ -n "$symbols" ] || continue
		LIBS="${SYMBOLS_LIBS-} ${LIBS-}"
	fi
	mkdir -p "$build/fuzz/found/$name"
	# shellcheck disable=SC2086
	"$clang" $flags -fsanitize=fuzzer -I"$build" -I"$top" ${CPPFLAGS-} -o "$build/fuzz/$name" "$target" $objects ${LIBS-}
	echo "== $name"
	"$build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$build/fuzz/broken/$name-" "$build/fuzz/found/$name" "$top/tests/fuzz/corpus/$name" \
		>"$build/fuzz/$name.log" 2>&1 || status=1
	grep -E "^(stat::number_of_executed_units|SUMMARY|==.*ERROR)|cov: [0-9]+ .*DONE|artifact_prefix.*Test unit written" \
		"$build/fuzz/$name.log" || tail -n 5 "$build/fuzz/$name.log"
done
if [ -n "$symbols" ]; then
	echo "== elf, by breaking this system's libraries"
	# shellcheck disable=SC2086
	"$clang" $flags -fsanitize=fuzzer-no-link -I"$build" -I"$top" ${CPPFLAGS-} -o "$build/fuzz/mutate" \
		"$top/tests/fuzz/mutate_elf.c" "$top/tests/fuzz/fuzz_elf.c" $objects ${LIBS-}
	MUTATE_SECONDS="$seconds" "$build/fuzz/mutate" || status=1
fi
exit $status
