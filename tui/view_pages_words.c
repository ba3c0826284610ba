/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/pagetable.h"
#include "tui/view_pages.h"
#include "tui/view_private.h"

struct mv_clean mv_words_state(unsigned state)
{
	switch (state) {
#define X(id, json, glyph, ascii, caption, meaning) \
	case MV_PAGE_##id: \
		return MV_TEXT(caption);
		MV_PAGE_STATES(X)
#undef X
	}
	return MV_TEXT("");
}

struct mv_clean mv_words_state_meaning(unsigned state)
{
	switch (state) {
#define X(id, json, glyph, ascii, caption, meaning) \
	case MV_PAGE_##id: \
		return MV_TEXT(meaning);
		MV_PAGE_STATES(X)
#undef X
	}
	return MV_TEXT("");
}

struct mv_clean mv_words_page_meaning(const struct mv_snapshot *snap, const struct mv_page_detail *page)
{
	const unsigned access = MV_PERM_R | MV_PERM_W | MV_PERM_X;
	uint32_t i = mv_snapshot_find(snap, page->addr);

	if (page->state == MV_PAGE_NONE && i < mv_snapshot_count(snap) &&
	    !(mv_snapshot_mappings(snap)[i].perms & access))
		return MV_TEXT("no page, and no access: touching it is a SIGSEGV");
	return mv_words_state_meaning(page->state);
}

struct mv_clean mv_words_kind(unsigned kind)
{
	switch (kind) {
#define X(id, name, meaning) \
	case MV_KIND_##id: \
		return MV_TEXT(name);
		MV_KINDS(X)
#undef X
	}
	return MV_TEXT("");
}

void mv_words_size(struct mv_build *b, uint64_t bytes, bool exact)
{
	if (!exact) {
		mv_build_size(b, bytes);
		return;
	}
	mv_build_count(b, bytes);
}

struct mv_clean mv_words_base(struct mv_clean name)
{
	const char *slash = strrchr(name.text, '/');

	return name.text[0] == '/' && slash[1] ? (struct mv_clean){slash + 1} : name;
}

void mv_words_name(struct mv_build *b, const struct mv_snapshot *snap, uint32_t mapping, bool brief)
{
	struct mv_clean name = mv_snapshot_name(snap, mapping);

	if (!name.text[0])
		mv_build_clean(b, MV_TEXT("[anon]"));
	else
		mv_build_clean(b, brief ? mv_words_base(name) : name);
}

void mv_words_perms(struct mv_build *b, unsigned perms)
{
	mv_build_clean(b, perms & MV_PERM_R ? MV_TEXT("r") : MV_TEXT("-"));
	mv_build_clean(b, perms & MV_PERM_W ? MV_TEXT("w") : MV_TEXT("-"));
	mv_build_clean(b, perms & MV_PERM_X ? MV_TEXT("x") : MV_TEXT("-"));
	mv_build_clean(b, perms & MV_PERM_SHARED ? MV_TEXT("s") : MV_TEXT("p"));
}

void mv_words_addr(struct mv_build *b, uint64_t addr)
{
	mv_build_fmt(b, "%012llx", (unsigned long long)addr);
}

int mv_words_addr_cols(const struct mv_snapshot *snap)
{
	uint32_t count = mv_snapshot_count(snap);
	int cols = 12;

	while (count && mv_snapshot_mappings(snap)[count - 1].start >> 63)
		count--; /* vsyscall */
	while (count && cols < 16 && (mv_snapshot_mappings(snap)[count - 1].end - 1) >> (4 * cols))
		cols++;
	return cols;
}

void mv_words_mapping(struct mv_build *b, const struct mv_snapshot *snap, uint32_t mapping, bool brief,
		      bool exact)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[mapping];

	mv_words_addr(b, m->start);
	mv_build_clean(b, MV_TEXT(" "));
	mv_words_name(b, snap, mapping, brief);
	mv_build_clean(b, MV_TEXT(" "));
	mv_words_perms(b, m->perms);
	mv_build_clean(b, MV_TEXT(" "));
	mv_words_size(b, mv_mapping_bytes(m), exact);
}

void mv_words_process(struct mv_build *b, const struct mv_context *ctx)
{
	if (ctx->snap) {
		mv_build_clean(b, mv_snapshot_title(ctx->snap));
		mv_build_clean(b, MV_TEXT(" "));
	}
	mv_build_fmt(b, "%d", ctx->status->pid);
	mv_build_clean(b, MV_TEXT(" > "));
}

const struct mv_page_detail *mv_words_detail(const struct mv_snapshot *snap, uint64_t page)
{
	return snap && (snap->facts & MV_FACT_PAGE) && snap->page.addr == page ? &snap->page : NULL;
}

static struct mv_clean present_as(unsigned state)
{
	switch (state) {
	case MV_PAGE_ZERO:
		return MV_TEXT("zero page");
	case MV_PAGE_COW:
		return MV_TEXT("private copy");
	case MV_PAGE_ANON:
	case MV_PAGE_ANON_SHARED:
		return MV_TEXT("anon");
	case MV_PAGE_SHMEM:
		return MV_TEXT("shared memory");
	default:
		return MV_TEXT("file");
	}
}

void mv_words_page(struct mv_build *b, const struct mv_page_detail *page, const struct mv_snapshot *snap)
{
	if (!mv_have(&page->have)) {
		mv_build_why(b, page->have.why);
		return;
	}
	switch (page->state) {
	case MV_PAGE_NONE:
		mv_build_clean(b, MV_TEXT("not touched"));
		return;
	case MV_PAGE_GUARD:
		mv_build_clean(b, MV_TEXT("guard"));
		return;
	case MV_PAGE_SWAPPED:
		mv_build_clean(b, MV_TEXT("swapped"));
		return;
	default:
		mv_build_clean(b, MV_TEXT("present, "));
		mv_build_clean(b, present_as(page->state));
	}
	if (page->block_pages > 1) {
		mv_build_clean(b, MV_TEXT(", huge ("));
		mv_build_size(b, (uint64_t)page->block_pages * snap->page_bytes);
		mv_build_clean(b, MV_TEXT(")"));
	}
	if (page->state != MV_PAGE_ZERO)
		mv_build_clean(b,
			       page->word & MV_WORD_EXCLUSIVE ? MV_TEXT(", exclusive") : MV_TEXT(", shared"));
}

void mv_words_meaning(struct mv_meaning *m, struct mv_clean title, struct mv_clean formula,
		      struct mv_clean source, struct mv_clean unit, struct mv_clean note)
{
	mv_build_init(&m->title);
	mv_build_clean(&m->title, title);
	mv_build_init(&m->formula);
	mv_build_clean(&m->formula, formula);
	mv_build_init(&m->source);
	mv_build_clean(&m->source, source);
	mv_build_init(&m->unit);
	mv_build_clean(&m->unit, unit);
	mv_build_init(&m->note);
	mv_build_clean(&m->note, note);
}

unsigned mv_words_levels(const struct mv_snapshot *snap)
{
	return snap->levels == 5 ? 5 : 4;
}

struct mv_clean mv_words_level(unsigned level, unsigned levels)
{
	static const struct mv_clean names[MV_LEVELS_MAX] = {{"PTE"}, {"PMD"}, {"PUD"}, {"P4D"}, {"PGD"}};

	return level == levels ? names[MV_LEVELS_MAX - 1] : names[level - 1];
}

static bool needs_rights(uint32_t why)
{
	return why == MV_WHY_NEEDS_PTRACE || why == MV_WHY_NEEDS_PTRACE_DAC ||
	       why == MV_WHY_NEEDS_SYS_ADMIN || why == MV_WHY_NEEDS_DAC || why == MV_WHY_NEEDS_ROOT;
}

static struct mv_clean cannot_read(enum mv_part part)
{
	switch (part) {
	case MV_PART_MAPS:
		return MV_TEXT("the mappings cannot be read: ");
	case MV_PART_TABLES:
		return MV_TEXT("the tables cannot be counted: ");
	default:
		return MV_TEXT("the pages cannot be read: ");
	}
}

static bool refused(const struct mv_snapshot *snap, enum mv_part part, struct mv_build *b,
		    struct mv_clean *ret_advice)
{
	uint32_t why = snap->part_why[part];

	if (why <= MV_WHY_HAVE)
		return false;
	mv_build_clean(b, cannot_read(part));
	mv_build_clean(b, mv_words(mv_why_text((enum mv_why)why)));
	if (needs_rights(why))
		*ret_advice = MV_TEXT("run memview as root (sudo), or as the owner of the process");
	return true;
}

bool mv_words_nothing(const struct mv_context *ctx, enum mv_part part, struct mv_build *b,
		      struct mv_clean *ret_advice)
{
	const struct mv_snapshot *snap = ctx->snap;

	mv_build_init(b);
	*ret_advice = MV_TEXT("");
	if (snap && mv_snapshot_count(snap))
		return refused(snap, MV_PART_PAGES, b, ret_advice) ||
		       (part != MV_PART_PAGES && refused(snap, part, b, ret_advice));
	if (!snap || (snap->life == MV_LIFE_ALIVE && snap->part_why[MV_PART_MAPS] == MV_WHY_NOT_READ))
		mv_build_clean(b, MV_TEXT("reading the mappings"));
	else if (snap->life == MV_LIFE_KERNEL_THREAD)
		mv_build_clean(b, MV_TEXT("no mappings: it is a part of the kernel"));
	else if (snap->life == MV_LIFE_ZOMBIE)
		mv_build_clean(b, MV_TEXT("no mappings are left of a zombie"));
	else if (snap->life != MV_LIFE_ALIVE)
		mv_build_clean(b, MV_TEXT("no mappings were read in time"));
	else if (!refused(snap, MV_PART_MAPS, b, ret_advice))
		mv_build_clean(b, MV_TEXT("no mappings"));
	return true;
}
