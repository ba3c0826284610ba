/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/widget.h"

/*
 * 7f3a12940120  48 65 6c 6c 6f 00 00 00  00 00 00 00 00 00 00 00  Hello···········
 * Sixteen bytes a row are parted in the middle.
 */

static void put_inside(struct mv_canvas *c, struct mv_rect area, int y, int x, enum mv_role role,
		       char32_t glyph)
{
	if (x >= 0 && x < area.cols)
		mv_canvas_glyph(c, area.y + y, area.x + x, role, glyph);
}

static void put_hex(struct mv_canvas *c, struct mv_rect area, int y, int x, enum mv_role role, uint64_t value,
		    int digits)
{
	for (int i = 0; i < digits; i++) {
		unsigned digit = value >> (4 * (digits - 1 - i)) & 15;

		put_inside(c, area, y, x + i, role, (unsigned char)"0123456789abcdef"[digit]);
	}
}

static int byte_x(int i)
{
	return i * 3 + (i >= 8);
}

static void draw_byte(struct mv_canvas *c, struct mv_rect area, int y, int hex_x, int text_x, uint8_t byte)
{
	put_hex(c, area, y, hex_x, byte ? ROLE_HEX_BYTE : ROLE_HEX_ZERO, byte, 2);
	if (byte >= 0x20 && byte < 0x7f)
		put_inside(c, area, y, text_x, ROLE_HEX_TEXT, byte);
	else
		put_inside(c, area, y, text_x, ROLE_HEX_ZERO, U'·');
}

void mv_hexdump_draw(struct mv_canvas *c, struct mv_rect area, uint64_t addr, const uint8_t *bytes,
		     size_t count, int per_row)
{
	int digits = (addr + count) >> 48 ? 16 : 12, hex_x = digits + 2,
	    text_x = hex_x + byte_x(per_row - 1) + 4;
	size_t each = per_row > 0 ? (size_t)per_row : 1;

	for (int y = 0; y < area.rows && (size_t)y * each < count; y++) {
		size_t first = (size_t)y * each;

		put_hex(c, area, y, 0, ROLE_HEX_ADDR, addr + first, digits);
		for (size_t i = 0; i < each && first + i < count; i++)
			draw_byte(c, area, y, hex_x + byte_x((int)i), text_x + (int)i, bytes[first + i]);
	}
}
