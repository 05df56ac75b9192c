/* SPDX-License-Identifier: MIT */
/*
 * capability.h - who may do what with a shared region, and how it changes hands
 *
 * What a process may do is a capability: a record at the broker, of rights on one region.  The
 * owner has the root; all others are below it, and none has a right that the one above it has
 * not.  A token is what its holder calls it, and of no use to others.
 *
 * A capability is offered to another process, which then takes it.  So is ownership, in a move,
 * and a snapshot.  Who ends a capability ends all below it, and with a strength the mappings
 * that were made with them.
 *
 * All that is said of threads and fork in shared.h holds here too.  A token of 0 names nothing.
 */
#ifndef TRACT_CAPABILITY_H
#define TRACT_CAPABILITY_H

#include <tract/shared.h>

TRACT_BEGIN_DECLS

/* The lowest three are a permission. */
enum tract_cap_right {
	TRACT_CAP_READ = 0x01,
	TRACT_CAP_WRITE = 0x02,
	TRACT_CAP_EXECUTE = 0x04,
	TRACT_CAP_GRANT = 0x08,	 /* to derive, to offer and to grant */
	TRACT_CAP_REVOKE = 0x10, /* to end what is below it, and mappings made with that */
	TRACT_CAP_DELETE = 0x20, /* to end the region */
	TRACT_CAP_MAP = 0x40,	 /* to map it */
};

enum tract_cap_state {
	TRACT_CAP_OFFERED = 1, /* and not taken yet */
	TRACT_CAP_HELD = 2,
	TRACT_CAP_REVOKED = 3,
	TRACT_CAP_DELETED = 4, /* given up, or its holder has died */
};

enum tract_offer_mode {
	TRACT_OFFER_MOVE = 0,  /* the receiver is the owner, the sender has nothing left */
	TRACT_OFFER_SHARE = 1, /* reading, writing and mapping */
	TRACT_OFFER_SNAPSHOT =
		2, /* the content of that moment; stores are the receiver's own */
};
/* Or'ed to TRACT_OFFER_MOVE: what third parties have is revoked. */
#define TRACT_OFFER_EXCLUSIVE 0x100u

struct tract_cap_info {
	uint64_t token;
	uint64_t region;  /* number */
	uint64_t size;	  /* of the region, bytes */
	uint32_t rights;  /* enum tract_cap_right */
	uint32_t state;	  /* TRACT_CAP_OFFERED or TRACT_CAP_HELD */
	uint32_t mode;	  /* enum tract_offer_mode: of a move only while it is offered */
	uint32_t inherit; /* enum tract_cap_inherit_flag */
};

/* ---- capabilities ----------------------------------------------------------------------- */

/* The owner's own token, which has all its rights.  Return: 0, -EINVAL, -EACCES (not the
 * owner). */
TRACT_API int tract_cap_root(struct tract_shared *shared, uint64_t *ret_token);

/* What a token stands for that the caller holds or is offered.  Return: 0, -EINVAL, -EBADF (it
 * is, or is now, none of the caller's), or as tract_reconnect(). */
TRACT_API int tract_cap_look(struct tract *ctx, uint64_t token,
			     struct tract_cap_info *ret_info);

/* The caller's token after @after, in no promised order; 0 begins.  Return: 0, -EINVAL, -ENOENT
 * (there are no more), or as tract_reconnect(). */
TRACT_API int tract_cap_next(struct tract *ctx, uint64_t after,
			     struct tract_cap_info *ret_info);

/* Does it stand for at least these rights, at this moment?  Return: 0, -EINVAL, -EBADF,
 * -EACCES (it has fewer), or as tract_reconnect(). */
TRACT_API int tract_cap_check(struct tract *ctx, uint64_t token, uint32_t required);

/**
 * tract_cap_derive() - make one of fewer rights
 * @parent:  a token that the caller holds, with TRACT_CAP_GRANT
 * @rights:  of those of the parent
 * @process: whose it is to be; to oneself it is held at once, to others it is offered
 *
 * Return: 0, or
 *   -EINVAL  NULL, or no right
 *   -EBADF   the parent is none of the caller's, or only offered to it
 *   -EACCES  it cannot grant, or has not these rights itself
 *   -ESRCH   there is no such process
 *   -EBUSY   the region is changing hands or memory
 *   -EDQUOT  that process has as many capabilities as one may have, or as many offers of the
 *            caller's user as it takes of another's: a quarter of that
 *   -ENOMEM, or as tract_reconnect()
 */
TRACT_API int tract_cap_derive(struct tract *ctx, uint64_t parent, uint32_t rights,
			       uint64_t process, uint64_t *ret_token);

/**
 * tract_cap_take() - take what is offered, and do not map it
 * @ret_shared: a handle for the region, given up with tract_shared_close()
 *
 * What is held already gives another handle.  A move is done when this returns: the sender has
 * nothing left.
 *
 * Return: 0, -EINVAL, -EBADF, -ENOMEM, or as tract_reconnect(); of a move also what
 * tract_shared_unmap() says of the sender.
 */
TRACT_API int tract_cap_take(struct tract *ctx, uint64_t token,
			     struct tract_shared **ret_shared);

/**
 * tract_cap_map() - the same, and map it: both or neither
 * @offered:    only if it was not taken before
 * @addr:       as for tract_shared_map()
 * @permission: likewise; of a snapshot also writing, which the caller alone sees
 *
 * Return: 0, or as tract_cap_take() and tract_shared_map(), and -EACCES: it has no
 * TRACT_CAP_MAP.
 */
TRACT_API int tract_cap_map(struct tract *ctx, uint64_t token, bool offered, void **addr,
			    uint32_t permission, struct tract_shared **ret_shared);

/**
 * tract_cap_revoke() - end a capability and all below it
 * @token:     the caller's, or one below a token of the caller's with TRACT_CAP_REVOKE
 * @force:     enum tract_force; how mappings end that were made with them
 * @ret_count: how many; 0: it was revoked before, and that is over.  NULL is allowed
 *
 * Return: 0, or
 *   -EINVAL  NULL
 *   -EBADMSG no such force
 *   -EBADF   unknown to the caller
 *   -EACCES  not below one with TRACT_CAP_REVOKE; or the caller's own root
 *   -EREMOTEIO, -ETIMEDOUT, -EBUSY, -ENOMEM, -EMFILE  nothing can be done with them any more,
 *            but mappings made before may be there still
 *   or as tract_reconnect()
 */
TRACT_API int tract_cap_revoke(struct tract *ctx, uint64_t token, uint32_t force,
			       uint32_t *ret_count);

/* Gives one up, or declines it; what is below gets its parent.  What the caller mapped with it
 * is taken back.  Return: 0, -EINVAL, -EBADF, -EACCES (the root: end the region), or as
 * tract_reconnect(). */
TRACT_API int tract_cap_delete(struct tract *ctx, uint64_t token);

/* ---- children, and other programs ------------------------------------------------------- */

/* What is marked on a capability; TRACT_CAP_INHERITABLE at first. */
enum tract_cap_inherit_flag {
	TRACT_CAP_INHERITABLE = 1,   /* tract_cap_inherit() passes it on */
	TRACT_CAP_PRESERVE_EXEC = 2, /* tract_cap_ticket() keeps it */
	TRACT_CAP_REDUCE_RIGHTS = 4, /* without TRACT_CAP_GRANT and TRACT_CAP_REVOKE */
	TRACT_CAP_START_DISABLED =
		8, /* a child has to take it, as any offer, before it counts */
};

enum tract_inherit_policy {
	TRACT_INHERIT_NONE = 0,
	TRACT_INHERIT_ALL = 1,	   /* whatever is marked */
	TRACT_INHERIT_MARKED = 2,  /* what is TRACT_CAP_INHERITABLE */
	TRACT_INHERIT_REDUCED = 3, /* the same, all with TRACT_CAP_REDUCE_RIGHTS */
	TRACT_INHERIT_CUSTOM = 4,  /* the same as TRACT_INHERIT_MARKED */
};

/* Says what is to become of a capability of the caller's: flags of enum
 * tract_cap_inherit_flag.  Return: 0, -EINVAL (NULL, or unknown flags), -EBADF, or as
 * tract_reconnect(). */
TRACT_API int tract_cap_mark(struct tract *ctx, uint64_t token, uint32_t flags);

/**
 * tract_cap_inherit() - give a child process what the caller has
 * @process:   number of the child, which has attached and said it (tract_process())
 * @policy:    enum tract_inherit_policy
 * @ret_count: of capabilities that it was given; NULL is allowed
 *
 * A child of fork has nothing of its parent's.  This gives it, for each capability that the
 * caller holds and @policy means, one like it, below it, so that it ends with it.  The child
 * holds them at once, or is offered them; tract_cap_next() tells which.  What was inherited is
 * marked as what it is like.  Asking again gives it more of them.
 *
 * It needs no TRACT_CAP_GRANT, but a child: the kernel must say that @process is one, and it
 * must be of the same user.  The root gives a capability with all rights of the owner, and no
 * ownership.  Offers, snapshots and what is left of orphans are not passed on.
 *
 * Return: 0, or
 *   -EINVAL  NULL
 *   -EBADMSG no such policy
 *   -ESRCH   there is no such process
 *   -EACCES  it is no child of the caller's, or of another user, or the node cannot tell
 *   -EBUSY   one of the regions is changing hands or memory
 *   -EDQUOT  the child would have more capabilities than a process may have
 *   -ENOMEM, or as tract_reconnect()
 */
TRACT_API int tract_cap_inherit(struct tract *ctx, uint64_t process, uint32_t policy,
				uint32_t *ret_count);

/* Bytes of a ticket, which is text, with its end. */
#define TRACT_TICKET_SIZE 33

/**
 * tract_cap_ticket() - keep capabilities for the program that this process will be
 * @ret_ticket: of TRACT_TICKET_SIZE bytes; to be handed to that program, and to nobody else
 * @ret_count:  of capabilities that are kept; NULL is allowed
 *
 * With exec all that a process has on the node ends.  This keeps, for each capability that it
 * holds and has marked TRACT_CAP_PRESERVE_EXEC, one like it, below it, until the next program
 * shows the ticket, or for a minute.  The ticket is of use once, and to this process alone,
 * as another program.  Another ticket takes the place of this one.
 *
 * Ownership is not kept: regions of the caller's are orphans meanwhile and afterwards, as long
 * as somebody uses them or they are kept.
 *
 * Return: 0, -EINVAL, -EBUSY, -EDQUOT, -ENOMEM as for tract_cap_inherit(), or as
 * tract_reconnect().
 */
TRACT_API int tract_cap_ticket(struct tract *ctx, char *ret_ticket, uint32_t *ret_count);

/* Shows a ticket: what was kept is offered to the caller from now on.  Return: 0, -EINVAL
 * (NULL, or no ticket), -EBADF (it is none of this process's, was shown already, or is too
 * old), -EDQUOT, -ENOMEM, or as tract_reconnect(). */
TRACT_API int tract_cap_redeem(struct tract *ctx, const char *ticket, uint32_t *ret_count);

/* ---- offers ----------------------------------------------------------------------------- */

struct tract_offer {
	uint64_t token;
	uint64_t region; /* number */
	uint64_t from;	 /* number of the process */
	uint32_t mode;	 /* enum tract_offer_mode */
	uint32_t rights; /* enum tract_cap_right */
};

struct tract_transfer {
	uint64_t token;	 /* the receiver's */
	uint32_t rights; /* that it has */
	uint32_t force;	 /* of a move: the strength that was reached */
	uint64_t copied; /* bytes; 0: no byte was */
};

/**
 * tract_offer() - offer a region to a process
 * @mode:  enum tract_offer_mode, perhaps with TRACT_OFFER_EXCLUSIVE
 * @force: of a move: how the caller's own access is ended, enum tract_force
 *
 * By the owner; all but a move also by a holder of TRACT_CAP_GRANT.  The process learns of it
 * from tract_offer_wait(), or is told the token.  Rights are the mode's, within the ceiling and
 * the caller's own.
 *
 * A snapshot is of the content as it is when this is called.  It costs a copy unless the region
 * is TRACT_SHARED_FREEZABLE and nobody else can write to it: then it is frozen, for good, and
 * whoever has it mapped writes for himself from now on.
 *
 * Return: 0, or
 *   -EINVAL  NULL; or a share or a snapshot to oneself
 *   -EBADMSG no such mode, or no such force
 *   -EACCES  not the owner, of a move; no TRACT_CAP_GRANT; or reading is not among the rights
 *   -ESRCH   there is no such process
 *   -EBUSY   the region is changing hands or memory
 *   -EDQUOT  the process has as many capabilities as one may have; a snapshot: its user's share
 *   -ENOMEM, -EMFILE
 */
TRACT_API int tract_offer(struct tract_shared *shared, uint64_t process, uint32_t mode,
			  uint32_t force, struct tract_transfer *ret_offered);

/**
 * tract_transfer() - the same, and wait until a move is done
 * @timeout_ms: for the receiver to take a move; negative: for ever
 *
 * Once the receiver is taking it, the end of that is waited for, which the broker sees to.
 *
 * Return: as tract_offer(), and of a move, after which all is as it was before:
 *   -ETIMEDOUT    the receiver did not take it, or the caller's own library did not let go
 *   -ECANCELED    it was revoked
 *   -ECONNREFUSED the receiver declined it
 *   -ESRCH        the receiver has died
 *   -EREMOTEIO    TRACT_FORCE_VERIFY: the caller kept the memory
 *   -EADDRINUSE   the receiver had something else mapped where it was to be
 */
TRACT_API int tract_transfer(struct tract_shared *shared, uint64_t process, uint32_t mode,
			     uint32_t force, int timeout_ms,
			     struct tract_transfer *ret_transfer);

/**
 * tract_offer_wait() - the next offer to this process
 * @timeout_ms: 0 does not wait, negative: for ever
 *
 * Every offer once, in their order; what was derived for this process is one too, of mode
 * TRACT_OFFER_SHARE.
 *
 * Return: 0, -EINVAL, -EAGAIN (none, and @timeout_ms is 0), -ETIMEDOUT, or as
 * tract_reconnect().
 */
TRACT_API int tract_offer_wait(struct tract *ctx, int timeout_ms,
			       struct tract_offer *ret_offer);

/* ---- notices ---------------------------------------------------------------------------- */

enum tract_notice_reason {
	TRACT_NOTICE_EXPLICIT = 0, /* somebody revoked it */
	TRACT_NOTICE_PARENT = 1,   /* or one above it */
	TRACT_NOTICE_EXIT = 2,	   /* its holder has died; told to the region's owner */
	TRACT_NOTICE_POLICY = 3,   /* the node decided so */
};

struct tract_notice {
	uint64_t token;
	uint64_t seconds; /* since the host started */
	uint32_t reason;  /* enum tract_notice_reason */
	uint32_t left;	  /* how many are kept still */
	uint64_t dropped; /* for want of room, since that was last said */
};

/* What ended of the caller's, oldest first; 256 are kept.  With @keep it is only looked at.
 * Return: 0, -EINVAL, -EAGAIN (nothing), or as tract_reconnect(). */
TRACT_API int tract_notice_next(struct tract *ctx, bool keep, struct tract_notice *ret_notice);

TRACT_END_DECLS

#endif
