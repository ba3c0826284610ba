/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The table by which an address finds its unwind entry: .eh_frame_hdr's, or one made from .eh_frame. */

#include "config.h"

#include "core/symbols_private.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	int32_t start, fde;
};

/* --- .eh_frame_hdr: LSB, "Exception Frame Header"
 * --------------------------------------------------------------- */

static size_t encoded_size(uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
		return sizeof(void *);
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		return 2;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		return 4;
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return 8;
	default:
		return 0;
	}
}

static int read_header(const struct mv_image *image, struct mv_unwind_table *ret_table)
{
	uint64_t vaddr = image->eh_frame_hdr, at, count = 0, last;
	uint8_t head[4]; /* version; encodings of the .eh_frame pointer, the count and the table */
	size_t n;

	if (!vaddr || !mv_image_read(image, vaddr, head, sizeof(head)) || head[0] != 1 ||
	    head[1] == DW_EH_PE_omit || head[2] == DW_EH_PE_omit || !encoded_size(head[1]) ||
	    head[3] != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
		return -ENOENT;
	at = vaddr + sizeof(head) + encoded_size(head[1]);
	n = encoded_size(head[2]);
	/* A count is absolute, whatever applies to it. Little ends first. */
	if (!n || (head[2] & 0x70) != 0 || !mv_image_read(image, at, &count, n))
		return -ENOENT;
	at += n;
	if (count == 0 || count > image->own.size / sizeof(struct pair) ||
	    !mv_image_read(image, at + (count - 1) * sizeof(struct pair), &last, sizeof(struct pair)))
		return -ENOENT;
	*ret_table = (struct mv_unwind_table){.segbase_vaddr = vaddr, .table_vaddr = at, .count = count};
	return 0;
}

/* --- From .eh_frame
 * ----------------------------------------------------------------------------------------------- */

struct frames {
	const unsigned char *ident;
	Elf_Data *data;
	uint64_t vaddr;
	Dwarf_Off cie; /* the last one looked at */
	uint8_t encoding;
	struct pair *pairs;
	size_t count, cap;
};

static const uint8_t *skip_leb(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p & 0x80))
		p++;
	return p < end ? p + 1 : end;
}

/* How an entry's addresses are written: the augmentation's R. DW_EH_PE_omit: not understood. */
static uint8_t fde_encoding(const Dwarf_CIE *cie)
{
	const uint8_t *p = cie->augmentation_data, *end = p ? p + cie->augmentation_data_size : NULL;

	if (cie->augmentation[0] != 'z')
		return cie->augmentation[0] ? DW_EH_PE_omit : DW_EH_PE_absptr;
	for (const char *a = cie->augmentation + 1; *a; a++) {
		if (*a == 'S' || *a == 'B')
			continue;
		if (!p || p >= end)
			return DW_EH_PE_omit;
		if (*a == 'R')
			return *p;
		if (*a == 'L') {
			p++;
		} else if (*a == 'P') {
			uint8_t personality = *p++;
			size_t n = encoded_size(personality);

			if (n)
				p = (size_t)(end - p) > n ? p + n : end;
			else
				p = skip_leb(p, end);
		} else {
			return DW_EH_PE_omit;
		}
	}
	return DW_EH_PE_absptr;
}

static bool use_cie(struct frames *f, Dwarf_Off cie)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (f->cie == cie)
		return f->encoding != DW_EH_PE_omit;
	f->cie = cie;
	f->encoding = DW_EH_PE_omit;
	if (dwarf_next_cfi(f->ident, f->data, true, cie, &next, &entry) == 0 && dwarf_cfi_cie_p(&entry))
		f->encoding = fde_encoding(&entry.cie);
	return f->encoding != DW_EH_PE_omit;
}

/* Where a function starts, by the encodings that a linked file's tables have. */
static bool decode_start(const struct frames *f, const uint8_t *p, const uint8_t *end, uint64_t *ret_vaddr)
{
	size_t n = encoded_size(f->encoding);
	uint64_t value = 0;

	if (n == 0 || (size_t)(end - p) < n || (f->encoding & DW_EH_PE_indirect))
		return false;
	memcpy(&value, p, n);
	if ((f->encoding & 0x08) && n < 8 && (value >> (8 * n - 1)))
		value |= UINT64_MAX << (8 * n);
	if ((f->encoding & 0x70) == DW_EH_PE_pcrel)
		value += f->vaddr + (uint64_t)(p - (const uint8_t *)f->data->d_buf);
	else if ((f->encoding & 0x70) != DW_EH_PE_absptr)
		return false;
	*ret_vaddr = value;
	return true;
}

static int add_entry(struct frames *f, Dwarf_Off at, const Dwarf_FDE *fde)
{
	int64_t start, entry = (int64_t)at;
	uint64_t vaddr;

	if (!use_cie(f, fde->CIE_pointer) || !decode_start(f, fde->start, fde->end, &vaddr))
		return 0;
	start = (int64_t)(vaddr - f->vaddr);
	if (start != (int32_t)start || entry != (int32_t)entry)
		return 0;
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 1024;
		struct pair *grown = reallocarray(f->pairs, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		f->pairs = grown;
		f->cap = cap;
	}
	f->pairs[f->count++] = (struct pair){.start = (int32_t)start, .fde = (int32_t)entry};
	return 0;
}

static int walk(struct frames *f)
{
	Dwarf_Off at = 0, next = 0;

	while (at < f->data->d_size) {
		Dwarf_CFI_Entry entry;
		int got = dwarf_next_cfi(f->ident, f->data, true, at, &next, &entry), err = 0;

		if (got > 0 || next <= at)
			break;
		/* What is wrong with one entry need not be wrong with the next. */
		if (got == 0 && !dwarf_cfi_cie_p(&entry))
			err = add_entry(f, at, &entry.fde);
		if (err)
			return err;
		at = next;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->fde < y->fde ? -1 : x->fde > y->fde;
}

static int make_table(struct mv_image *image, struct mv_unwind_table *ret_table)
{
	struct frames f = {.cie = UINT64_MAX};
	GElf_Shdr header;
	Elf_Scn *section;
	int err;

	if (!image_section(image->own.elf, ".eh_frame", &header, &section) || header.sh_type == SHT_NOBITS)
		return -ENOENT;
	f.ident = image->own.bytes;
	f.data = elf_rawdata(section, NULL);
	f.vaddr = header.sh_addr;
	if (!f.data || !f.data->d_buf)
		return -ENOENT;
	err = walk(&f);
	if (!err && f.count == 0)
		err = -ENOENT;
	if (err) {
		free(f.pairs);
		return err;
	}
	qsort(f.pairs, f.count, sizeof(*f.pairs), by_start);
	image->synthetic = f.pairs;
	*ret_table =
	    (struct mv_unwind_table){.segbase_vaddr = f.vaddr, .synthetic = f.pairs, .count = f.count};
	return 0;
}

int mv_image_unwind_table(struct mv_image *image, struct mv_unwind_table *ret_table)
{
	if (!image->table_known) {
		image->table_known = true;
		image->table_error = read_header(image, &image->table);
		if (image->table_error == -ENOENT)
			image->table_error = make_table(image, &image->table);
	}
	if (!image->table_error)
		*ret_table = image->table;
	return image->table_error;
}
