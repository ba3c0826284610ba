# SPDX-License-Identifier: GPL-3.0-or-later
# memview.1.in -> memview.1: puts in the tables that the program itself is made from, so that the page can't drift.
#   awk -v version=V -v src=DIR -f man.awk memview.1.in
# A line @FILE MACRO FORM@ becomes the X-macro MACRO of FILE in one of the forms below; @VERSION@ the version.

# One X-macro as text: its lines up to the first that does not end in a backslash.
function macro(file, name,    line, text, inside)
{
	while ((getline line <file) > 0) {
		if (line ~ "^#define " name "\\(X\\)")
			inside = 1
		if (!inside)
			continue
		text = text " " line
		if (line !~ /\\[ \t]*$/)
			break
		sub(/\\[ \t]*$/, "", text)
	}
	close(file)
	if (text == "")
		fail(file ": there is no " name)
	gsub(/\/\*[^*]*\*\//, "", text)
	return text
}

function fail(message)
{
	print "man.awk: " message >"/dev/stderr"
	failed = 1
	exit 1
}

# Takes the next X(...) off the front of rest: its arguments go to arg[1..n], strings without their quotes.
function entry(    n)
{
	if (!match(rest, /X\([A-Z0-9]/))
		return 0
	rest = substr(rest, RSTART + 2)
	n = 1
	arg[1] = ""
	while (rest != "") {
		if (match(rest, /^[ \t]+/)) {
			# between words
		} else if (match(rest, /^"([^"\\]|\\.)*"/)) {
			arg[n] = arg[n] substr(rest, 2, RLENGTH - 2)
		} else if (match(rest, /^U?'[^']*'/)) {
			arg[n] = substr(rest, 1, RLENGTH - 1)
			sub(/^U?'/, "", arg[n])
			match(rest, /^U?'[^']*'/)
		} else if (match(rest, /^,/)) {
			arg[++n] = ""
		} else if (match(rest, /^\)/)) {
			rest = substr(rest, 2)
			return n
		} else {
			match(rest, /^./)
			arg[n] = arg[n] substr(rest, 1, RLENGTH)
		}
		rest = substr(rest, RLENGTH + 1)
	}
	fail("an entry has no end")
}

function roff(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	gsub(/^[.']/, "\\\\\\&&", text)
	return text
}

function keys(names,    n, part, i, text)
{
	n = split(names, part, " ")
	for (i = 1; i <= n; i++) {
		if (part[i] == "<lt>")
			part[i] = "<"
		else if (part[i] == "<BS>")
			part[i] = "Backspace"
		else if (part[i] ~ /^<..*>$/)
			part[i] = substr(part[i], 2, length(part[i]) - 2)
		else if (part[i] ~ /^\^.$/)
			part[i] = "Ctrl-" substr(part[i], 2)
		text = text (i > 1 ? ", " : "") "\\fB" roff(part[i]) "\\fR"
	}
	return text
}

function views(letters,    text, i, c)
{
	if (letters == "*")
		return ""
	for (i = 1; i <= length(letters); i++) {
		c = substr(letters, i, 1)
		c = c == "m" ? "Map" : c == "p" ? "Pages" : c == "g" ? "Page" : c == "t" ? "Tables" : \
		    c == "f" ? "Faults" : c == "r" ? "Threads" : c == "k" ? "Stack" : c == "w" ? "Growth" : c == "e" ? "Heap" : \
		    c == "M" ? "Machine" : c == "y" ? "Memory" : c == "v" ? "Services" : c == "c" ? "Reclaim" : c == "z" ? "Zones" : \
		    c == "a" ? "Atlas" : c == "b" ? "Frame" : c == "i" ? "Files" : c == "+" ? "a process" : c == "@" ? "the machine" : c
		text = text (i > 1 ? ", " : "") c
	}
	return " (" text ")"
}

/@VERSION@/ { gsub(/@VERSION@/, version) }
!/^@[^ ]+ [A-Z_]+ [a-z]+@$/ { print; next }
{
	line = $0
	gsub(/@/, "", line)
	split(line, want, " ")
	rest = macro(src "/" want[1], want[2])
	sub(/^[^)]*\)/, "", rest)
	found = 0
	groups = 0
	last = ""
	while (entry()) {
		found++
		if (want[3] == "keys") {
			if (!(arg[3] in members)) {
				order[++groups] = arg[3]
				members[arg[3]] = ".SS " toupper(substr(arg[3], 1, 1)) substr(arg[3], 2) "\n"
			}
			members[arg[3]] = members[arg[3]] ".TP\n" keys(arg[2]) "\n" roff(arg[5]) views(arg[4]) "\n"
		} else if (want[3] == "states") {
			item = ".TP\n" arg[3] " (\\fB" roff(arg[4]) "\\fR)  " roff(arg[5]) "\n" roff(arg[6]) " (JSON: \\fB" roff(arg[2]) "\\fR)"
			# The state of a page that has none is the first in the table and the last rule.
			if (arg[1] == "NONE")
				last = item
			else
				print item
		} else if (want[3] == "kinds") {
			print ".TP\n\\fB" roff(arg[2]) "\\fR\n" roff(arg[3])
		} else if (want[3] == "figures") {
			print ".TP\n\\fB" roff(arg[3]) "\\fR\n" roff(arg[6]) "\n.br\n\\fI" roff(arg[5]) "\\fR"
		} else {
			fail("what form is " want[3] "?")
		}
	}
	if (!found)
		fail(want[1] ": " want[2] " is empty")
	for (i = 1; i <= groups; i++)
		printf "%s", members[order[i]]
	if (last != "")
		print last
}
