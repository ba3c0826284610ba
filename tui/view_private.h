/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_PRIVATE_H
#define MV_VIEW_PRIVATE_H

/* Shared by the stack of views, the header and the views that lie over others. */

#include "tui/view.h"

/* Words of memview's own tables (actions, kinds, columns): literals, so clean by construction. */
static inline struct mv_clean mv_words(const char *text)
{
	return mv_clean_trusted(text);
}

/* Data older than that is marked: two intervals, and a second so that the mark does not come and go. */
static inline uint64_t mv_old_ns(const struct mv_context *ctx)
{
	return 2 * (uint64_t)ctx->interval_ms * 1000000 + MV_NS_PER_SEC;
}
/* "12 s", "3:05" of an age. */
void mv_age_build(struct mv_build *b, uint64_t age_ns);
/* "12:03:04" of a time since 1970, local; in view_banner.c. */
void mv_clock_build(struct mv_build *b, uint64_t real_ns);
/* "104,857,600": exact bytes; or rounded, "100M". */
void mv_size_build(struct mv_build *b, uint64_t bytes, bool exact);
/* Wrap text into lines of at most cols columns, breaking at blanks; returns the rows used. */
int mv_wrap_draw(struct mv_canvas *c, struct mv_rect area, enum mv_role role, struct mv_clean text);
int mv_wrap_rows(int cols, struct mv_clean text);
/* Line n of the same text alone. */
void mv_wrap_line(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, struct mv_clean text,
		  int n);

/* The mark that things are to be shown against; NULL: shown as they are. */
static inline const struct mv_growth_mark *mv_against(const struct mv_context *ctx)
{
	const struct mv_growth_mark *mark = mv_growth_marked(mv_delta_growth(ctx->delta));

	return ctx->against && mark->set ? mark : NULL;
}

/* The facts that the header needs in that much room. */
void mv_header_want(const struct mv_context *ctx, int rows, int cols, struct mv_want *want);

/* What the line above the bottom says of the process's end or of its reader; false: nothing to say. */
struct mv_banner {
	struct mv_build text;
	enum mv_role role;
};
bool mv_banner_of(const struct mv_context *ctx, uint64_t exec_ns, uint64_t exec_real_ns,
		  struct mv_banner *ret_banner);

/* The line at the bottom: sides and keys, as fit. */
struct mv_bottom {
	int cols;
	enum mv_view_id shown;
	char letter; /* of the view, as in actions.h */
	bool machine; /* it is one of the machine's, or lies over one */
	bool outermost, overlay;
	struct mv_clean enter; /* what Enter does; text NULL: "in" */
	struct mv_clean back;  /* what Esc does; text NULL: "out" */
};
void mv_bottom_draw(const struct mv_bottom *bottom, struct mv_canvas *c, int y);
/* The action that column x offers, MV_ACT_NONE none. */
enum mv_action mv_bottom_at(const struct mv_bottom *bottom, int x);

/* In its place: does a COMMAND that still runs end with us; a view's own question, which any key but y lets be. */
void mv_quitting_draw(const struct mv_context *ctx, struct mv_canvas *c, int y);
void mv_confirm_draw(const struct mv_build *prompt, struct mv_canvas *c, int y);
/* NULL when this build has no such view. In view.c. */
const struct mv_view_ops *mv_view_of(enum mv_view_id id);

/* The editor of one line, for MV_OUT_ASK. */
struct mv_editor {
	char text[256];	    /* UTF-8 as typed, NUL-terminated */
	size_t len, cursor; /* bytes; the cursor stands on a character's first byte */
};
enum mv_editor_result { MV_EDITOR_GOES_ON, MV_EDITOR_DONE, MV_EDITOR_CANCELLED };
void mv_editor_init(struct mv_editor *e);
enum mv_editor_result mv_editor_input(struct mv_editor *e, char32_t key);
void mv_editor_draw(const struct mv_editor *e, struct mv_canvas *c, int y, int cols, struct mv_clean prompt);

/* The meaning view explains the view below it: told by the stack right after init. */
void mv_meaning_over(void *state, const struct mv_view_ops *below, const void *below_state,
		     const struct mv_context *ctx);

#endif
