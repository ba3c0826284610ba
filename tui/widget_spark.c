/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/widget.h"

void mv_spark_draw(struct mv_canvas *c, int y, int x, int cols, enum mv_role role,
		   const struct mv_series *series, bool floor_zero)
{
	static const char32_t glyphs[] = U"▁▁▂▃▄▅▆▇█";
	static const char ascii[] = "_.:-=+*#@";
	uint8_t levels[MV_SERIES_POINTS];

	if (cols <= 0)
		return;
	if (cols > MV_SERIES_POINTS) {
		x += cols - MV_SERIES_POINTS;
		cols = MV_SERIES_POINTS;
	}
	mv_series_levels(series, (uint32_t)cols, floor_zero, levels);
	for (int i = 0; i < cols; i++) {
		/* Nothing at all is quieter than a little; a gap is neither. */
		if (levels[i] > 8)
			mv_canvas_glyph(c, y, x + i, ROLE_DIM, U' ');
		else
			mv_canvas_glyph2(c, y, x + i, levels[i] ? role : ROLE_DIM, glyphs[levels[i]],
					 ascii[levels[i]]);
	}
}
