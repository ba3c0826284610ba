#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a packager gets: the tarball holds every file that git keeps, and an installation holds every part.
# Output: TAP.

LC_ALL=C
export LC_ALL
# The make that runs this test shall not hand its options on to ours.
unset MAKEFLAGS MFLAGS MAKELEVEL
top=${top_srcdir:-$(dirname "$0")/..}
build=${top_builddir:-$top/build}

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# result NUMBER NAME: passes when standard input is empty
result() {
	cat >"$scratch/out"
	if [ -s "$scratch/out" ]; then
		echo "not ok $1 - $2"
		sed 's/^/#   /' "$scratch/out"
	else
		echo "ok $1 - $2"
	fi
}

name="the tarball holds every file of the repository"
# -c safe.directory: the tree may belong to somebody else than who tests it, and nothing is run from it.
if git -c safe.directory='*' -C "$top" ls-files >"$scratch/kept" 2>/dev/null && [ -s "$scratch/kept" ]; then
	if make -C "$build" distdir distdir="$scratch/tree" top_distdir="$scratch/tree" >"$scratch/log" 2>&1; then
		while read -r file; do
			case $file in
			.gitignore | .gitattributes | build*) ;;
			*) [ ! -e "$top/$file" ] || [ -e "$scratch/tree/$file" ] || echo "$file" ;;
			esac
		done <"$scratch/kept" | result 1 "$name"
	else
		tail -n 20 "$scratch/log" | result 1 "$name"
	fi
else
	echo "ok 1 - $name # SKIP not a git repository"
fi

name="make install brings every part"
# Only a build with libunwind and libdw has it.
symbols=
[ ! -x "$build/memview-symbols" ] || symbols=libexec/memview/memview-symbols
if make -C "$build" install DESTDIR="$scratch/root" prefix=/usr libexecdir=/usr/libexec >"$scratch/log" 2>&1; then
	for file in bin/memview share/memview/themes/dark.ini share/bash-completion/completions/memview \
		share/zsh/site-functions/_memview share/fish/vendor_completions.d/memview.fish share/man/man1/memview.1 $symbols; do
		[ -f "$scratch/root/usr/$file" ] || echo "$file"
	done | result 2 "$name"
else
	tail -n 20 "$scratch/log" | result 2 "$name"
fi

name="the version is the same everywhere"
{
	"$build/memview" --version 2>/dev/null | grep -qwF "${MV_VERSION:-0}" || echo "memview --version"
	grep -qxF "## ${MV_VERSION:-0}" "$top/NEWS.md" || echo NEWS.md
} | result 3 "$name"

name="make uninstall takes every part away"
if make -C "$build" uninstall DESTDIR="$scratch/root" prefix=/usr libexecdir=/usr/libexec >"$scratch/log" 2>&1; then
	find "$scratch/root" -type f | result 4 "$name"
else
	tail -n 20 "$scratch/log" | result 4 "$name"
fi
echo "1..4"
