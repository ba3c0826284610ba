/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_ACTIONS_H
#define MV_ACTIONS_H

/*
 * Everything a key can do. One table: key map, help view and man page are made from it; no key does two things in one
 * view. The views of a process and those of the machine are two realms, in which a key may stand for different actions.
 * X(ID, default keys in the notation of mv_keys_parse, group, where it works, help line)
 * where: letters of the views it works in: m map, p pages, g page, t tables, f faults, r threads, k a thread's stack,
 * w growth, e heap, i files; of the machine (MV_MACHINE_LETTERS): M machine, y memory, v services, c reclaim, z zones, a atlas, b frame;
 * h help, o output; + every view of a process, @ every view of the machine, * everywhere.
 */
#define MV_MACHINE_LETTERS "Myvczab"
// clang-format off
#define MV_ACTIONS(X)                                                                                             \
	X(UP, "<Up> k", "move", "*", "up")                                                                        \
	X(DOWN, "<Down> j", "move", "*", "down")                                                                  \
	X(LEFT, "<Left> h", "move", "*", "left")                                                                  \
	X(RIGHT, "<Right> l", "move", "*", "right")                                                               \
	X(PAGE_UP, "<PgUp>", "move", "*", "a screen up")                                                          \
	X(PAGE_DOWN, "<PgDn>", "move", "*", "a screen down")                                                      \
	X(FIRST, "<Home> g", "move", "*", "to the first")                                                         \
	X(LAST, "<End> G", "move", "*", "to the last")                                                            \
	X(ENTER, "<Enter>", "levels", "mptfrkweMvcabi", "one level in: process, mapping, page, thread")                            \
	X(BACK, "<Esc> <BS>", "levels", "*", "one level out")                                                     \
	X(SIDE_MAP, "1", "sides", "+", "Map: the address space and its mappings")                                 \
	X(SIDE_PAGES, "2", "sides", "+", "Pages: the selected mapping's pages; again: the whole process")         \
	X(SIDE_FAULTS, "3", "sides", "+", "Faults: traces page faults while it is open: where, what kind, by whom") \
	X(SIDE_THREADS, "4", "sides", "+", "Threads: what each does, its stack")                                  \
	X(SIDE_GROWTH, "5", "sides", "+", "Growth: what grows, how fast, until when")                             \
	X(SIDE_HEAP, "6", "sides", "+", "Heap: malloc's blocks, what is free, what is lost")                      \
	X(SIDE_TABLES, "7", "sides", "+", "Tables: the page tables")                                              \
	X(SIDE_FILES, "8", "sides", "+", "Files: how much of each mapped file is in RAM")                         \
	X(MACHINE, "0", "sides", "+", "the machine, and from there any process")                                  \
	X(SIDE_MACHINE, "1", "the machine's sides", "@", "Machine: RAM and the processes; Enter opens one")       \
	X(SIDE_MEMORY, "2", "the machine's sides", "@", "Memory: the figures of free and sar")                    \
	X(SIDE_SERVICES, "3", "the machine's sides", "@", "Services: memory cgroups, their use and limits")       \
	X(SIDE_RECLAIM, "4", "the machine's sides", "@", "Reclaim: what could be freed, who would be killed, past kills") \
	X(SIDE_ZONES, "5", "the machine's sides", "@", "Zones: free blocks by node, zone and size")               \
	X(SIDE_ATLAS, "6", "the machine's sides", "@", "Atlas: every page frame of the RAM")                      \
	X(HOME, "0", "the machine's sides", "@", "back to the process that memview was started for")              \
	X(PANE, "<Tab>", "move", "mgfweyc", "next pane")                                                             \
	X(FIND, "/", "find", "mptfrweMyvcai", "find text, an address (0x...), a process by its number")                                         \
	X(FIND_NEXT, "n", "find", "mptfrwMyvcai", "next match")                                                          \
	X(FIND_PREV, "N", "find", "mptfrwMyvcai", "previous match")                                                      \
	X(SORT, "s", "table", "mtrweMvi", "sort by the next column")                                                   \
	X(REVERSE, "S", "table", "mtrweMvi", "reverse the order")                                                      \
	X(FILTER, "f", "table", "mtM", "filter by kind; processes by user or name")                                                           \
	X(GROUP, "x", "table", "mfM", "group: a library's mappings as one line; call stacks by who calls or who touches; processes by parent, by service") \
	X(COLUMNS, "C", "table", "mM", "choose columns")                                                           \
	X(EXACT, "u", "table", "mpgtfrkweMyvczai", "exact figures, in bytes, instead of rounded ones")                        \
	X(SCALE, "z", "picture", "m", "address strip: evened out, or true to scale")                              \
	X(ZOOM_IN, "+ =", "picture", "pea", "zoom in: fewer pages or bytes a cell")                                        \
	X(ZOOM_OUT, "-", "picture", "pea", "zoom out: more of them a cell")                                           \
	X(NEXT_STATE, "e", "picture", "pa", "next page whose state differs")                                       \
	X(PREV_STATE, "E", "picture", "pa", "previous page whose state differs")                                   \
	X(COLOUR, "c", "picture", "p", "colour by state, age, sharing, growth")                                   \
	X(TRACE, "F", "time", "+", "trace page faults on the other sides too; again: stop")                       \
	X(LEAKS, "L", "time", "e", "look for lost blocks, four times, while it runs (asks first)")               \
	X(STOP, "!", "time", "rke", "exact by a short stop: threads' stacks, or lost blocks (asks first)")                  \
	X(MARK, "m", "time", "+", "mark what there is now as the baseline")                                      \
	X(AGAINST, "d", "time", "wmp", "show against the baseline: growth, map, pages; again: as it is")         \
	X(PAUSE, "<Space>", "time", "*", "pause, go on")                                                          \
	X(SLOWER, "<lt>", "time", "*", "look less often")                                                         \
	X(FASTER, ">", "time", "*", "look more often")                                                            \
	X(THEME, "t", "screen", "*", "next theme")                                                                \
	X(REDRAW, "^L", "screen", "*", "draw the screen anew")                                                    \
	X(SAVE, "p", "screen", "*", "save the screen as text and as a picture (SVG)")                             \
	X(OUTPUT, "o", "screen", "*", "what the COMMAND printed")                                                 \
	X(RETRY, "R", "time", "*", "start reading again after it was given up")                                   \
	X(MEANING, "w", "help", "*", "what is this figure: formula, source, unit")                                \
	X(HELP, "?", "help", "*", "all keys")                                                                     \
	X(QUIT, "q ^C", "help", "*", "quit")
// clang-format on

enum mv_action {
	MV_ACT_NONE,
#define X(id, keys, group, where, help) MV_ACT_##id,
	MV_ACTIONS(X)
#undef X
	MV_ACT__N
};
struct mv_action_info {
	const char *name; /* "UP" */
	const char *keys, *group, *where, *help;
};
extern const struct mv_action_info mv_actions[MV_ACT__N]; /* in keys.c; [MV_ACT_NONE] has empty strings */

#endif
