/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tui/widget.h"

static struct mv_grid_cell cell_of(enum mv_page_state state, uint32_t count, uint32_t pages)
{
	struct mv_grid_cell cell = {
	    .pages = pages, .flags = MV_GRID_READ | MV_GRID_SHARING, .newest_ds = MV_AGE_BEFORE};

	if (state != MV_PAGE_NONE)
		cell.tally.state[state] = count;
	return cell;
}

static struct mv_cell drawn(struct mv_grid_cell cell, uint32_t cell_pages, enum mv_grid_colour colour,
			    bool ascii)
{
	struct mv_canvas c;
	struct mv_cell out;

	assert_int_equal(mv_canvas_init(&c, 1, 4), 0);
	c.ascii = ascii;
	mv_grid_draw(&c, 0, 1, &cell, 1, 1, cell_pages, colour);
	out = *mv_canvas_at(&c, 0, 1);
	assert_int_equal(mv_canvas_at(&c, 0, 2)->ch[0], U' ');
	mv_canvas_release(&c);
	return out;
}

static void test_states_have_their_glyphs(void **state)
{
	(void)state;
	for (unsigned s = 0; s < MV_PAGE__N; s++) {
		struct mv_cell wide = drawn(cell_of(s, 1, 1), 1, MV_GRID_STATE, false);
		struct mv_cell plain = drawn(cell_of(s, 1, 1), 1, MV_GRID_STATE, true);
		assert_int_equal(wide.ch[0], mv_page_states[s].glyph);
		assert_int_equal(plain.ch[0], (unsigned char)mv_page_states[s].ascii);
		assert_int_equal(wide.role, mv_role_of_state(s));
		for (unsigned other = 0; other < s; other++)
			assert_int_not_equal(drawn(cell_of(other, 1, 1), 1, MV_GRID_STATE, false).ch[0],
					     wide.ch[0]);
	}
}

static void test_one_page_of_many_is_seen(void **state)
{
	(void)state;
	assert_int_equal(drawn(cell_of(MV_PAGE_ANON, 1, 4096), 4096, MV_GRID_STATE, false).ch[0], U'▁');
	assert_int_equal(drawn(cell_of(MV_PAGE_ANON, 1, 4096), 4096, MV_GRID_STATE, true).ch[0], U'.');
	assert_int_equal(drawn(cell_of(MV_PAGE_ANON, 4096, 4096), 4096, MV_GRID_STATE, false).ch[0], U'█');
	assert_int_equal(drawn(cell_of(MV_PAGE_ANON, 4096, 4096), 4096, MV_GRID_STATE, true).ch[0], U'@');
	assert_int_equal(drawn(cell_of(MV_PAGE_NONE, 0, 16), 16, MV_GRID_STATE, false).ch[0], U'·');
	/* A page more never lowers the block. */
	char32_t last = U'▁';
	for (uint32_t n = 1; n <= 64; n++) {
		char32_t ch = drawn(cell_of(MV_PAGE_FILE, n, 64), 64, MV_GRID_STATE, false).ch[0];
		assert_true(ch >= last);
		last = ch;
	}
}

static void test_empty_is_told_from_little_in_ascii(void **state)
{
	(void)state;
	assert_int_not_equal(drawn(cell_of(MV_PAGE_NONE, 0, 16), 16, MV_GRID_STATE, true).ch[0],
			     drawn(cell_of(MV_PAGE_ANON, 1, 16), 16, MV_GRID_STATE, true).ch[0]);
}

static void test_swap_and_guard_are_never_averaged_away(void **state)
{
	struct mv_grid_cell cell = cell_of(MV_PAGE_ANON, 4095, 4096);

	(void)state;
	cell.tally.state[MV_PAGE_SWAPPED] = 1;
	assert_int_equal(drawn(cell, 4096, MV_GRID_STATE, false).ch[0], U's');
	cell.tally.state[MV_PAGE_SWAPPED] = 0;
	cell.tally.state[MV_PAGE_GUARD] = 1;
	assert_int_equal(drawn(cell, 4096, MV_GRID_STATE, false).ch[0], U'×');
	cell.tally.state[MV_PAGE_ANON]--;
	cell.tally.state[MV_PAGE_SWAPPED] = 1;
	assert_int_equal(drawn(cell, 4096, MV_GRID_STATE, true).ch[0], U'&');
}

static void test_huge_is_underlined(void **state)
{
	struct mv_grid_cell cell = cell_of(MV_PAGE_ANON, 1, 1);

	(void)state;
	assert_false(drawn(cell, 1, MV_GRID_STATE, false).attrs & MV_ATTR_UNDERLINE);
	cell.tally.huge = 1;
	assert_true(drawn(cell, 1, MV_GRID_STATE, false).attrs & MV_ATTR_UNDERLINE);
}

static void test_fresh_fades(void **state)
{
	struct mv_grid_cell cell = cell_of(MV_PAGE_ANON, 1, 1);
	struct mv_cell now, later, last, old;

	(void)state;
	cell.fresh = 1;
	cell.newest_ds = 2;
	now = drawn(cell, 1, MV_GRID_STATE, false);
	cell.newest_ds = 15;
	later = drawn(cell, 1, MV_GRID_STATE, false);
	cell.newest_ds = 25;
	last = drawn(cell, 1, MV_GRID_STATE, false);
	cell.fresh = 0;
	cell.newest_ds = 31;
	old = drawn(cell, 1, MV_GRID_STATE, false);
	assert_int_equal(now.role, ROLE_PAGE_FRESH);
	assert_true(now.attrs & MV_ATTR_BOLD);
	assert_int_equal(later.role, ROLE_PAGE_FRESH);
	assert_false(later.attrs & MV_ATTR_BOLD);
	assert_int_equal(last.role, ROLE_PAGE_ANON);
	assert_true(last.attrs & MV_ATTR_BOLD);
	assert_int_equal(old.role, ROLE_PAGE_ANON);
	assert_int_equal(old.attrs, 0);
}

static void test_unread_is_blank(void **state)
{
	struct mv_grid_cell cell = {.pages = 1};

	(void)state;
	assert_int_equal(drawn(cell, 1, MV_GRID_STATE, false).ch[0], U' ');
	assert_int_equal(drawn(cell, 1, MV_GRID_STATE, false).role, ROLE_PAGE_UNREAD);
}

static void test_ages(void **state)
{
	static const struct {
		uint16_t ds;
		enum mv_role role;
	} steps[] = {
	    {0, ROLE_SCALE_4},	  {29, ROLE_SCALE_4},		{30, ROLE_SCALE_3},  {99, ROLE_SCALE_3},
	    {100, ROLE_SCALE_2},  {599, ROLE_SCALE_2},		{600, ROLE_SCALE_1}, {5999, ROLE_SCALE_1},
	    {6000, ROLE_SCALE_0}, {MV_AGE_BEFORE, ROLE_SCALE_0}};
	struct mv_grid_cell cell = cell_of(MV_PAGE_ANON, 1, 1);

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(steps); i++) {
		cell.newest_ds = steps[i].ds;
		assert_int_equal(drawn(cell, 1, MV_GRID_AGE, false).role, steps[i].role);
	}
	cell = cell_of(MV_PAGE_NONE, 0, 1);
	assert_int_equal(drawn(cell, 1, MV_GRID_AGE, false).role, ROLE_PAGE_NONE);
}

static void test_sharing_and_growth(void **state)
{
	struct mv_grid_cell cell = cell_of(MV_PAGE_ANON_SHARED, 1, 1);

	(void)state;
	assert_int_equal(drawn(cell, 1, MV_GRID_SHARE, false).role, ROLE_SHARED_YES);
	assert_int_equal(drawn(cell_of(MV_PAGE_ANON, 1, 1), 1, MV_GRID_SHARE, false).role, ROLE_SHARED_NO);
	cell.flags = MV_GRID_READ;
	assert_int_equal(drawn(cell, 1, MV_GRID_SHARE, false).role, ROLE_DIM);
	assert_int_equal(drawn(cell_of(MV_PAGE_ANON, 4, 4), 4, MV_GRID_SHARE, false).role, ROLE_DIM);
	cell = cell_of(MV_PAGE_ANON, 8, 8);
	assert_int_equal(drawn(cell, 8, MV_GRID_GROWTH, false).role, ROLE_SCALE_0);
	cell.fresh = 1;
	assert_int_equal(drawn(cell, 8, MV_GRID_GROWTH, false).role, ROLE_SCALE_1);
	cell.fresh = 8;
	assert_int_equal(drawn(cell, 8, MV_GRID_GROWTH, false).role, ROLE_SCALE_4);
}

static void test_wide_cells(void **state)
{
	struct mv_grid_cell cells[2] = {cell_of(MV_PAGE_ANON, 1, 1), cell_of(MV_PAGE_SWAPPED, 1, 1)};
	struct mv_canvas c;

	(void)state;
	assert_int_equal(mv_canvas_init(&c, 1, 4), 0);
	mv_grid_draw(&c, 0, 0, cells, 2, 2, 1, MV_GRID_STATE);
	assert_int_equal(mv_canvas_at(&c, 0, 1)->ch[0], U'█');
	assert_int_equal(mv_canvas_at(&c, 0, 2)->ch[0], U's');
	assert_int_equal(mv_canvas_at(&c, 0, 3)->ch[0], U' ');
	mv_canvas_release(&c);
}

/* Whatever is under it, the cursor is not a full block, and letters stay. */
static void test_cursor_is_seen(void **state)
{
	struct mv_grid_cell cells[2] = {cell_of(MV_PAGE_ANON, 1, 1), cell_of(MV_PAGE_SWAPPED, 1, 1)};
	struct mv_canvas c;

	(void)state;
	cells[0].tally.huge = 1;
	assert_int_equal(mv_canvas_init(&c, 1, 4), 0);
	mv_grid_draw(&c, 0, 0, cells, 2, 1, 1, MV_GRID_STATE);
	mv_grid_mark(&c, 0, 0, 1);
	mv_grid_mark(&c, 0, 1, 1);
	assert_int_equal(mv_canvas_at(&c, 0, 0)->ch[0], U'■');
	assert_int_equal(mv_canvas_at(&c, 0, 0)->attrs, MV_ATTR_CURSOR | MV_ATTR_UNDERLINE);
	assert_int_equal(mv_canvas_at(&c, 0, 0)->role, ROLE_PAGE_ANON);
	assert_int_equal(mv_canvas_at(&c, 0, 1)->ch[0], U's');
	assert_true(mv_canvas_at(&c, 0, 1)->attrs & MV_ATTR_CURSOR);
	assert_int_equal(mv_canvas_at(&c, 0, 2)->attrs, 0);
	mv_grid_draw(&c, 0, 0, cells, 2, 2, 1, MV_GRID_STATE);
	mv_grid_mark(&c, 0, 0, 2);
	assert_int_equal(mv_canvas_at(&c, 0, 0)->ch[0], U'[');
	assert_int_equal(mv_canvas_at(&c, 0, 1)->ch[0], U']');
	assert_true(mv_canvas_at(&c, 0, 1)->attrs & MV_ATTR_CURSOR);
	mv_grid_mark(&c, 0, 3, 2); /* beyond the edge: cut off */
	mv_canvas_release(&c);
}

static char32_t marked(enum mv_page_state page, bool mono, bool fresh)
{
	struct mv_grid_cell cell = cell_of(page, 1, 1);
	struct mv_canvas c;
	char32_t ch;

	cell.fresh = fresh;
	cell.newest_ds = fresh ? 2 : MV_AGE_BEFORE;
	assert_int_equal(mv_canvas_init(&c, 1, 2), 0);
	c.mono = mono;
	mv_grid_draw(&c, 0, 0, &cell, 1, 1, 1, MV_GRID_STATE);
	if (!fresh)
		mv_grid_mark(&c, 0, 0, 1);
	ch = mv_canvas_at(&c, 0, 0)->ch[0];
	mv_canvas_release(&c);
	return ch;
}

/* The cursor leaves a state's own glyph, but for the full block, and for shades that reverse video would
 * swap. */
static void test_cursor_keeps_the_state(void **state)
{
	(void)state;
	for (unsigned s = 0; s < MV_PAGE__N; s++)
		if (s != MV_PAGE_ANON)
			assert_int_equal(marked(s, false, false), mv_page_states[s].glyph);
	assert_int_equal(marked(MV_PAGE_ANON, false, false), U'■');
	assert_int_equal(marked(MV_PAGE_FILE, true, false), U'■');
	assert_int_equal(marked(MV_PAGE_COW, true, false), mv_page_states[MV_PAGE_COW].glyph);
}

static void test_fresh_shows_without_colours(void **state)
{
	(void)state;
	assert_int_equal(marked(MV_PAGE_ANON, false, true), U'█');
	assert_int_equal(marked(MV_PAGE_ANON, true, true), U'■');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_states_have_their_glyphs),
	    cmocka_unit_test(test_one_page_of_many_is_seen),
	    cmocka_unit_test(test_empty_is_told_from_little_in_ascii),
	    cmocka_unit_test(test_swap_and_guard_are_never_averaged_away),
	    cmocka_unit_test(test_huge_is_underlined),
	    cmocka_unit_test(test_fresh_fades),
	    cmocka_unit_test(test_unread_is_blank),
	    cmocka_unit_test(test_ages),
	    cmocka_unit_test(test_sharing_and_growth),
	    cmocka_unit_test(test_wide_cells),
	    cmocka_unit_test(test_cursor_is_seen),
	    cmocka_unit_test(test_cursor_keeps_the_state),
	    cmocka_unit_test(test_fresh_shows_without_colours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
