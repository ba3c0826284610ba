#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Golden screens: each case of screens.list is drawn from a fixture and compared with golden/NAME.txt. Output: TAP.
# UPDATE_GOLDEN=1 writes what is drawn to golden/ instead; then look at the difference.
# screens.sh NAME... draws these cases alone.

here=${top_srcdir:-$(dirname "$0")/..}/tests
memview=${MEMVIEW:-$here/../build/memview}
fixtures=${MV_FIXTURES:-$here/fixtures}
golden=${MV_GOLDEN:-$here/golden}

# Nothing of the caller's taste, clock or language comes in.
unset NO_COLOR COLORTERM LANG LC_CTYPE LC_MESSAGES
XDG_CONFIG_HOME=/nonexistent LC_ALL=C.UTF-8 TZ=UTC0
MEMVIEW_THEMES=${MEMVIEW_THEMES:-$here/../themes}
export XDG_CONFIG_HOME LC_ALL TZ MEMVIEW_THEMES

if ! [ -x "$memview" ]; then
	echo "Bail out! $memview is missing"
	exit 99
fi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

n=0
failed=0
# verdict NAME: passes when $scratch/why is empty; else it says why
verdict() {
	n=$((n + 1))
	if [ -s "$scratch/why" ]; then
		echo "not ok $n - $1"
		sed 's/^/#   /' "$scratch/why"
		failed=1
	else
		echo "ok $n - $1"
	fi
	: >"$scratch/why"
}

# What must hold of any dump, whatever a golden says: no control character (C0, DEL, C1), as many lines as asked for.
sound() {
	LC_ALL=C tr -d '\n' <"$1" | LC_ALL=C grep -a -c "$controls" >/dev/null && echo "a raw control character is in it"
	lines=$(sed '/^--- roles$/,$d' "$1" | wc -l)
	[ "$lines" -eq "${2#*x}" ] || echo "$lines lines instead of ${2#*x}"
	case " $3 " in
	*" --ascii "*)
		LC_ALL=C grep -a -n "$beyond_ascii" "$1" | head -n 3 | sed 's/^/not ASCII: /'
		;;
	esac
}
controls=$(printf '[\001-\037\177]\\|\302[\200-\237]')
beyond_ascii=$(printf '[\200-\377]')

# draw NAME FIXTURE PID SIZE KEYS OPTIONS ENVIRONMENT
draw() {
	# Options and environment are words.
	# shellcheck disable=SC2086
	env $7 "$memview" --proc-root "$fixtures/$2" --size "$4" --keys "$5" $6 --dump ${3:+"$3"} \
		>"$scratch/screen" 2>"$scratch/errors" </dev/null || echo "exit status $?" >>"$scratch/why"
	cat "$scratch/errors" >>"$scratch/why"
	sound "$scratch/screen" "$4" "$6" >>"$scratch/why"
	if [ "${UPDATE_GOLDEN-}" ]; then
		[ -s "$scratch/why" ] || cmp -s "$scratch/screen" "$golden/$1.txt" || cp "$scratch/screen" "$golden/$1.txt"
	elif [ ! -f "$golden/$1.txt" ]; then
		echo "golden/$1.txt is missing" >>"$scratch/why"
	elif ! cmp -s "$golden/$1.txt" "$scratch/screen"; then
		{
			echo "memview --proc-root tests/fixtures/$2 --size $4 --keys '$5' $6 --dump $3  ($7)"
			diff -U 0 "$golden/$1.txt" "$scratch/screen" | sed -e '1,2d' -e 's/^@@ -\([0-9]*\).*/line \1:/' | head -n 60
		} >>"$scratch/why"
	fi
	verdict "$1"
}

: >"$scratch/why"
sed -e '/^#/d' -e '/^[[:space:]]*$/d' -e 's/[[:space:]]*|[[:space:]]*/|/g' "$here/screens.list" >"$scratch/list"
while IFS='|' read -r name fixture pid size keys options environment; do
	case " $* " in
	"  " | *" $name "*) draw "$name" "$fixture" "$pid" "$size" "$keys" "$options" "$environment" ;;
	esac
done <"$scratch/list"

if [ $# -eq 0 ]; then
	for file in "$golden"/*.txt; do
		name=$(basename "$file" .txt)
		grep -q "^$name|" "$scratch/list" || echo "golden/$name.txt: no case draws it" >>"$scratch/why"
	done
	cut -d '|' -f 1 "$scratch/list" | sort | uniq -d | sed 's/$/: two cases of that name/' >>"$scratch/why"
	verdict "each golden has one case"
fi
echo "1..$n"
exit $failed
