/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "tui/escape.h"
#include "tui/term.h"
#include "tui/tty.h"

/* Last, because <term.h> defines words like "lines" and "columns". */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

/*
 * curses writes into a pipe and never to the terminal: on a stalled terminal it would spin in write. After
 * each batch of changed cells the pipe is emptied into a queue of ours, which the loop drains as the terminal
 * takes it. Batches are so small that one fits into the pipe, whatever colours its cells have.
 *
 * On the way in curses writes its own sequences; on the way out they are ours alone (mv_tty_rescue), because
 * they must also be there for a crash handler and when the queue is thrown away.
 */

#define CELL_BYTES	 128 /* the most that one changed cell can cost: two colours, attributes, cursor, glyph */
#define ROWS_MAX	 1000
#define COLS_MAX	 1000
#define ATTRS_MAX	 32 /* combinations of enum mv_attr */
#define ESCAPE_MS	 25
#define SHADOW_UNKNOWN	 UINT8_MAX
#define KEY_WIDTH_NARROW (KEY_MAX + 1) /* the answers to the width question, as keys */
#define KEY_WIDTH_WIDE	 (KEY_MAX + 2)

struct look {
	bool ready;
	attr_t attrs;
	int pair;
};
struct mv_term {
	struct mv_tty tty;
	FILE *in, *out;
	SCREEN *screen;
	WINDOW *keys; /* a pad, so that reading keys draws nothing */
	size_t batch_cells;
	int rows, cols; /* as curses has them */
	struct mv_cell *shadow;
	struct mv_theme theme, mono;
	int colours;
	bool default_colours, utf8, wide_glyphs, asked_width, mouse;
	int pairs_used;
	struct {
		int fg, bg;
	} * pairs; /* [0] is curses' own */
	int pairs_cap;
	struct look looks[ROLE__N][ATTRS_MAX];
	struct mv_escape escape;
	bool held; /* an Escape, until it is known not to begin a sequence */
	struct {
		bool is;
		int what;
		wint_t ch;
	} kept; /* the key that told so */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* ---- output ---- */

static void forget_shadow(struct mv_term *term)
{
	size_t count = (size_t)term->rows * (size_t)term->cols;

	for (size_t i = 0; i < count; i++)
		term->shadow[i].role = SHADOW_UNKNOWN;
}

/* Move what curses wrote into the queue. */
static void collect_output(struct mv_term *term)
{
	fflush(term->out);
	/* Without memory this frame is lost; the next one draws everything. */
	if (mv_tty_collect(&term->tty) < 0)
		forget_shadow(term);
}

bool mv_term_pending(const struct mv_term *term)
{
	return term->tty.len > 0;
}

int mv_term_drain(struct mv_term *term)
{
	return mv_tty_drain(&term->tty);
}

int mv_term_fd(const struct mv_term *term)
{
	return term->tty.fd;
}

/* Scrolling margins off. curses sets them to the size that it believes in when it starts, which is
 * terminfo's. */
static const char *whole_screen(void)
{
	return change_scroll_region ? "\033[r" : "";
}

/* Anew after each change of size: where there is no second screen the prompt goes below the picture. */
static void prepare_rescue(const struct mv_term *term)
{
	mv_tty_rescue_begin();
	mv_tty_rescue_add(exit_attribute_mode);
	mv_tty_rescue_add(orig_pair);
	if (term->mouse)
		mv_tty_rescue_add("\033[?1006l\033[?1002l\033[?1000l");
	mv_tty_rescue_add(keypad_local);
	mv_tty_rescue_add(whole_screen());
	if (!exit_ca_mode)
		mv_tty_rescue_add(tiparm(cursor_address, term->rows - 1, 0));
	mv_tty_rescue_add(cursor_normal);
	mv_tty_rescue_add(exit_ca_mode ? exit_ca_mode : "\r\n");
	mv_tty_rescue_arm(&term->tty);
}

void mv_term_emergency(void)
{
	mv_tty_rescue();
}

static void give_back(struct mv_term *term)
{
	endwin();
	fflush(term->out);
	mv_tty_discard(&term->tty);
	/* An answer or a mouse report on its way would be typed into the shell. */
	mv_tty_give_back(&term->tty, term->asked_width || term->mouse);
}

/* ---- colours ---- */

int mv_term_colours(const struct mv_term *term)
{
	return term->colours;
}

static void find_colours(struct mv_term *term)
{
	term->colours = 0;
	if (!has_colors() || start_color() == ERR)
		return;
	term->default_colours = use_default_colors() == OK;
	if (COLORS >= 1 << 24 && (tigetflag("RGB") > 0 || tigetnum("RGB") > 0 || tigetstr("RGB") > (char *)0))
		term->colours = 1 << 24;
	else
		term->colours = COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : COLORS >= 8 ? 8 : 0;
}

/* The terminal's number for a colour; -1 its own default. */
static int number_of(const struct mv_term *term, int32_t rgb, int otherwise)
{
	if (rgb < 0)
		return term->default_colours ? -1 : otherwise;
	switch (term->colours) {
	case 1 << 24:
		return rgb < 8 ? 8 : rgb; /* 0-7 mean the palette there */
	case 256:
		return mv_theme_to_256(rgb);
	case 16:
		return mv_theme_to_16(rgb);
	default:
		return mv_theme_to_8(rgb);
	}
}

static int pair_of(struct mv_term *term, int fg, int bg)
{
	int pair;

	for (pair = 1; pair <= term->pairs_used; pair++) {
		if (term->pairs[pair].fg == fg && term->pairs[pair].bg == bg)
			return pair;
	}
	if (pair >= term->pairs_cap || init_extended_pair(pair, fg, bg) == ERR)
		return 0;
	term->pairs[pair].fg = fg;
	term->pairs[pair].bg = bg;
	term->pairs_used = pair;
	return pair;
}

static attr_t attrs_of(unsigned attrs)
{
	return (attrs & MV_ATTR_REVERSE ? A_REVERSE : 0) | (attrs & MV_ATTR_BOLD ? A_BOLD : 0) |
	       (attrs & MV_ATTR_UNDERLINE ? A_UNDERLINE : 0) | (attrs & MV_ATTR_DIM ? A_DIM : 0);
}

static struct look make_look(struct mv_term *term, unsigned role, unsigned attrs)
{
	const struct mv_theme *theme = term->colours ? &term->theme : &term->mono;
	struct mv_style style = mv_theme_style(theme, role, attrs);
	struct look look = {.ready = true};
	int fg, bg, ground;

	if (term->colours && !theme->mono) {
		ground = number_of(term, theme->ground, 0);
		fg = number_of(term, style.fg, 7);
		bg = number_of(term, style.bg, 0);
		/* Two colours that came out the same would hide the text; a ground that did, the cursor. */
		if (fg == bg)
			fg = number_of(term, theme->ink, 7) != bg ? number_of(term, theme->ink, 7)
			     : bg == 0				  ? 7
								  : 0;
		if ((attrs & MV_ATTR_CURSOR) && bg == ground)
			style.attrs |= MV_ATTR_REVERSE;
		look.pair = pair_of(term, fg, bg);
	}
	look.attrs = attrs_of(style.attrs);
	return look;
}

static const struct look *look_of(struct mv_term *term, const struct mv_cell *cell)
{
	struct look *look = &term->looks[cell->role][cell->attrs % ATTRS_MAX];

	if (!look->ready)
		*look = make_look(term, cell->role, cell->attrs % ATTRS_MAX);
	return look;
}

/* ---- the picture ---- */

static void flush_batch(struct mv_term *term)
{
	wnoutrefresh(stdscr);
	doupdate();
	collect_output(term);
}

/* Clear the terminal and forget what it showed. */
static void start_anew(struct mv_term *term)
{
	const struct mv_cell blank = {.ch = {U' '}, .role = ROLE_TEXT, .width = 1};
	const struct look *look = look_of(term, &blank);
	cchar_t ground;

	setcchar(&ground, L" ", look->attrs, (short)0, &look->pair);
	wbkgrndset(stdscr, &ground);
	werase(stdscr);
	clearok(stdscr, TRUE);
	flush_batch(term);
	forget_shadow(term);
}

void mv_term_redraw(struct mv_term *term)
{
	start_anew(term);
}

void mv_term_theme(struct mv_term *term, const struct mv_theme *theme)
{
	term->theme = *theme;
	memset(term->looks, 0, sizeof(term->looks));
	term->pairs_used = 0;
	if (term->colours)
		reset_color_pairs();
	start_anew(term);
}

static void put_cell(struct mv_term *term, int y, int x, const struct mv_cell *cell)
{
	const struct look *look = look_of(term, cell);
	wchar_t text[MV_COUNT_OF(cell->ch) + 1] = {0};
	cchar_t glyph;

	for (size_t i = 0; i < MV_COUNT_OF(cell->ch); i++)
		text[i] = (wchar_t)cell->ch[i];
	if (setcchar(&glyph, text, look->attrs, (short)0, &look->pair) == ERR)
		setcchar(&glyph, L"?", look->attrs, (short)0, &look->pair);
	mvwadd_wch(stdscr, y, x, &glyph);
}

void mv_term_show(struct mv_term *term, const struct mv_canvas *canvas)
{
	int rows = canvas->rows < term->rows ? canvas->rows : term->rows;
	int cols = canvas->cols < term->cols ? canvas->cols : term->cols;
	size_t changed = 0;

	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < cols; x++) {
			const struct mv_cell *cell = mv_canvas_at(canvas, y, x);
			struct mv_cell *shown = &term->shadow[(size_t)y * (size_t)term->cols + (size_t)x];

			if (memcmp(cell, shown, sizeof(*cell)) == 0)
				continue;
			*shown = *cell;
			/* A wide character brings its right half along, if it has room. */
			if (cell->width == 0)
				continue;
			put_cell(term, y, x, cell);
			if (++changed % term->batch_cells == 0)
				flush_batch(term);
		}
	}
	if (changed % term->batch_cells)
		flush_batch(term);
}

/* ---- size ---- */

static void kernel_size(const struct mv_term *term, int *ret_rows, int *ret_cols)
{
	struct winsize size = {0};

	ioctl(term->tty.fd, TIOCGWINSZ, &size);
	/* A serial line knows no size. */
	*ret_rows = size.ws_row ? size.ws_row : lines > 0 ? lines : 24;
	*ret_cols = size.ws_col ? size.ws_col : columns > 0 ? columns : 80;
	*ret_rows = *ret_rows > ROWS_MAX ? ROWS_MAX : *ret_rows;
	*ret_cols = *ret_cols > COLS_MAX ? COLS_MAX : *ret_cols;
}

static int take_size(struct mv_term *term, int rows, int cols)
{
	struct mv_cell *shadow = reallocarray(term->shadow, (size_t)rows * (size_t)cols, sizeof(*shadow));

	if (!shadow)
		return -ENOMEM;
	term->shadow = shadow;
	/* Old and new size can't be mixed: with the smaller of both the shadow is large enough in any case.
	 */
	if (resizeterm(rows, cols) == ERR) {
		rows = rows < term->rows ? rows : term->rows;
		cols = cols < term->cols ? cols : term->cols;
	}
	term->rows = rows;
	term->cols = cols;
	prepare_rescue(term);
	mv_tty_queue(&term->tty, whole_screen());
	start_anew(term);
	return 0;
}

void mv_term_size(struct mv_term *term, int *ret_rows, int *ret_cols)
{
	int rows, cols;

	kernel_size(term, &rows, &cols);
	if (rows != term->rows || cols != term->cols)
		take_size(term, rows, cols);
	*ret_rows = term->rows;
	*ret_cols = term->cols;
}

/* ---- width of ambiguous glyphs ---- */

/*
 * Draw one glyph of ambiguous width and ask where the cursor is then. The first frame does not wait for the
 * answer; it comes as a key. In the second line, because \E[1;2R is also Shift-F3.
 */
static void ask_width(struct mv_term *term)
{
	if (!term->utf8)
		return;
	define_key("\033[2;2R", KEY_WIDTH_NARROW);
	define_key("\033[2;3R", KEY_WIDTH_WIDE);
	mv_tty_queue(&term->tty, "\033[2;1H█\033[6n\033[H");
	term->asked_width = true;
}

/* True when the picture must be drawn in the other set of glyphs. */
static bool take_width(struct mv_term *term, bool wide)
{
	define_key("\033[2;2R", 0);
	define_key("\033[2;3R", 0);
	term->asked_width = false;
	if (!wide || term->wide_glyphs)
		return false;
	term->wide_glyphs = true;
	/* What was drawn so far stands in the wrong columns. */
	start_anew(term);
	return true;
}

bool mv_term_wants_ascii(const struct mv_term *term)
{
	const char *type = getenv("TERM");

	/* The console's font has 512 glyphs; eighths of blocks are not among them. */
	return !term->utf8 || term->wide_glyphs || (type && strcmp(type, "linux") == 0);
}

/* ---- input ---- */

static char32_t special_key(wint_t code)
{
	static const struct {
		wint_t code;
		char32_t key;
	} keys[] = {
	    {KEY_UP, MV_KEY_UP},       {KEY_DOWN, MV_KEY_DOWN},		  {KEY_LEFT, MV_KEY_LEFT},
	    {KEY_RIGHT, MV_KEY_RIGHT}, {KEY_PPAGE, MV_KEY_PGUP},	  {KEY_NPAGE, MV_KEY_PGDN},
	    {KEY_HOME, MV_KEY_HOME},   {KEY_FIND, MV_KEY_HOME},		  {KEY_END, MV_KEY_END},
	    {KEY_SELECT, MV_KEY_END},  {KEY_DC, MV_KEY_DELETE},		  {KEY_BTAB, MV_KEY_BTAB},
	    {KEY_ENTER, MV_KEY_ENTER}, {KEY_BACKSPACE, MV_KEY_BACKSPACE},
	};

	for (size_t i = 0; i < MV_COUNT_OF(keys); i++) {
		if (keys[i].code == code)
			return keys[i].key;
	}
	return MV_KEY_NONE;
}

static char32_t plain_key(wint_t ch)
{
	if (ch == '\n')
		return MV_KEY_ENTER;
	if (ch == '\b')
		return MV_KEY_BACKSPACE;
	return ch > 0x10ffff ? MV_KEY_NONE : (char32_t)ch;
}

/* To the loop an answer that changes the glyphs is what ^L is: draw everything anew. */
static char32_t width_key(struct mv_term *term, bool wide)
{
	return term->asked_width && take_width(term, wide) ? '\f' : MV_KEY_NONE;
}

/* A key of curses', or one character. False: nothing to us. */
static bool one_key(struct mv_term *term, int what, wint_t ch, struct mv_input *ret_input)
{
	struct mv_input input = {0};

	if (what == OK)
		input.key = plain_key(ch);
	else if (ch == KEY_WIDTH_NARROW || ch == KEY_WIDTH_WIDE)
		input.key = width_key(term, ch == KEY_WIDTH_WIDE);
	else
		input.key = special_key(ch);
	if (input.key == MV_KEY_NONE)
		return false;
	*ret_input = input;
	return true;
}

static int next_key(struct mv_term *term, wint_t *ret_ch)
{
	if (!term->kept.is)
		return wget_wch(term->keys, ret_ch);
	term->kept.is = false;
	*ret_ch = term->kept.ch;
	return term->kept.what;
}

/* Escape was pressed; or its sequence stops here for now, and what comes later may still be its rest. */
static bool let_escape_go(struct mv_term *term, struct mv_input *ret_input)
{
	term->held = false;
	*ret_input = (struct mv_input){.key = MV_KEY_ESC};
	return true;
}

bool mv_term_input(struct mv_term *term, struct mv_input *ret_input)
{
	wint_t ch;
	int what;

	/* Keys that mean nothing to us (a resize, a report) are skipped. */
	while ((what = next_key(term, &ch)) != ERR) {
		struct mv_input input = {0};
		enum mv_escape_result part =
		    what == OK ? mv_escape_feed(&term->escape, ch, now_ns(), &input) : MV_ESCAPE_KEY;

		if (part == MV_ESCAPE_KEY && term->held) {
			term->kept.is = true;
			term->kept.what = what;
			term->kept.ch = ch;
			return let_escape_go(term, ret_input);
		}
		term->held = false;
		if (part == MV_ESCAPE_WIDTH)
			input.key = width_key(term, input.x > 1);
		if (part == MV_ESCAPE_INPUT || input.key != MV_KEY_NONE) {
			*ret_input = input;
			return true;
		}
		if (part != MV_ESCAPE_KEY)
			continue;
		if (what == OK && ch == '\033') {
			term->held = true;
			mv_escape_begin(&term->escape, now_ns());
		} else if (one_key(term, what, ch, ret_input)) {
			return true;
		}
	}
	return term->held && let_escape_go(term, ret_input);
}

/* ---- opening, closing ---- */

/* curses would catch these; the loop has them by signalfd. */
static const int curses_signals[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

static int start_curses(struct mv_term *term)
{
	struct sigaction before[MV_COUNT_OF(curses_signals)];

	for (size_t i = 0; i < MV_COUNT_OF(curses_signals); i++)
		sigaction(curses_signals[i], NULL, &before[i]);
	set_escdelay(ESCAPE_MS);
	term->screen = newterm(NULL, term->out, term->in);
	for (size_t i = 0; i < MV_COUNT_OF(curses_signals); i++)
		sigaction(curses_signals[i], &before[i], NULL);
	if (!term->screen)
		return -EINVAL;
	term->keys = newpad(1, 1);
	if (!term->keys)
		return -ENOMEM;
	raw();
	noecho();
	nonl();
	typeahead(-1);
	leaveok(stdscr, TRUE);
	idcok(stdscr, FALSE);
	curs_set(0);
	nodelay(term->keys, TRUE);
	keypad(term->keys, TRUE);
	find_colours(term);
	term->pairs_cap = COLOR_PAIRS > 1024 ? 1024 : COLOR_PAIRS > 0 ? COLOR_PAIRS : 1;
	term->pairs = calloc((size_t)term->pairs_cap, sizeof(*term->pairs));
	return term->pairs ? 0 : -ENOMEM;
}

/* The reports are ours to read (tui/escape.h): curses must not take their beginning for the whole. */
static void start_mouse(struct mv_term *term)
{
	term->mouse = key_mouse && *key_mouse;
	if (term->mouse)
		define_key(key_mouse, 0);
}

/* Each time the terminal is ours anew. */
static void ask_mouse(struct mv_term *term)
{
	if (term->mouse)
		mv_tty_queue(&term->tty, "\033[?1000h\033[?1006h");
}

static void release(struct mv_term *term)
{
	if (term->keys)
		delwin(term->keys);
	if (term->screen)
		delscreen(term->screen);
	if (term->out)
		fclose(term->out);
	if (term->in)
		fclose(term->in);
	mv_tty_release(&term->tty);
	free(term->pairs);
	free(term->shadow);
	free(term);
}

static int bring_up(struct mv_term *term, bool mouse)
{
	size_t pipe_bytes;
	int rows, cols, err;

	err = mv_tty_init(&term->tty, &term->in, &term->out, &pipe_bytes);
	if (err < 0)
		return err;
	/* Half of it, for curses' sequences that belong to no cell. */
	term->batch_cells = pipe_bytes / 2 / CELL_BYTES;
	err = start_curses(term);
	if (err < 0)
		return err;
	if (mouse)
		start_mouse(term);
	collect_output(term);
	kernel_size(term, &rows, &cols);
	err = mv_tty_take(&term->tty);
	if (err < 0)
		return err;
	prepare_rescue(term);
	ask_mouse(term);
	if (rows >= 2 && cols >= 4)
		ask_width(term);
	err = take_size(term, rows, cols); /* clears what the question drew */
	if (err < 0)
		give_back(term);
	return err;
}

int mv_term_open(const struct mv_theme *theme, bool mouse, struct mv_term **ret_term)
{
	struct mv_term *term = calloc(1, sizeof(*term));
	int err;

	if (!term)
		return -ENOMEM;
	term->tty.fd = term->tty.pipe_fd = -1;
	term->theme = *theme;
	mv_theme_mono(&term->mono);
	term->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	err = bring_up(term, mouse);
	if (err < 0) {
		release(term);
		return err;
	}
	*ret_term = term;
	return 0;
}

void mv_term_close(struct mv_term *term)
{
	if (!term)
		return;
	give_back(term);
	release(term);
}

/* After give_back: the terminal is ours once more. */
static void take_again(struct mv_term *term)
{
	int rows, cols;

	if (mv_tty_take(&term->tty) < 0)
		return; /* it has gone; draining will tell */
	prepare_rescue(term);
	ask_mouse(term);
	/* The first update after endwin enters curses' modes again. */
	start_anew(term);
	mv_term_size(term, &rows, &cols);
}

void mv_term_suspend(struct mv_term *term)
{
	struct sigaction stop = {.sa_handler = SIG_DFL}, before;
	sigset_t set, mask;

	give_back(term);
	/* The whole job, as the terminal itself would do it; a job without a shell is not stopped at all. */
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaction(SIGTSTP, &stop, &before);
	sigprocmask(SIG_UNBLOCK, &set, &mask);
	kill(0, SIGTSTP);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGTSTP, &before, NULL);

	take_again(term);
}

void mv_term_resume(struct mv_term *term)
{
	if (mv_tty_is_raw(&term->tty)) {
		mv_term_redraw(term);
		return;
	}
	give_back(term);
	take_again(term);
}
