#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Asks bash and fish what they would complete; zsh can only be asked whether it can read the file. Output: TAP.

dir=${top_srcdir:-$(dirname "$0")/..}/completions
n=0

# offers SHELL LINE WORD [not]: completing LINE brings (or not) WORD
offers() {
	n=$((n + 1))
	# A PID would give the test another name in each run.
	word=$3
	[ "$3" != $$ ] || word=PID
	if "offered_by_$1" "$2" 2>&1 | grep -qxF -e "$3"; then found=yes; else found=no; fi
	case $found${4-} in
	yes | nonot) echo "ok $n - $1: '$2' ${4:+not }to '$word'" ;;
	*) echo "not ok $n - $1: '$2' ${4:+not }to '$word'" ;;
	esac
}

offered_by_bash() {
	# shellcheck disable=SC2016 # bash is to expand it
	bash --norc -c '
		. "$1/bash/memview"
		COMP_LINE=$2
		read -r -a COMP_WORDS <<<"$2"
		[[ $2 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMP_POINT=${#COMP_LINE}
		_memview
		printf "%s\n" "${COMPREPLY[@]}"' bash "$dir" "$1"
}
offered_by_fish() {
	# shellcheck disable=SC2016 # fish is to expand it
	HOME=${TMPDIR:-/tmp} fish --no-config -c '
		source $argv[1]/fish/memview.fish
		complete -C $argv[2] | string split -f1 \t' "$dir" "$1"
}

# This shell's name as the kernel has it; there is one process of that name at least.
read -r own_name </proc/$$/comm

for shell in bash fish; do
	if ! command -v $shell >/dev/null 2>&1; then
		n=$((n + 1))
		echo "ok $n - $shell completes # SKIP no $shell here"
		continue
	fi
	offers $shell 'memview ' report
	offers $shell 'memview ' demo
	offers $shell 'memview ' $$
	offers $shell 'memview json ' $$
	offers $shell 'memview -p ' "$own_name"
	offers $shell 'memview demo ' $$ not
	offers $shell 'memview json --' --quick
	offers $shell 'memview json --' --pages
	offers $shell 'memview watch --' --pages not
	offers $shell 'memview watch -' -n
	offers $shell 'memview ' faults
	offers $shell 'memview stacks ' $$
	offers $shell 'memview faults --' --folded
	offers $shell 'memview faults -' -d
	offers $shell 'memview faults --' --exact not
	offers $shell 'memview faults --' --quick not
	offers $shell 'memview faults --' --theme not
	offers $shell 'memview stacks --' --exact
	offers $shell 'memview stacks --' --period not
	offers $shell 'memview ' heap
	offers $shell 'memview leaks ' $$
	offers $shell 'memview leaks --' --exact
	offers $shell 'memview leaks -' -d
	offers $shell 'memview heap --' --json
	offers $shell 'memview heap --' --exact not
	offers $shell 'memview leaks --' --theme not
	offers $shell 'memview ' machine
	offers $shell 'memview machine ' $$
	offers $shell 'memview machine ' "$own_name" not
	offers $shell 'memview machine --' --openmetrics
	offers $shell 'memview machine --' --process not
	offers $shell 'memview machine -' -n
	offers $shell 'memview watch --' --openmetrics not
	offers $shell 'memview --' --theme
	offers $shell 'memview --theme ' dark
	offers $shell 'memview -- printen' printenv
	offers $shell 'memview --' --proc-root not
done

n=$((n + 1))
if ! command -v zsh >/dev/null 2>&1; then
	echo "ok $n - zsh reads its completion # SKIP no zsh here"
elif zsh -n "$dir/zsh/_memview"; then
	echo "ok $n - zsh reads its completion"
else
	echo "not ok $n - zsh reads its completion"
fi
echo "1..$n"
