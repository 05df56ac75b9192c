/* SPDX-License-Identifier: MIT */
/*
 * shared.h - memory with one owner, for several processes
 *
 * A shared region is some pages of memory that the node keeps for its owner, a process.  Others
 * map it by the owner's leave, never beyond the region's ceiling, and the owner takes it back
 * with the strength he chooses.  It outlives its maker as long as somebody owns or maps it, or
 * was offered it.  What the owner's leave is made of is in capability.h.
 *
 * Processes have numbers here, which the broker counts from 1; they are not the kernel's.
 * Every call may be made from any thread.  A child of fork has none of it: handles say -ECHILD,
 * and what was mapped is not there.
 *
 * Every call on a handle may also fail with -ECHILD, with -ENOENT (the region is gone, or none
 * of the caller's business any more), and with -ENOTCONN (the broker is gone; see
 * tract_reconnect()), which is not said again below.
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

enum tract_shared_flag {
	TRACT_SHARED_STRICT_NODE = 1,	 /* all pages on the node, or no region */
	TRACT_SHARED_CACHE_FALLBACK = 2, /* write-back will do instead of the policy */
	TRACT_SHARED_FREEZABLE = 4,	 /* snapshots without a copy; see tract_offer() */
	TRACT_SHARED_HUGE_PAGES = 8,	 /* where the host has them */
};

enum tract_shared_state {
	TRACT_SHARED_OWNED = 1,
	TRACT_SHARED_MOVING = 2, /* offered to another owner */
	TRACT_SHARED_REKEYING =
		3,		 /* its memory is being replaced, or somebody's access ended */
	TRACT_SHARED_FROZEN = 4, /* never written again; who writes writes for himself */
	TRACT_SHARED_ORPHAN = 5, /* its owner has died */
};

#define TRACT_NODE_ANY UINT32_MAX
#define TRACT_PLACEMENT_NODES 64

/* What to make. */
struct tract_shared_spec {
	size_t size;	    /* bytes, rounded up to pages */
	uint32_t ceiling;   /* enum tract_permission */
	uint32_t numa_node; /* or TRACT_NODE_ANY */
	uint32_t flags;	    /* enum tract_shared_flag */
	uint32_t cache;	    /* enum tract_cache */
};

struct tract_shared_facts {
	uint64_t number; /* of the region: from 1, never used twice */
	size_t size;	 /* bytes */
	uint32_t ceiling;
	uint32_t numa_node;
	uint32_t flags; /* of the making, less what was not to be had */
	uint32_t cache;
	uint32_t state;	  /* enum tract_shared_state */
	uint32_t mapped;  /* processes that have it mapped */
	uint32_t pending; /* grants not taken up, and offers that are open */
	uint64_t owner;	  /* number of the process; 0: it has died */
	uint64_t backing; /* how often its memory was replaced */
	uint64_t align;	  /* what an address of it must be a multiple of, bytes */
};

/* Where pages are, in pages of tract_page_size(). */
struct tract_placement {
	uint32_t nodes;			      /* of the host, of which there may be more */
	uint64_t node[TRACT_PLACEMENT_NODES]; /* in memory there */
	uint64_t unknown;		      /* in memory, the kernel does not say where */
	uint64_t absent;		      /* not in memory */
	uint64_t huge;			      /* of those in memory: in huge pages */
};

/* This process's number on the node.  Return: 0, or -EINVAL, or as tract_reconnect(). */
TRACT_API int tract_process(struct tract *ctx, uint64_t *ret_process);

/**
 * tract_shared_create() - make a region that the caller owns
 * @ret_shared: a handle, given up with tract_shared_close(); the region stays
 *
 * Return: 0, or
 *   -EINVAL   NULL, no bytes, more than can be rounded up, or an unknown flag
 *   -EBADMSG  the ceiling is none of the five, or the policy no enum tract_cache
 *   -EOPNOTSUPP  there is no memory with that policy, and write-back would not do; or the host
 *             forbids to say where memory is to be
 *   -ENODEV   there is no such NUMA node, or it is not for us
 *   -EDQUOT   the caller's user has used up its share
 *   -ENOMEM   the host has not that much memory to promise
 *   -EMFILE   a limit of the process, the node or the broker's descriptors
 *   -ENOTCONN the broker is gone; see tract_reconnect()
 */
TRACT_API int tract_shared_create(struct tract *ctx, const struct tract_shared_spec *spec,
				  struct tract_shared **ret_shared);

/* A handle for a region that the caller owns or maps, or has a capability or a grant for.
 * Return: 0, -EINVAL, -ENOENT (there is none, or it is none of the caller's business), -ENOMEM,
 * -ENOTCONN. */
TRACT_API int tract_shared_open(struct tract *ctx, uint64_t number,
				struct tract_shared **ret_shared);

/* Gives the handle up.  What is mapped stays mapped.  NULL is allowed. */
TRACT_API void tract_shared_close(struct tract_shared *shared);

/* Ends the region, and all capabilities on it.  Return: 0, -EINVAL, -EACCES (neither the owner
 * nor a holder of TRACT_CAP_DELETE), -EBUSY (somebody has it mapped, a grant or an offer is
 * open, or another node has not heard yet that what was exported of it has ended). */
TRACT_API int tract_shared_destroy(struct tract_shared *shared);

/* As they are now.  Return: 0, -EINVAL. */
TRACT_API int tract_shared_look(struct tract_shared *shared,
				struct tract_shared_facts *ret_facts);

/* Of the making; good for as long as the handle. */
TRACT_API uint64_t tract_shared_number(const struct tract_shared *shared);
TRACT_API size_t tract_shared_size(const struct tract_shared *shared);

/**
 * tract_shared_map() - make all of it visible in this process
 * @addr:       in: where, or NULL for any place.  out: where it is
 * @permission: enum tract_permission
 *
 * For the owner, for who was granted it, and who has a capability with TRACT_CAP_MAP and these
 * rights.  Nothing that is mapped is replaced.  When the mapping is taken back its addresses
 * are free again, and accesses fault.
 *
 * Return: 0, or
 *   -EINVAL    NULL, or an address that is no multiple of tract_shared_facts.align
 *   -EBADMSG   the permission is none of the five
 *   -EACCES    beyond the ceiling, or what the caller may
 *   -EEXIST    this process has it mapped already
 *   -EADDRINUSE  something is at that address
 *   -EBUSY     the region is changing its memory; try again
 *   -ENOMEM, -EMFILE
 */
TRACT_API int tract_shared_map(struct tract_shared *shared, void **addr, uint32_t permission);

/**
 * tract_shared_map_into() - the same in another process, which accepts that
 * @process:    its number
 * @addr:       in: where there, or NULL for any place.  out: where it is there
 *
 * Only for the owner.  See tract_shared_accept_maps().
 *
 * Return: 0, or as tract_shared_map(), and
 *   -EACCES    also: that process does not accept it
 *   -ESRCH     there is no such process
 *   -ETIMEDOUT it did not answer; nothing is mapped
 */
TRACT_API int tract_shared_map_into(struct tract_shared *shared, uint64_t process, void **addr,
				    uint32_t permission);

/* Owners may map their regions into this process from now on, or no more.  @ctx stays open as
 * long as they may.  Return: 0, -EINVAL, -ENOMEM, or as tract_reconnect(). */
TRACT_API int tract_shared_accept_maps(struct tract *ctx, bool accept);

/**
 * tract_shared_unmap() - the opposite, here or in another process
 * @process:     number; 0 or one's own: this process
 * @force:       enum tract_force, for another process
 *
 * In others it is for the owner, and who holds TRACT_CAP_REVOKE on an ancestor of what was
 * mapped with.  The capability stays.  A grant that was not taken up is withdrawn.  What is
 * exported of the mapping (tract_export_create()) is taken back with it: importers are cut off,
 * and have nothing of it when this process's own mapping has been unmapped.
 *
 * Return: 0, or
 *   -EINVAL    NULL
 *   -ENXIO     it is not mapped there
 *   -EACCES    in another process, and without the right
 *   -EREMOTEIO VERIFY: the process kept it, or cannot be looked at
 *   -ETIMEDOUT the process did not answer
 *   -ENOMEM, -EMFILE  FENCE: there is no room for a second copy
 *   -EBADMSG   no such force
 *   -EBUSY     the region is changing its memory
 */
TRACT_API int tract_shared_unmap(struct tract_shared *shared, uint64_t process, uint32_t force);

/* Unmaps all that was mapped through @ctx, and accepts no maps through it any more. */
TRACT_API void tract_shared_unmap_all(struct tract *ctx);

/* Where a process has it mapped; for that process and the owner.  Return: 0, -EINVAL, -ENOENT
 * (nothing that the caller may know of). */
TRACT_API int tract_shared_where(struct tract_shared *shared, uint64_t process,
				 void **ret_addr);

/**
 * tract_shared_give() - make another process the owner
 *
 * The caller keeps its mapping, which the new owner may take back, and what capabilities it has
 * beside the root.
 *
 * Return: 0, -EINVAL, -EACCES (not the owner), -ESRCH, -EDQUOT (the new owner's user, or its
 * table of capabilities), -EBUSY (a move is offered, or memory is being replaced), -ENOMEM.
 */
TRACT_API int tract_shared_give(struct tract_shared *shared, uint64_t process);

/**
 * tract_shared_grant() - let a process map it
 * @permission: with what, at most; enum tract_permission
 *
 * The process takes it up with tract_shared_map(); there is no token.  It ends with either
 * process, and with tract_shared_unmap().  Granting again changes nothing.
 *
 * Return: 0, -EINVAL, -EBADMSG (the permission), -EACCES (neither the owner nor a holder of
 * TRACT_CAP_GRANT, or beyond what that has), -ESRCH, -EBUSY, -EDQUOT, -ENOMEM.
 */
TRACT_API int tract_shared_grant(struct tract_shared *shared, uint64_t process,
				 uint32_t permission);

/* Lowers the ceiling, for good; capabilities lose what is beyond it.  Return: 0, -EINVAL,
 * -EBADMSG (not one of the five), -EACCES (not the owner, or higher than it was), -EBUSY (a
 * mapping has more, or may have it still that is being taken back, or an importer on another
 * node whose exporter has ended; or the region is changing hands or memory). */
TRACT_API int tract_shared_lower(struct tract_shared *shared, uint32_t ceiling);

/* Where its pages are, as the kernel says.  Return: 0, -EINVAL, -EOPNOTSUPP (it does not),
 * -ENOMEM. */
TRACT_API int tract_shared_placement(struct tract_shared *shared,
				     struct tract_placement *ret_placement);

/* Bytes of all shared regions that were put on a NUMA node.  Return: 0, -EINVAL, -ENODEV (there
 * is no such node), -EOPNOTSUPP (the kernel does not say), or as tract_reconnect(). */
TRACT_API int tract_node_use(struct tract *ctx, uint32_t node, uint64_t *ret_bytes);

/* Its physical address, for as long as it lives.  Return: 0, -EINVAL, -EACCES (not the owner),
 * -EOPNOTSUPP (it has none that stays, or the broker may not know it). */
TRACT_API int tract_shared_physical(struct tract_shared *shared, uint64_t *ret_address);

TRACT_END_DECLS

#endif
