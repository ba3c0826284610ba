#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Keeps the house's walls (HACKING.md): who may include what, who may open, print, read the clock; and that no file
# of the tree is forgotten. Reads the sources without their comments, and the symbols of both archives. Output: TAP.

LC_ALL=C
export LC_ALL
cd "${top_srcdir:-$(dirname "$0")/..}" || exit 99
build=${top_builddir:-build}
nm=${NM:-nm}

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# A rule ends a pipe, so in a shell of its own: the count lives in a file.
echo 0 >"$scratch/count"
next() {
	read -r n <"$scratch/count"
	n=$((n + 1))
	echo "$n" >"$scratch/count"
}
# rule NAME: passes when standard input is empty; else its lines are the offenders
rule() {
	next
	cat >"$scratch/offenders"
	if [ -s "$scratch/offenders" ]; then
		echo "not ok $n - $1"
		sed 's/^/#   /' "$scratch/offenders"
	else
		echo "ok $n - $1"
	fi
}
skip() {
	next
	echo "ok $n - $1 # SKIP $2"
}

# --- The sources without comments, line for line, under $scratch ------------------------------------------------

strip_comments() {
	awk '{
		line = $0
		out = ""
		while (line != "") {
			if (inside) {
				end = index(line, "*/")
				if (!end) { line = ""; break }
				line = substr(line, end + 2)
				inside = 0
				continue
			}
			# A string or character literal is copied whole, so that "/*" in one opens nothing.
			if (match(line, /^("([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047)/)) {
				out = out substr(line, 1, RLENGTH)
				line = substr(line, RLENGTH + 1)
			} else if (substr(line, 1, 2) == "/*") {
				inside = 1
				line = substr(line, 3)
			} else if (substr(line, 1, 2) == "//") {
				line = ""
			} else {
				out = out substr(line, 1, 1)
				line = substr(line, 2)
			}
		}
		print out
	}' "$1"
}

sources=
for file in core/*.[ch] tui/*.[ch] tui/*/*.[ch]; do
	[ -f "$file" ] && sources="$sources $file"
done
for file in $sources; do
	mkdir -p "$scratch/code/${file%/*}" "$scratch/bare/${file%/*}"
	strip_comments "$file" >"$scratch/code/$file"
	sed -e 's/^[[:space:]]*#[[:space:]]*include.*//' -e 's/"\([^"\\]\|\\.\)*"/""/g' "$scratch/code/$file" >"$scratch/bare/$file"
done

# code PATTERN FILES...: matching lines of the sources without comments; bare: without strings and includes either.
code() {
	pattern=$1
	shift
	(cd "$scratch/code" && grep -HnE -e "$pattern" "$@" /dev/null 2>/dev/null)
}
bare() {
	pattern=$1
	shift
	(cd "$scratch/bare" && grep -HnE -e "$pattern" "$@" /dev/null 2>/dev/null)
}
# except PATTERN: drops lines of files that match it
except() { grep -vE -e "^($1):"; }

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]'
call() { echo "(^|[^A-Za-z0-9_.>])($1)[[:space:]]*\("; }

cd "$scratch/code" || exit 99
core=$(ls core/*.[ch])
tui=$(ls tui/*.[ch] tui/*/*.[ch] 2>/dev/null)
views=$(ls tui/view.c tui/view_*.c tui/widget*.c tui/canvas.c tui/keys.c 2>/dev/null)
cd "$OLDPWD" || exit 99
# shellcheck disable=SC2086 # lists of file names without spaces
{
	# --- Includes -----------------------------------------------------------------------------------------------

	code "$include([a-z/]*curses|term\.h|panel|tui/|jansson|ini\.h)" $core | rule "core includes no curses, no tui/, no JSON, no INI"
	code "$include(ncursesw?/)?(n?curses|term\.h|panel)" $tui | except 'tui/term(_probe)?\.c' | rule "only tui/term.c and its probe include curses"
	code "${include}libproc2" $core $tui | except 'core/machine(_free)?\.c' | rule "only core/machine.c and machine_free.c include libproc2"
	code "$include(libunwind|unwind\.h)" $core $tui | except 'core/unwind\.c' | rule "only core/unwind.c includes libunwind"
	code "$include((elfutils/)?(libdw|libdwfl|libdwelf|libelf|libebl|dwarf|gelf|known-dwarf)|(libiberty/)?(demangle|libiberty))|include[[:space:]]+MV_DEMANGLE" \
		$core $tui | except 'core/symbols(_[a-z]+)?\.[ch]|core/symbols_private\.h' |
		rule "only core/symbols includes libelf, libdw and libiberty"
	code "$include(core/)?(symbols|unwind)\.h" $core $tui | except 'core/(symbols|unwind|symboliser)(_[a-z]+)?\.[ch]' |
		rule "only memview-symbols looks into the target's files"
	# What the files of one module share: X_private.h, and the sampler's two.
	for header in $(cd "$scratch/code" && ls core/*_private.h tui/*_private.h core/sampler_trace.h 2>/dev/null); do
		module=${header%_private.h}
		module=${module%_trace.h}
		code "$include$header\"" $core $tui | except "$module(_[a-z]+)*\\.[ch]"
	done | rule "a private header is included by its own module alone"
	for file in $sources; do
		case $file in
		*.c) grep -nE "$include" "$file" /dev/null | head -n 1 | grep -v 'include "config.h"' ;;
		esac
	done | rule "config.h is the first include of each .c"

	# --- What may be called where -------------------------------------------------------------------------------

	bare "$(call 'v?f?printf|v?dprintf|f?puts|f?putc|putchar|perror|fwrite|v?syslog|err|errx|warn|warnx')" $core |
		rule "core prints nothing"
	bare "(^|[^A-Za-z0-9_])(stdout|stderr)([^A-Za-z0-9_]|$)" $core | rule "core knows no stdout and no stderr"
	bare "$(call 'exit|abort|quick_exit')" $core | rule "core does not exit"
	code "$(call 'open(at|at2)?|fopen|opendir|readlink(at)?')" $core | except 'core/source[a-z_]*\.c' |
		grep -vE '"/dev/null"|core/command\.c:[0-9]*:.*slave_name' |
		rule "in core only source opens files, and command its pty"
	code '"/(proc|sys)("|/?%|/self|/fs|/kernel)' $core $tui | except 'core/source[a-z_]*\.c' |
		rule "only core/source names paths of /proc and /sys"
	bare "$(call 'open(at|at2)?|fopen|opendir|read|pread|write|ioctl|socket|poll|stat|fork|execv?p?e?|system|popen|getenv|ini_parse[a-z_]*')" $views |
		rule "views do no I/O"
	bare "$(call 'clock_gettime|gettimeofday|time|clock|mv_source_[a-z_]*|mv_target_[a-z_]*')" $views |
		rule "views read no clock and no source"
	# What disturbs the target or costs it time is done on demand, and in one place each.
	bare "$(call 'ptrace')" $core $tui | except 'core/threads_stop\.c' | rule "only core/threads_stop.c stops anything"
	bare "(^|[^A-Za-z0-9_])(__NR|SYS)_perf_event_open" $core $tui | except 'core/perf\.c' | rule "only core/perf.c opens events"
	bare "$(call 'mv_poke_[a-z_]*|mv_faults_start')" $core $tui | grep -vE '^[^:]*:[0-9]*:int mv_' |
		except 'core/(sampler_(faults|threads)|leaks_scan)\.c' | rule "stops and traces are begun by the sampler and the leak scan alone, on a want"
	# These hand on parts of text that was clean already, or copies of it that they keep.
	bare "$(call 'mv_clean_trusted')" $views |
		except 'tui/(view_faults_words|view_map_columns|view_meaning|view_output|view_stack|widget_strip)\.c' |
		rule "views trust no text: they clean it or get it clean"

	for file in $sources; do
		awk -v file="$file" '
			{ text = text $0 "\n" }
			END {
				while (match(text, /mv_build_fmt\(/)) {
					text = substr(text, RSTART + RLENGTH)
					end = index(text, ";")
					statement = substr(text, 1, end)
					gsub(/%%/, "", statement)
					while (match(statement, /"([^"\\]|\\.)*"/)) {
						literal = substr(statement, RSTART, RLENGTH)
						statement = substr(statement, RSTART + RLENGTH)
						if (literal ~ /%[-+ #0-9.*hlzjtL\047]*[scpn]/)
							print file ": " literal
					}
				}
			}' "$scratch/code/$file"
	done | rule "mv_build_fmt takes numbers only: no %s, %c, %p"

	bare '^[[:space:]]*typedef[[:space:]]+(struct|union|[A-Za-z_ ]*\*)' $core $tui | rule "no typedef of a struct or pointer"
	bare '(^|[^A-Za-z0-9_])(NAN|ULLONG_MAX)([^A-Za-z0-9_]|$)' $core $tui | rule "no NAN, no ULLONG_MAX for what is unknown"
}

# --- Symbols of the archives ------------------------------------------------------------------------------------

# undefined ARCHIVE -> "object symbol"
undefined() {
	"$nm" -A -u "$build/$1" 2>/dev/null | sed -n 's/^[^:]*:\([^:]*\): *U \([^@]*\).*$/\1 \2/p'
}
output='(__)?v?f?d?printf(_chk)?|f?puts|putchar|_?IO_putc|f?putc|perror|v?syslog|stdout|stderr|exit|abort|quick_exit'
curses='initscr|newterm|endwin|stdscr|curscr|doupdate|w?refresh|w?add_?w?n?w?(ch|str)|(mv)?w?addn?w?str|init_(extended_)?pair|start_color|COLOR_PAIRS?|COLS|LINES|tputs|tparm|tig(etstr|etnum|etflag)|setupterm|resizeterm|mousemask|getmouse|wget_?w?ch|keypad'
unwinding='_?_?U[A-Za-z0-9]*_.*|unw_.*|elf(32|64)?_.*|gelf_.*|dwarf_.*|dwelf_.*|dwfl_.*|.*_?demangle(_v3)?|rust_demangle.*'
opening='open(64|at|at64)?|__open_2|fopen(64)?|opendir|readlink(at)?|socket|connect|fork|vfork|execv?p?e?|posix_spawnp?|system|popen|ptrace|kill|process_vm_.*'
clock='clock_gettime|gettimeofday|time|clock'
io='open(64|at|at64)?|__open_2|fopen(64)?|opendir|read|__read_chk|pread(64)?|write|ioctl|socket|poll|fork|system|popen'
if [ -f "$build/libcore.a" ] && [ -f "$build/libview.a" ] && command -v "$nm" >/dev/null 2>&1; then
	undefined libcore.a | grep -E " ($output)$" | rule "libcore.a needs no printing and no exit"
	undefined libcore.a | grep -E " ($curses)$" | rule "libcore.a needs no curses"
	for archive in libcore.a libview.a; do
		undefined $archive | grep -E " ($unwinding)$"
	done | rule "libcore.a and libview.a need neither libunwind, libelf, libdw nor libiberty"
	# Only where libunwind and libdw are.
	undefined libsymbols.a | grep -E " ($output|$opening)$" |
		rule "libsymbols.a prints nothing, does not exit, and opens and starts nothing"
	undefined libview.a | grep -E " ($curses)$" | rule "libview.a needs no curses"
	undefined libview.a | grep -E " ($clock)$" | rule "libview.a reads no clock"
	# A theme is a file: theme.o is the one that opens something.
	undefined libview.a | grep -vE '^[^ ]*theme' | grep -E " ($io)$" | rule "libview.a does no I/O but for themes"
	for archive in libcore.a libview.a libsymbols.a; do
		[ -f "$build/$archive" ] || continue
		"$nm" -A -g --defined-only "$build/$archive" 2>/dev/null |
			sed -n 's/^[^:]*:\([^:]*\):[0-9a-f]* [A-Z] \([^@]*\)$/\1 \2/p' |
			grep -vE ' (mv_|__asan|__odr_asan|__gcov|_?_?start___|__sanitizer)'
	done >"$scratch/exported"
	# What the files of one module share is its own: it is declared in a header that only they include.
	open_headers=$(cd "$scratch/bare" && ls core/*.h tui/*.h | grep -vE '_private\.h|core/sampler_trace\.h|tui/view_')
	while read -r object name; do
		# shellcheck disable=SC2086 # a list of words
		(cd "$scratch/bare" && grep -lwF "$name" $open_headers) | while read -r header; do
			echo "$object $name ($header)"
		done
		(cd "$scratch/bare" && grep -qwF "$name" core/*_private.h core/sampler_trace.h tui/*_private.h tui/view_*.h) || echo "$object $name"
	done <"$scratch/exported" | rule "every exported name begins with mv_, or is shared inside one module only"
else
	for archive in "libcore.a needs no printing, no exit, no curses and no libunwind" "libview.a needs no curses, no clock and no I/O" \
		"every exported name begins with mv_, or is shared inside one module only"; do
		skip "$archive" "no archives or no nm"
	done
fi

# --- The tree ---------------------------------------------------------------------------------------------------

for file in $sources; do
	grep -qF "$file" core/Makemodule.am tui/Makemodule.am || echo "$file"
done | rule "every source is listed in a Makemodule.am"
for file in tests/unit/test_*.c tests/truth/test_*.c; do
	[ ! -f "$file" ] || grep -qE "${file%.c}([[:space:]]|$)" tests/Makemodule.am || echo "$file"
done | rule "every test program is listed in tests/Makemodule.am"

if [ -f HACKING.md ]; then
	for file in $sources; do
		base=${file##*/}
		stem=${base%.?}
		grep -qE "(^|[^A-Za-z0-9_])$stem\.(\[ch\]|${base##*.})" HACKING.md || echo "$file"
	done | rule "HACKING.md names every source"
else
	skip "HACKING.md names every source" "no HACKING.md"
fi

ours=
for file in $sources configure.ac Makefile.am m4/*.m4 */Makemodule.am bootstrap .ci/run themes/*.ini \
	completions/*/* tests/*.sh tests/*.py tests/*/*.c tests/*/*.h tests/*/*.sh tests/*/*.py tests/*/*.supp; do
	[ -f "$file" ] && ours="$ours $file"
done
for file in $ours; do
	head -n 2 "$file" | grep -qF 'SPDX-License-Identifier: GPL-3.0-or-later' || echo "$file"
done | rule "every file of ours says its licence in its first lines"
# shellcheck disable=SC2086
{
	# Spelt in two, so that this file does not hold them.
	grep -nE "TO""DO|FIX""ME|(^|[^X])XX""X([^X]|$)|HA""CK:" $ours | rule "no marks of unfinished work"
	grep -nE "/wo""rk/|[^A-Za-z0-9_\"}]/ro""ot/|/home/[a-z]|/tmp/m""v/" $ours ./*.md | rule "no paths of one machine"
	wc -l $sources | awk '$1 > 700 && $2 != "total" { print $2 ": " $1 " lines" }' | rule "no source beyond 700 lines"
}

read -r n <"$scratch/count"
echo "1..$n"
