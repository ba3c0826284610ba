#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# That the papers say what the program does: options in man page and completions, tables, pictures, links.
# Output: TAP.

LC_ALL=C.UTF-8
export LC_ALL
top=${top_srcdir:-$(dirname "$0")/..}
memview=${MEMVIEW:-$top/build/memview}

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

echo 0 >"$scratch/count"
next() {
	read -r n <"$scratch/count"
	n=$((n + 1))
	echo "$n" >"$scratch/count"
}
# rule NAME: passes when standard input is empty; else its lines are the offenders
rule() {
	next
	cat >"$scratch/out"
	if [ -s "$scratch/out" ]; then
		echo "not ok $n - $1"
		sed 's/^/#   /' "$scratch/out"
	else
		echo "ok $n - $1"
	fi
}
skip() {
	next
	echo "ok $n - $1 # SKIP $2"
}

# --- The man page ---------------------------------------------------------------------------------------------------

{
	LC_ALL=C ${AWK:-awk} -v version=0 -v src="$top" -f "$top/doc/man.awk" "$top/doc/memview.1.in" 2>&1 >"$scratch/memview.1" ||
		echo "man.awk ended with status $?"
	grep -n '^@\|@VERSION@' "$scratch/memview.1"
} | rule "the man page is made from its tables"

# man's own words: no hyphens and escapes in between
sed 's/\\-/-/g; s/\\f[BIRP]//g; s/\\e/\\/g' "$scratch/memview.1" >"$scratch/words"
grep -c '^	X(' "$top/tui/actions.h" >"$scratch/actions"
sed -n 's/^	X([A-Z_]*, "[^"]*", "[^"]*", "[^"]*", "\([^"]*\)").*/\1/p' "$top/tui/actions.h" >"$scratch/helps"
{
	[ "$(wc -l <"$scratch/helps")" -eq "$(cat "$scratch/actions")" ] || echo "this test does not understand actions.h"
	while read -r help; do
		grep -qF -e "$help" "$scratch/words" || echo "$help"
	done <"$scratch/helps"
} | rule "the man page has every key's words"

if command -v groff >/dev/null 2>&1 && groff -k -Tutf8 -man /dev/null >/dev/null 2>&1; then
	groff -k -ww -Tutf8 -man "$scratch/memview.1" 2>&1 >/dev/null | rule "the man page renders without a warning"
else
	skip "the man page renders without a warning" "no groff that knows UTF-8 here"
fi

# --- Options --------------------------------------------------------------------------------------------------------

sed -n 's/^[[:space:]]*{"\([a-z-]*\)", [a-z]*_argument, .*/--\1/p' "$top/tui/options.c" >"$scratch/options"
sed -n 's/^[[:space:]]*{"\([a-z]*\)", MV_MODE_[A-Z]*},.*/\1/p' "$top/tui/options.c" >"$scratch/commands"
{
	[ -s "$scratch/options" ] && [ -s "$scratch/commands" ] || echo "this test does not understand options.c"
	cat "$scratch/options" "$scratch/commands" | while read -r word; do
		grep -qE -e "(^|[^a-z-])$word([^a-z-]|\$)" "$scratch/words" || echo "$word"
	done
} | rule "the man page has every option and command"

# One spelling is enough to be offered, and what serves tests and pictures is not.
grep -vxE -e '--(no-colour|proc-root|size|keys|dump|dump-svg)' "$scratch/options" >"$scratch/offered"
for file in bash/memview zsh/_memview; do
	cat "$scratch/offered" "$scratch/commands" | while read -r word; do
		grep -qE -e "(^|[^a-z-])$word([^a-z-]|\$)" "$top/completions/$file" || echo "$word"
	done | rule "completions/$file has every option and command"
done
while read -r word; do
	grep -qE -e "-l ${word#--}( |\$)" "$top/completions/fish/memview.fish" || echo "$word"
done <"$scratch/offered" | rule "completions/fish has every option"

if [ -x "$memview" ]; then
	"$memview" --help >"$scratch/help"
	cat "$scratch/offered" "$scratch/commands" | while read -r word; do
		grep -qE -e "(^|[^a-z-])$word([^a-z-]|\$)" "$scratch/help" || echo "$word"
	done | rule "--help has every option and command"
else
	skip "--help has every option and command" "no memview"
fi

# --- README and HACKING ---------------------------------------------------------------------------------------------

for paper in README.md HACKING.md tests/README.md; do
	dir=$(dirname "$paper")
	grep -oE '\]\([^)#]+' "$top/$paper" | sed 's/^](//' | grep -v '^[a-z]*:' | while read -r link; do
		[ -e "$top/$dir/$link" ] || echo "$paper: $link"
	done
	# Anchors: a heading in lower case, its punctuation gone, its blanks dashes.
	sed -n 's/^##* //p' "$top/$paper" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g' >"$scratch/anchors"
	grep -oE '\]\(#[^)]+' "$top/$paper" | sed 's/^](#//' | while read -r anchor; do
		grep -qxF -e "$anchor" "$scratch/anchors" || echo "$paper: #$anchor"
	done
done | rule "links of the papers lead somewhere"

sed -n 's/^	X([A-Z_]*, "[^"]*", U.\(.*\)., .\(.\)., .*/| `\1` | `\2` |/p' "$top/core/pagemap.h" >"$scratch/glyphs"
{
	[ -s "$scratch/glyphs" ] || echo "this test does not understand pagemap.h"
	while read -r row; do
		grep -qF -e "$row" "$top/README.md" || echo "$row"
	done <"$scratch/glyphs"
} | rule "the README has every page state with its glyphs"

if [ -x "$memview" ]; then
	mkdir "$scratch/pictures"
	{
		MEMVIEW=$memview sh "$top/doc/pictures/make.sh" "$scratch/pictures" 2>&1
		for picture in "$top"/doc/pictures/*.svg; do
			cmp "$picture" "$scratch/pictures/${picture##*/}" 2>&1 || echo "doc/pictures/make.sh makes it anew: look at it"
		done
	} | rule "the README's pictures are what memview draws"
else
	skip "the README's pictures are what memview draws" "no memview"
fi

read -r n <"$scratch/count"
echo "1..$n"
