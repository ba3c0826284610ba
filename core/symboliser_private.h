/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SYMBOLISER_PRIVATE_H
#define MV_SYMBOLISER_PRIVATE_H

/*
 * What the collector and memview-symbols say to each other, and what the files of the collector's end share. Nobody else
 * includes it, but for their tests.
 *
 * One struct a SOCK_SEQPACKET packet, a descriptor beside it where there is one:
 *
 *   collector -> memview-symbols   START (the hint), MAPS (a list in a memfd), IMAGE (a file), SETTLE, DEBUG (a file or none),
 *                                  UNWIND (a stack behind it), LINE
 *   memview-symbols -> collector   DEBUG (a build id), SETTLED, FUNCTION, STACK, LINE
 *
 * Each SETTLE, UNWIND and LINE is answered once, in order. Files that came since the last SETTLE are opened, and their debug
 * files asked for, before it is answered: so that a function is never named before all that can name it is there. A FUNCTION
 * comes before the first STACK that refers to it; their numbers count up from 0 in each process's life, and the collector
 * maps them to its own, which stay.
 *
 * The collector trusts nothing that it receives: what breaks these rules ends the process, as a crash would.
 */

#include <stdatomic.h>

#include "core/symboliser.h"
#include "core/unwind.h"

#define MV_SYMBOLS_PROTOCOL    2u
#define MV_SYMBOLS_SOCKET      3 /* its descriptor in memview-symbols */
#define MV_SYMBOLS_IMAGES      1000u
#define MV_SYMBOLS_IDENTITIES  16384u /* files met over all */
#define MV_SYMBOLS_MAPS	       (1u << 18)
#define MV_SYMBOLS_FUNCTIONS   (1u << 18)
#define MV_SYMBOLS_LINES       (1u << 16)
#define MV_SYMBOLS_TEXT_BYTES  ((size_t)32 << 20) /* names and files, all together */
#define MV_SYMBOLS_NAME_BYTES  1024u		  /* raw, of one function or file */
#define MV_SYMBOLS_STACK_BYTES (64u << 10)
#define MV_SYMBOLS_PENDING     4096u

enum mv_symbols_type {
	MV_SYMBOLS_START,
	MV_SYMBOLS_MAPS_LIST,
	MV_SYMBOLS_IMAGE,
	MV_SYMBOLS_SETTLE,
	MV_SYMBOLS_DEBUG,
	MV_SYMBOLS_UNWIND,
	MV_SYMBOLS_LINE,
	MV_SYMBOLS_FUNCTION,
	MV_SYMBOLS_STACK,
};

struct mv_symbols_request {
	uint32_t type;
	uint32_t image;	 /* IMAGE, DEBUG */
	uint64_t serial; /* SETTLE, UNWIND, LINE: comes back in the answer */
	uint64_t pc;	 /* LINE */
	uint64_t code;	 /* LINE: not 0: the name of the object at pc, in the file that code is mapped of */
	uint32_t count;	 /* START: MV_SYMBOLS_PROTOCOL; MAPS_LIST: entries in the memfd; UNWIND: bytes behind the struct */
	uint32_t known;	 /* UNWIND */
	struct mv_regs regs;
};

/* What a function's address is, which also says what it is called. */
enum mv_symbols_kind {
	MV_SYMBOLS_NAMED,   /* vaddr of a symbol, whose name comes along */
	MV_SYMBOLS_CODE,    /* no symbol: vaddr where the unwind table says that it starts, else of the call itself */
	MV_SYMBOLS_OFFSET,  /* the file can't be read: offset into it */
	MV_SYMBOLS_JIT,	    /* anonymous executable memory; vaddr 0: all of it is one function */
	MV_SYMBOLS_ADDRESS, /* in no executable mapping: the address */
	MV_SYMBOLS_KIND__N
};

struct mv_symbols_answer {
	uint32_t type;
	uint32_t image;	 /* DEBUG, FUNCTION; MV_IMAGE_NONE for JIT and ADDRESS */
	uint64_t serial; /* SETTLE, STACK, LINE */
	uint64_t vaddr;	 /* FUNCTION: with image and kind what it is known by */
	uint64_t start;	 /* FUNCTION */
	uint32_t id;	 /* FUNCTION */
	uint32_t kind;	 /* FUNCTION: enum mv_symbols_kind */
	uint32_t count;	 /* STACK: calls behind; DEBUG, FUNCTION, LINE: bytes of text behind */
	uint32_t value;	 /* STACK: enum mv_stack_end; LINE: the line */
	union {
		struct mv_call calls[MV_CALLS_MAX];
		char text[MV_SYMBOLS_NAME_BYTES];
	};
};
#define MV_SYMBOLS_ANSWER_HEAD offsetof(struct mv_symbols_answer, calls)

/* One page that memview-symbols writes and the collector reads when it had to end it: costs nothing while all goes well. */
struct mv_symbols_hint {
	_Atomic uint32_t working; /* id of the image under work, plus 1; 0 none */
	_Atomic uint32_t slow;	  /* it reads a table for the first time: that may take seconds */
};

/* ---- symboliser_wire.c: both ends ---- */

/* 0; -EAGAIN it does not fit now; -EPIPE the other side has gone. fd -1: none. */
int mv_symbols_send(int socket, const void *head, size_t head_bytes, const void *tail, size_t tail_bytes, int fd);
/* Bytes received, 0 the other side has gone, -EAGAIN, -EMSGSIZE it was cut. ret_fd NULL: descriptors are refused. */
ssize_t mv_symbols_receive(int socket, void *buf, size_t cap, int flags, int *ret_fd);

/* Keys that get dense numbers in the order of their arrival. Zeroed it is empty; limit must be set. */
struct mv_symbols_key {
	uint32_t image, kind;
	uint64_t vaddr;
};
struct mv_symbols_keys {
	struct mv_symbols_key *at;
	uint32_t count, cap, limit;
	uint32_t *slots, slots_cap; /* number + 1; 0 free */
};
/* Its number; UINT32_MAX: not there. */
uint32_t mv_symbols_find(const struct mv_symbols_keys *keys, const struct mv_symbols_key *key);
/* Its number, count before the call when it is new; UINT32_MAX: the limit is reached or memory is out. */
uint32_t mv_symbols_intern(struct mv_symbols_keys *keys, const struct mv_symbols_key *key);
void mv_symbols_forget(struct mv_symbols_keys *keys); /* empties, keeps the memory */
void mv_symbols_release(struct mv_symbols_keys *keys);
/* Make room for element `count` of an array that grows beside keys. */
bool mv_symbols_reserve(void *array_pointer, uint32_t *cap, uint32_t count, size_t size);

/* ---- symboliser_child.c: the process ---- */

struct mv_symbols_child {
	int pid;   /* 0 none */
	int pidfd; /* -1: this kernel has none */
};
int mv_symbols_spawn(struct mv_source *source, int *ret_socket, struct mv_symbols_child *ret_child);
/* Make a socket pair's end ready for the collector. */
int mv_symbols_prepare(int socket);
void mv_symbols_kill(const struct mv_symbols_child *child);
/* True once it is gone; its CPU time is added. wait_ms: how long to wait for that. */
bool mv_symbols_reap(struct mv_symbols_child *child, int wait_ms, uint64_t *cpu_ns);
uint64_t mv_symbols_cpu(const struct mv_symbols_child *child);

/* ---- the collector's end ---- */

/* A file with code. Its number stays its own; the same file that comes back gets the same one. */
struct mv_symbols_image {
	uint64_t dev, inode, size; /* of the opened file; dev and inode of maps when it can't be opened */
	int64_t modified_s, modified_ns;
	uint32_t map_major, map_minor; /* as maps says */
	uint64_t map_inode;
	struct mv_range mapping; /* to open it by; an executable one */
	char *path;		 /* raw; NULL: only by the mapping */
	char *name;		 /* base name, clean */
	int fd;			 /* -1: to be opened when it is sent */
	bool vdso;
	bool current;	 /* in the list of mappings */
	bool unreadable; /* can't be opened */
	bool poisoned;	 /* was under work when memview-symbols ended */
	bool sent;	 /* in this life, as all below */
	bool debug_asked, debug_unsent;
	struct mv_build_id debug;
};

struct mv_symbols_line {
	char *file; /* clean; NULL none */
	uint32_t line;
	uint64_t code; /* not 0: the name of an object is asked for, in the file that code of is mapped here */
	enum { MV_LINE_UNSENT, MV_LINE_ASKED, MV_LINE_KNOWN } state;
};

/* Something asked and not yet answered. */
struct mv_symbols_pending {
	uint32_t type; /* SETTLE, UNWIND, LINE */
	bool lost;     /* with the process that was asked */
	uint64_t serial;
	uint64_t value; /* UNWIND: token; LINE: pc */
};

#define MV_SYMBOLS_RESTARTS  5
#define MV_SYMBOLS_RESTART_S 60
#define MV_SYMBOLS_ZOMBIES   8

struct mv_symboliser {
	struct mv_source *source;
	struct mv_target *target;
	enum mv_why why;
	uint64_t patience_ns, slow_patience_ns; /* for an answer; for one that may read tables */

	/* This life. */
	int socket; /* -1 between lives, and after the last */
	struct mv_symbols_child child;
	struct mv_symbols_hint *hint; /* shared with the process */
	bool answered;		      /* it has said something sensible */
	bool start_unsent, maps_unsent, images_unsent, settle_unsent, debug_unsent;
	uint32_t *function_of; /* its number -> ours */
	uint32_t function_of_cap, function_of_count;
	uint32_t between;	  /* what it said since its last answer */
	uint64_t busy_since_ns;	  /* nothing was answered since, and something is pending */

	/* All lives. */
	bool only_life; /* on a socket that was given: there is no other */
	bool was_answered;
	uint32_t starts;
	uint64_t restart_ns[MV_SYMBOLS_RESTARTS]; /* the latest ones, a ring */
	struct mv_symbols_child zombies[MV_SYMBOLS_ZOMBIES];
	uint64_t cpu_ns; /* of those that are gone */
	uint64_t serial;
	struct mv_symbols_pending pending[MV_SYMBOLS_PENDING]; /* a ring */
	uint32_t pending_head, pending_count, pending_stacks, pending_settles;

	/* Mappings and files. */
	bool has_maps;
	uint32_t gen;
	struct mv_unwind_map *maps;
	uint32_t maps_count;
	struct mv_symbols_image *images;
	uint32_t images_count, images_cap;

	/* What was learnt. */
	struct mv_symbols_keys functions;
	struct mv_function_info *infos;
	uint32_t infos_cap;
	struct mv_symbols_keys lines;
	struct mv_symbols_line *line_infos;
	uint32_t line_infos_cap, lines_unsent;
	size_t text_bytes;

	struct mv_symbols_answer answer; /* being read */
};

/* A symboliser on a socket whose other end is already served. take_socket is closed on failure too. */
int mv_symboliser_on_socket(struct mv_source *source, struct mv_target *target, int take_socket,
			    struct mv_symboliser **ret_symboliser);

/* symboliser_answers.c. Take in s->answer; -EBADMSG: it breaks the rules. */
int mv_symbols_take_answer(struct mv_symboliser *s, size_t bytes, mv_take_stack *take, void *arg);
/* The oldest request is answered. */
void mv_symbols_settle(struct mv_symboliser *s);
void mv_symbols_know_line(struct mv_symboliser *s, uint64_t pc, const char *raw, size_t n, uint32_t number);
void mv_symbols_forget_lines(struct mv_symboliser *s);

/* symboliser_images.c. The file of an image, opened, or -errno. */
int mv_symbols_open_image(struct mv_symboliser *s, struct mv_symbols_image *image);
/* A list of mappings -> s->maps, s->images and what is unsent. ret_vanished: some file is not mapped any more. */
int mv_symbols_take_maps(struct mv_symboliser *s, const struct mv_maps *maps, bool *ret_vanished);
/* s->maps in a memfd; -errno. */
int mv_symbols_maps_fd(const struct mv_symboliser *s);
/* The debug file that an image asked for; -errno. */
int mv_symbols_open_debug(struct mv_symboliser *s, const struct mv_symbols_image *image);
void mv_symbols_close_images(struct mv_symboliser *s); /* descriptors that are held back */
void mv_symbols_free_images(struct mv_symboliser *s);

#endif
