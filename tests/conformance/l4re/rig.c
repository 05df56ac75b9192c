/* SPDX-License-Identifier: MIT */
/*
 * rig.c - dataspaces, addresses and looking for the conformance tests of L4Re
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const unsigned long odd_sizes[ODD_SIZES] = { PAGE / 4, PAGE, 3 * PAGE, 513 * PAGE + 1 };

l4_cap_idx_t slot_new(void)
{
	l4_cap_idx_t slot = l4re_util_cap_alloc();

	EXPECT(l4_is_valid_cap(slot));
	return slot;
}

void slot_drop(l4_cap_idx_t slot)
{
	l4re_util_cap_free_um(slot);
}

bool slot_is_filled(l4_cap_idx_t slot)
{
	long label = l4_error(l4_task_cap_valid(L4_BASE_TASK_CAP, slot));

	EXPECT(label >= 0);
	return label > 0;
}

l4_cap_idx_t other_object(void)
{
	return l4re_env()->mem_alloc;
}

l4re_ds_t ds_new(unsigned long size)
{
	l4re_ds_t ds = slot_new();

	EXPECT_EQ(l4re_ma_alloc((long)size, ds, 0), 0);
	return ds;
}

l4re_ds_t ds_marked(unsigned pages)
{
	l4re_ds_t ds = ds_new(pages * PAGE);
	l4_addr_t at = attach(ds, pages * PAGE, RW);

	for (unsigned page = 0; page < pages; page++)
		(void)memset((void *)(at + page * PAGE), MARK(page), PAGE);
	detach(at);
	return ds;
}

l4re_ds_t ds_alias(l4re_ds_t ds, unsigned char rights)
{
	l4re_ds_t alias = slot_new();
	l4_msgtag_t tag =
		l4_task_map(L4_BASE_TASK_CAP, L4_BASE_TASK_CAP, l4_obj_fpage(ds, 0, rights),
			    l4_map_obj_control(alias, L4_MAP_ITEM_MAP));

	EXPECT(l4_error(tag) >= 0);
	EXPECT(slot_is_filled(alias));
	return alias;
}

unsigned char ds_byte(l4re_ds_t ds, l4_addr_t offset)
{
	l4_addr_t at = 0;
	unsigned char byte;
	void *start = NULL;

	EXPECT_EQ(l4re_rm_attach(&start, PAGE, SEARCH | RO, ds, offset, L4_PAGESHIFT), 0);
	at = (l4_addr_t)start;
	byte = BYTE(at + offset % PAGE);
	detach(at);
	return byte;
}

void ds_set_byte(l4re_ds_t ds, l4_addr_t offset, unsigned char to)
{
	void *start = NULL;

	EXPECT_EQ(l4re_rm_attach(&start, PAGE, SEARCH | RW, ds, offset, L4_PAGESHIFT), 0);
	BYTE((l4_addr_t)start + offset % PAGE) = to;
	detach((l4_addr_t)start);
}

l4_addr_t room(unsigned long pages)
{
	l4_addr_t at = 0;

	EXPECT_EQ(reserve_from(&at, (pages + 32) * PAGE, 0, L4_SUPERPAGESHIFT), 0);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	return at + 16 * PAGE;
}

int attach_at(l4_addr_t at, unsigned long size, unsigned long flags, l4re_ds_t ds,
	      l4_addr_t offs)
{
	void *start = (void *)at;
	int r = l4re_rm_attach(&start, size, flags, ds, offs, 0);

	EXPECT_EQ(start, r == 0 ? l4_trunc_page(at) : at);
	return r;
}

int attach_from(l4_addr_t *at, unsigned long size, unsigned long flags, l4re_ds_t ds,
		unsigned char align)
{
	void *start = (void *)*at;
	int r = l4re_rm_attach(&start, size, flags | SEARCH, ds, 0, align);

	if (r != 0)
		EXPECT_EQ(start, *at);
	*at = (l4_addr_t)start;
	return r;
}

l4_addr_t attach(l4re_ds_t ds, unsigned long size, unsigned long flags)
{
	l4_addr_t at = 0;

	EXPECT_EQ(attach_from(&at, size, flags, ds, L4_PAGESHIFT), 0);
	return at;
}

void detach(l4_addr_t at)
{
	EXPECT_EQ(l4re_rm_detach((void *)at), 0);
}

int reserve_at(l4_addr_t at, unsigned long size, unsigned flags)
{
	l4_addr_t start = at;
	int r = l4re_rm_reserve_area(&start, size, flags, 0);

	EXPECT_EQ(start, at);
	return r;
}

int reserve_from(l4_addr_t *at, unsigned long size, unsigned flags, unsigned char align)
{
	l4_addr_t start = *at;
	int r = l4re_rm_reserve_area(at, size, flags | SEARCH, align);

	if (r != 0)
		EXPECT_EQ(*at, start);
	return r;
}

void unmap(l4_addr_t at, unsigned long pages, unsigned char rights)
{
	for (l4_addr_t end = at + pages * PAGE; at < end; at += PAGE)
		EXPECT(l4_error(l4_task_unmap(L4_BASE_TASK_CAP,
					      l4_fpage(at, L4_PAGESHIFT, rights),
					      L4_FP_ALL_SPACES)) >= 0);
}

char *dump(void)
{
	FILE *file = tmpfile();
	char *text = calloc(1, 1 << 20);
	int saved = dup(STDERR_FILENO);

	EXPECT(file && text && saved >= 0);
	EXPECT(fflush(stderr) == 0);
	EXPECT(dup2(fileno(file), STDERR_FILENO) >= 0);
	l4re_rm_show_lists();
	(void)fflush(stderr);
	EXPECT(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	rewind(file);
	EXPECT(fread(text, 1, (1 << 20) - 1, file) > 0);
	(void)fclose(file);
	return text;
}

void limits(l4_addr_t *ret_min, l4_addr_t *ret_max)
{
	char *text = dump();
	const char *at = strstr(text, "limits");

	EXPECT(at != NULL);
	EXPECT_EQ(sscanf(at, "limits [%lx-%lx]", ret_min, ret_max), 2);
	free(text);
}

int find(l4_addr_t addr, unsigned long size, struct record *ret_record)
{
	int r;

	*ret_record = (struct record){ addr, size, UNTOUCHED, UNTOUCHED, UNTOUCHED };
	r = l4re_rm_find(&ret_record->addr, &ret_record->size, &ret_record->offset,
			 &ret_record->flags, &ret_record->m);
	return r;
}

void expect_record(const char *file, int line, l4_addr_t at, const struct record *wanted)
{
	struct record found;
	int r = find(at, 1, &found);

	EXPECT_OR_SAY(r == 0, "%s:%d: nothing is at 0x%lx: %d", file, line, at, r);
	EXPECT_OR_SAY(found.addr == wanted->addr && found.size == wanted->size &&
			      found.offset == wanted->offset && found.flags == wanted->flags &&
			      found.m == wanted->m,
		      "%s:%d: at 0x%lx is 0x%lx+0x%lx offset 0x%llx flags 0x%x m 0x%lx, not "
		      "0x%lx+0x%lx offset 0x%llx flags 0x%x m 0x%lx",
		      file, line, at, found.addr, found.size, (unsigned long long)found.offset,
		      found.flags, found.m, wanted->addr, wanted->size,
		      (unsigned long long)wanted->offset, wanted->flags, wanted->m);
}
