/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/frames.h"
#include "core/pagetable.h"
#include "tui/view_page.h"

static struct mv_build *add(struct mv_page_facts *f, struct mv_clean label, enum mv_role role)
{
	struct mv_page_fact *fact = &f->at[f->count < MV_PAGE_FACTS_MAX ? f->count++ : MV_PAGE_FACTS_MAX - 1];

	fact->label = label;
	fact->role = role;
	mv_build_init(&fact->text);
	return &fact->text;
}

static void add_why(struct mv_page_facts *f, struct mv_clean label, uint32_t why)
{
	mv_build_why(add(f, label, ROLE_WARN), why);
}

static void add_frame(struct mv_page_facts *f, const struct mv_page_detail *d, uint32_t page_bytes)
{
	if (!mv_have(&d->frame)) {
		add_why(f, MV_TEXT("frame"), d->frame.why);
	} else {
		mv_build_fmt(add(f, MV_TEXT("frame"), ROLE_STRONG), "0x%llx  at RAM address 0x%llx",
			     (unsigned long long)d->frame.value,
			     (unsigned long long)(d->frame.value * page_bytes));
	}
	if (!mv_have(&d->mapcount)) {
		add_why(f, MV_TEXT("mapped"), d->mapcount.why);
	} else if (d->mapcount.value == 1) {
		mv_build_clean(add(f, MV_TEXT("mapped"), ROLE_TEXT),
			       MV_TEXT("once: only this process has it"));
	} else {
		struct mv_build *b = add(f, MV_TEXT("mapped"), ROLE_TEXT);
		mv_build_count(b, d->mapcount.value);
		mv_build_clean(b, MV_TEXT(" times, over all processes"));
	}
	if (!mv_have(&d->cgroup))
		add_why(f, MV_TEXT("charged to"), d->cgroup.why);
	else
		mv_build_fmt(add(f, MV_TEXT("charged to"), ROLE_TEXT), "the memory cgroup with inode %llu",
			     (unsigned long long)d->cgroup.value);
}

static void add_flags(struct mv_page_facts *f, const struct mv_page_detail *d)
{
	static const struct {
		unsigned bit;
		struct mv_clean name, meaning;
	} flags[] = {
#define X(b, name, meaning) {b, {#name}, {meaning}},
		MV_FRAME_FLAGS(X)
#undef X
	};
	bool first = true;

	if (!mv_have(&d->flags)) {
		add_why(f, MV_TEXT("flags"), d->flags.why);
		return;
	}
	for (size_t i = 0; i < MV_COUNT_OF(flags); i++) {
		if (!(d->flags.value >> flags[i].bit & 1))
			continue;
		struct mv_build *b = add(f, first ? MV_TEXT("flags") : MV_TEXT(""), ROLE_TEXT);
		mv_build_clean(b, flags[i].name);
		mv_build_pad(b, 15);
		mv_build_clean(b, flags[i].meaning);
		first = false;
	}
	if (first)
		mv_build_clean(add(f, MV_TEXT("flags"), ROLE_DIM), MV_TEXT("none set"));
}

static void add_state(struct mv_page_facts *f, const struct mv_page_detail *d, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_build *b = add(f, MV_TEXT("state"), mv_role_of_state(d->state));

	mv_words_page(b, d, snap);
	mv_build_clean(b, MV_TEXT(": "));
	mv_build_clean(b, mv_words_page_meaning(snap, d));
	if (d->state == MV_PAGE_SWAPPED && mv_have(&d->swap_type) && mv_have(&d->swap_offset))
		mv_build_fmt(add(f, MV_TEXT("swap"), ROLE_TEXT), "area %llu, slot 0x%llx",
			     (unsigned long long)d->swap_type.value,
			     (unsigned long long)d->swap_offset.value);
	if (d->state == MV_PAGE_NONE || d->state == MV_PAGE_GUARD)
		return;
	if (snap->part_why[MV_PART_SOFT_DIRTY] != MV_WHY_HAVE)
		add_why(f, MV_TEXT("soft-dirty"), snap->part_why[MV_PART_SOFT_DIRTY]);
	else
		mv_build_clean(add(f, MV_TEXT("soft-dirty"), ROLE_TEXT),
			       d->word & MV_WORD_SOFTDIRTY
				   ? MV_TEXT("yes: written since the marks were last cleared")
				   : MV_TEXT("no: not written since the marks were last cleared"));
	if (d->first_seen_ns.why == MV_WHY_NOT_HERE) {
		mv_build_clean(add(f, MV_TEXT("first seen"), ROLE_TEXT),
			       MV_TEXT("it was there before memview looked"));
	} else if (mv_have(&d->first_seen_ns)) {
		uint64_t s = ctx->now_ns > d->first_seen_ns.value
				 ? (ctx->now_ns - d->first_seen_ns.value) / MV_NS_PER_SEC
				 : 0;
		mv_build_fmt(add(f, MV_TEXT("first seen"), ROLE_TEXT), "%02u:%02u:%02u ago",
			     (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	} else if (d->state == MV_PAGE_SWAPPED) {
		/* Ages are noted of what is in RAM: "not read yet" would promise what never comes. */
		mv_build_clean(add(f, MV_TEXT("first seen"), ROLE_TEXT),
			       MV_TEXT("not in RAM: it is in swap"));
	} else {
		add_why(f, MV_TEXT("first seen"), d->first_seen_ns.why);
	}
}

static void add_tables(struct mv_page_facts *f, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;
	unsigned levels = mv_words_levels(snap);

	if (!snap->tables_ns) {
		uint32_t why = snap->part_why[MV_PART_TABLES];
		add_why(f, MV_TEXT("tables"), why == MV_WHY_HAVE ? MV_WHY_NOT_READ : why);
		return;
	}
	struct mv_build *b = add(f, MV_TEXT("tables"), ROLE_TEXT);
	for (unsigned level = levels; level >= 1; level--) {
		mv_build_count(b, snap->tables[level - 1]);
		mv_build_clean(b, MV_TEXT(" "));
		mv_build_clean(b, mv_words_level(level, levels));
		mv_build_clean(b, level > 1 ? MV_TEXT(", ") : MV_TEXT(" = "));
	}
	mv_words_size(b, snap->tables_kib * 1024, ctx->exact);
	mv_build_clean(b, MV_TEXT("; a flat table would take "));
	mv_build_size(b, mv_pagetable_flat_bytes(snap->page_bytes, levels));
}

void mv_page_facts(const struct mv_page *p, const struct mv_context *ctx, struct mv_page_facts *f)
{
	const struct mv_page_detail *d = mv_words_detail(ctx->snap, p->addr);

	f->count = 0;
	if (p->gone) {
		mv_build_clean(add(f, MV_TEXT("state"), ROLE_GONE),
			       MV_TEXT("nothing is mapped here any more"));
		return;
	}
	if (!d && ctx->snap && ctx->snap->life != MV_LIFE_ALIVE) {
		add_why(f, MV_TEXT("state"), MV_WHY_GONE);
		return;
	}
	if (!d) {
		mv_build_clean(add(f, MV_TEXT("state"), ROLE_DIM), MV_TEXT("reading"));
		return;
	}
	if (!mv_have(&d->have)) {
		add_why(f, MV_TEXT("state"), d->have.why);
		return;
	}
	add_state(f, d, ctx);
	add_frame(f, d, ctx->snap->page_bytes);
	if (d->block_pages > 1) {
		struct mv_build *b = add(f, MV_TEXT("block"), ROLE_TEXT);
		mv_build_clean(b, MV_TEXT("one of "));
		mv_build_count(b, d->block_pages);
		mv_build_clean(b, MV_TEXT(" pages that one PMD entry maps together"));
	}
	add_flags(f, d);
	if (ctx->snap->page_bytes == 4096)
		add_tables(f, ctx);
}
