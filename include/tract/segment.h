/* SPDX-License-Identifier: MIT */
/*
 * segment.h - memory exported by one process and imported by others
 *
 * An export makes a range of the caller's own memory importable, in place: the range keeps its
 * address and content, and stores by either side are seen by the other at once.  Published, it
 * has an id on its node and an access list.  An import is one process's connection to a
 * published export, and reaches it by a mapping or by get and put.
 *
 * Taking back is the exporter's right.  When unpublish or destroy returns, or the exporter has
 * died, no importer can read or change what the exporter does from then on.  Importers never
 * fault: they go on with memory of their own, and the next check says -ESTALE.
 *
 * Any thread may make any call on different objects.  On one object: closing it while another
 * call uses it is the caller's error; get and put may run beside each other; all else is
 * serialised.
 *
 * A child of fork has a copy of the memory that its parent exported (what was shared before
 * the export stays shared).  Its copies of exports refuse everything but posting, waiting and
 * destroying (which then only frees the copy); imports go on working in both.  But a device for
 * RDMA can be used by nobody but who opened it, and its library keeps it open: in a child of a
 * process that had imported through one, such imports fail with -ESTALE, and it connects to
 * nothing else through it.
 */
#ifndef TRACT_SEGMENT_H
#define TRACT_SEGMENT_H

#include <poll.h>

#include <tract/map.h>

TRACT_BEGIN_DECLS

struct tract_export;
struct tract_import;

enum tract_export_flag {
	TRACT_EXPORT_REBIND = 1,   /* tract_export_rebind() will be allowed */
	TRACT_EXPORT_DONTWAIT = 2, /* fail with -EAGAIN rather than wait for resources */
};

/* ---- exports ---------------------------------------------------------------------------- */

/**
 * tract_export_create() - make an export of the caller's memory
 * @ctx:        an open context
 * @addr:       first byte, page aligned
 * @size:       bytes, a multiple of the page size
 * @flags:      TRACT_EXPORT_*; unknown bits are ignored
 * @ret_export: set to a new export on success, untouched on failure
 *
 * What is a shareable object already (attached by map.h, exported before, System V memory) is
 * exported as it is.  Private memory is moved into an object at the same address while other
 * threads go on using it: their accesses wait for the move, and no store is lost.  A system
 * call that is handed the range meanwhile can fail with EFAULT where userfaultfd is restricted
 * to user mode (vm.unprivileged_userfaultfd 0).
 *
 * So is a shared region (shared.h), where it is mapped: by its owner, and by who has mapped it
 * by a capability with TRACT_CAP_GRANT.  Importers get no more than that mapping has, for
 * writing no other users where the region can be frozen, and what is frozen for reading.  The
 * export lasts as long as the mapping: when that is unmapped or taken back, or its region
 * changes hands, the export is withdrawn by the node, and cannot be published again.  Taking
 * back is the node's, which replaces the region's memory for all who go on using it; once there
 * is no broker, importers are told and no more.
 *
 * The effective user and group and the umask are recorded now, for the access checks.
 *
 * Return: 0, or
 *   -EINVAL     NULL argument, no bytes, or not a multiple of the page size
 *   -EFAULT     part of the range is not mapped, or is a shared mapping of a file, or shows a
 *               shared region as the caller alone sees it (a snapshot, or what is frozen)
 *   -EACCES     part of the range is not both readable and writable; of a shared region, it is
 *               not readable, or not the caller's to give
 *   -EFBIG      larger than the node allows
 *   -EMFILE     too many exports, or out of descriptors
 *   -EDQUOT     the caller's user has used up its share
 *   -ENOMEM     the host has not that much memory to promise
 *   -EINTR      a signal arrived before anything was done
 *   -ENOTCONN   the broker is gone; see tract_reconnect()
 */
TRACT_API int tract_export_create(struct tract *ctx, void *addr, size_t size, uint32_t flags,
				  struct tract_export **ret_export);

/**
 * tract_export_destroy() - end an export
 * @export: consumed on success
 *
 * Unpublishes it first if need be.  The range keeps its address and content and is again what
 * it was before: private memory is private again.  Memory that stays shared, for a region is
 * attached there or another export stands on it, is moved to fresh backing if importers may
 * have kept it; where that fails the export is left, not published, and can be destroyed again.
 *
 * Return: 0, or
 *   -EINVAL  @export is NULL
 *   -EBUSY   tract_export_pollfd() not yet balanced by tract_export_pollfd_release()
 *   -ENOMEM  no memory for the fresh backing; the id is withdrawn and importers are cut off
 *            from everything but the bytes themselves
 *   -EMFILE  the same, for want of a descriptor
 */
TRACT_API int tract_export_destroy(struct tract_export *export);

/**
 * tract_export_publish() - let others connect
 * @export:   an export
 * @id:       in: the id to use, or 0 for one of the broker's choice.  out: that choice
 * @access:   who may connect; NULL with @count 0 for every node, under the recorded umask
 * @count:    entries in @access
 *
 * Return: 0, or
 *   -EINVAL     NULL argument, or an access list the node cannot honour
 *   -EALREADY   it is published
 *   -EPERM      @id lies in a reserved range
 *   -EEXIST     @id is in use on this node
 *   -ECHILD     made by this process's parent
 *   -ESTALE     the mapping of a shared region that it stood on has ended; destroy it
 *   -ENOSPC     no id is left to assign
 *   -ENOTCONN   the broker is gone
 */
TRACT_API int tract_export_publish(struct tract_export *export, uint32_t *id,
				   const struct tract_access *access, size_t count);

/**
 * tract_export_republish() - replace the access list
 *
 * Existing imports are not affected.  Return: as publish, and -ENOENT if not published.
 */
TRACT_API int tract_export_republish(struct tract_export *export,
				     const struct tract_access *access, size_t count);

/**
 * tract_export_unpublish() - withdraw the id and take the memory back
 *
 * Return: 0, or
 *   -EINVAL    @export is NULL
 *   -ENOENT    it is not published, or not any more, for its shared region was taken back
 *   -ECHILD    made by this process's parent
 *   -ENOMEM    no memory for the fresh backing; the id is withdrawn and importers are cut off
 *              from everything but the bytes themselves
 *   -EMFILE    the same, for want of a descriptor
 *   -ENOTCONN  the broker is gone; importers are cut off all the same
 */
TRACT_API int tract_export_unpublish(struct tract_export *export);

/**
 * tract_export_rebind() - put other memory behind the export
 * @export: made with TRACT_EXPORT_REBIND
 * @addr:   first byte of the new range, page aligned
 * @size:   exactly the size of the export
 *
 * Importers stay connected and mapped, and see the new memory when this returns.  The old range
 * is ordinary memory again, with its content.  One that is attached is not taken back yet, for
 * that costs a copy: whoever was given it can reach it until the export is unpublished or
 * destroyed.
 *
 * Return: 0, or
 *   -EINVAL, -EFAULT, -EACCES, -EDQUOT, -ENOMEM, -EMFILE as for create
 *   -ENOTCONN  the broker is gone; if it went during the call, importers are cut off, since
 *              some of them may have moved
 *   -ENOTSUP   made without TRACT_EXPORT_REBIND, or of a shared region
 *   -ECHILD    made by this process's parent
 *   -EMSGSIZE  @size is not the export's size
 */
TRACT_API int tract_export_rebind(struct tract_export *export, void *addr, size_t size);

/* The export's size in bytes, and its first address.  Borrowed facts. */
TRACT_API size_t tract_export_size(const struct tract_export *export);
TRACT_API void *tract_export_address(const struct tract_export *export);
/* The mode by which others may connect if it is published without a list: 0666 less the umask
 * that was recorded. */
TRACT_API uint32_t tract_export_mode(const struct tract_export *export);
/* The published id, or 0. */
TRACT_API uint32_t tract_export_id(const struct tract_export *export);

/* ---- imports ---------------------------------------------------------------------------- */

/**
 * tract_import_connect() - connect to a published export
 * @ctx:        an open context
 * @node:       the exporting node
 * @id:         the export's id there
 * @rights:     TRACT_RIGHT_*, or 0 for events only
 * @ret_import: set to a new import on success, untouched on failure
 *
 * The access list is judged by the caller's effective user and group and by its supplementary
 * groups, of which the first 64 count, in the kernel's order.  Whoever has that many may be of
 * the group for all that is known, and has the others' rights only where the group has them,
 * too.
 *
 * Return: 0, or
 *   -EINVAL        NULL argument, or unknown rights
 *   -ENOENT        nothing is published there under that id
 *   -EHOSTUNREACH  no such node, or no way to it
 *   -ETIMEDOUT     its broker, or the memory there, did not answer in time
 *   -ECONNABORTED  the node was lost while it was asked
 *   -ENOPKG        another node, and the part of this library for that is not installed
 *   -EXDEV         it is published, but not to this node
 *   -EOPNOTSUPP    another node, whose broker cannot attach the memory: System V's of another
 *                  user, part of a huge page, or frozen memory, which a device would have to
 *                  write to
 *   -EACCES        refused by the access list
 *   -EMFILE        too many imports, or out of descriptors
 *   -ENOMEM        out of memory
 *   -ENOTCONN      the broker is gone
 *   -EPROTO        the exporter uses a library of another version
 */
TRACT_API int tract_import_connect(struct tract *ctx, uint32_t node, uint32_t id,
				   uint32_t rights, struct tract_import **ret_import);

/**
 * tract_import_connect_through() - the same, by a controller of one's choice
 * @controller: of tract_next_controller(), or an alias; NULL for any that leads there
 *
 * It matters only if @node is another node than this.
 *
 * Return: as tract_import_connect(), and -ENODEV if this node has no such controller.
 */
TRACT_API int tract_import_connect_through(struct tract *ctx, const char *controller,
					   uint32_t node, uint32_t id, uint32_t rights,
					   struct tract_import **ret_import);

/**
 * tract_import_close() - end the connection
 * @import: consumed on success; a mapping made by get and put is removed with it
 *
 * Return: 0, or -EINVAL if NULL,
 *   -EADDRINUSE  tract_import_map() not yet undone by tract_import_unmap()
 *   -EBUSY       tract_import_pollfd() not yet balanced by its release
 */
TRACT_API int tract_import_close(struct tract_import *import);

/* The segment's size in bytes, and the rights of the connection.  Borrowed facts. */
TRACT_API size_t tract_import_size(const struct tract_import *import);
TRACT_API uint32_t tract_import_rights(const struct tract_import *import);

/* 0 while the export stands, -ESTALE once it was taken back.  One load; no system call. */
TRACT_API int tract_import_check(const struct tract_import *import);

enum tract_import_map_flag {
	TRACT_IMPORT_MAP_FIXED = 1, /* exactly at *@addr, replacing what is there */
};

/*
 * A mapping of a segment on one's own node is the exporter's memory itself.  One of a segment
 *on another node is made of pages that are fetched when they are touched, and what is stored to
 * them is collected.  There, opening, ordering or closing a barrier on the import, or one of
 *its node's scope on any import from that node,
 *
 *	delivers all that this process stored to the mapping before, and waits until it is
 *there; makes loads that come after see what was in the exporter's memory then, or later.
 *
 * Between two barriers a load may see a page as it was at any moment since the one before, but
 * for this process's own stores, which it always sees.  What is stored arrives in no order
 * between two barriers, byte by byte, and after store-delay-ms of tract.conf at the latest.
 * Bytes that are not stored to are never written, whoever else stores to the same page; nor are
 * bytes that are stored with the value that is there already.  What could not be fetched reads
 * as zeros, and what could not be delivered is lost: closing the barrier then fails with -EIO.
 *
 * tract_import_put() and get, post and wait keep their order with loads and stores of the
 * thread that calls them.  Unmapping delivers what was stored.
 *
 * A load takes time with the first to each page after a barrier, or to some hundreds of pages
 * where they are touched in order; a store with the first to each page.  A mapping takes the
 * memory of the pages that were touched, at most its own size, and a byte for each page; of at
 * most 2048 pages that were stored to a copy; and on kernels before 6.4 another 2 MiB.  A
 * system call that is handed it fails with EFAULT at a page that was not touched since the last
 * barrier, where userfaultfd is restricted to user mode (vm.unprivileged_userfaultfd 0, without
 * privilege); touch it first.  Programs do not change it with mmap(), mprotect() and the like.
 *
 * A child of fork sees zeros in it until its first barrier or other call on the import, from
 * which on it has a mapping of its own there; its first span fails.
 */

/**
 * tract_import_map() - make a part of the segment visible at an address
 * @import: not mapped yet
 * @addr:   in: where, with TRACT_IMPORT_MAP_FIXED.  out: where it is
 * @flags:  TRACT_IMPORT_MAP_*
 * @rights: TRACT_RIGHT_*, at most those of the connection; 0: inaccessible
 * @offset: first byte, page aligned
 * @length: bytes; the rest of the last page becomes visible too
 *
 * Return: 0, or
 *   -EINVAL     NULL argument
 *   -EALREADY   it is mapped, by this call or by get and put
 *   -EBADR      unknown rights
 *   -ERANGE     no bytes, or beyond the segment
 *   -EADDRNOTAVAIL  @offset, or the address asked for, is not page aligned
 *   -EBUSY     a region is attached at the address asked for, or nothing can be mapped there
 *   -ESTALE     the export was taken back
 *   -EACCES     more rights than the connection has; or the memory is on another node, and the
 *               connection may not read it
 *   -ENOMEM     out of address space or mappings
 *   -EBUSY      at the fixed address is an attachment, an export, or another import's window
 *   -EMFILE     the memory is on another node, and this process is out of descriptors
 *   -EOPNOTSUPP the memory is on another node, and this host cannot map such: get and put reach
 *               it; see tract_import_can_map_far()
 */
TRACT_API int tract_import_map(struct tract_import *import, void **addr, uint32_t flags,
			       uint32_t rights, off_t offset, size_t length);

/* Removes the mapping, whichever call made it.  Return: 0, -EINVAL if NULL, -ENOENT if it is
 * not mapped. */
TRACT_API int tract_import_unmap(struct tract_import *import);

/**
 * tract_import_can_map_far() - can segments of other nodes be mapped on this host?
 *
 * It takes userfaultfd with write protection: Linux 5.19, and a policy that does not forbid it.
 *
 * Return: 0, or -EOPNOTSUPP, -EMFILE, -ENOMEM.
 */
TRACT_API int tract_import_can_map_far(void);

/* ---- moving data ------------------------------------------------------------------------ */

/*
 * Memory on another node is read and written over the network.  All that follows holds there,
 * too, and every call returns within the time after which a node counts as lost
 * (peer-timeout-ms of tract.conf) and a little.  What is got is there, and what was put from
 * can be used again, when the call returns; in the explicit mode what was put has arrived when
 * a barrier was closed.
 *
 * Between nodes of different byte order the forms for items of 16, 32 and 64 bits keep the
 * values: bytes are turned round on the way.  tract_import_put() and _get(), the forms for 8
 * bits and vectors never do so, and of equal nodes none does.
 */

/**
 * tract_import_put() - copy into the segment;  tract_import_get() - copy out of it
 * @import: a connection
 * @offset: first byte in the segment
 * @data:   this process's memory
 * @length: bytes
 *
 * In the implicit mode (the default) success means that the bytes are in memory the exporter
 * still held after the copy.  In the explicit mode that is certified by closing a barrier.
 *
 * Return: 0, or
 *   -EINVAL     NULL handle
 *   -EFAULT     NULL data, even for no bytes
 *   -EADDRNOTAVAIL  the sized forms: data or offset not a multiple of the item size
 *   -EACCES     the connection has not the right
 *   -ERANGE     a byte lies outside the mapped window
 *   -EUNATCH    implicit mode, and no barrier was initialised on the handle
 *   -ESTALE     the export was taken back
 *   -EIO        the transfer may not have arrived
 *   -ENOMEM     the segment could not be mapped
 */
TRACT_API int tract_import_put(struct tract_import *import, off_t offset, const void *data,
			       size_t length);
TRACT_API int tract_import_get(struct tract_import *import, off_t offset, void *data,
			       size_t length);

/*
 * Moves @count items of one size, each as one access that is never torn on this node.  A
 * network delivers bytes: over tcp, what is larger than one may be seen in pieces by whoever
 * looks while it arrives, above all where several items are moved at once.  A flag that another
 * node puts is one byte, or is looked at after a signal.  Return: as tract_import_put().
 */
TRACT_API int tract_import_put8(struct tract_import *import, off_t offset, const uint8_t *data,
				size_t count);
TRACT_API int tract_import_put16(struct tract_import *import, off_t offset,
				 const uint16_t *data, size_t count);
TRACT_API int tract_import_put32(struct tract_import *import, off_t offset,
				 const uint32_t *data, size_t count);
TRACT_API int tract_import_put64(struct tract_import *import, off_t offset,
				 const uint64_t *data, size_t count);
TRACT_API int tract_import_get8(struct tract_import *import, off_t offset, uint8_t *data,
				size_t count);
TRACT_API int tract_import_get16(struct tract_import *import, off_t offset, uint16_t *data,
				 size_t count);
TRACT_API int tract_import_get32(struct tract_import *import, off_t offset, uint32_t *data,
				 size_t count);
TRACT_API int tract_import_get64(struct tract_import *import, off_t offset, uint64_t *data,
				 size_t count);

/**
 * tract_import_prepare() - do now what the first get or put would do
 * @import: a connection
 *
 * Maps the whole segment with the connection's rights, unless it is mapped.
 *
 * Return: 0, or
 *   -EINVAL  NULL
 *   -ESTALE  the export was taken back
 *   -ENOMEM  the segment could not be mapped
 */
TRACT_API int tract_import_prepare(struct tract_import *import);

/**
 * tract_import_allows() - would a get or put of these bytes be allowed?
 * @import: a connection
 * @offset: first byte in the segment
 * @length: bytes
 * @right:  TRACT_RIGHT_READ for get, TRACT_RIGHT_WRITE for put
 *
 * Return: 0, or
 *   -EINVAL  NULL
 *   -EACCES  the connection, or its mapping, has not the right
 *   -ERANGE  a byte lies outside the mapped window
 *   -ESTALE  the export was taken back before anything was mapped
 *   -ENOMEM  the segment could not be mapped
 */
TRACT_API int tract_import_allows(struct tract_import *import, uint64_t offset, uint64_t length,
				  uint32_t right);

struct tract_vector {
	void *local;   /* this process's memory; -EFAULT if it is not accessible */
	size_t remote; /* offset in the segment, bytes */
	size_t length; /* bytes */
};

/**
 * tract_import_putv(), tract_import_getv() - up to TRACT_VECTOR_MAX copies in order
 * @import:   a connection
 * @vector:   what to copy
 * @count:    entries
 * @ret_done: how many were done, set also on failure
 *
 * Without a barrier in the implicit mode they go on unbracketed, and still end with the check.
 *
 * Return: as put and get.
 */
TRACT_API int tract_import_putv(struct tract_import *import, const struct tract_vector *vector,
				size_t count, size_t *ret_done);
TRACT_API int tract_import_getv(struct tract_import *import, const struct tract_vector *vector,
				size_t count, size_t *ret_done);

/* ---- barriers --------------------------------------------------------------------------- */

enum tract_barrier_mode {
	TRACT_BARRIER_EXPLICIT = 0,
	TRACT_BARRIER_IMPLICIT = 1,
};

/* The caller's storage; all zero is "not initialised".  Never copied or moved while in use. */
struct tract_barrier {
	struct tract_import *import; /* NULL: not initialised */
	uint64_t state;		     /* the library's */
};

/* Makes @barrier the one that get and put use in the implicit mode.  Return: 0 or -EINVAL. */
TRACT_API int tract_barrier_init(struct tract_import *import, struct tract_barrier *barrier);

enum tract_barrier_scope {
	TRACT_SCOPE_SEGMENT = 0, /* accesses to the segment, by any thread */
	TRACT_SCOPE_NODE = 1,	 /* accesses to any segment of its node */
};

/* The same, of a scope: closing it says of all these accesses whether they arrived.  On one's
 * own node none fails but those to what was taken back, and the scopes are alike.  Return: 0 or
 * -EINVAL. */
TRACT_API int tract_barrier_init_scope(struct tract_import *import,
				       enum tract_barrier_scope scope,
				       struct tract_barrier *barrier);
/* Begins a span.  Return: 0, -EINVAL if NULL, -EUNATCH if not initialised. */
TRACT_API int tract_barrier_open(struct tract_barrier *barrier);
/**
 * tract_barrier_close() - did everything since open arrive?
 *
 * Return: 0, or
 *   -EINVAL   NULL
 *   -EUNATCH  not initialised
 *   -ESTALE   the export was taken back at any time since connect
 *   -ENOTCONN it was not open
 *   -EIO      an access may not have reached the memory now bound; repeat the span
 */
TRACT_API int tract_barrier_close(struct tract_barrier *barrier);
/* Stores before it are seen before stores after it.  Return: as open, -ENOTCONN, -EIO. */
TRACT_API int tract_barrier_order(struct tract_barrier *barrier);
/* Gives the barrier up; get and put then have none, if it was theirs.  Return: 0, -EINVAL if
 * NULL, -EUNATCH if not initialised. */
TRACT_API int tract_barrier_destroy(struct tract_barrier *barrier);

/* Who opens and closes the barrier around get and put: they do (implicit, as every import
 * begins), or the caller.  Return: 0, or -EINVAL for NULL or an unknown mode. */
TRACT_API int tract_import_set_mode(struct tract_import *import, enum tract_barrier_mode mode);
TRACT_API int tract_import_get_mode(const struct tract_import *import,
				    enum tract_barrier_mode *ret_mode);

/* ---- signals ---------------------------------------------------------------------------- */

enum tract_post_flag {
	TRACT_POST_ONCE = 2, /* dropped by a target that already has one pending */
};

/**
 * tract_export_post(), tract_import_post() - add an event to the other side's count
 *
 * An export posts to each of its imports, an import to its export.  Data stored before is seen
 * by whoever takes the event.  Makes no system call when nobody waits.
 *
 * The broker is asked the first time, and once for each descriptor that the other side polls.
 * Where that fails, events are counted for whoever waits, but a poll() may not have ended.
 *
 * To and from another node events go through the brokers, which are asked each time.  An export
 * that posts with TRACT_POST_ONCE then does not see what is pending there.
 *
 * Return: 0, or -EINVAL for NULL, -ENOMEM, -ENOTCONN if the broker had to be asked and is gone,
 * -EHOSTUNREACH if there is no way to the exporter's node at the moment.
 */
TRACT_API int tract_export_post(struct tract_export *export, uint32_t flags);
TRACT_API int tract_import_post(struct tract_import *import, uint32_t flags);

/**
 * tract_export_wait(), tract_import_wait() - take one event
 * @timeout: milliseconds; negative: for ever; 0: do not wait
 *
 * Return: 0, -EINVAL, -ETIMEDOUT, -EINTR if a signal handler ran, -ENOTCONN as for post.
 */
TRACT_API int tract_export_wait(struct tract_export *export, int timeout);
TRACT_API int tract_import_wait(struct tract_import *import, int timeout);

/**
 * tract_export_pollfd(), tract_import_pollfd() - a descriptor for poll()
 * @ret_fd: readable (POLLIN, POLLRDNORM) exactly while events are pending
 *
 * The library owns the descriptor.  Each call is balanced by one release.
 *
 * Return: 0, -EINVAL, -EMFILE, -ENOTCONN.
 */
TRACT_API int tract_export_pollfd(struct tract_export *export, int *ret_fd);
TRACT_API int tract_import_pollfd(struct tract_import *import, int *ret_fd);
TRACT_API void tract_export_pollfd_release(struct tract_export *export);
TRACT_API void tract_import_pollfd_release(struct tract_import *import);

/**
 * tract_poll() - poll(2), whose error is its return value
 * @fds:     descriptors of tract's and others
 * @count:   how many
 * @timeout: milliseconds; negative: for ever
 *
 * Takes no event.  Return: how many are ready, 0 if none was in time, or -EINTR, -EFAULT,
 * -EINVAL, -ENOMEM.
 */
TRACT_API int tract_poll(struct pollfd *fds, nfds_t count, int timeout);

TRACT_END_DECLS

#endif
