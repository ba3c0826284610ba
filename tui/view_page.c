/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_page.h"

/*
 * One page: how its address becomes a frame, what is known of the frame, and the bytes in it. Two panes: the
 * facts (left and right turn to the neighbouring page) and the bytes (the arrows move over them).
 */

#define HEX_COLS   80  /* sixteen bytes a row, below an address of twelve digits */
#define HEX_BESIDE 170 /* from so many columns on, the bytes stand beside the facts */

/* ---- where things are ---- */

static unsigned hex_rows_all(const struct mv_page *p)
{
	return p->page_bytes / p->per_row;
}

static void lay_out(struct mv_page *p, struct mv_rect area, unsigned facts)
{
	int y = area.y, end = area.y + area.rows;

	p->area = area;
	p->text = area.cols >= 40 ? (struct mv_rect){y, area.x + 1, area.rows, area.cols - 2} : area;
	p->path_y = p->bytes_y = -1;
	p->split = p->facts = p->hex = (struct mv_rect){0};
	y += area.rows >= 13 ? mv_header_rows(area.rows) : 0;
	if (area.rows >= 2)
		p->path_y = y++;
	if (area.rows >= 28)
		y++;
	int split = area.rows >= 34 && p->text.cols >= 6 * MV_PAGE_SPLIT_COLS + 4 ? 6
		    : area.rows >= 14						  ? 3
		    : area.rows >= 8						  ? 1
										  : 0;
	p->split = (struct mv_rect){y, p->text.x, split, p->text.cols};
	y += split + (area.rows >= 28);
	int rest = end > y ? end - y : 0;
	p->per_row = area.cols >= HEX_COLS + (p->addr >> 48 ? 4 : 0) ? 16 : 8;
	if (area.cols >= HEX_BESIDE && rest > 1) {
		int cols = HEX_COLS + (p->addr >> 48 ? 4 : 0), x = area.x + area.cols - cols - 1;
		p->facts = (struct mv_rect){y, p->text.x, rest, x - p->text.x - 2};
		p->bytes_y = y;
		p->hex = (struct mv_rect){y + 1, x, rest - 1, cols};
		return;
	}
	int hex = rest < 6 ? (p->bytes_pane ? rest : 0) : rest - (int)facts - 1;
	if (rest >= 6 && hex < rest / 2 - 1)
		hex = rest / 2 - 1;
	bool bare = rest < 6;
	p->facts = (struct mv_rect){y, p->text.x, rest - hex - (hex && !bare), p->text.cols};
	p->hex = (struct mv_rect){end - hex, area.cols >= HEX_COLS + 2 ? p->text.x : area.x, hex, area.cols};
	if (hex && !bare)
		p->bytes_y = end - hex - 1;
}

static void keep_in_sight(struct mv_page *p)
{
	unsigned row = p->byte / p->per_row, rows = (unsigned)p->hex.rows, shown = (unsigned)p->facts.rows;

	if (row < p->hex_top)
		p->hex_top = row;
	if (rows && row >= p->hex_top + rows)
		p->hex_top = row - rows + 1;
	if (hex_rows_all(p) <= rows)
		p->hex_top = 0;
	else if (p->hex_top > hex_rows_all(p) - rows)
		p->hex_top = hex_rows_all(p) - rows;
	if (p->facts_count <= shown)
		p->facts_top = 0;
	else if (p->facts_top > p->facts_count - shown)
		p->facts_top = p->facts_count - shown;
}

static int page_init(void *state, const struct mv_place *place)
{
	struct mv_page *p = state;

	p->addr = place->page;
	p->page_bytes = 4096;
	p->per_row = 16;
	p->index = UINT32_MAX;
	return 0;
}

static void page_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_page *p = state;
	struct mv_page_facts facts;

	if (ctx->snap && ctx->snap->maps_ns) {
		uint32_t i = mv_snapshot_find(ctx->snap, p->addr);
		p->page_bytes = ctx->snap->page_bytes;
		/* Came for an address inside it: its bytes are what is asked for. */
		if (p->addr % p->page_bytes) {
			p->byte = (unsigned)(p->addr % p->page_bytes);
			p->bytes_pane = true;
			p->addr -= p->byte;
		}
		p->gone = i >= mv_snapshot_count(ctx->snap) && ctx->snap->life == MV_LIFE_ALIVE;
		p->index = i < mv_snapshot_count(ctx->snap) ? i : UINT32_MAX;
		if (p->index != UINT32_MAX) {
			const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[i];
			p->range = (struct mv_range){m->start, m->end};
			p->known = true;
		}
	}
	mv_page_facts(p, ctx, &facts);
	p->facts_count = facts.count;
	lay_out(p, area, facts.count);
	keep_in_sight(p);
}

static void page_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct mv_page *p = state;

	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_PAGE | MV_FACT_TABLES;
	want->page = p->addr;
	want->visible = p->range;
}

static void page_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		      struct mv_rect area)
{
	if (area.rows > 0 && area.cols > 0)
		mv_page_draw(state, ctx, canvas);
}

/* ---- keys ---- */

static struct mv_outcome turn_page(struct mv_page *p, bool next)
{
	if (!p->known || p->gone)
		return mv_outcome_hint(MV_TEXT("nothing is mapped here"));
	if (next ? p->addr + p->page_bytes >= p->range.end : p->addr <= p->range.start)
		return mv_outcome_hint(next ? MV_TEXT("the mapping ends here")
					    : MV_TEXT("the mapping begins here"));
	p->addr = next ? p->addr + p->page_bytes : p->addr - p->page_bytes;
	p->facts_top = 0;
	return mv_outcome_stay();
}

/* Over the page's edge the neighbouring page goes on. */
static struct mv_outcome move_byte(struct mv_page *p, int by)
{
	int to = (int)p->byte + by, size = (int)p->page_bytes;

	if (to < 0 || to >= size) {
		struct mv_outcome out = turn_page(p, by > 0);
		if (out.kind != MV_OUT_STAY)
			return out;
		to += by > 0 ? -size : size;
	}
	p->byte = (unsigned)to;
	return mv_outcome_stay();
}

static struct mv_outcome act_on_bytes(struct mv_page *p, enum mv_action action)
{
	int row = (int)p->per_row, screen = p->hex.rows > 1 ? p->hex.rows - 1 : 1;

	switch (action) {
	case MV_ACT_LEFT:
		return move_byte(p, -1);
	case MV_ACT_RIGHT:
		return move_byte(p, 1);
	case MV_ACT_UP:
		return move_byte(p, -row);
	case MV_ACT_DOWN:
		return move_byte(p, row);
	case MV_ACT_PAGE_UP:
		return move_byte(p, -row * screen);
	case MV_ACT_PAGE_DOWN:
		return move_byte(p, row * screen);
	case MV_ACT_FIRST:
		p->byte = 0;
		return mv_outcome_stay();
	case MV_ACT_LAST:
		p->byte = p->page_bytes - 1;
		return mv_outcome_stay();
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static struct mv_outcome act_on_facts(struct mv_page *p, enum mv_action action)
{
	unsigned shown = (unsigned)p->facts.rows, most = p->facts_count > shown ? p->facts_count - shown : 0;

	switch (action) {
	case MV_ACT_LEFT:
		return turn_page(p, false);
	case MV_ACT_RIGHT:
		return turn_page(p, true);
	case MV_ACT_UP:
		p->facts_top -= p->facts_top > 0;
		return mv_outcome_stay();
	case MV_ACT_DOWN:
		p->facts_top += p->facts_top < most;
		return mv_outcome_stay();
	case MV_ACT_PAGE_UP:
		p->facts_top -= p->facts_top < shown ? p->facts_top : shown;
		return mv_outcome_stay();
	case MV_ACT_PAGE_DOWN:
		p->facts_top = p->facts_top + shown < most ? p->facts_top + shown : most;
		return mv_outcome_stay();
	case MV_ACT_FIRST:
		p->addr = p->known ? p->range.start : p->addr;
		return mv_outcome_stay();
	case MV_ACT_LAST:
		p->addr = p->known ? p->range.end - p->page_bytes : p->addr;
		return mv_outcome_stay();
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

/* A click on a byte selects it, a click anywhere above turns to the facts. */
static struct mv_outcome click(struct mv_page *p, struct mv_input input)
{
	int y = input.y - p->hex.y, x = input.x - p->hex.x - 14;

	if (input.key != MV_KEY_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	p->bytes_pane = y >= 0 && y < p->hex.rows && x >= -14;
	if (!p->bytes_pane || x < 0)
		return mv_outcome_stay();
	int text = (int)p->per_row * 3 + (p->per_row > 8) + 1;
	int i = x >= text ? x - text : (x - (x > 24)) / 3;
	unsigned at = (p->hex_top + (unsigned)y) * p->per_row + (unsigned)i;
	if (i < (int)p->per_row && at < p->page_bytes)
		p->byte = at;
	return mv_outcome_stay();
}

static struct mv_outcome page_act(void *state, const struct mv_context *ctx, enum mv_action action,
				  struct mv_input input)
{
	struct mv_page *p = state;

	(void)ctx;
	if (action == MV_ACT_NONE)
		return click(p, input);
	if (action == MV_ACT_PANE) {
		p->bytes_pane = !p->bytes_pane;
		return mv_outcome_stay();
	}
	return p->bytes_pane ? act_on_bytes(p, action) : act_on_facts(p, action);
}

static bool page_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			 struct mv_meaning *ret_meaning)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} all[] = {
	    {{"index into each table"},
	     {"bits of the address: 9 a level, 12 for the offset in the page"},
	     {"the address itself; levels by the la57 flag of /proc/cpuinfo"},
	     {"entry number, 0 to 511"},
	     {"A table has 512 entries of 8 bytes: one page. What was never touched has no table."}},
	    {{"state of the page"},
	     {"the first rule that fits: guard, swapped, zero page, private copy, anon, shared memory, file, "
	      "not touched"},
	     {"/proc/PID/pagemap: the page's word (63 present, 62 swapped, 61 file, 58 guard, 56 exclusive)"},
	     {"one page"},
	     {"Exclusive: bit 56, no other process maps it."}},
	    {{"frame"},
	     {"bits 0-54 of the pagemap word; RAM address = frame x bytes of a page"},
	     {"/proc/PID/pagemap; 0 without CAP_SYS_ADMIN"},
	     {"frame number"},
	     {"Which piece of RAM holds this page now. It changes when the page is moved or swapped."}},
	    {{"mapped"},
	     {"how often page tables point at this frame"},
	     {"/proc/kpagecount, 8 bytes at frame x 8"},
	     {"mappings"},
	     {"Needs CAP_SYS_ADMIN for the frame number and CAP_DAC_READ_SEARCH to open the file."}},
	    {{"charged to"},
	     {"the memory cgroup whose limit this page counts against"},
	     {"/proc/kpagecgroup, 8 bytes at frame x 8"},
	     {"inode of the cgroup's directory"},
	     {"0 is no cgroup: a page of the kernel's own, or the zero page."}},
	    {{"flags"},
	     {"one bit each"},
	     {"/proc/kpageflags, 8 bytes at frame x 8; Documentation/admin-guide/mm/pagemap.rst"},
	     {"set or not"},
	     {"What the kernel notes about the frame, not about this mapping of it."}},
	    {{"soft-dirty"},
	     {"bit 55 of the pagemap word"},
	     {"/proc/PID/pagemap"},
	     {"set or not"},
	     {"memview never clears the marks (that would be a write to /proc/PID/clear_refs)."}},
	    {{"first seen"},
	     {"time of the first look that found the page, where the look before did not"},
	     {"memview's own notes of PAGEMAP_SCAN"},
	     {"hours, minutes, seconds ago"},
	     {"Only as fine as the interval between two looks."}},
	    {{"tables of this process"},
	     {"a PTE table for every 2M, a PMD for every 1G, a PUD for every 512G that holds a page; x 4K"},
	     {"counted from /proc/PID/pagemap; compare VmPTE in /proc/PID/status"},
	     {"tables, bytes"},
	     {"A flat table would need 8 bytes for each of the 2^35 pages of the user's half: 256G."}},
	    {{"bytes"},
	     {"as they are in memory"},
	     {"process_vm_readv, only where pagemap says the page is present"},
	     {"bytes, hexadecimal"},
	     {"Reading a page that is not there would bring it in: memview doesn't."}},
	};

	(void)state;
	if (n < MV_COUNT_OF(all)) {
		mv_words_meaning(ret_meaning, all[n].title, all[n].formula, all[n].source, all[n].unit,
				 all[n].note);
		return true;
	}
	return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(all), ret_meaning);
}

static struct mv_place page_place(const void *state, const struct mv_context *ctx)
{
	const struct mv_page *p = state;

	(void)ctx;
	return (struct mv_place){.mapping = p->range.start, .page = p->addr};
}

const struct mv_view_ops mv_view_page = {
    .id = MV_VIEW_PAGE,
    .letter = 'g',
    .name = {"Page"},
    .state_bytes = sizeof(struct mv_page),
    .init = page_init,
    .settle = page_settle,
    .want = page_want,
    .draw = page_draw,
    .act = page_act,
    .meaning = page_meaning,
    .place = page_place,
};
