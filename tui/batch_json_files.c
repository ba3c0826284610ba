/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <jansson.h>

#include "tui/batch_json.h"

/* memview json: the files that are mapped, and how much of each is in the page cache. In bytes, as all sizes.
 */

static json_t *pages_value(const struct mv_json *j, const struct mv_val *pages)
{
	struct mv_val bytes = *pages;

	bytes.value *= j->snap->page_bytes;
	return mv_json_val(&bytes);
}

static json_t *file_object(const struct mv_json *j, const struct mv_cached_file *f)
{
	static const char *const ways[MV_CACHE__N] = {
	    [MV_CACHE_CACHESTAT] = "cachestat", [MV_CACHE_MINCORE] = "mincore"};
	json_t *file = json_object();

	mv_json_set(file, "name", mv_json_text(mv_snapshot_name(j->snap, f->mapping)));
	mv_json_set(file, "device", json_sprintf("%02x:%02x", f->dev_major, f->dev_minor));
	mv_json_set(file, "inode", mv_json_number(f->inode));
	mv_json_set(file, "size", mv_json_val(&f->size_bytes));
	mv_json_set(file, "mappings", json_integer(f->mappings));
	mv_json_set(file, "mapped", mv_json_number(f->mapped_bytes));
	mv_json_set(file, "resident", pages_value(j, &f->resident));
	mv_json_set(file, "cached", pages_value(j, &f->cached.cached));
	mv_json_set(file, "dirty", pages_value(j, &f->cached.dirty));
	mv_json_set(file, "writeback", pages_value(j, &f->cached.writeback));
	mv_json_set(file, "evicted", pages_value(j, &f->cached.evicted));
	mv_json_set(file, "recently_evicted", pages_value(j, &f->cached.recently_evicted));
	mv_json_set(file, "by", ways[f->cached.way] ? json_string(ways[f->cached.way]) : json_null());
	return file;
}

void mv_json_give_files(struct mv_json *j)
{
	uint32_t count;
	const struct mv_cached_file *files = mv_snapshot_files(j->snap, &count);

	mv_json_literal(j, ",\n\"files\": [");
	for (uint32_t i = 0; i < count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, file_object(j, &files[i]));
	}
	mv_json_literal(j, "]");
}

/* Each reason once, however many files it keeps from being told. */
void mv_json_files_unavailable(const struct mv_json *j, json_t *list)
{
	uint32_t count;
	const struct mv_cached_file *files = mv_snapshot_files(j->snap, &count);
	bool said[MV_WHY__N] = {false};

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t whys[] = {files[i].cached.cached.why, files[i].cached.dirty.why};

		for (size_t k = 0; k < MV_COUNT_OF(whys); k++) {
			if (!mv_json_is_unavailable(whys[k]) || said[whys[k]])
				continue;
			said[whys[k]] = true;
			mv_json_unavailable(list, k ? "files.dirty" : "files.cached",
					    mv_why_text((enum mv_why)whys[k]));
		}
	}
}
