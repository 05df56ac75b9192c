/* SPDX-License-Identifier: MIT */
/*
 * map.h - what is where in an address space
 *
 * A map holds two independent sets of address ranges.  An *attachment* is a run of whole pages
 * with something behind it: a region or a part of one, a pager, memory of the map's own, or
 * nothing (blocked).  An *area* is a run of bytes that is set aside: it gives access to
 * nothing, and only decides where attachments may go.  Attachments never overlap each other,
 * nor do areas; the two sets may overlap in any way.
 *
 * Whatever is asked for by search goes to the lowest place that is free, from a fixed address
 * on that is far from what the C library, the loader and threads use.  Nothing that anybody
 * else mapped is ever overwritten, also while other threads map and unmap.
 *
 * What is attached can be exported by segment.h in place, without a copy.  Memory that was
 * exported, and the windows of imports, are attachments of the own map too: they are found, but
 * are given up by the calls that made them.
 *
 * A process may hand its map out: others can then attach their memory there, detach, and set
 * areas aside, by the same rules, and its service thread carries that out.
 *
 * Everything about the own map is local: none of these calls talks to the broker, and none but
 * the first attachment of a pager, and handing the map out, starts a thread.  Each call is one
 * step for every other call on the same map, from whatever thread; finding does not wait while
 * nobody changes the map. None is async-signal-safe.  A child of fork has the map it inherited,
 * less what has a pager.
 */
#ifndef TRACT_MAP_H
#define TRACT_MAP_H

#include <tract/pager.h>
#include <tract/region.h>

TRACT_BEGIN_DECLS

struct tract_map;

/* This process's own map.  Never NULL; never closed. */
TRACT_API struct tract_map *tract_map_own(void);

/* ---- maps of other processes ------------------------------------------------------------ */

/**
 * tract_map_offer() - let other processes change this process's map
 * @ctx:    an open context; its node's processes can have the map
 * @access: who: the users to whom it gives the right to write, as in tract_export_publish();
 *          NULL with @count 0 for this process's user alone.  The user 0 always may
 * @count:  entries in @access
 *
 * They can attach memory of theirs wherever it is free, and detach whatever the program, or
 * anybody, attached; not what an export or an import stands on.  Starts the service thread.
 * Once more replaces the list, also for who has the map already.
 *
 * The map is handed out until it is withdrawn, or until the context, the others on its node,
 * and all that was made from them, are closed.  A child of fork has not handed its own out.
 *
 * Return: 0, or
 *   -EINVAL    NULL argument, or an access list the node cannot honour
 *   -EMFILE    out of descriptors
 *   -ENOMEM    out of memory
 *   -ENOTCONN  the broker is gone; see tract_reconnect()
 */
TRACT_API int tract_map_offer(struct tract *ctx, const struct tract_access *access,
			      size_t count);

/**
 * tract_map_withdraw() - refuse them from now on
 * @ctx: as for tract_map_offer()
 *
 * What others have attached stays until it is detached, or its owner takes it back.  Whoever
 * has the map has to ask for it anew if it is handed out again.
 *
 * Return: 0, or
 *   -EINVAL    @ctx is NULL
 *   -ENOENT    it was not handed out
 *   -ENOTCONN  the broker is gone: nobody can ask
 */
TRACT_API int tract_map_withdraw(struct tract *ctx);

/**
 * tract_map_of() - another process's map
 * @ctx:     an open context
 * @pid:     the process, by the number that it has for the broker
 * @ret_map: set to a map on success: the own one if @pid is this process
 *
 * The map can be changed: attach, detach, reserve, release, hide.  It cannot be looked at, and
 * nothing is shown there.  The other process carries out what is asked, and is given as long as
 * an importer to say so.  Everything else about the calls is as for the own map, in that
 * process's addresses.  What each may also return:
 *
 *   -EPERM      the process does not hand its map out, or not any more, or has ended
 *   -ETIMEDOUT  it did not answer in time.  Nothing is left attached there; anything else it
 *               may do later
 *   -ENOTCONN   the broker is gone
 *   -ECHILD     the map was got by a parent of this process
 *
 * What is attached there is this process's memory: stores on either side are seen on the other,
 * and it follows the region to wherever that is moved.  It stays when the region's handle and
 * the map are closed.  When this process has ended there are zeros, that nobody else sees,
 * until the other process detaches them; if the broker has ended, what was there.
 *
 * Return: 0, or
 *   -EINVAL    NULL argument, or no number of a process
 *   -ENOENT    no such process is attached to the node
 *   -EPERM     it has not handed its map out, or not to this user
 *   -ENOMEM    out of memory
 *   -ENOTCONN  the broker is gone; see tract_reconnect()
 */
TRACT_API int tract_map_of(struct tract *ctx, pid_t pid, struct tract_map **ret_map);

/* Gives a map of tract_map_of() up.  What was attached stays.  The own map, and NULL, are fine.
 */
TRACT_API void tract_map_close(struct tract_map *map);

/* ---- attaching -------------------------------------------------------------------------- */

enum tract_attach_flag {
	TRACT_ATTACH_FIXED = 1,	      /* exactly at *@addr, which must be free */
	TRACT_ATTACH_IN_AREA = 2,     /* inside the area at *@addr; otherwise outside of all */
	TRACT_ATTACH_REPLACE = 4,     /* with FIXED: cut what is attached there out first */
	TRACT_ATTACH_EAGER = 8,	      /* bring every page in before the call returns */
	TRACT_ATTACH_PRIVATE = 16,    /* a copy-on-write view: stores stay here */
	TRACT_ATTACH_BLOCK = 32,      /* nothing behind it; every access faults */
	TRACT_ATTACH_ANONYMOUS = 64,  /* zero-filled memory of the map's, freed on detach */
	TRACT_ATTACH_CLEAR = 128,     /* on detach that part of the region is cleared, if its
					 handle may write */
	TRACT_ATTACH_EXECUTABLE = 256 /* instructions may be fetched, where the host allows */
};

/* The longest name that is kept with an attachment, bytes; what is longer is cut. */
#define TRACT_ATTACH_NAME_MAX 40u

/* What to attach.  A field left zero takes its default. */
struct tract_attachment {
	struct tract_region *region; /* what is behind it, or NULL with BLOCK or ANONYMOUS */
	struct tract_pager *pager;   /* or this */
	uint64_t offset;  /* first byte in the region; the page it lies in comes first */
	size_t size;	  /* bytes, rounded up to pages; 0: from @offset to the region's end */
	uint32_t rights;  /* TRACT_RIGHT_*; 0: no access */
	uint32_t flags;	  /* TRACT_ATTACH_* */
	uint32_t align;	  /* of a search: log2 of the alignment; at least a page's */
	uint64_t tag;	  /* the caller's own word, told by tract_map_find() */
	const char *name; /* for people, at most TRACT_ATTACH_NAME_MAX bytes; or NULL */
	uint64_t name_offset; /* a number that goes with the name */
};

/**
 * tract_map_attach() - put something behind a range of addresses
 * @map:  a map
 * @what: what, how much, and how
 * @addr: in: where (FIXED; any byte of the first page), or from where a search goes upwards, or
 *        any byte of the area (IN_AREA).  A search from below or above all that the map manages
 *        goes from the bottom.  out: the first byte
 *
 * The attachment keeps the region, or the pager, alive.  Bytes past the region's end fault when
 * they are touched.
 *
 * On failure what was attached before stays, also with REPLACE.
 *
 * Return: 0, or
 *   -EINVAL         a NULL argument, no bytes, an unknown flag or right, nothing or more than
 *                   one thing to attach, a region that was destroyed, an alignment of more than
 *                   the address space, or a range that ends beyond it
 *   -EADDRNOTAVAIL  what is asked for is taken, blocked, outside the map or does not fit
 *   -ENOENT         IN_AREA, and there is no area
 *   -EACCES         the region's handle has not these rights
 *   -EBUSY          REPLACE, and an export or an import stands on what is there
 *   -EBADF          the program closed the library's descriptors
 *   -ENOMEM         out of memory or of mappings (see vm.max_map_count)
 *   -EMFILE         the first pager, and this process has all the descriptors it may have
 *   -ENOTSUP        a pager, and this host has no userfaultfd for programs
 *   -ERANGE         EAGER, and the region ends before the attachment: it stays, and *@addr is
 *                   set.  So it is with -EFAULT: there was no memory for all of it.
 * On another process's map, which knows no pagers (-EINVAL) and to which a private view is a
 * copy from the beginning, also
 *   -EFAULT         the region belongs to a session with another broker
 *   -EFBIG          the region is larger than an export may be: it is lent as a whole
 *   -EDQUOT         the caller's user has used up its share
 *   -EMFILE         too many exports here, or imports there, or out of descriptors
 * and what tract_map_of() lists.  If it had the memory before it refused, the region is moved
 * to fresh backing, as in tract_map_detach(), and -ENOMEM or -EMFILE says that it could not be.
 */
TRACT_API int tract_map_attach(struct tract_map *map, const struct tract_attachment *what,
			       void **addr);

/* ---- detaching -------------------------------------------------------------------------- */

enum tract_detach_mode {
	TRACT_DETACH_EXACT = 1, /* the range alone: what lies across its ends is cut */
	TRACT_DETACH_WHOLE = 2, /* all of what is touched */
	TRACT_DETACH_KEEP = 4,	/* do not clear, whatever TRACT_ATTACH_CLEAR said */
};

/* What became of the attachment. */
enum tract_detach_result {
	TRACT_DETACHED = 0,  /* it is gone */
	TRACT_SHORTENED = 1, /* an end of it is */
	TRACT_SPLIT = 2,     /* the middle is, and two remain */
};

struct tract_detached {
	enum tract_detach_result result;
	bool again;   /* something else overlaps the range still: call again */
	void *start;  /* of what was removed */
	size_t size;  /* of that, bytes */
	bool has_tag; /* the attachment had something behind it, which @tag names */
	uint64_t tag; /* the caller's word, as in struct tract_attachment */
};

/**
 * tract_map_detach() - remove the lowest attachment that overlaps a range, or its part in it
 * @map:  a map
 * @addr: first byte; rounded down to its page
 * @size: bytes, rounded up to pages
 * @mode: TRACT_DETACH_EXACT or TRACT_DETACH_WHOLE, and perhaps TRACT_DETACH_KEEP
 * @ret:  what became of it; may be NULL
 *
 * What remains has the offset, the tag and the name that fit it.  Inside an area the addresses
 * stay set aside; elsewhere they are anybody's from now on.  The tag is told to who gave it
 * only.
 *
 * On another process's map: if that was the last of what this process attached there of a
 * region, the region is moved to fresh backing, under the same addresses here, so that the
 * other process sees nothing of it any more, whatever it may have kept.
 *
 * Return: 0, or
 *   -EINVAL  a NULL map, no bytes, a range that wraps, or an unknown mode
 *   -ENOENT  nothing is attached there
 *   -EBUSY   an export, or an import, stands on it
 *   -ENOMEM  out of memory or of mappings; nothing was changed
 * On another process's map, what tract_map_of() lists, and -ENOMEM or -EMFILE with @ret set: it
 * is detached, and there was not enough for the fresh backing.
 */
TRACT_API int tract_map_detach(struct tract_map *map, const void *addr, size_t size,
			       uint32_t mode, struct tract_detached *ret);

/* ---- areas ------------------------------------------------------------------------------ */

enum tract_area_flag {
	TRACT_AREA_FIXED =
		1, /* exactly at *@addr; otherwise the lowest free place from there */
	TRACT_AREA_BLOCK = 2, /* nothing can be attached inside */
	TRACT_AREA_CUT = 4,   /* with FIXED: what is attached there is cut out first */
	TRACT_AREA_EMPTY = 8, /* with FIXED: -EADDRNOTAVAIL if anything is attached there */
	TRACT_AREA_WRAP = 16, /* a search that starts too high begins at the bottom */
};

/**
 * tract_map_reserve() - set a range of addresses aside
 * @map:   a map
 * @addr:  in: where, or from where a search goes upwards.  out: the first byte
 * @size:  bytes; neither it nor the address is rounded
 * @flags: TRACT_AREA_*
 * @align: of a search: log2 of the alignment; 0: none
 * @tag:   the caller's own small number, told by tract_map_find()
 *
 * The pages that lie wholly inside, and that nobody uses, are held by inaccessible mappings, so
 * that nobody else gets them.
 *
 * On failure nothing is changed; but if CUT runs out of mappings when it has cut some of
 * several attachments, these stay cut.
 *
 * Return: 0, or
 *   -EINVAL         NULL, no bytes, a range that wraps, an unknown flag, or an alignment of
 *                   more than the address space
 *   -EADDRNOTAVAIL  it overlaps another area, or nothing is free
 *   -EBUSY          CUT, and an export or an import stands on what is there
 *   -ENOMEM         out of memory or of mappings
 * and for another process's map what tract_map_of() lists.
 */
TRACT_API int tract_map_reserve(struct tract_map *map, void **addr, size_t size, uint32_t flags,
				uint32_t align, uint8_t tag);

/**
 * tract_map_release() - forget the area that a byte lies in
 *
 * What is attached inside stays.
 *
 * Return: 0, or
 *   -EINVAL  NULL
 *   -ENOENT  it lies in none
 *   -EPERM   the area is the library's own
 *   -ENOMEM  out of memory or of mappings
 * and for another process's map what tract_map_of() lists.
 */
TRACT_API int tract_map_release(struct tract_map *map, const void *addr);

/* ---- looking ---------------------------------------------------------------------------- */

enum tract_span_kind {
	TRACT_SPAN_REGION = 1,	  /* attached by the program */
	TRACT_SPAN_PAGER = 2,	  /* the same, with a pager */
	TRACT_SPAN_ANONYMOUS = 3, /* the same, with memory of the map's */
	TRACT_SPAN_BLOCKED = 4,	  /* the same, with nothing */
	TRACT_SPAN_EXPORTED = 5,  /* memory of the program's that is exported */
	TRACT_SPAN_IMPORTED = 6,  /* the window of an import */
	TRACT_SPAN_AREA = 7,
	TRACT_SPAN_BORROWED = 8, /* another process's memory, which attached it in this map */
};

/* An attachment, or an area. */
struct tract_span {
	void *start; /* first byte */
	size_t size; /* bytes */
	enum tract_span_kind kind;
	uint32_t rights; /* TRACT_RIGHT_*; of an attachment */
	uint32_t flags;	 /* of TRACT_ATTACH_*: what it is, not how it was placed; of an area:
			    TRACT_AREA_BLOCK */
	bool in_area;	 /* an area lies around its first byte; of an attachment */
	uint64_t region; /* id of what is attached; 0 if the broker does not know it */
	uint64_t offset; /* of @start in the region or segment, bytes, as given to attach */
	uint64_t tag;	 /* the caller's word */
};

/**
 * tract_map_find() - who is at these addresses?
 * @map:  a map
 * @addr: first byte
 * @size: bytes; overlapping is enough to be found
 * @ret:  the lowest attachment, or else the lowest area
 *
 * Return: 0, or -ENOENT if the range is free, -EINVAL for NULL, no bytes or a range that wraps,
 * -ENOMEM at the first use of the map, -EPERM for another process's map.
 */
TRACT_API int tract_map_find(struct tract_map *map, const void *addr, size_t size,
			     struct tract_span *ret);

/* The lowest attachment, or area, that ends at or after an address.  Return: 0, -ENOENT if
 * there is none, -EINVAL for NULL, -ENOMEM and -EPERM as for tract_map_find(). */
TRACT_API int tract_map_next_attachment(struct tract_map *map, const void *from,
					struct tract_span *ret);
TRACT_API int tract_map_next_area(struct tract_map *map, const void *from,
				  struct tract_span *ret);

/**
 * tract_map_name() - the name of the attachment that a byte lies in
 * @ret_name: room for TRACT_ATTACH_NAME_MAX + 1 bytes; "" where it has none
 *
 * Return: 0, or -ENOENT if nothing is attached there, -EINVAL for NULL, -EPERM for another
 * process's map.
 */
TRACT_API int tract_map_name(struct tract_map *map, const void *addr, char *ret_name,
			     uint64_t *ret_offset);

/* The limits between which things are attached: first and last byte. */
TRACT_API void tract_map_limits(struct tract_map *map, void **ret_first, void **ret_last);

/* ---- pages ------------------------------------------------------------------------------ */

/**
 * tract_map_populate() - bring the pages of a range in
 * @rights: TRACT_RIGHT_READ, or TRACT_RIGHT_READ_WRITE: so that a store does not fault either
 *
 * Return: 0, or
 *   -EINVAL  a NULL map, a range that wraps, or unknown rights
 *   -ENOENT  nothing is attached to a part of it
 *   -EACCES  an attachment, or what is shown over it, has not these rights
 *   -ENODEV  a part of it is blocked
 *   -ERANGE  a region ends before its attachment does
 *   -ENOMEM  no memory for all of it
 *   -EPERM   the map is another process's
 */
TRACT_API int tract_map_populate(struct tract_map *map, void *addr, size_t size,
				 uint32_t rights);

/**
 * tract_map_show() - make pages of a region visible without attaching it
 * @addr:   a page, in an attachment, whose pages it covers until it is hidden, or anywhere
 *          where nobody has mapped anything
 * @size:   bytes, whole pages
 * @offset: first byte in the region, a multiple of the page size
 * @rights: TRACT_RIGHT_READ, or TRACT_RIGHT_READ_WRITE
 *
 * What shows the same pages at the same place already is left as it is.  Memory of the map's
 * own, and stores to a private view, are lost where pages cover them: hiding those brings back
 * zeros, or the region.
 *
 * Return: 0, or
 *   -EINVAL  NULL, unknown rights, a region that was destroyed, or something is no multiple of
 *            the page size
 *   -ERANGE  it goes past the region's end
 *   -EACCES  the region's handle has not these rights
 *   -EEXIST  something that is not the map's is there
 *   -EBUSY   an export or an import is there
 *   -EBADF   the program closed the library's descriptors
 *   -ENOMEM  out of memory or of mappings
 *   -EPERM   the map is another process's
 */
TRACT_API int tract_map_show(struct tract_map *map, struct tract_region *region, void *addr,
			     size_t size, uint64_t offset, uint32_t rights);

/**
 * tract_map_hide() - take rights away from what tract_map_show() put there
 * @rights: TRACT_RIGHT_READ_WRITE: it is gone, and what is attached shows through again;
 *          TRACT_RIGHT_WRITE: it can only be read from now on
 *
 * What is attached, and what is not there, is left alone.
 *
 * Return: 0, or
 *   -EINVAL  a NULL map, no bytes, no rights or unknown ones, or something is no multiple of
 *            the page size
 *   -EBADF   the program closed the library's descriptors
 *   -ENOMEM  out of memory or of mappings
 * and for another process's map what tract_map_of() lists.
 */
TRACT_API int tract_map_hide(struct tract_map *map, void *addr, size_t size, uint32_t rights);

/* ---- the short forms, for the own map --------------------------------------------------- */

/**
 * tract_attach() - make a part of a region visible in this process
 * @region: an open region
 * @addr:   in: where, with TRACT_ATTACH_FIXED; ignored otherwise.  out: where it is
 * @size:   bytes, a multiple of the page size; 0: from @offset to the region's end
 * @offset: first byte, a multiple of the page size
 * @rights: TRACT_RIGHT_READ, or TRACT_RIGHT_READ_WRITE
 * @flags:  TRACT_ATTACH_FIXED or 0
 *
 * Nothing mapped by anyone is ever overwritten.  The attachment stays when the region's handle
 * is closed.
 *
 * Return: 0, or
 *   -EINVAL  a bad argument
 *   -ERANGE  @offset and @size go past the region's end
 *   -EACCES  the handle has not these rights
 *   -EEXIST  TRACT_ATTACH_FIXED, and something is there
 *   -EBADF   the program closed the library's descriptors
 *   -ENOMEM  out of address space or of mappings (see vm.max_map_count)
 */
TRACT_API int tract_attach(struct tract_region *region, void **addr, size_t size,
			   uint64_t offset, uint32_t rights, uint32_t flags);

/**
 * tract_detach() - remove an attachment
 * @addr: its first byte, as tract_attach() returned
 *
 * Return: 0, or
 *   -ENOENT  nothing was attached there
 *   -EBUSY   an export still uses the memory
 *   -ENOMEM  out of memory or of mappings
 */
TRACT_API int tract_detach(void *addr);

/* tract_map_find() of one byte of the own map.  Return: 0, -ENOENT, -EINVAL for NULL. */
TRACT_API int tract_find(const void *addr, struct tract_span *ret_span);

/**
 * tract_check_range() - could this memory be exported?
 * @addr: first byte, page aligned
 * @size: bytes, a multiple of the page size
 *
 * Looks, and changes nothing.
 *
 * Return: 0, or
 *   -EINVAL  @addr is NULL, or @size is 0, or one is not page aligned
 *   -EFAULT  part of it is not mapped, or is a kind of memory that cannot be exported
 *   -EACCES  part of it is not both readable and writable (a shared region that is mapped for
 *            reading can be exported all the same, for reading)
 *
 * Whether the caller may export a shared region is for tract_export_create() to find out.
 */
TRACT_API int tract_check_range(const void *addr, size_t size);

TRACT_END_DECLS

#endif
