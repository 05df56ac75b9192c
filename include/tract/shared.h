/* SPDX-License-Identifier: MIT */
/*
 * shared.h - memory with one owner, for several processes
 *
 * A shared region is some pages of memory that the node keeps for its owner, a process.  Others
 * map it by the owner's leave, never beyond the region's ceiling, and the owner takes it back
 * with the strength he chooses.  It outlives its maker as long as somebody owns or maps it.
 *
 * Processes have numbers here, which the broker counts from 1; they are not the kernel's.
 * Every call may be made from any thread.  A child of fork has none of it: handles say -ECHILD,
 * and what was mapped is not there.
 */
#ifndef TRACT_SHARED_H
#define TRACT_SHARED_H

#include <tract/context.h>

TRACT_BEGIN_DECLS

struct tract_shared;

/* What a mapping or a ceiling allows: these five, and no other combination. */
enum tract_permission {
	TRACT_PERMIT_READ = 1,
	TRACT_PERMIT_READ_WRITE = 3,
	TRACT_PERMIT_EXECUTE = 4,
	TRACT_PERMIT_READ_EXECUTE = 5,
	TRACT_PERMIT_ALL = 7,
};

/* How access that is mapped already is ended; each guarantees more and costs more. */
enum tract_force {
	TRACT_FORCE_ASK = 0,	   /* the holder's library lets go, and says so */
	TRACT_FORCE_VERIFY = 1,	   /* and the broker looks whether it did */
	TRACT_FORCE_FENCE = 2,	   /* all others move to fresh memory; the holder keeps zeros */
	TRACT_FORCE_KILL = 3,	   /* the holder is killed */
	TRACT_FORCE_BY_USER = 255, /* FENCE where it is another user's process, else ASK */
};

#define TRACT_NODE_ANY UINT32_MAX

/* What to make. */
struct tract_shared_spec {
	size_t size;	    /* bytes, rounded up to pages */
	uint32_t ceiling;   /* enum tract_permission */
	uint32_t numa_node; /* or TRACT_NODE_ANY */
	uint32_t flags;	    /* 0 */
};

struct tract_shared_facts {
	uint64_t number; /* of the region: from 1, never used twice */
	size_t size;	 /* bytes */
	uint32_t ceiling;
	uint32_t numa_node;
	uint32_t flags;
	uint64_t owner; /* number of the process; 0: it has died */
};

/* This process's number on the node.  Return: 0, or -EINVAL, or as tract_reconnect(). */
TRACT_API int tract_process(struct tract *ctx, uint64_t *ret_process);

/**
 * tract_shared_create() - make a region that the caller owns
 * @ret_shared: a handle, given up with tract_shared_close(); the region stays
 *
 * Return: 0, or
 *   -EINVAL   NULL, no bytes, more than can be rounded up, or an unknown flag
 *   -EBADMSG  the ceiling is none of the five
 *   -EDQUOT   the caller's user has used up its share
 *   -ENOMEM   the host has not that much memory to promise
 *   -EMFILE   a limit of the process, the node or the broker's descriptors
 *   -ENOTCONN the broker is gone; see tract_reconnect()
 */
TRACT_API int tract_shared_create(struct tract *ctx, const struct tract_shared_spec *spec,
				  struct tract_shared **ret_shared);

/* A handle for a region that the caller owns or maps.  Return: 0, -EINVAL, -ENOENT (there is
 * none, or it is none of the caller's business), -ENOMEM, -ENOTCONN. */
TRACT_API int tract_shared_open(struct tract *ctx, uint64_t number,
				struct tract_shared **ret_shared);

/* Gives the handle up.  What is mapped stays mapped.  NULL is allowed. */
TRACT_API void tract_shared_close(struct tract_shared *shared);

/* Ends the region.  Return: 0, -EINVAL, -EACCES (not the owner), -EBUSY (somebody has it
 * mapped), -ENOENT (it is gone), -ECHILD, -ENOTCONN. */
TRACT_API int tract_shared_destroy(struct tract_shared *shared);

/* As they are now.  Return: 0, -EINVAL, -ENOENT, -ECHILD, -ENOTCONN. */
TRACT_API int tract_shared_look(struct tract_shared *shared,
				struct tract_shared_facts *ret_facts);

/* Of the making; good for as long as the handle. */
TRACT_API uint64_t tract_shared_number(const struct tract_shared *shared);
TRACT_API size_t tract_shared_size(const struct tract_shared *shared);

/**
 * tract_shared_map() - make all of it visible in this process
 * @addr:       in: where, page aligned, or NULL for any place.  out: where it is
 * @permission: enum tract_permission
 *
 * Nothing that is mapped is replaced.  When the mapping is taken back its addresses are free
 * again, and accesses fault.
 *
 * Return: 0, or
 *   -EINVAL    NULL, or an address that is no page's
 *   -EBADMSG   the permission is none of the five
 *   -EACCES    beyond the ceiling, or what the caller may
 *   -EEXIST    this process has it mapped already
 *   -EADDRINUSE  something is at that address
 *   -EBUSY     the region is changing its memory; try again
 *   -ENOENT    it is gone
 *   -ENOMEM, -EMFILE, -ECHILD, -ENOTCONN
 */
TRACT_API int tract_shared_map(struct tract_shared *shared, void **addr, uint32_t permission);

/**
 * tract_shared_unmap() - the opposite, here or, for the owner, in another process
 * @process:     number; 0 or one's own: this process
 * @force:       enum tract_force, for another process
 *
 * Return: 0, or
 *   -EINVAL    NULL
 *   -ENXIO     it is not mapped there
 *   -EACCES    in another process, and not the owner
 *   -EREMOTEIO VERIFY: the process kept it, or cannot be looked at
 *   -ETIMEDOUT the process did not answer
 *   -ENOMEM, -EMFILE  FENCE: there is no room for a second copy
 *   -EBADMSG   no such force
 *   -EBUSY, -ENOENT, -ECHILD, -ENOTCONN
 */
TRACT_API int tract_shared_unmap(struct tract_shared *shared, uint64_t process, uint32_t force);

/* Where a process has it mapped; for that process and the owner.  Return: 0, -EINVAL, -ENOENT
 * (nothing that the caller may know of), -ECHILD, -ENOTCONN. */
TRACT_API int tract_shared_where(struct tract_shared *shared, uint64_t process,
				 void **ret_addr);

/* Makes another process the owner.  Return: 0, -EINVAL, -EACCES (not the owner), -ESRCH,
 * -EDQUOT (the new owner's user), -EBUSY, -ENOENT, -ECHILD, -ENOTCONN. */
TRACT_API int tract_shared_give(struct tract_shared *shared, uint64_t process);

TRACT_END_DECLS

#endif
