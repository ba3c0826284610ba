/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/pagemap.h"
#include "tui/widget.h"

/* What one sees most comes first, what is not there last. */
static const enum mv_page_state order[] = {
    MV_PAGE_ANON, MV_PAGE_ANON_SHARED, MV_PAGE_FILE,  MV_PAGE_SHMEM, MV_PAGE_COW,
    MV_PAGE_ZERO, MV_PAGE_SWAPPED,     MV_PAGE_GUARD, MV_PAGE_NONE,
};
_Static_assert(MV_COUNT_OF(order) == MV_PAGE__N, "every state has its place in the legend");

static const struct mv_clean captions[MV_PAGE__N] = {
#define X(id, json, glyph, ascii, caption, meaning) [MV_PAGE_##id] = {"" caption},
    MV_PAGE_STATES(X)
#undef X
};

int mv_legend_draw(struct mv_canvas *c, int y, int x, int cols, uint32_t states)
{
	int used = 0;

	for (size_t i = 0; i < MV_COUNT_OF(order); i++) {
		const struct mv_page_state_info *info = &mv_page_states[order[i]];
		struct mv_clean caption = captions[order[i]];
		int gap = used ? 2 : 0, width = 2 + (int)mv_clean_width(caption);

		if (!(states >> order[i] & 1))
			continue;
		/* Whole entries only: half a caption explains nothing. */
		if (used + gap + width > cols)
			break;
		used += gap;
		mv_canvas_glyph2(c, y, x + used, mv_role_of_state(order[i]), info->glyph, info->ascii);
		mv_canvas_text(c, y, x + used + 2, width - 2, ROLE_LABEL, caption);
		used += width;
	}
	return used;
}
