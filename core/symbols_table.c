/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Which function holds an address. Symbols overlap and nest, so they are laid flat once: spans that each
 * belong to one symbol or to none, ascending. A look-up is then one binary search, whatever the file says.
 */

#include "config.h"

#include "core/symbols_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COMPARED 256 /* bytes of a name that decide between equals */

struct symbol {
	uint64_t vaddr, end; /* end is 0 until it is known */
	uint64_t limit;	     /* the end of its section */
	const char *name;
	uint32_t rank;
	bool sized;
};

struct span {
	uint64_t vaddr;	 /* it reaches to the next one */
	uint32_t symbol; /* index; NOBODY */
};
#define NOBODY UINT32_MAX

struct image_symbols {
	struct symbol *at;
	size_t count, cap;
	struct span *spans;
	size_t span_count;
};

void image_symbols_free(struct image_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->at);
	free(symbols->spans);
	free(symbols);
}

/* --- Taking them in
 * ------------------------------------------------------------------------------------------- */

/* A file's sections by index: what a symbol may lie in. */
struct sections {
	GElf_Shdr *at;
	size_t count;
};

static int read_sections(Elf *elf, struct sections *ret_sections)
{
	size_t count;

	if (elf_getshdrnum(elf, &count) < 0)
		count = 0;
	ret_sections->count = count;
	ret_sections->at = calloc(count + 1, sizeof(*ret_sections->at));
	if (!ret_sections->at)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		Elf_Scn *section = elf_getscn(elf, i);

		if (section)
			gelf_getshdr(section, &ret_sections->at[i]);
	}
	return 0;
}

/* Which of several names of one address is shown: greater is better. */
static uint32_t rank_of(int type, int bind, bool sized, const char *name)
{
	uint32_t rank = sized ? 16 : 0;

	if (type != STT_NOTYPE)
		rank += 8;
	rank += bind == STB_GLOBAL || bind == STB_GNU_UNIQUE ? 4 : bind == STB_WEAK ? 2 : 0;
	/* A first dot or underscore says "inside". */
	return rank + (name[0] != '_' && name[0] != '.');
}

/* false: neither function nor object, or not where such can be. */
static bool take_symbol(const struct sections *sections, const GElf_Sym *raw, const char *name,
			struct symbol *ret)
{
	int type = GELF_ST_TYPE(raw->st_info);
	const GElf_Shdr *section;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_OBJECT && type != STT_NOTYPE) || raw->st_shndx == SHN_UNDEF ||
	    raw->st_shndx >= sections->count || !name[0])
		return false;
	section = &sections->at[raw->st_shndx];
	if (!(section->sh_flags & SHF_ALLOC) || section->sh_size > UINT64_MAX - section->sh_addr ||
	    raw->st_value < section->sh_addr || raw->st_value - section->sh_addr >= section->sh_size)
		return false;
	/* An object of each thread's own has an offset, no address. */
	if (section->sh_flags & SHF_TLS)
		return false;
	/* Labels without a type count only in code, and not when a tool made them. */
	if (type == STT_NOTYPE &&
	    (!(section->sh_flags & SHF_EXECINSTR) || name[0] == '$' || strncmp(name, ".L", 2) == 0))
		return false;
	*ret = (struct symbol){
	    .vaddr = raw->st_value,
	    .limit = section->sh_addr + section->sh_size,
	    .name = name,
	    .sized = raw->st_size > 0,
	    .rank = rank_of(type, GELF_ST_BIND(raw->st_info), raw->st_size > 0, name),
	};
	if (ret->sized)
		ret->end = raw->st_size < ret->limit - ret->vaddr ? ret->vaddr + raw->st_size : ret->limit;
	return true;
}

static int append(struct image_symbols *symbols, const struct symbol *symbol)
{
	if (symbols->count == symbols->cap) {
		size_t cap = symbols->cap ? symbols->cap * 2 : 1024;
		struct symbol *grown = cap < NOBODY ? reallocarray(symbols->at, cap, sizeof(*grown)) : NULL;

		if (!grown)
			return -ENOMEM;
		symbols->at = grown;
		symbols->cap = cap;
	}
	symbols->at[symbols->count++] = *symbol;
	return 0;
}

/* The names of a symbol section, as far as the last NUL: any offset below is then a whole string. */
static const char *read_names(Elf *elf, size_t index, size_t *ret_size)
{
	Elf_Scn *section = elf_getscn(elf, index);
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	const char *last;

	if (!data || !data->d_buf || data->d_size == 0)
		return NULL;
	last = memrchr(data->d_buf, '\0', data->d_size);
	if (!last)
		return NULL;
	*ret_size = (size_t)(last - (const char *)data->d_buf) + 1;
	return data->d_buf;
}

static int add_table(Elf *elf, const struct sections *sections, size_t index, struct image_symbols *symbols)
{
	Elf_Scn *section = elf_getscn(elf, index);
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	size_t names_size = 0, count, each = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
	const char *names = read_names(elf, sections->at[index].sh_link, &names_size);

	if (!data || !data->d_buf || !names || !each)
		return 0;
	count = data->d_size / each;
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		struct symbol symbol;
		GElf_Sym raw;

		if (!gelf_getsym(data, (int)i, &raw) || raw.st_name >= names_size)
			continue;
		if (take_symbol(sections, &raw, names + raw.st_name, &symbol)) {
			int err = append(symbols, &symbol);

			if (err)
				return err;
		}
	}
	return 0;
}

/* One table of each kind: a file has no more, and a hostile one may say that thousands share the same bytes.
 */
static int add_file(Elf *elf, struct image_symbols *symbols)
{
	const GElf_Word kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	struct sections sections;
	int err = read_sections(elf, &sections);

	for (size_t k = 0; !err && k < MV_COUNT_OF(kinds); k++)
		for (size_t i = 0; i < sections.count; i++)
			if (sections.at[i].sh_type == kinds[k]) {
				err = add_table(elf, &sections, i, symbols);
				break;
			}
	free(sections.at);
	return err;
}

/* --- Laying them flat
 * ----------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	size_t x_len, y_len;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	x_len = strnlen(x->name, NAME_COMPARED);
	y_len = strnlen(y->name, NAME_COMPARED);
	if (!memchr(x->name, '.', x_len) != !memchr(y->name, '.', y_len))
		return memchr(x->name, '.', x_len) ? 1 : -1;
	if (x_len != y_len)
		return x_len < y_len ? -1 : 1;
	return strncmp(x->name, y->name, NAME_COMPARED);
}

/* One symbol an address, the first of the equals. */
static void drop_equals(struct image_symbols *symbols)
{
	size_t kept = 0;

	for (size_t i = 0; i < symbols->count; i++)
		if (kept == 0 || symbols->at[kept - 1].vaddr != symbols->at[i].vaddr)
			symbols->at[kept++] = symbols->at[i];
	symbols->count = kept;
}

static void emit(struct image_symbols *symbols, uint64_t vaddr, uint32_t symbol)
{
	struct span *last = symbols->span_count ? &symbols->spans[symbols->span_count - 1] : NULL;

	if (last && last->vaddr == vaddr)
		last->symbol = symbol;
	else
		symbols->spans[symbols->span_count++] = (struct span){.vaddr = vaddr, .symbol = symbol};
}

/* Symbols that hold the current address, the innermost on top; those that end before the one above are passed
 * over. */
struct nest {
	uint32_t *at;
	size_t depth;
};

static void close_until(struct image_symbols *symbols, struct nest *nest, uint64_t vaddr)
{
	while (nest->depth && symbols->at[nest->at[nest->depth - 1]].end <= vaddr) {
		uint64_t end = symbols->at[nest->at[--nest->depth]].end;

		while (nest->depth && symbols->at[nest->at[nest->depth - 1]].end <= end)
			nest->depth--;
		emit(symbols, end, nest->depth ? nest->at[nest->depth - 1] : NOBODY);
	}
}

static int lay_flat(struct image_symbols *symbols)
{
	struct nest nest = {.at = calloc(symbols->count + 1, sizeof(*nest.at))};

	symbols->spans = calloc(2 * symbols->count + 1, sizeof(*symbols->spans));
	if (!nest.at || !symbols->spans) {
		free(nest.at);
		return -ENOMEM;
	}
	for (size_t i = 0; i < symbols->count; i++) {
		struct symbol *s = &symbols->at[i];

		close_until(symbols, &nest, s->vaddr);
		if (!s->sized) {
			/* A label within a function is not one of its own. */
			if (nest.depth && symbols->at[nest.at[nest.depth - 1]].sized)
				continue;
			s->end = s->limit;
			if (i + 1 < symbols->count && symbols->at[i + 1].vaddr < s->end)
				s->end = symbols->at[i + 1].vaddr;
		}
		nest.at[nest.depth++] = (uint32_t)i;
		emit(symbols, s->vaddr, (uint32_t)i);
	}
	close_until(symbols, &nest, UINT64_MAX);
	free(nest.at);
	return 0;
}

static int load(struct mv_image *image, struct image_symbols **ret_symbols)
{
	struct image_symbols *symbols = calloc(1, sizeof(*symbols));
	int err = symbols ? add_file(image->own.elf, symbols) : -ENOMEM;

	if (!err && image->debug.elf)
		err = add_file(image->debug.elf, symbols);
	if (!err && symbols->count) {
		qsort(symbols->at, symbols->count, sizeof(*symbols->at), compare);
		drop_equals(symbols);
		err = lay_flat(symbols);
	}
	if (err) {
		image_symbols_free(symbols);
		return err;
	}
	*ret_symbols = symbols;
	return 0;
}

int mv_image_symbol(struct mv_image *image, uint64_t vaddr, struct mv_symbol *ret_symbol)
{
	size_t lo = 0, hi;
	const struct symbol *s;

	if (!image->symbols && !image->symbols_error)
		image->symbols_error = load(image, &image->symbols);
	if (!image->symbols)
		return image->symbols_error;
	hi = image->symbols->span_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (image->symbols->spans[mid].vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || image->symbols->spans[lo - 1].symbol == NOBODY)
		return -ENOENT;
	s = &image->symbols->at[image->symbols->spans[lo - 1].symbol];
	*ret_symbol = (struct mv_symbol){
	    .name = s->name,
	    .vaddr = s->vaddr,
	    .size = s->sized ? s->end - s->vaddr : 0,
	};
	return 0;
}
