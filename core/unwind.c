/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Mappings and images, and the walk up a stack by libunwind, which asks for every word through the accessors
 * below. */

#include "config.h"

#include "core/unwind.h"

#include "core/maps.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if MV_REGS_HERE
#include <libunwind.h>
#endif

#define IMAGES_MAX (UINT32_C(1) << 20)

/* A mapping's bias is found out when it is first asked for: images come when they come. */
enum { BIAS_UNKNOWN, BIAS_KNOWN, BIAS_NONE };

struct slot {
	struct mv_unwind_map map;
	uint64_t bias;
	uint32_t next; /* the next mapping of the same image */
	uint32_t state;
};
#define NO_SLOT UINT32_MAX

struct file {
	struct mv_image *image;
	uint32_t first; /* its first mapping; NO_SLOT none */
};

struct mv_unwinder {
	struct slot *slots; /* ascending */
	uint32_t slot_count, last;
	struct file *files; /* by id */
	uint32_t file_count;
	_Atomic uint32_t *working; /* see mv_unwinder_watch */
#if MV_REGS_HERE
	unw_addr_space_t space;
#endif
};

/* --- Mappings and images
 * ------------------------------------------------------------------------------------------ */

/* Room for ids below count. */
static int grow_files(struct mv_unwinder *unwinder, uint32_t count)
{
	struct file *grown;

	if (count <= unwinder->file_count)
		return 0;
	if (count > IMAGES_MAX)
		return -EINVAL;
	grown = reallocarray(unwinder->files, count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (uint32_t i = unwinder->file_count; i < count; i++)
		grown[i] = (struct file){.first = NO_SLOT};
	unwinder->files = grown;
	unwinder->file_count = count;
	return 0;
}

/* Chain the mappings of each image, lowest address first. */
static void chain(struct mv_unwinder *unwinder)
{
	for (uint32_t i = 0; i < unwinder->file_count; i++)
		unwinder->files[i].first = NO_SLOT;
	for (uint32_t i = unwinder->slot_count; i-- > 0;) {
		struct slot *s = &unwinder->slots[i];

		s->next = NO_SLOT;
		if (s->map.image == MV_IMAGE_NONE)
			continue;
		s->next = unwinder->files[s->map.image].first;
		unwinder->files[s->map.image].first = i;
	}
}

static void forget(struct mv_unwinder *unwinder)
{
#if MV_REGS_HERE
	unw_flush_cache(unwinder->space, 0, 0);
#else
	(void)unwinder;
#endif
}

int mv_unwinder_maps(struct mv_unwinder *unwinder, const struct mv_unwind_map *maps, size_t count)
{
	struct slot *slots;
	int err = 0;

	if (count >= NO_SLOT)
		return -EINVAL;
	for (size_t i = 0; i < count && !err; i++) {
		if (maps[i].start >= maps[i].end || (i > 0 && maps[i].start < maps[i - 1].end))
			return -EINVAL;
		if (maps[i].image != MV_IMAGE_NONE)
			err = maps[i].image < IMAGES_MAX ? grow_files(unwinder, maps[i].image + 1) : -EINVAL;
	}
	if (err)
		return err;
	slots = calloc(count + 1, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		slots[i].map = maps[i];
	free(unwinder->slots);
	unwinder->slots = slots;
	unwinder->slot_count = (uint32_t)count;
	unwinder->last = 0;
	chain(unwinder);
	forget(unwinder);
	return 0;
}

int mv_unwinder_image(struct mv_unwinder *unwinder, uint32_t id, struct mv_image *image)
{
	int err = id < IMAGES_MAX ? grow_files(unwinder, id + 1) : -EINVAL;

	if (err)
		return err;
	unwinder->files[id].image = image;
	for (uint32_t i = unwinder->files[id].first; i != NO_SLOT; i = unwinder->slots[i].next)
		unwinder->slots[i].state = BIAS_UNKNOWN;
	forget(unwinder);
	return 0;
}

/*
 * One bias for each instance of a file: a mapping that the bias of the one before it explains belongs to the
 * same instance. Each for itself would go wrong, since neighbouring segments share pages of the file.
 */
static void find_biases(struct mv_unwinder *unwinder, const struct file *file)
{
	uint64_t bias = 0;
	bool have = false;

	for (uint32_t i = file->first; i != NO_SLOT; i = unwinder->slots[i].next) {
		struct slot *s = &unwinder->slots[i];

		if (!have || !mv_image_fits(file->image, bias, s->map.start, s->map.offset))
			have =
			    mv_image_bias(file->image, s->map.start, s->map.offset, s->map.perms, &bias) == 0;
		s->bias = bias;
		s->state = have ? BIAS_KNOWN : BIAS_NONE;
	}
}

void mv_unwinder_watch(struct mv_unwinder *unwinder, _Atomic uint32_t *working)
{
	unwinder->working = working;
}

/* The mapping that holds addr; NULL none. */
static struct slot *slot_of(const struct mv_unwinder *unwinder, uint64_t addr)
{
	uint32_t lo = 0, hi = unwinder->slot_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (unwinder->slots[mid].map.end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < unwinder->slot_count && unwinder->slots[lo].map.start <= addr ? &unwinder->slots[lo]
										  : NULL;
}

struct mv_image *mv_unwinder_find(struct mv_unwinder *unwinder, uint64_t addr, uint64_t *ret_vaddr,
				  uint32_t *ret_id)
{
	struct slot *s = unwinder->last < unwinder->slot_count ? &unwinder->slots[unwinder->last] : NULL;
	const struct file *file;

	if (!s || addr < s->map.start || addr >= s->map.end)
		s = slot_of(unwinder, addr);
	if (!s)
		return NULL;
	unwinder->last = (uint32_t)(s - unwinder->slots);
	if (s->map.image == MV_IMAGE_NONE)
		return NULL;
	file = &unwinder->files[s->map.image];
	if (!file->image)
		return NULL;
	if (unwinder->working)
		atomic_store_explicit(unwinder->working, s->map.image + 1, memory_order_relaxed);
	if (s->state == BIAS_UNKNOWN)
		find_biases(unwinder, file);
	if (s->state != BIAS_KNOWN)
		return NULL;
	*ret_vaddr = addr - s->bias;
	*ret_id = s->map.image;
	return file->image;
}

bool mv_unwinder_is_code(const struct mv_unwinder *unwinder, uint64_t addr, bool *ret_anonymous)
{
	const struct slot *s = slot_of(unwinder, addr);

	if (!s || !(s->map.perms & MV_PERM_X))
		return false;
	*ret_anonymous = s->map.image == MV_IMAGE_NONE;
	return true;
}

#if MV_REGS_HERE

/* --- What libunwind asks for
 * -------------------------------------------------------------------------------------- */

/* The table search that libunwind's own perf-like users call; exported, but declared in no header. */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *,
					      unw_proc_info_t *, int, void *);

/* Where a table that is in no file is said to lie: no user address, so nothing else is there. */
#define SYNTHETIC_AT UINT64_C(0xf000000000000000)
/* Words one stack may ask for. A real one of 256 levels asks for some 30,000; a hostile expression can loop.
 */
#define READS_MAX 400000
/* Stacks end somewhere: a word further up than this is not a deeper one, but nonsense. */
#define STACK_REACH (UINT64_C(1) << 30)
#define CACHE_STEPS 4096 /* unwinding rules kept, of as many return addresses */

/* One stack under way: the accessors' argument. */
struct walk {
	struct mv_unwinder *unwinder;
	const struct mv_regs *regs;
	uint32_t known;
	const uint8_t *stack;
	uint64_t stack_start, stack_bytes;
	uint64_t sp; /* of the call that is being left */
	const struct mv_unwind_table *table;
	uint32_t reads;
	bool no_table; /* the code that is being left has no entry */
	bool beyond;   /* a word of the stack was not in the copy */
};

/* A word of a file; bytes beyond either end of its segment read as 0, for it is asked for in aligned words.
 */
static bool read_file(struct mv_unwinder *unwinder, uint64_t addr, unw_word_t *ret)
{
	uint64_t vaddr;
	uint32_t id;
	struct mv_image *image = mv_unwinder_find(unwinder, addr, &vaddr, &id);
	uint8_t bytes[sizeof(*ret)] = {0};
	bool some = false;

	if (!image)
		return false;
	if (mv_image_read(image, vaddr, ret, sizeof(*ret)))
		return true;
	for (size_t i = 0; i < sizeof(bytes); i++)
		some |= mv_image_read(image, vaddr + i, &bytes[i], 1);
	memcpy(ret, bytes, sizeof(bytes));
	return some;
}

static bool read_synthetic(const struct mv_unwind_table *table, uint64_t addr, unw_word_t *ret)
{
	uint64_t at = addr - SYNTHETIC_AT, size;

	if (!table || !table->synthetic)
		return false;
	size = table->count * 8;
	if (at > size || sizeof(*ret) > size - at)
		return false;
	memcpy(ret, (const uint8_t *)table->synthetic + at, sizeof(*ret));
	return true;
}

static int access_mem(unw_addr_space_t space, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
	struct walk *w = arg;

	(void)space;
	if (write)
		return -UNW_EREADONLYREG;
	if (++w->reads > READS_MAX)
		return -UNW_EINVAL;
	if (addr >= w->stack_start && addr - w->stack_start <= w->stack_bytes &&
	    w->stack_bytes - (addr - w->stack_start) >= sizeof(*value)) {
		memcpy(value, w->stack + (addr - w->stack_start), sizeof(*value));
		return 0;
	}
	if (addr >= SYNTHETIC_AT)
		return read_synthetic(w->table, addr, value) ? 0 : -UNW_EINVAL;
	if (read_file(w->unwinder, addr, value))
		return 0;
	/* Below the copy lies what the call has given back already: only above can there be more of the
	 * stack. A signal handler's own stack is left for another, whose words are near that one's pointer.
	 */
	if (addr >= w->sp && addr - w->sp < STACK_REACH)
		w->beyond = true;
	return -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t reg, unw_word_t *value, int write, void *arg)
{
	const struct walk *w = arg;

	(void)space;
	if (write)
		return -UNW_EREADONLYREG;
	if (reg < 0 || reg >= MV_REGS || !(w->known & (UINT32_C(1) << reg)))
		return -UNW_EBADREG;
	*value = w->regs->r[reg];
	return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
	(void)space;
	(void)reg;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need_unwind_info,
			  void *arg)
{
	struct walk *w = arg;
	struct mv_unwind_table table;
	unw_dyn_info_t dyn = {.format = UNW_INFO_FORMAT_REMOTE_TABLE};
	uint64_t vaddr, bias;
	uint32_t id;
	struct mv_image *image = mv_unwinder_find(w->unwinder, ip, &vaddr, &id);
	const struct slot *s = image ? slot_of(w->unwinder, ip) : NULL;
	int ret = -UNW_ENOINFO;

	if (s && mv_image_unwind_table(image, &table) == 0) {
		bias = ip - vaddr;
		dyn.start_ip = s->map.start;
		dyn.end_ip = s->map.end;
		dyn.u.rti.segbase = bias + table.segbase_vaddr;
		dyn.u.rti.table_data = table.synthetic ? SYNTHETIC_AT : bias + table.table_vaddr;
		dyn.u.rti.table_len = table.count * 8 / sizeof(unw_word_t);
		w->table = &table;
		ret = UNW_OBJ(dwarf_search_unwind_table)(space, ip, &dyn, info, need_unwind_info, w);
		w->table = NULL;
	}
	if (ret < 0)
		w->no_table = true;
	return ret;
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
	(void)space;
	(void)info;
	(void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *addr, void *arg)
{
	(void)space;
	(void)addr;
	(void)arg;
	return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t ip, char *out, size_t cap, unw_word_t *offset,
			 void *arg)
{
	(void)space;
	(void)ip;
	(void)out;
	(void)cap;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
    .find_proc_info = find_proc_info,
    .put_unwind_info = put_unwind_info,
    .get_dyn_info_list_addr = get_dyn_info_list_addr,
    .access_mem = access_mem,
    .access_reg = access_reg,
    .access_fpreg = access_fpreg,
    .resume = resume,
    .get_proc_name = get_proc_name,
};

/* --- The walk
 * ------------------------------------------------------------------------------------------------------ */

/* Is that the code a signal handler returns to? mov $15, %rax; syscall: the same in every libc. */
static bool is_sigreturn(struct mv_unwinder *unwinder, uint64_t pc)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	uint8_t bytes[sizeof(code)];
	uint64_t vaddr;
	uint32_t id;
	struct mv_image *image = mv_unwinder_find(unwinder, pc, &vaddr, &id);

	return image && mv_image_read(image, vaddr, bytes, sizeof(bytes)) &&
	       memcmp(bytes, code, sizeof(code)) == 0;
}

/* Why a step failed, or found nothing further. */
static enum mv_stack_end end_of(const struct walk *w, int step)
{
	if (w->no_table)
		return MV_STACK_NO_TABLE;
	if (step >= 0)
		return MV_STACK_COMPLETE;
	return w->beyond ? MV_STACK_TRUNCATED : MV_STACK_BROKEN;
}

/* Leave the call that the cursor stands in. false: it was the last, and *ret_end says why. */
static bool step_out(struct walk *w, unw_cursor_t *cursor, bool sigreturn, uint64_t *ret_pc,
		     enum mv_stack_end *ret_end)
{
	unw_word_t pc, sp;
	bool anonymous;
	int step;

	w->no_table = w->beyond = false;
	step = unw_step(cursor);
	/* Without an entry libunwind guesses by the frame pointer; but a signal's frame it knows by its code.
	 */
	if (sigreturn && step > 0)
		w->no_table = false;
	if (step <= 0 || w->no_table) {
		*ret_end = end_of(w, step);
		return false;
	}
	*ret_end = MV_STACK_BROKEN;
	if (unw_get_reg(cursor, UNW_REG_IP, &pc) < 0 || unw_get_reg(cursor, UNW_REG_SP, &sp) < 0)
		return false;
	/* The ABI's other end of the chain: nowhere to return to. */
	if (pc == 0)
		*ret_end = MV_STACK_COMPLETE;
	if (!mv_unwinder_is_code(w->unwinder, pc, &anonymous))
		return false;
	/* Stacks grow down, so a caller's pointer is above; only a signal changes to another stack. */
	if (!sigreturn && sp <= w->sp)
		return false;
	w->sp = sp;
	*ret_pc = pc;
	return true;
}

static size_t walk(struct walk *w, struct mv_call *calls, size_t cap, enum mv_stack_end *ret_end)
{
	unw_cursor_t cursor;
	uint64_t pc = calls[0].pc;
	bool sigreturn = is_sigreturn(w->unwinder, pc);
	size_t n = 1;

	if (unw_init_remote(&cursor, w->unwinder->space, w) < 0) {
		*ret_end = MV_STACK_BROKEN;
		return n;
	}
	while (step_out(w, &cursor, sigreturn, &pc, ret_end)) {
		bool interrupted = sigreturn;

		if (n == cap) {
			*ret_end = MV_STACK_DEEP;
			return n;
		}
		sigreturn = is_sigreturn(w->unwinder, pc);
		/* A return address stands behind its call; an interrupted instruction, and the kernel's way
		 * back from a handler, which nobody called, stand for themselves. */
		calls[n++] = (struct mv_call){
		    .pc = interrupted || sigreturn ? pc : pc - 1,
		    .sp = w->sp,
		    .function = MV_FUNCTION_NONE,
		    .flags = interrupted ? MV_CALL_SIGNAL : 0,
		};
	}
	return n;
}

size_t mv_unwind(struct mv_unwinder *unwinder, const struct mv_regs *regs, uint32_t known,
		 const uint8_t *stack, size_t stack_bytes, struct mv_call *calls, size_t cap,
		 enum mv_stack_end *ret_end)
{
	const uint32_t needed = UINT32_C(1) << MV_REG_SP | UINT32_C(1) << MV_REG_PC;
	struct walk w = {
	    .unwinder = unwinder,
	    .regs = regs,
	    .known = known,
	    .stack = stack,
	    .stack_start = regs->r[MV_REG_SP],
	    .stack_bytes = stack_bytes,
	    .sp = regs->r[MV_REG_SP],
	};
	bool anonymous;

	if (cap == 0)
		return 0;
	calls[0] = (struct mv_call){.pc = regs->r[MV_REG_PC], .sp = w.sp, .function = MV_FUNCTION_NONE};
	if ((known & needed) != needed || stack_bytes == 0) {
		*ret_end = MV_STACK_NOT_UNWOUND;
		return 1;
	}
	if (!mv_unwinder_is_code(unwinder, calls[0].pc, &anonymous)) {
		*ret_end = MV_STACK_BROKEN;
		return 1;
	}
	return walk(&w, calls, cap, ret_end);
}

#else /* !MV_REGS_HERE */

size_t mv_unwind(struct mv_unwinder *unwinder, const struct mv_regs *regs, uint32_t known,
		 const uint8_t *stack, size_t stack_bytes, struct mv_call *calls, size_t cap,
		 enum mv_stack_end *ret_end)
{
	(void)unwinder;
	(void)known;
	(void)stack;
	(void)stack_bytes;
	if (cap == 0)
		return 0;
	calls[0] = (struct mv_call){
	    .pc = regs->r[MV_REG_PC], .sp = regs->r[MV_REG_SP], .function = MV_FUNCTION_NONE};
	*ret_end = MV_STACK_NOT_UNWOUND;
	return 1;
}

#endif

int mv_unwinder_new(struct mv_unwinder **ret_unwinder)
{
	struct mv_unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return -ENOMEM;
#if MV_REGS_HERE
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (!unwinder->space) {
		free(unwinder);
		return -ENOMEM;
	}
	unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	unw_set_cache_size(unwinder->space, CACHE_STEPS, 0);
#endif
	*ret_unwinder = unwinder;
	return 0;
}

void mv_unwinder_free(struct mv_unwinder *unwinder)
{
	if (!unwinder)
		return;
#if MV_REGS_HERE
	unw_destroy_addr_space(unwinder->space);
#endif
	free(unwinder->slots);
	free(unwinder->files);
	free(unwinder);
}
