/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_map.h"

/*
 * One table of columns: headings, chooser, cells, sorting and `w` derive from it.
 * X(ID, heading, width, width at least, given up when narrow (highest first), right-aligned, words, source)
 */
// clang-format off
#define COLUMNS(X)                                                                                                    \
	X(ADDRESS, "ADDRESS", 12, 12, 0, false, "first address of the mapping", "/proc/PID/maps, first field")        \
	X(SIZE, "SIZE", 5, 5, 0, true, "addresses it covers: end - start", "/proc/PID/maps, first field")             \
	X(RSS, "RSS", 5, 5, 0, true, "its pages that are in RAM: present - zero pages", "/proc/PID/pagemap (PAGEMAP_SCAN), or smaps Rss where that is newer") \
	X(PSS, "PSS", 5, 5, 6, true, "RSS with each page divided by the number of processes that map it", "/proc/PID/smaps Pss") \
	X(DIRTY, "DIRTY", 6, 6, 7, true, "changed since it was read from disk: Shared_Dirty + Private_Dirty", "/proc/PID/smaps Shared_Dirty, Private_Dirty") \
	X(SWAP, "SWAP", 5, 5, 8, true, "its pages that are in swap", "/proc/PID/pagemap (PAGEMAP_SCAN), or smaps Swap where that was read") \
	X(PERM, "PERM", 5, 4, 1, false, "read, write, execute; p private, s shared", "/proc/PID/maps, second field")  \
	X(KIND, "KIND", 12, 12, 5, false, "what it is for, told from its name, rights and neighbours", "/proc/PID/maps and the threads' stack pointers") \
	X(RESIDENT, "RESIDENT", 12, 8, 1, false, "how much of it is in RAM: RSS / SIZE", "/proc/PID/pagemap and maps") \
	X(GROWTH, "GROWTH", 9, 9, 9, true, "growth of its RSS a second, over the last few seconds", "difference of RSS between snapshots / seconds") \
	X(END, "END", 12, 12, 2, false, "address after its last byte", "/proc/PID/maps, first field")                 \
	X(PAGES, "PAGES", 7, 7, 2, true, "base pages that it covers: SIZE / page size", "/proc/PID/maps, first field")  \
	X(OFFSET, "OFFSET", 8, 8, 2, true, "where in the file it begins", "/proc/PID/maps, third field")              \
	X(INODE, "INODE", 9, 9, 2, true, "inode of the file, 0 none", "/proc/PID/maps, fifth field")                  \
	X(DEVICE, "DEV", 6, 6, 2, true, "device of the file, major:minor", "/proc/PID/maps, fourth field")            \
	X(FLAGS, "VMFLAGS", 24, 8, 2, false, "what the kernel notes about it, two letters each", "/proc/PID/smaps VmFlags") \
	X(NAME, "NAME", 26, 10, 0, false, "the file, or what the kernel or program calls it", "/proc/PID/maps, last field")
// clang-format on

struct info {
	const char *heading;
	int width, min_width, give_up;
	bool right;
	const char *words, *source;
};
static const struct info infos[COL__N] = {
#define X(id, heading, width, min, give, right, words, source) \
	[COL_##id] = {heading, width, min, give, right, words, source},
    COLUMNS(X)
#undef X
};

/* The smaps field behind a column, MV_SMAPS__N none. */
unsigned map_column_field(enum map_column column)
{
	return column >= COL_SMAPS && column < COL_NAME ? (unsigned)column - COL_SMAPS
							: (unsigned)MV_SMAPS__N;
}

bool map_column_exists(enum map_column column)
{
	unsigned field = map_column_field(column);

	/* Those have columns of their own. */
	return field != MV_SMAPS_RSS && field != MV_SMAPS_PSS && field != MV_SMAPS_SWAP;
}

struct mv_clean map_column_heading(enum map_column column)
{
	unsigned field = map_column_field(column);

	return mv_words(field < MV_SMAPS__N ? mv_smaps_fields[field].heading : infos[column].heading);
}

struct mv_clean map_column_words(enum map_column column)
{
	unsigned field = map_column_field(column);

	return mv_words(field < MV_SMAPS__N ? mv_smaps_fields[field].meaning : infos[column].words);
}

struct mv_clean map_column_source(enum map_column column)
{
	return mv_words(infos[column].source);
}

bool map_column_needs_smaps(enum map_column column)
{
	return column == COL_PSS || column == COL_DIRTY || column == COL_FLAGS ||
	       map_column_field(column) < MV_SMAPS__N;
}

bool map_column_ascends(enum map_column column)
{
	return column == COL_ADDRESS || column == COL_PERM || column == COL_KIND || column == COL_END ||
	       column == COL_OFFSET || column == COL_INODE || column == COL_DEVICE || column == COL_NAME;
}

uint64_t map_columns_default(void)
{
	uint64_t on = UINT64_C(1) << COL_NAME;

	for (int i = COL_ADDRESS; i <= COL_GROWTH; i++)
		on |= UINT64_C(1) << i;
	return on;
}

bool map_column_is_size(enum map_column column)
{
	return (column >= COL_SIZE && column <= COL_SWAP) || map_column_field(column) < MV_SMAPS__N;
}

#define RESIDENT_COLS 20 /* where there is room for everything else */
#define NAME_COLS     34 /* and for that much of a name */
#define ENDING_COLS   6	 /* of a name cut in its middle */

/* Digits of the highest user address: 8 of a 32-bit process, 12 with four levels of tables, up to 15 with
 * five. */
static int address_digits(const struct mv_snapshot *snap)
{
	uint32_t count = snap ? mv_snapshot_count(snap) : 0;
	int digits = 0;

	while (count && mv_snapshot_mappings(snap)[count - 1].start >> 63)
		count--;
	if (!count)
		return 12;
	for (uint64_t a = mv_snapshot_mappings(snap)[count - 1].end; a; a >>= 4)
		digits++;
	return digits <= 8 ? 8 : digits <= 12 ? 12 : digits;
}

/* [vsyscall]'s address has all 16, whatever the others have. */
static int longest_address(const struct mv_snapshot *snap)
{
	uint32_t count = snap ? mv_snapshot_count(snap) : 0;

	return count && mv_snapshot_mappings(snap)[count - 1].start >> 63 ? 16 : address_digits(snap);
}

/* For exact sizes of which none is larger than that figure of the whole process. */
static int exact_cols(const struct mv_context *ctx, enum mv_figure largest)
{
	struct mv_val v = ctx->snap ? ctx->snap->figure[largest] : mv_val_missing(MV_WHY_NOT_READ);
	struct mv_build b;

	if (!mv_have(&v))
		return 15;
	mv_build_init(&b);
	mv_build_count(&b, v.value);
	return b.len > 11 ? (int)b.len : 11;
}

/* SIZE to SWAP, against a mark. */
static const struct mv_clean delta_headings[] = {{"ΔSIZE"}, {"ΔRSS"}, {"ΔPSS"}, {"ΔDIRTY"}, {"ΔSWAP"}};
_Static_assert(MV_COUNT_OF(delta_headings) == COL_SWAP - COL_SIZE + 1, "one for each");

void map_columns_layout(struct map_state *state, const struct mv_context *ctx, int cols)
{
	int digits = address_digits(ctx->snap), longest = longest_address(ctx->snap);

	for (int i = 0; i < COL__N; i++) {
		struct mv_column *column = &state->columns[i];
		unsigned field = map_column_field((enum map_column)i);
		const struct info *info = &infos[i];

		*column = (struct mv_column){.heading = map_column_heading((enum map_column)i),
					     .on = state->columns_on >> i & 1};
		if (field < MV_SMAPS__N) {
			int heading = (int)mv_clean_width(column->heading) + 1;

			column->width = column->min_width = heading > 5 ? heading : 5;
			column->give_up = 2;
			column->right = true;
		} else {
			column->width = info->width;
			column->min_width = info->min_width;
			column->give_up = info->give_up;
			column->right = info->right;
		}
		if (i == COL_ADDRESS || i == COL_END) {
			column->width = longest;
			column->min_width = cols >= 90 ? longest : digits;
		}
		if (map_column_is_delta(ctx, (enum map_column)i)) {
			column->heading = delta_headings[i - COL_SIZE];
			column->width = column->min_width = 6;
		}
		if (ctx->exact && map_column_is_size((enum map_column)i)) {
			column->width = exact_cols(ctx, i == COL_SIZE ? MV_FIG_SIZE : MV_FIG_RSS);
			column->min_width = column->width;
		}
	}
	/* Narrow screens: the name is what one knows a mapping by, it keeps its room longer than the rest. */
	struct mv_column *name = &state->columns[COL_NAME], *bar = &state->columns[COL_RESIDENT];
	if (cols >= 60)
		name->min_width = cols >= 90 ? 20 : 16;
	/* A group has members of any kind, and its name has more around it. */
	if (cols >= 60 && state->order.grouped) {
		name->min_width = 26;
		state->columns[COL_KIND].give_up = 8;
	}
	mv_table_layout(state->columns, COL__N, cols, COL_NAME);
	if (name->w > NAME_COLS && bar->w) {
		int spare = name->w - NAME_COLS, more = RESIDENT_COLS - bar->width;

		bar->width += more < spare ? more : spare;
		mv_table_layout(state->columns, COL__N, cols, COL_NAME);
	}
}

/* ---- values ---- */

static struct mv_val smaps_bytes(const struct mv_context *ctx, uint32_t i, enum mv_smaps_field field)
{
	struct mv_val v = mv_snapshot_field(ctx->snap, i, field);

	v.value *= 1024;
	return v;
}

static struct mv_val swap_of(const struct mv_context *ctx, uint32_t i)
{
	struct mv_val v = smaps_bytes(ctx, i, MV_SMAPS_SWAP);
	const struct mv_tally *tally = mv_snapshot_tally(ctx->snap, i);

	if (mv_have(&v))
		return v;
	if (tally)
		return mv_val_of((uint64_t)tally->state[MV_PAGE_SWAPPED] * ctx->snap->page_bytes);
	return mv_val_missing(ctx->snap->part_why[MV_PART_PAGES] == MV_WHY_HAVE
				  ? MV_WHY_NOT_READ
				  : (enum mv_why)ctx->snap->part_why[MV_PART_PAGES]);
}

static struct mv_val plain_value(const struct mv_context *ctx, uint32_t i, enum map_column column, double *ret_rate)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[i];

	switch (column) {
	case COL_ADDRESS:
		return mv_val_of(m->start);
	case COL_END:
		return mv_val_of(m->end);
	case COL_SIZE:
		return mv_val_of(mv_mapping_bytes(m));
	case COL_PAGES:
		return mv_val_of(mv_mapping_pages(m, ctx->snap->page_bytes));
	case COL_RSS:
		return mv_snapshot_rss(ctx->snap, i);
	case COL_PSS:
		return smaps_bytes(ctx, i, MV_SMAPS_PSS);
	case COL_DIRTY: {
		struct mv_val shared = smaps_bytes(ctx, i, MV_SMAPS_SHARED_DIRTY);
		struct mv_val private = smaps_bytes(ctx, i, MV_SMAPS_PRIVATE_DIRTY);

		if (!mv_have(&shared) || !mv_have(&private))
			return mv_have(&shared) ? private : shared;
		return mv_val_of(shared.value + private.value);
	}
	case COL_SWAP:
		return swap_of(ctx, i);
	case COL_PERM:
		return mv_val_of(m->perms);
	case COL_KIND:
		return mv_val_of(m->kind);
	case COL_RESIDENT: {
		struct mv_val rss = mv_snapshot_rss(ctx->snap, i);

		/* In millionths, to be sorted by. */
		if (mv_have(&rss))
			rss.value = (uint64_t)((double)rss.value * 1e6 / (double)mv_mapping_bytes(m));
		return rss;
	}
	case COL_GROWTH: {
		struct mv_rate rate = mv_delta_mapping(ctx->delta, m->start).growth;

		/* What has ended grows no more; its last rate would look like news. */
		if (ctx->status->exited || ctx->snap->life == MV_LIFE_GONE)
			return mv_val_missing(MV_WHY_GONE);
		*ret_rate = rate.per_second;
		return rate.have ? mv_val_of(0) : mv_val_missing(MV_WHY_NOT_READ);
	}
	case COL_OFFSET:
		return mv_val_of(m->offset);
	case COL_INODE:
		return mv_val_of(m->inode);
	case COL_DEVICE:
		return mv_val_of((uint64_t)m->dev_major << 32 | m->dev_minor);
	case COL_FLAGS: {
		const struct mv_smaps_row *row = mv_snapshot_smaps(ctx->snap, i);
		struct mv_val why = mv_snapshot_field(ctx->snap, i, MV_SMAPS_PSS);

		return row ? mv_val_of(row->vm_flags) : why;
	}
	default:
		return map_column_field(column) < MV_SMAPS__N
			   ? smaps_bytes(ctx, i, (enum mv_smaps_field)map_column_field(column))
			   : mv_val_missing(MV_WHY_NOT_HERE);
	}
}

bool map_column_is_delta(const struct mv_context *ctx, enum map_column column)
{
	return mv_against(ctx) && column >= COL_SIZE && column <= COL_SWAP;
}

/* What the column had at the mark; 0 of a mapping that was not there. */
static struct mv_val value_at_mark(const struct mv_context *ctx, uint32_t i, enum map_column column)
{
	uint64_t start = mv_snapshot_mappings(ctx->snap)[i].start;
	const struct mv_growth_track *t = mv_growth_find(mv_delta_growth(ctx->delta), start);

	if (!t)
		return mv_val_missing(MV_WHY_NOT_READ);
	switch (column) {
	case COL_SIZE:
		return mv_val_of(t->mark.value[MV_GROWTH_SIZE]);
	case COL_RSS:
		return mv_val_of(t->mark.value[MV_GROWTH_RSS]);
	case COL_SWAP:
		return mv_val_of(t->mark.value[MV_GROWTH_SWAP]);
	case COL_PSS:
		return t->marked && !t->mark_pss_have ? mv_val_missing(MV_WHY_NOT_ASKED) : mv_val_of(t->mark_pss);
	default:
		return t->marked && !t->mark_dirty_have ? mv_val_missing(MV_WHY_NOT_ASKED) : mv_val_of(t->mark_dirty);
	}
}

struct mv_val map_value(const struct mv_context *ctx, uint32_t i, enum map_column column, double *ret_rate)
{
	struct mv_val now = plain_value(ctx, i, column, ret_rate), then;

	if (!mv_have(&now) || !map_column_is_delta(ctx, column))
		return now;
	then = value_at_mark(ctx, i, column);
	if (!mv_have(&then))
		return then;
	*ret_rate = (double)now.value - (double)then.value;
	return mv_val_of(0);
}

struct mv_clean map_name(const struct mv_context *ctx, uint32_t i)
{
	struct mv_clean name = mv_snapshot_name(ctx->snap, i);

	return name.text && *name.text ? name : MV_TEXT("[anon]");
}

struct mv_val map_row_value(const struct map_state *state, const struct mv_context *ctx,
			    const struct map_row *row, enum map_column column, double *ret_rate)
{
	if (row->kind == ROW_GROUP) {
		struct map_sum sum =
		    map_group_sum(&state->rows, ctx, &state->rows.groups[row->index], column);

		*ret_rate = sum.rate;
		return sum.value;
	}
	return map_value(ctx, row->index, column, ret_rate);
}

/* ---- cells ---- */

static void build_perms(struct mv_build *b, unsigned perms)
{
	mv_build_clean(b, perms & MV_PERM_R ? MV_TEXT("r") : MV_TEXT("-"));
	mv_build_clean(b, perms & MV_PERM_W ? MV_TEXT("w") : MV_TEXT("-"));
	mv_build_clean(b, perms & MV_PERM_X ? MV_TEXT("x") : MV_TEXT("-"));
	mv_build_clean(b, perms & MV_PERM_SHARED ? MV_TEXT("s") : MV_TEXT("p"));
}

static void build_growth(struct map_cell *cell, double per_second)
{
	if (fabs(per_second) < 1) {
		mv_build_clean(&cell->text, MV_TEXT("0"));
		cell->role = ROLE_DIM;
		return;
	}
	mv_build_clean(&cell->text, per_second > 0 ? MV_TEXT("+") : MV_TEXT("-"));
	mv_build_size(&cell->text, (uint64_t)fabs(per_second));
	mv_build_clean(&cell->text, MV_TEXT("/s"));
	cell->role = per_second > 0 ? ROLE_GREW : ROLE_DIM;
}

static void build_delta(struct map_cell *cell, double delta, bool exact)
{
	cell->role = delta > 0 ? ROLE_GREW : ROLE_DIM;
	if (delta != 0)
		mv_build_clean(&cell->text, delta > 0 ? MV_TEXT("+") : MV_TEXT("-"));
	mv_size_build(&cell->text, (uint64_t)fabs(delta), exact);
}

static void build_flags(struct mv_build *b, uint64_t flags)
{
	for (unsigned i = 0; i < MV_VM__N; i++) {
		if (!(flags >> i & 1))
			continue;
		if (b->len)
			mv_build_clean(b, MV_TEXT(" "));
		mv_build_clean(b, mv_words(mv_vm_flag_letters((enum mv_vm_flag)i)));
	}
}

void map_cell_build(const struct mv_context *ctx, enum map_column column, struct mv_val v, double rate,
		    struct map_cell *cell)
{
	mv_build_init(&cell->text);
	cell->role = ROLE_TEXT;
	cell->both_ends = column == COL_ADDRESS || column == COL_END;
	if (!mv_have(&v)) {
		mv_build_clean(&cell->text, MV_TEXT("-"));
		cell->role = ROLE_DIM;
	} else if (column == COL_ADDRESS || column == COL_END) {
		mv_build_fmt(&cell->text, "%0*llx", address_digits(ctx->snap), (unsigned long long)v.value);
	} else if (map_column_is_delta(ctx, column)) {
		build_delta(cell, rate, ctx->exact);
	} else if (map_column_is_size(column)) {
		mv_size_build(&cell->text, v.value, ctx->exact);
		if (!v.value)
			cell->role = ROLE_DIM;
	} else if (column == COL_PERM) {
		build_perms(&cell->text, (unsigned)v.value);
	} else if (column == COL_KIND) {
		mv_build_clean(&cell->text, mv_words(mv_kind_name((enum mv_kind)v.value)));
		cell->role = mv_role_of_kind((unsigned)v.value);
	} else if (column == COL_GROWTH) {
		build_growth(cell, rate);
	} else if (column == COL_OFFSET) {
		mv_build_fmt(&cell->text, "%llx", (unsigned long long)v.value);
	} else if (column == COL_INODE) {
		mv_build_fmt(&cell->text, "%llu", (unsigned long long)v.value);
	} else if (column == COL_DEVICE) {
		mv_build_fmt(&cell->text, "%02x:%02x", (unsigned)(v.value >> 32),
			     (unsigned)(v.value & UINT32_MAX));
	} else if (column == COL_FLAGS) {
		build_flags(&cell->text, v.value);
		cell->role = ROLE_DIM;
	} else {
		mv_build_count(&cell->text, v.value);
	}
}

static void draw_bar(const struct map_state *state, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     int x, int w, const struct map_row *row, enum mv_role role)
{
	struct mv_context plain = *ctx;
	double rate;

	plain.against = false; /* how full it is, it is now */
	struct mv_val rss = map_row_value(state, &plain, row, COL_RSS, &rate);
	struct mv_val size = map_row_value(state, &plain, row, COL_SIZE, &rate);

	if (mv_have(&rss) && mv_have(&size))
		mv_bar_draw(c, y, x, w, role, rss.value, size.value);
	else
		mv_canvas_text(c, y, x, w, ROLE_DIM, MV_TEXT("-"));
}

/* What does not fit loses its middle: "_decimal.cpython-3…gnu.so". */
static void draw_ends(struct mv_canvas *c, int y, int x, int w, enum mv_role role, struct mv_clean text)
{
	int tail = (w - 1) / 3;

	tail = tail > ENDING_COLS ? ENDING_COLS : tail;
	if (w < 6 || mv_clean_width(text) <= (unsigned)w) {
		mv_canvas_text(c, y, x, w, role, text);
		return;
	}
	mv_canvas_text_right(c, y, x + w - tail - 1, tail + 1, role, text);
	mv_canvas_text(c, y, x, w - tail, role, text);
}

/* A path's last part; other names are what they are. */
static struct mv_clean object_name(struct mv_clean name)
{
	const char *slash = strrchr(name.text, '/');

	return name.text[0] == '/' && slash[1] ? mv_clean_trusted(slash + 1) : name;
}

/* A path that does not fit gives up its directories first. */
static void draw_path(struct mv_canvas *c, int y, int x, int w, enum mv_role role, struct mv_clean text)
{
	bool fits = w > 0 && mv_clean_width(text) <= (unsigned)w;

	draw_ends(c, y, x, w, role, fits ? text : object_name(text));
}

static void draw_name(const struct map_state *state, const struct mv_context *ctx, struct mv_canvas *c, int y,
		      int x, int w, const struct map_row *row)
{
	bool hit = state->find[0] && map_row_matches(&state->rows, ctx, row, state->find);
	uint32_t index = row->index;

	if (row->kind == ROW_GROUP) {
		const struct map_group *group = &state->rows.groups[row->index];
		struct mv_build b;

		index = state->rows.members[group->first];
		mv_canvas_glyph2(c, y, x, ROLE_KEY, group->unfolded ? U'▾' : U'▸',
				 group->unfolded ? '-' : '+');
		mv_build_init(&b);
		mv_build_fmt(&b, " (%u)", group->count);
		int tail = (int)mv_clean_width(mv_build_text(&b)), room = w - 2 - tail;
		struct mv_clean object = object_name(map_name(ctx, index));
		int used = (int)mv_clean_width(object);
		if (room < 1)
			return;
		draw_ends(c, y, x + 2, room, hit ? ROLE_FOUND : ROLE_STRONG, object);
		mv_canvas_build(c, y, x + 2 + (used < room ? used : room), tail, ROLE_DIM, &b);
		return;
	}
	struct mv_clean name = mv_snapshot_name(ctx->snap, index);
	enum mv_role role = hit ? ROLE_FOUND : name.text && *name.text ? ROLE_TEXT : ROLE_DIM;
	if (row->child && w > 2)
		draw_path(c, y, x + 2, w - 2, role, map_name(ctx, index));
	else
		draw_path(c, y, x, w, role, map_name(ctx, index));
}

static void draw_cell(struct mv_canvas *c, int y, int x, const struct mv_column *column,
		      const struct map_cell *cell)
{
	if (cell->both_ends)
		draw_ends(c, y, x, column->w, cell->role, mv_build_text(&cell->text));
	else if (column->right)
		mv_canvas_text_right(c, y, x, column->w, cell->role, mv_build_text(&cell->text));
	else
		mv_canvas_build(c, y, x, column->w, cell->role, &cell->text);
}

/* In the free column between the cursor and the row: what is lit reads without colours too. */
static void draw_mark(struct mv_canvas *c, int y, int x, enum mv_role role)
{
	if (role == ROLE_NEW || role == ROLE_GREW || role == ROLE_GONE)
		mv_canvas_glyph(c, y, x - 1, role, role == ROLE_NEW ? U'+' : role == ROLE_GREW ? U'^' : U'-');
}

static void draw_ghost(const struct map_state *state, const struct mv_context *ctx, struct mv_canvas *c,
		       int y, int x, const struct map_row *row)
{
	size_t count;
	const struct mv_ghost *ghosts = mv_delta_ghosts(ctx->delta, &count);
	static const enum map_column known[] = {COL_ADDRESS, COL_SIZE, COL_PERM, COL_KIND, COL_END};

	if (row->index >= count)
		return;
	const struct mv_ghost *ghost = &ghosts[row->index];
	const uint64_t values[] = {ghost->range.start, ghost->range.end - ghost->range.start, ghost->perms,
				   ghost->kind, ghost->range.end};
	for (size_t i = 0; i < MV_COUNT_OF(known); i++) {
		const struct mv_column *column = &state->columns[known[i]];
		struct map_cell cell;

		if (!column->w)
			continue;
		map_cell_build(ctx, known[i], mv_val_of(values[i]), 0, &cell);
		cell.role = ROLE_GONE;
		draw_cell(c, y, x + column->x, column, &cell);
	}
	draw_mark(c, y, x, ROLE_GONE);
	const struct mv_column *bar = &state->columns[COL_RESIDENT], *name = &state->columns[COL_NAME];
	if (bar->w)
		mv_canvas_text(c, y, x + bar->x, bar->w, ROLE_GONE, MV_TEXT("gone"));
	draw_path(c, y, x + name->x, name->w, ROLE_GONE,
		  ghost->name[0] ? mv_clean_trusted(ghost->name) : MV_TEXT("[anon]"));
}

/* New and grown mappings are lit for three seconds; against a mark, what was not there then. */
static enum mv_role light_of(const struct mv_context *ctx, const struct map_row *row)
{
	if (row->kind != ROW_MAPPING)
		return ROLE_TEXT;
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[row->index];
	if (mv_against(ctx)) {
		const struct mv_growth_track *t = mv_growth_find(mv_delta_growth(ctx->delta), m->start);

		return t && !t->marked ? ROLE_NEW : ROLE_TEXT;
	}
	struct mv_mapping_change change = mv_delta_mapping(ctx->delta, m->start);
	if (ctx->now_ns >= change.at_ns + MV_LIT_NS)
		return ROLE_TEXT;
	return change.change == MV_CHANGE_NEW	 ? ROLE_NEW
	       : change.change == MV_CHANGE_GREW ? ROLE_GREW
						 : ROLE_TEXT;
}

void map_row_draw(const struct map_state *state, const struct mv_context *ctx, struct mv_canvas *c, int y,
		  int x, const struct map_row *row)
{
	if (row->kind == ROW_GHOST) {
		draw_ghost(state, ctx, c, y, x, row);
		return;
	}
	const struct mv_mapping *maps = mv_snapshot_mappings(ctx->snap);
	uint32_t first =
	    row->kind == ROW_GROUP ? state->rows.members[state->rows.groups[row->index].first] : row->index;
	enum mv_role light = light_of(ctx, row);

	draw_mark(c, y, x, light);
	for (int i = 0; i < COL__N; i++) {
		const struct mv_column *column = &state->columns[i];
		enum map_column id = (enum map_column)i;
		struct map_cell cell;
		double rate = 0;

		if (!column->w)
			continue;
		if (id == COL_RESIDENT) {
			draw_bar(state, ctx, c, y, x + column->x, column->w, row,
				 mv_role_of_kind(maps[first].kind));
			continue;
		}
		if (id == COL_NAME) {
			draw_name(state, ctx, c, y, x + column->x, column->w, row);
		} else if (row->kind == ROW_GROUP && id != COL_ADDRESS && map_column_ascends(id)) {
			/* What its members differ in. */
			continue;
		} else {
			struct mv_val v = row->kind == ROW_GROUP && id == COL_ADDRESS
					      ? mv_val_of(maps[first].start)
					      : map_row_value(state, ctx, row, id, &rate);

			if (row->kind == ROW_GROUP && id == COL_FLAGS)
				continue;
			map_cell_build(ctx, id, v, rate, &cell);
			if (ctx->exact && map_column_is_size(id) && mv_have(&v) &&
			    (int)cell.text.len > column->w) {
				/* Rounded is better than cut short. */
				mv_build_init(&cell.text);
				if (map_column_is_delta(ctx, id))
					build_delta(&cell, rate, false);
				else
					mv_build_size(&cell.text, v.value);
			}
			draw_cell(c, y, x + column->x, column, &cell);
		}
		if (light != ROLE_TEXT &&
		    (id == COL_ADDRESS || id == COL_SIZE || id == COL_PERM || id == COL_NAME))
			mv_canvas_role(c, (struct mv_rect){y, x + column->x, 1, column->w}, light);
	}
}
