/* SPDX-License-Identifier: MIT */
/*
 * map.c - the region map, in neither numbering of flags
 *
 * What an attachment was asked to be, beyond what the native map keeps, travels in its tag: the
 * number of the slot in the upper half, the rest in the lower.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/l4re/l4re.h"

#define scoped_object __attribute__((cleanup(l4_object_scope_end))) struct l4_object

/* ---- errors ----------------------------------------------------------------------------- */

int l4_error_of(int r)
{
	switch (r) {
	case 0:
		return 0;
	case -EACCES:
		return -L4_EACCESS;
	case -EADDRNOTAVAIL:
	case -EEXIST:
		return -L4_EADDRNOTAVAIL;
	case -EBUSY:
		return -L4_EBUSY;
	case -EINVAL:
		return -L4_EINVAL;
	case -ENODEV:
		return -L4_ENODEV;
	case -ENOENT:
		return -L4_ENOENT;
	case -ENOTSUP:
		return -L4_ENOSYS;
	case -EPERM:
		return -L4_EPERM;
	case -ERANGE:
		return -L4_ERANGE;
	case -ETIMEDOUT:
		return -(L4_EIPC_LO + L4_IPC_RETIMEOUT);
	case -ENOTCONN: /* who would have been asked */
		return L4_NOBODY;
	case -ECHILD:
		return -L4_EPERM;
	default: /* memory, mappings, descriptors */
		return -L4_ENOMEM;
	}
}

/* ---- tags ------------------------------------------------------------------------------- */

static uint64_t tag_of(l4_cap_idx_t mem, unsigned extra)
{
	return (uint64_t)(mem >> L4_CAP_SHIFT) << 32 | extra;
}

/* What has nothing of the program's behind it has no client. */
static bool has_client(const struct tract_span *span)
{
	return span->kind == TRACT_SPAN_REGION || span->kind == TRACT_SPAN_PAGER;
}

l4_cap_idx_t l4_span_client(const struct tract_span *span)
{
	return has_client(span) ? (l4_cap_idx_t)(span->tag >> 32) << L4_CAP_SHIFT
				: L4_INVALID_CAP;
}

unsigned l4_span_extra(const struct tract_span *span)
{
	/* Another process's tag need not be of this interface. */
	return span->kind == TRACT_SPAN_BORROWED ? 0 : (unsigned)span->tag;
}

/* ---- attaching -------------------------------------------------------------------------- */

/* The backing of a wish, counted; NULL if it needs none. */
static int get_backing(const struct l4_wish *wish, struct l4_object **ret_object,
		       unsigned *ret_rights)
{
	enum l4_kind kind = wish->paged ? L4_KIND_PAGER : L4_KIND_DATASPACE;

	if (wish->flags & (TRACT_ATTACH_BLOCK | TRACT_ATTACH_ANONYMOUS))
		return 0;
	/* Whatever is wrong with it, it is no usable backing. */
	if (l4_slot_get(wish->mem, kind, ret_object, ret_rights) < 0)
		return -L4_ENOENT;
	return 0;
}

int l4_map_backing(const struct l4_wish *wish)
{
	scoped_object *object = NULL;

	return get_backing(wish, &object, NULL);
}

/* 0, or why the dataspace cannot be attached so; takes from @what what it does not give. */
static int settle_rights(const struct l4_wish *wish, const struct l4_object *object,
			 unsigned slot_rights, struct tract_attachment *what)
{
	unsigned rights = slot_rights & object->ds.rights;
	bool own = wish->flags & TRACT_ATTACH_PRIVATE;
	bool eager = wish->flags & TRACT_ATTACH_EAGER;

	if (rights & L4_CAP_FPAGE_W)
		return 0;
	/* Nor can it be cleared. */
	what->flags &= ~(uint32_t)TRACT_ATTACH_CLEAR;
	if (!(wish->rights & TRACT_RIGHT_WRITE) || own)
		return 0;
	if (wish->strict)
		return -L4_EPERM;
	what->rights &= ~(uint32_t)TRACT_RIGHT_WRITE;
	what->tag |= L4_EXTRA_WANTED_WRITE;
	/* It is attached all the same, without being brought in. */
	what->flags &= ~(uint32_t)TRACT_ATTACH_EAGER;
	return eager && wish->eager_matters ? 1 : 0;
}

/* A view of one's own shows nothing that is not there. */
static int check_own_view(const struct l4_wish *wish, const struct l4_object *object)
{
	uint64_t offset = wish->offset & L4_PAGEMASK, end;

	if (!(wish->flags & TRACT_ATTACH_PRIVATE))
		return 0;
	if (__builtin_add_overflow(offset, l4_round_page(wish->size), &end) ||
	    end > tract_region_size(object->ds.region))
		return -L4_EINVAL;
	return 0;
}

/* In another task's map what is to be written to has to be given so. */
static int check_other(const struct l4_wish *wish, const struct l4_object *object)
{
	if (object && (wish->rights & TRACT_RIGHT_WRITE) &&
	    !(wish->flags & TRACT_ATTACH_PRIVATE) && !(wish->mem & L4_CAP_FPAGE_W))
		return -L4_EPERM;
	return 0;
}

static int attach(struct tract_map *map, void **start, const struct l4_wish *wish,
		  const struct l4_object *object, struct tract_attachment *what,
		  unsigned slot_rights)
{
	void *at = *start;
	int lacking = 0, r;

	if (object && object->kind == L4_KIND_DATASPACE) {
		what->region = object->ds.region;
		lacking = settle_rights(wish, object, slot_rights, what);
		if (lacking < 0)
			return lacking;
		r = wish->size ? check_own_view(wish, object) : 0;
		if (r < 0)
			return r;
	} else if (object) {
		what->pager = object->pager;
	}
	if (wish->size == 0)
		return -L4_EINVAL;
	r = tract_map_attach(map, what, &at);
	/* These two leave it attached. */
	if (r == 0 || (what->flags & TRACT_ATTACH_EAGER && (r == -ERANGE || r == -EFAULT))) {
		*start = at;
		if (!wish->eager_matters)
			return 0;
	}
	return r == 0 && lacking ? -L4_EPERM : l4_error_of(r);
}

int l4_map_attach(l4_cap_idx_t rm, void **start, const struct l4_wish *wish)
{
	scoped_object *object = NULL;
	scoped_object *other = NULL;
	struct l4_wish strict = *wish;
	unsigned slot_rights = 0;
	struct tract_attachment what;
	int r;

	r = l4_rm_get(rm, &other);
	if (r == 0 && other && wish->paged)
		r = -L4_EINVAL;
	if (r == 0)
		r = get_backing(wish, &object, &slot_rights);
	if (r == 0 && other)
		r = check_other(wish, object);
	if (r < 0)
		return r;
	what = (struct tract_attachment){
		.size = wish->size,
		.offset = wish->offset,
		.rights = wish->rights,
		.flags = wish->flags,
		.align = wish->align,
		.tag = tag_of(object ? wish->mem : 0, wish->extra),
		.name = wish->name,
		.name_offset = wish->name_offset,
	};
	strict.strict |= other != NULL;
	return attach(l4_map_of(other), start, &strict, object, &what, slot_rights);
}

/* ---- detaching -------------------------------------------------------------------------- */

/* Pages go with the region; those of another task, which it does not attach, go as well. */
static void unmap_in(l4_cap_idx_t task, const struct tract_detached *done)
{
	scoped_object *other = NULL;

	if (l4_task_get(task, &other) == 0 && other)
		(void)tract_map_hide(other->map, done->start, done->size,
				     TRACT_RIGHT_READ_WRITE);
}

int l4_map_detach(l4_cap_idx_t rm, l4_addr_t start, unsigned long size, unsigned mode,
		  l4_cap_idx_t *ds, l4_cap_idx_t task)
{
	struct tract_detached done = { .size = 0 };
	scoped_object *other = NULL;
	int r;

	if (ds)
		*ds = L4_INVALID_CAP;
	r = l4_rm_get(rm, &other);
	if (r < 0)
		return r;
	r = tract_map_detach(l4_map_of(other), (void *)start, size, mode, &done);
	if (r < 0)
		return l4_error_of(r);
	if (!other)
		unmap_in(task, &done);
	if (ds && done.has_tag)
		*ds = (l4_cap_idx_t)(done.tag >> 32) << L4_CAP_SHIFT;
	return (int)done.result + (done.again ? 4 : 0);
}

/* ---- areas ------------------------------------------------------------------------------ */

int l4_map_reserve(l4_cap_idx_t rm, l4_addr_t *start, unsigned long size, uint32_t flags,
		   unsigned align, unsigned extra)
{
	void *at = (void *)*start;
	scoped_object *other = NULL;
	int r;

	r = l4_rm_get(rm, &other);
	if (r < 0)
		return r;
	r = tract_map_reserve(l4_map_of(other), &at, size, flags, align, (uint8_t)extra);
	if (r == 0)
		*start = (l4_addr_t)at;
	return l4_error_of(r);
}

int l4_map_release(l4_cap_idx_t rm, l4_addr_t addr)
{
	scoped_object *other = NULL;
	int r;

	r = l4_rm_get(rm, &other);
	return r < 0 ? r : l4_error_of(tract_map_release(l4_map_of(other), (void *)addr));
}

/* ---- looking ---------------------------------------------------------------------------- */

int l4_map_find(l4_cap_idx_t rm, l4_addr_t addr, unsigned long size, struct tract_span *ret)
{
	int r;

	r = l4_rm_check_own(rm);
	return r < 0 ? r
		     : l4_error_of(tract_map_find(tract_map_own(), (void *)addr, size, ret));
}

int l4_map_name(l4_cap_idx_t rm, l4_addr_t addr, char *name, unsigned len, uint64_t *offset)
{
	char kept[TRACT_ATTACH_NAME_MAX + 1];
	int r;

	r = l4_rm_check_own(rm);
	if (r < 0)
		return r;
	if (len == 0)
		return -L4_EINVAL;
	r = tract_map_name(tract_map_own(), (void *)addr, kept, offset);
	if (r < 0)
		return l4_error_of(r);
	(void)snprintf(name, len, "%s", kept);
	return 0;
}

static int next(bool areas, l4_addr_t from, struct tract_span *span)
{
	return areas ? tract_map_next_area(tract_map_own(), (void *)from, span)
		     : tract_map_next_attachment(tract_map_own(), (void *)from, span);
}

/* Memory that the program did not attach is the program's own business. */
static bool is_listed(const struct tract_span *span)
{
	return span->kind != TRACT_SPAN_EXPORTED && span->kind != TRACT_SPAN_IMPORTED;
}

long l4_map_list(l4_cap_idx_t rm, bool areas, l4_addr_t start, unsigned max,
		 void (*tell)(void *out, unsigned n, const struct tract_span *span), void *out)
{
	struct tract_span span;
	unsigned count = 0;
	int r;

	r = l4_rm_check_own(rm);
	if (r < 0)
		return r;
	while (count < max && next(areas, start, &span) == 0) {
		if (is_listed(&span))
			tell(out, count++, &span);
		start = (l4_addr_t)span.start + span.size;
		if (start == 0)
			break;
	}
	return count;
}

/* ---- for people ------------------------------------------------------------------------- */

/* Not dprintf(): the C library's loses its buffer each time the descriptor turns out closed. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char text[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* A log that cannot be written is no reason to fail. */
	if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
		return;
}

static void show_region(const struct tract_span *span, unsigned flags, bool names)
{
	char name[TRACT_ATTACH_NAME_MAX + 1] = "";
	uint64_t backing = 0;

	say("  [%lx-%lx] -> (offs=%" PRIx64 ", ds=%lx, flags=%x)", (l4_addr_t)span->start,
	    (l4_addr_t)span->start + span->size - 1, span->offset, l4_span_client(span), flags);
	if (names && tract_map_name(tract_map_own(), span->start, name, &backing) == 0 &&
	    name[0])
		say(" '%s' + %" PRIx64, name, backing);
	say("\n");
}

void l4_map_show(l4_cap_idx_t rm, unsigned (*flags_of)(const struct tract_span *span),
		 bool names)
{
	struct tract_span span;
	void *first, *last;

	if (l4_rm_check_own(rm) < 0)
		return;
	tract_map_limits(tract_map_own(), &first, &last);
	say("Region mapping: limits [%lx-%lx]\n Area map:\n", (l4_addr_t)first,
	    (l4_addr_t)last);
	for (l4_addr_t at = 0; next(true, at, &span) == 0;) {
		say("  [%lx-%lx] -> flags=%x\n", (l4_addr_t)span.start,
		    (l4_addr_t)span.start + span.size - 1, flags_of(&span));
		at = (l4_addr_t)span.start + span.size;
		if (at == 0)
			break;
	}
	say(" Region map:\n");
	for (l4_addr_t at = 0; next(false, at, &span) == 0;
	     at = (l4_addr_t)span.start + span.size)
		show_region(&span, flags_of(&span), names);
}
