/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/smaps.h"
#include "core/text.h"

const struct mv_smaps_field_info mv_smaps_fields[MV_SMAPS__N] = {
#define X(id, key, json, head, meaning) [MV_SMAPS_##id] = {key, json, head, meaning},
    MV_SMAPS_FIELDS(X)
#undef X
};

/* The keys with their colon, padded to the column where numbers begin: 16 bytes count, the rest is excess. */
static const char *const padded_keys[MV_SMAPS__N] = {
#define X(id, key, json, head, meaning) [MV_SMAPS_##id] = key ":               ",
    MV_SMAPS_FIELDS(X)
#undef X
};

/* The order in which kernels print them; older ones leave some out. */
static const uint8_t printed_order[MV_SMAPS__N] = {
    MV_SMAPS_KERNEL_PAGE,    MV_SMAPS_MMU_PAGE,	       MV_SMAPS_RSS,	      MV_SMAPS_PSS,
    MV_SMAPS_PSS_DIRTY,	     MV_SMAPS_SHARED_CLEAN,    MV_SMAPS_SHARED_DIRTY, MV_SMAPS_PRIVATE_CLEAN,
    MV_SMAPS_PRIVATE_DIRTY,  MV_SMAPS_REFERENCED,      MV_SMAPS_ANON,	      MV_SMAPS_KSM,
    MV_SMAPS_LAZYFREE,	     MV_SMAPS_ANON_HUGE,       MV_SMAPS_SHMEM_HUGE,   MV_SMAPS_FILE_HUGE,
    MV_SMAPS_SHARED_HUGETLB, MV_SMAPS_PRIVATE_HUGETLB, MV_SMAPS_SWAP,	      MV_SMAPS_SWAP_PSS,
    MV_SMAPS_LOCKED,
};

static const struct {
	char letters[3];
	const char *meaning;
} vm_flags[MV_VM__N] = {
#define X(id, letters, meaning) [MV_VM_##id] = {letters, meaning},
    MV_VM_FLAGS(X)
#undef X
};
_Static_assert(MV_VM__N <= 64, "VmFlags are bits of an uint64_t");
_Static_assert(MV_SMAPS__N <= 32, "seen fields are bits of an uint32_t");

const char *mv_vm_flag_letters(enum mv_vm_flag flag)
{
	return (unsigned)flag < MV_VM__N ? vm_flags[flag].letters : "";
}

const char *mv_vm_flag_meaning(enum mv_vm_flag flag)
{
	return (unsigned)flag < MV_VM__N ? vm_flags[flag].meaning : "";
}

void mv_smaps_init(struct mv_smaps *smaps)
{
	memset(smaps, 0, sizeof(*smaps));
}

void mv_smaps_release(struct mv_smaps *smaps)
{
	free(smaps->at);
	mv_smaps_init(smaps);
}

/* A line "Rss:                   8 kB\n" is this long, unless its number is wider than eight digits. */
enum { KEY_COLUMNS = 16, NUMBER_COLUMNS = 8, LINE_BYTES = 28 };

static inline uint64_t load64(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint32_t load32(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* What is known between two lines: where the last field was, and the last VmFlags line (a long one, mostly
 * repeated). */
struct cursor {
	unsigned next; /* index into printed_order of the field that should come now */
	const char *flags_line;
	size_t flags_len;
	uint64_t flags;
};

static inline void set_field(struct mv_smaps_row *row, unsigned field, uint64_t kib)
{
	row->kib[field] = kib > UINT32_MAX ? UINT32_MAX : (uint32_t)kib;
	row->seen |= UINT32_C(1) << field;
}

/*
 * The usual case: exactly the kernel's columns, and a known field (mostly the expected one).
 * False when the line is otherwise; nothing is changed then.
 */
static inline bool take_aligned(struct cursor *cursor, struct mv_smaps_row *row, const char *line)
{
	const char *number = line + KEY_COLUMNS;
	uint64_t low = load64(line), high = load64(line + 8), value = 0;
	unsigned tried, at = cursor->next, field = 0;
	int i = NUMBER_COLUMNS;

	if (load32(line + KEY_COLUMNS + NUMBER_COLUMNS) != load32(" kB\n"))
		return false;
	for (tried = 0; tried < MV_SMAPS__N; tried++) {
		field = printed_order[at];
		at = at + 1 < MV_SMAPS__N ? at + 1 : 0;
		if (load64(padded_keys[field]) == low && load64(padded_keys[field] + 8) == high)
			break;
	}
	if (tried == MV_SMAPS__N)
		return false;
	if (load64(number) != load64("       0")) {
		uint64_t scale = 1;

		while (i > 0 && number[i - 1] >= '0' && number[i - 1] <= '9') {
			value += scale * (unsigned)(number[--i] - '0');
			scale *= 10;
		}
		if (i == NUMBER_COLUMNS)
			return false;
		while (i > 0) {
			if (number[--i] != ' ')
				return false;
		}
	}
	cursor->next = at;
	set_field(row, field, value);
	return true;
}

/* Flags come in the order of the table, so one walk along it finds them all. Unknown ones are skipped. */
static uint64_t parse_flags(const char *at, const char *end)
{
	uint64_t flags = 0;
	unsigned next = 0;

	while (at < end) {
		if (*at == ' ') {
			at++;
			continue;
		}
		for (unsigned tried = 0; end - at >= 2 && tried < MV_VM__N; tried++) {
			unsigned flag = next;

			next = next + 1 < MV_VM__N ? next + 1 : 0;
			if (at[0] == vm_flags[flag].letters[0] && at[1] == vm_flags[flag].letters[1]) {
				flags |= UINT64_C(1) << flag;
				break;
			}
		}
		while (at < end && *at != ' ')
			at++;
	}
	return flags;
}

static void take_flags(struct cursor *cursor, struct mv_smaps_row *row, const char *line, size_t len)
{
	if (!cursor->flags_line || cursor->flags_len != len || memcmp(cursor->flags_line, line, len) != 0) {
		cursor->flags = parse_flags(line + strlen("VmFlags:"), line + len);
		cursor->flags_line = line;
		cursor->flags_len = len;
	}
	row->vm_flags = cursor->flags;
}

/* Any "Key: number kB" line. Unknown keys are skipped, so that newer kernels are read too. */
static int take_field(struct mv_smaps_row *row, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t key_len;

	if (!colon)
		return -EBADMSG;
	key_len = (size_t)(colon - line);
	for (unsigned field = 0; field < MV_SMAPS__N; field++) {
		struct mv_scan number = {colon + 1, line + len};
		uint64_t kib;

		if (strlen(mv_smaps_fields[field].key) != key_len ||
		    memcmp(mv_smaps_fields[field].key, line, key_len) != 0)
			continue;
		mv_scan_spaces(&number);
		if (!mv_scan_dec(&number, &kib) || (number.at < number.end && *number.at != ' '))
			return -EBADMSG;
		set_field(row, field, kib);
		break;
	}
	return 0;
}

/* Fields begin with a capital, mappings with a digit or a lower-case hex letter. */
static inline bool is_field_line(const char *line)
{
	return *line >= 'A' && *line <= 'Z';
}

/* Two lines that every mapping has and nobody here needs (the size is known, the other is no amount). */
static inline bool is_of_no_use(const char *line, size_t len)
{
	return len >= 8 && (load64(line) == load64("Size:   ") || load64(line) == load64("THPeligi"));
}

/* One line at text; *ret_next is behind it. */
static inline int take_line(struct cursor *cursor, struct mv_smaps_row *row, const char *text,
			    const char *end, const char **ret_next)
{
	const bool known = !is_of_no_use(text, (size_t)(end - text));
	const char *newline;
	size_t len;

	if (known && end - text >= LINE_BYTES && take_aligned(cursor, row, text)) {
		*ret_next = text + LINE_BYTES;
		return 0;
	}
	newline = memchr(text, '\n', (size_t)(end - text));
	len = (size_t)((newline ? newline : end) - text);
	*ret_next = newline ? newline + 1 : end;
	if (!known)
		return 0;
	if (len >= strlen("VmFlags:") && memcmp(text, "VmFlags:", strlen("VmFlags:")) == 0) {
		take_flags(cursor, row, text, len);
		return 0;
	}
	return take_field(row, text, len);
}

static int add_row(struct mv_smaps *smaps)
{
	if (smaps->count == smaps->cap) {
		uint64_t cap = smaps->cap + (uint64_t)smaps->cap / 2 + 64;
		struct mv_smaps_row *at = cap <= UINT32_MAX ? realloc(smaps->at, cap * sizeof(*at)) : NULL;

		if (!at)
			return -ENOMEM;
		smaps->at = at;
		smaps->cap = (uint32_t)cap;
	}
	memset(&smaps->at[smaps->count++], 0, sizeof(*smaps->at));
	return 0;
}

/* The first line of a mapping. A row is made first, so that the two never differ in number after success. */
static int take_mapping(struct mv_maps *maps, struct mv_smaps *smaps, const char *line, size_t len)
{
	uint32_t before = maps->count;
	int ret = add_row(smaps);

	if (!ret)
		ret = mv_maps_parse_line(maps, line, len);
	if (maps->count == before && smaps->count > before)
		smaps->count = before;
	return ret;
}

/*
 * Neighbours often read the same, to the byte, from the first amount to the first line that is none: then the
 * row is copied instead of parsed. True when it was; text is moved behind them.
 */
static bool take_repeated(const struct mv_smaps *smaps, const char **text, const char *end)
{
	if (!smaps->last_len || (size_t)(end - *text) < smaps->last_len ||
	    memcmp(*text, smaps->last, smaps->last_len) != 0)
		return false;
	smaps->at[smaps->count - 1] = smaps->last_row;
	*text += smaps->last_len;
	return true;
}

/* THPeligible, ProtectionKey, VmFlags: what comes behind the amounts. */
static inline bool ends_amounts(const char *line, const char *end)
{
	return *line == 'V' ||
	       (end - line >= 4 && (load32(line) == load32("THPe") || load32(line) == load32("Prot")));
}

static void remember(struct mv_smaps *smaps, const char *amounts, const char *end)
{
	smaps->last_len = 0;
	if ((size_t)(end - amounts) > sizeof(smaps->last))
		return;
	smaps->last_len = (uint32_t)(end - amounts);
	memcpy(smaps->last, amounts, smaps->last_len);
	smaps->last_row = smaps->at[smaps->count - 1];
}

int mv_smaps_parse(struct mv_maps *maps, struct mv_smaps *smaps, const char *text, size_t len)
{
	const char *end = text + len, *amounts = NULL;
	struct cursor cursor = {0};
	bool first = false; /* the line behind a mapping's own */

	while (text < end && !maps->torn) {
		int ret;

		if (is_field_line(text)) {
			if (smaps->count == 0)
				return -EBADMSG;
			if (first && take_repeated(smaps, &text, end)) {
				first = false;
				continue;
			}
			if (first)
				amounts = text;
			first = false;
			if (amounts && ends_amounts(text, end)) {
				remember(smaps, amounts, text);
				amounts = NULL;
			}
			ret = take_line(&cursor, &smaps->at[smaps->count - 1], text, end, &text);
		} else {
			const char *newline = memchr(text, '\n', (size_t)(end - text));
			const char *line_end = newline ? newline : end;

			cursor.next = 0;
			first = true;
			amounts = NULL;
			ret = take_mapping(maps, smaps, text, (size_t)(line_end - text));
			text = newline ? newline + 1 : end;
		}
		if (ret)
			return ret;
	}
	return 0;
}

struct both {
	struct mv_maps *maps;
	struct mv_smaps *smaps;
};

static int take_smaps(void *arg, const char *text, size_t len)
{
	struct both *both = arg;

	return mv_smaps_parse(both->maps, both->smaps, text, len);
}

int mv_smaps_read(struct mv_target *target, struct mv_maps *maps, struct mv_smaps *smaps,
		  const uint64_t *stack_pointers, size_t n)
{
	struct both both = {maps, smaps};
	int ret;

	mv_maps_clear(maps);
	smaps->count = 0;
	ret = mv_target_stream(target, MV_FILE_SMAPS, take_smaps, &both);
	/* Without a single line nothing has made the pool of names yet. */
	if (!ret)
		ret = mv_maps_parse(maps, "", 0);
	if (ret)
		return ret;
	mv_maps_classify(maps, stack_pointers, n);
	for (uint32_t i = 0; i < smaps->count; i++) {
		if (smaps->at[i].vm_flags >> MV_VM_HT & 1) {
			maps->at[i].kind = MV_KIND_HUGE;
			maps->at[i].flags &= (uint8_t)~MV_MAPPING_FILE;
		}
	}
	return 0;
}

int mv_rollup_parse(const char *text, size_t len, struct mv_smaps_row *ret_row)
{
	const char *end = text + len;
	struct cursor cursor = {0};
	struct mv_smaps_row row = {0};

	while (text < end) {
		int ret;

		if (!is_field_line(text)) {
			const char *newline = memchr(text, '\n', (size_t)(end - text));

			text = newline ? newline + 1 : end;
			continue;
		}
		ret = take_line(&cursor, &row, text, end, &text);
		if (ret)
			return ret;
	}
	if (!row.seen)
		return -EBADMSG;
	*ret_row = row;
	return 0;
}

int mv_rollup_read(struct mv_target *target, struct mv_smaps_row *ret_row)
{
	char text[4096];
	ssize_t len = mv_target_read(target, MV_FILE_ROLLUP, text, sizeof(text));

	if (len == 0)
		return -ESRCH;
	return len < 0 ? (int)len : mv_rollup_parse(text, (size_t)len, ret_row);
}
