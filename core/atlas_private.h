/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_ATLAS_PRIVATE_H
#define MV_ATLAS_PRIVATE_H

/* Shared by atlas.c (frames and what they are used for) and atlas_walk.c (frames of processes). Nobody else
 * includes it. */

#include "core/atlas.h"

#define ATLAS_BLOCK	 512  /* frames summed up together, at multiples of it */
#define ATLAS_READ	 8192 /* frames of one read */
#define ATLAS_WALK_WORDS 512

/* What the byte of a frame holds: enum mv_frame_use, or */
#define ATLAS_UNREAD 0xff
#define ATLAS_PLAIN  (0x80 | MV_USE_KERNEL) /* KERNEL, and no flag at all is set */

struct atlas_block {
	uint64_t read_ns; /* 0 never */
	uint16_t uses[MV_USE__N];
};

/* What stands beside a stretch: where its frames and blocks lie. */
struct atlas_part {
	uint64_t frame;		  /* number of its first frame, counted over all stretches */
	uint64_t block;		  /* of its first block */
	struct mv_range deferred; /* frame numbers that the kernel has not begun to use */
	uint64_t unmanaged;	  /* frames of its zone that the allocator has not been given */
	bool last;		  /* of its zone */
};

/* The present pages of a process with their frame numbers, some at a time. */
struct atlas_walk {
	struct mv_target *target;
	struct mv_range *ranges; /* its mappings, neighbours joined */
	size_t count, cap, at;	 /* at: the range it has come to */
	uint64_t addr;		 /* and the address there */
};

/* The frames of the lit process. */
struct atlas_lit {
	int pid;
	bool open;		      /* the walk has begun */
	bool whole;		      /* shown is of a walk that had come to its end */
	uint64_t *shown, *found;      /* a bit a frame; the same one until the first walk has ended */
	uint64_t frames, pages, runs; /* of shown */
	uint64_t frames_found, pages_found;
	enum mv_why why;
	struct atlas_walk walk;
};

/* The search for who maps a frame. */
struct atlas_search {
	struct mv_frame_detail detail; /* so far */
	struct mv_frame_detail told;   /* the same while it is the first look at a frame; else that look's,
					  until the next is whole */
	bool again;		       /* it is not the first */
	int32_t pids[MV_MACHINE_VISIBLE];
	size_t count, at;
	bool open;
	struct atlas_walk walk;
};

struct mv_atlas {
	struct mv_source *source;
	enum mv_why why;

	struct mv_atlas_stretch *stretches; /* and, parallel to them, */
	struct atlas_part *parts;
	size_t count;
	uint64_t frames, blocks_count;
	uint64_t layout_key; /* of zoneinfo */
	uint64_t owed;	     /* frames that meminfo counts and no zone manages yet */
	uint8_t *uses;	     /* a frame */
	struct atlas_block *blocks;

	uint64_t round_at;	    /* frames read in the round under way */
	uint64_t round_ns;	    /* the last whole one's end */
	uint64_t counts[MV_USE__N]; /* of all that has been read */
	uint64_t told[MV_USE__N];   /* the same as the last whole round had ended */
	uint64_t window_start, window_end, window_at;
	bool window_done; /* all of it has been read since it is the window */

	/* What a large page's first frame is used for, for the later ones. */
	uint64_t tail_at; /* the next frame, when it goes on; else UINT64_MAX */
	enum mv_frame_use tail_use;
	uint64_t words[ATLAS_READ];

	struct atlas_lit lit;
	struct atlas_search search;
};

/* The stretch that holds a frame; NULL none. */
const struct atlas_part *atlas_part_of(const struct mv_atlas *atlas, uint64_t pfn, uint64_t *ret_number);

/* atlas_layout.c: nothing is known any more. */
void atlas_layout_forget(struct mv_atlas *atlas);

/* atlas_walk.c */
void atlas_walks_release(struct mv_atlas *atlas);
/* Nothing lit is known any more: the frames have other numbers. */
void atlas_lit_forget(struct mv_atlas *atlas);

#endif
