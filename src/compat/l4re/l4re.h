/* SPDX-License-Identifier: MIT */
/*
 * l4re.h - what the functions of the L4Re face share
 *
 * The face looks capabilities up, calls the native functions and translates their answers.  It
 * is compiled for both generations of the interface, whose flags have the same numbers for
 * different things: what is here knows neither, rm.c and dataspace.c speak the classic one,
 * rm_modern.c and dataspace_modern.c the modern one.
 */
#ifndef COMPAT_L4RE_H
#define COMPAT_L4RE_H

#include <stdbool.h>
#include <tract/tract.h>

#include <l4/sys/consts.h>
#include <l4/sys/err.h>
#include <l4/sys/ipc.h>
#include <l4/sys/types.h>

#include "base/ref.h"

#define L4_API __attribute__((visibility("default")))

/* ---- objects and the slots that hold them: slots.c -------------------------------------- */

enum l4_kind {
	L4_KIND_TASK = 1,
	L4_KIND_RM,
	L4_KIND_MEM_ALLOC,
	L4_KIND_LOG,
	L4_KIND_OTHER, /* named by the environment, and good for nothing here */
	L4_KIND_DATASPACE,
	L4_KIND_PAGER,
	L4_KIND_OTHER_TASK, /* another process, which handed its map out */
	L4_KIND_OTHER_RM,
};

struct l4_object {
	struct ref ref;
	enum l4_kind kind;
	union {
		struct {
			struct tract_region *region;
			unsigned long size; /* exact to the byte */
			unsigned rights;    /* of the object itself: L4_CAP_FPAGE_* */
		} ds;
		struct tract_pager *pager;
		struct tract_map *map; /* of another process */
	};
};

void l4_object_unref(struct l4_object *object);
struct l4_object *l4_object_ref(struct l4_object *object);

static inline void l4_object_scope_end(struct l4_object **object)
{
	l4_object_unref(*object);
}

/* Error of an index that is invalid, or of an empty slot. */
#define L4_NOBODY (-(L4_EIPC_LO + L4_IPC_ENOT_EXISTENT))

/*
 * What is in a slot, counted, and the rights of this capability to it.  0; L4_NOBODY;
 * -L4_EBADPROTO if it is of another kind.
 */
int l4_slot_get(l4_cap_idx_t cap, enum l4_kind kind, struct l4_object **ret_object,
		unsigned *ret_rights);
/* The same for who only wants to know that it is there. */
int l4_slot_check(l4_cap_idx_t cap, enum l4_kind kind);
/* Puts a counted object, which is consumed, into a slot in place of what it holds.  -L4_EINVAL
 * if there is no such slot. */
int l4_slot_put(l4_cap_idx_t cap, struct l4_object *object, unsigned rights);
/* Can something be put there? */
bool l4_slot_exists(l4_cap_idx_t cap);
void l4_slot_empty(l4_cap_idx_t cap);
/* Copies a capability, with no more rights than @mask.  Is there one in another slot now? */
bool l4_slot_copy(l4_cap_idx_t from, l4_cap_idx_t to, unsigned mask);
/* Empties every slot that holds @object. */
void l4_slots_purge(struct l4_object *object);
/* 1 if it is filled; 1 if both hold the same with the same rights. */
bool l4_slot_is_filled(l4_cap_idx_t cap);
bool l4_slots_are_equal(l4_cap_idx_t a, l4_cap_idx_t b);
/* Where the environment has what is in no fixed slot, and the pool's lowest number. */
#define L4_RM_CAP (11UL << L4_CAP_SHIFT)
#define L4_MEM_ALLOC_CAP (12UL << L4_CAP_SHIFT)
#define L4_FIRST_FREE 16u

/* ---- other processes: foreign.c --------------------------------------------------------- */

/* 0 if the slot holds a region map: this task's own, and *ret_other is NULL, or another's,
 * counted.  Handle errors otherwise. */
int l4_rm_get(l4_cap_idx_t rm, struct l4_object **ret_other);
int l4_rm_check(l4_cap_idx_t rm);
/* For what is possible in the own map only: -L4_EPERM for another's. */
int l4_rm_check_own(l4_cap_idx_t rm);
/* The same of tasks. */
int l4_task_get(l4_cap_idx_t task, struct l4_object **ret_other);
int l4_task_check_own(l4_cap_idx_t task);

static inline struct tract_map *l4_map_of(const struct l4_object *other)
{
	return other ? other->map : tract_map_own();
}

/* ---- region maps: map.c ----------------------------------------------------------------- */

/* What an attachment was asked to be, beside what the native map knows of it. */
enum l4_extra {
	L4_EXTRA_WANTED_WRITE = 1, /* it is writable as far as its flags go */
	L4_EXTRA_KERNEL = 2,	   /* of an area, too */
	L4_EXTRA_RESERVED = 4,	   /* of an area, too */
	L4_EXTRA_CACHING = 0x30,   /* the modern cache bits, where they are */
};

/* An attachment, in neither numbering. */
struct l4_wish {
	unsigned long size;
	uint32_t rights; /* TRACT_RIGHT_* */
	uint32_t flags;	 /* TRACT_ATTACH_* */
	bool paged;
	l4_cap_idx_t mem; /* low bits and all */
	uint64_t offset;
	unsigned align;
	unsigned extra; /* L4_EXTRA_* */
	const char *name;
	uint64_t name_offset;
	bool strict;	    /* rights that the dataspace does not give are an error */
	bool eager_matters; /* its errors are told */
};

/* 0, or -L4_ENOENT: there is no usable backing. */
int l4_map_backing(const struct l4_wish *wish);
int l4_map_attach(l4_cap_idx_t rm, void **start, const struct l4_wish *wish);
/* @mode: TRACT_DETACH_*.  What became of it, or an error. */
int l4_map_detach(l4_cap_idx_t rm, l4_addr_t start, unsigned long size, unsigned mode,
		  l4_cap_idx_t *ds, l4_cap_idx_t task);
int l4_map_reserve(l4_cap_idx_t rm, l4_addr_t *start, unsigned long size, uint32_t flags,
		   unsigned align, unsigned extra);
int l4_map_release(l4_cap_idx_t rm, l4_addr_t addr);
int l4_map_find(l4_cap_idx_t rm, l4_addr_t addr, unsigned long size, struct tract_span *ret);
/* Of what was found: the index that attach was given, and the rest of the wish. */
l4_cap_idx_t l4_span_client(const struct tract_span *span);
unsigned l4_span_extra(const struct tract_span *span);
int l4_map_name(l4_cap_idx_t rm, l4_addr_t addr, char *name, unsigned len, uint64_t *offset);
/* Up to @max spans, as the native listing gives them, each made into a range by @tell. */
long l4_map_list(l4_cap_idx_t rm, bool areas, l4_addr_t start, unsigned max,
		 void (*tell)(void *out, unsigned n, const struct tract_span *span), void *out);
void l4_map_show(l4_cap_idx_t rm, unsigned (*flags_of)(const struct tract_span *span),
		 bool names);

/* Native errors as codes of L4Re. */
int l4_error_of(int r);

/* Switches of the process: switches.c. */
bool l4_is_executable(void);
bool l4_has_strict_rights(void);

/* ---- dataspaces: dataspace.c ------------------------------------------------------------ */

/* In neither numbering; @rights are TRACT_RIGHT_*.  Errors are codes of L4Re. */
int l4_ds_map(l4_cap_idx_t ds, uint64_t offset, uint32_t rights, l4_addr_t local);
int l4_ds_map_region(l4_cap_idx_t ds, uint64_t offset, uint32_t rights, l4_addr_t min,
		     l4_addr_t max);
int l4_ds_clear(l4_cap_idx_t ds, uint64_t offset, uint64_t size);
int l4_ds_allocate(l4_cap_idx_t ds, uint64_t offset, uint64_t size);
int l4_ds_copy_in(l4_cap_idx_t ds, uint64_t to, l4_cap_idx_t src, uint64_t from, uint64_t size);
int l4_ds_look(l4_cap_idx_t ds, unsigned long *ret_size, bool *ret_writable);

/* Makes a dataspace.  @flags: L4RE_MA_*. */
int l4_ma_alloc(l4_cap_idx_t srv, long size, l4_cap_idx_t mem, unsigned long flags);

#endif
