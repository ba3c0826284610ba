/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_FILES_H
#define MV_VIEW_FILES_H

/* Files in RAM from inside: private to view_files*.c and their test. What it shows: core/filecache.h. */

#include "tui/view_machine_words.h"
#include "tui/view_pages_draw.h"

/* X(ID, heading, width, least width, gives up) */
#define FILE_COLUMNS(X)                                                                                        \
	X(NAME, "FILE", 20, 10, 0)                                                                             \
	X(SIZE, "SIZE", 7, 5, 0)                                                                               \
	X(CACHED, "CACHED", 7, 6, 0)                                                                           \
	X(SHARE, "%", 5, 4, 1)                                                                                 \
	X(BAR, "", 16, 8, 5)                                                                                   \
	X(MAPPED, "MAPPED", 7, 6, 0)                                                                           \
	X(RESIDENT, "RESIDENT", 8, 8, 2)                                                                       \
	X(DIRTY, "DIRTY", 7, 5, 3)                                                                             \
	X(WRITEBACK, "WRITEBACK", 9, 9, 4)
enum file_column {
#define X(id, heading, width, least, gives_up) FILE_##id,
	FILE_COLUMNS(X)
#undef X
	FILE__COLUMNS
};

/* Sums over the files that are told. Bytes. */
struct files_sum {
	uint64_t cached, mapped, resident, dirty, writeback;
	uint32_t files, told, refused, unread;
	bool resident_told, dirty_told;
	enum mv_why why; /* of the first refused one */
};

struct files_key {
	double value;
	uint32_t index;
};

struct files_view {
	/* The selected file; inode 0: the first row, whatever comes there. */
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t at, top;
	enum file_column sort;
	bool reverse;
	struct files_key *order;
	uint32_t count, cap;
	uint64_t made_seq;
	unsigned made_order;
	struct files_sum sum;
	char find[128];
	struct mv_rect area, table;
	int header_rows, path_y, total_y, headings_y, note_y;
	bool settled;
};

/* The file in a row of the table; NULL none. */
const struct mv_cached_file *files_row(const struct files_view *v, const struct mv_snapshot *snap, uint32_t row);
/* Cells of the table, in bytes; SHARE in hundredths of a percent. */
struct mv_val files_value(const struct mv_snapshot *snap, const struct mv_cached_file *f, enum file_column column);
void files_draw(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c);
bool files_meaning(const struct files_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
