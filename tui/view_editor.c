/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_private.h"

void mv_editor_init(struct mv_editor *e)
{
	memset(e, 0, sizeof(*e));
}

static size_t encode(char32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return n;
}

static size_t before(const struct mv_editor *e, size_t at)
{
	while (at > 0 && ((unsigned char)e->text[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t after(const struct mv_editor *e, size_t at)
{
	if (at < e->len)
		at++;
	while (at < e->len && ((unsigned char)e->text[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void erase(struct mv_editor *e, size_t from, size_t to)
{
	memmove(e->text + from, e->text + to, e->len - to + 1);
	e->len -= to - from;
	e->cursor = from;
}

static void insert(struct mv_editor *e, char32_t key)
{
	char bytes[4];

	if (key < ' ' || key >= MV_KEY_UP || (key >= 0x7f && key < 0xa0) || (key >= 0xd800 && key < 0xe000))
		return;
	size_t n = encode(key, bytes);
	if (e->len + n >= sizeof(e->text))
		return;
	memmove(e->text + e->cursor + n, e->text + e->cursor, e->len - e->cursor + 1);
	memcpy(e->text + e->cursor, bytes, n);
	e->len += n;
	e->cursor += n;
}

enum mv_editor_result mv_editor_input(struct mv_editor *e, char32_t key)
{
	switch (key) {
	case MV_KEY_ESC:
	case 3: /* ^C */
		return MV_EDITOR_CANCELLED;
	case MV_KEY_ENTER:
	case '\n':
		return MV_EDITOR_DONE;
	case MV_KEY_BACKSPACE:
	case 8: /* ^H */
		if (!e->len)
			return MV_EDITOR_CANCELLED;
		erase(e, before(e, e->cursor), e->cursor);
		break;
	case MV_KEY_DELETE:
		erase(e, e->cursor, after(e, e->cursor));
		break;
	case 21: /* ^U */
		erase(e, 0, e->cursor);
		break;
	case MV_KEY_LEFT:
		e->cursor = before(e, e->cursor);
		break;
	case MV_KEY_RIGHT:
		e->cursor = after(e, e->cursor);
		break;
	case MV_KEY_HOME:
		e->cursor = 0;
		break;
	case MV_KEY_END:
		e->cursor = e->len;
		break;
	default:
		insert(e, key);
	}
	return MV_EDITOR_GOES_ON;
}

/* What was typed is shown cleaned; the part around the cursor when it is longer than the line. */
void mv_editor_draw(const struct mv_editor *e, struct mv_canvas *c, int y, int cols, struct mv_clean prompt)
{
	char shown[sizeof(e->text) * 10];
	int x = 1 + mv_canvas_text(c, y, 1, cols - 2, ROLE_KEY, prompt);
	int room = cols - x - 1;
	size_t from = 0;

	if (room < 1)
		return;
	while (from < e->cursor && mv_clean_width(mv_clean_into(shown, sizeof(shown), e->text + from,
								e->cursor - from)) > (unsigned)room)
		from = after(e, from);
	int at = x + mv_canvas_text(c, y, x, room, ROLE_TEXT,
				    mv_clean_into(shown, sizeof(shown), e->text + from, e->cursor - from));
	mv_canvas_text(c, y, at, cols - at, ROLE_TEXT,
		       mv_clean_into(shown, sizeof(shown), e->text + e->cursor, e->len - e->cursor));
	mv_canvas_attr(c, (struct mv_rect){y, at, 1, 1}, MV_ATTR_CURSOR | MV_ATTR_REVERSE);
}
