/* SPDX-License-Identifier: MIT */
/*
 * cap.h - capabilities: who may do what with a governed object
 *
 * Each object has one root, its owner's, and every other capability on it has exactly one
 * parent.  What counts is this tree; a token (cap_token.h) only says which entry of the
 * holder's own table is meant.  A holder embeds a cap_table, what is governed a cap_object, and
 * all of one registry share a cap_space, which draws the ids.  Nothing here knows clients,
 * regions, mappings or the time: whoever calls is told what ended, and ends the rest.
 *
 * A capability is OFFERED until its target takes it, then HELD, until it is REVOKED together
 * with all below it, or DELETED by its holder, when those below it move up to its parent.
 * An offer answers cap_require() and cap_info() for its target, and nothing can be derived
 * from it.  The root of an object whose owner died has no holder and goes on holding the tree.
 *
 * What fails changes nothing.  It fails with
 *
 *	-EINVAL  InvalidArgument, and of a mode InvalidMessage
 *	-EBADF   InvalidCapability: not, or no longer, in the caller's table
 *	-EACCES  PermissionDenied: a right or ownership is missing, or more was asked than is
 *held -ESRCH   ProcessNotFound: the target table is NULL -EBUSY   ResourceBusy: a Move is
 *offered, nothing new is made meanwhile -EDQUOT  OutOfMemory: the target's table is full, or
 *has as many offers of the caller's group as it takes, or there are no more ids -ENOMEM
 *OutOfMemory
 *
 * of which the first in this order wins.
 *
 * An ended capability's record is freed at once.  So that a late call learns what it should
 * ("already revoked" rather than "unknown"), each table remembers the last CAP_REMEMBERED
 * tokens that ended and were held, granted or revoked by it; older ones are unknown to it.
 *
 * Looking up takes the same time however much there is.  Where work grows, it is said; depth is
 * never recursed on.
 */
#ifndef REGISTRY_CAP_H
#define REGISTRY_CAP_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/cap_index.h"
#include "registry/cap_past.h"
#include "registry/cap_token.h"

enum cap_right {
	CAP_READ = 0x01,
	CAP_WRITE = 0x02,
	CAP_EXECUTE = 0x04,
	CAP_GRANT = 0x08,
	CAP_REVOKE = 0x10,
	CAP_DELETE = 0x20,
	CAP_MAP = 0x40,
};

/* A permission is the same as these rights; the others manage. */
#define CAP_ACCESS (CAP_READ | CAP_WRITE | CAP_EXECUTE)
#define CAP_MANAGEMENT (CAP_GRANT | CAP_REVOKE | CAP_DELETE | CAP_MAP)

enum cap_state {
	CAP_OFFERED = 1,
	CAP_HELD = 2,
	CAP_REVOKED = 3,
	CAP_DELETED = 4,
};

enum cap_mode {
	CAP_MOVE = 0,
	CAP_SHARE = 1,
	CAP_COPY_ON_WRITE = 2,
};

/* Or'ed into CAP_MOVE: nobody but the receiver keeps anything. */
#define CAP_EXCLUSIVE 0x100u

/* What a child process, or the next program of the same process, may be given. */
enum cap_inherit {
	CAP_INHERITABLE = 1,
	CAP_PRESERVE_EXEC = 2,
	CAP_REDUCE_RIGHTS = 4,
	CAP_START_DISABLED = 8,
};

#define CAP_LIMIT_DEFAULT 256u

struct move;
struct snapshot;

LIST_HEAD(cap_list, cap);
LIST_HEAD(cap_tables, cap_table);
LIST_HEAD(cap_objects, cap_object);
TAILQ_HEAD(cap_queue, cap);

struct cap {
	uint64_t token;
	struct cap_object *object;
	struct cap_table *holder; /* or whom it is offered to; NULL: root of an orphan */
	struct cap *parent;	  /* NULL: the root */
	struct cap_list children;
	uint32_t rights;
	enum cap_state state;
	enum cap_state was;	/* when it ended */
	enum cap_reason reason; /* of its end */
	enum cap_mode mode;
	bool exclusive;
	bool root;	/* it takes no room in its holder's table */
	uint32_t group; /* of the table that it was made from */
	uint32_t inherit;
	/* The user's own, zero at first and not looked at here. */
	struct {
		uint64_t from; /* who made it */
		bool grant;    /* to be taken up by mapping, and no offer */
		bool used;     /* memory was given out under it */
		bool taking;   /* its target takes it, and waits */
		bool queued;   /* its target was not told of the offer yet */
		uint32_t force;
		struct move *move;
		struct snapshot *snapshot;
		TAILQ_ENTRY(cap) of_offers;
	} user;
	struct cap *next_in_bucket;
	LIST_ENTRY(cap) siblings;
	LIST_ENTRY(cap) of_table;
};

struct cap_space {
	uint64_t last_id;
	struct cap_index index;
	struct cap_tables tables;
	struct cap_objects objects;
};

/* One per holder. */
struct cap_table {
	struct cap_space *space;
	uint32_t limit;
	uint32_t count; /* held and offered, besides roots */
	uint32_t roots;
	uint32_t group; /* of whom it is one's */
	uint32_t crowd; /* offers that it may have of any other group; 0: no matter */
	struct cap_list caps;
	struct cap_past *past; /* made with its first capability */
	LIST_ENTRY(cap_table) of_space;
};

/* One per governed object. */
struct cap_object {
	struct cap_space *space;
	uint64_t id;	  /* the user's */
	uint32_t ceiling; /* CAP_READ, CAP_WRITE, CAP_EXECUTE */
	struct cap *root;
	struct cap *moving; /* the Move that is offered, or NULL */
	bool closed;	    /* the user's wish: nothing new is made for now, -EBUSY */
	uint32_t live;	    /* capabilities, the root among them */
	uint32_t offers;    /* of those, what is offered */
	LIST_ENTRY(cap_object) of_space;
};

struct cap_info {
	uint64_t object;
	uint32_t rights;
	enum cap_state state;
};

/*
 * Goes along with whatever ends capabilities.  ended() is called for each, in no promised
 * order, after the last of them has lost its authority: @cap is in no table and no tree
 * any more, its parent and children say nothing, and it is freed afterwards.
 */
struct cap_end {
	uint64_t seconds; /* since boot, for the notices */
	void (*ended)(void *arg, struct cap *cap);
	void *arg;
};

/* ---- space, tables, objects ------------------------------------------------------------- */

/* @seed: random, so that nobody can choose ids that collide in the index. */
void cap_space_init(struct cap_space *space, uint64_t seed);
/* No table and no object is left. */
void cap_space_deinit(struct cap_space *space);

/* For @limit capabilities.  Roots do not count: who owns an object pays for it as such. */
void cap_table_init(struct cap_table *table, struct cap_space *space, uint32_t limit);
/* It is one of @group's, and takes at most @crowd offers of each other group. */
void cap_table_belong(struct cap_table *table, uint32_t group, uint32_t crowd);
/*
 * Its process is gone.  What it held is deleted, and what was offered to it; roots stay without
 * a holder.  An object's owner is told with CAP_PROCESS_EXIT of each on his object.  The work
 * is the table's capabilities and their children.
 */
void cap_table_end(struct cap_table *table, const struct cap_end *end);

/* Makes the root, with all the rights of an owner under @ceiling.  0, -EDQUOT, -ENOMEM. */
int cap_object_init(struct cap_object *object, struct cap_space *space, uint64_t id,
		    uint32_t ceiling, struct cap_table *owner);
/*
 * It is gone, and all its capabilities are revoked: the root with @reason, and the others with
 * CAP_PARENT_REVOKED if that is CAP_EXPLICIT.  The work is its capabilities.
 */
void cap_object_end(struct cap_object *object, enum cap_reason reason,
		    const struct cap_end *end);
/* @ceiling is not higher than the old one; no capability keeps more.  The work is all of them.
 */
void cap_object_lower(struct cap_object *object, uint32_t ceiling);

/* ---- finding ---------------------------------------------------------------------------- */

/* In @table, held or offered, or NULL. */
struct cap *cap_find(const struct cap_table *table, uint64_t token);
/* The same, if it has all rights of @required.  0, -EBADF, -EACCES. */
int cap_require(const struct cap_table *table, uint64_t token, uint32_t required,
		struct cap **ret_cap);
/* 0, -EBADF. */
int cap_info(const struct cap_table *table, uint64_t token, struct cap_info *ret_info);
/* What became of a token that @table has, or had as far as it remembers; 0: unknown. */
enum cap_state cap_fate(const struct cap_table *table, uint64_t token);
/*
 * What @table holds on @object with all rights of @required: the root if it can be, or NULL.
 * An owner is known at once; for others the work is the table's capabilities.
 */
struct cap *cap_held_on(const struct cap_table *table, const struct cap_object *object,
			uint32_t required);

/* ---- making ----------------------------------------------------------------------------- */

/*
 * What create_capability does: offers @object to @target in a mode, under the root if @by is
 * the owner, or else under what it holds with CAP_GRANT.  The rights are the mode's and
 * CAP_MAP, as far as ceiling and parent have them; without CAP_READ among them it is -EACCES.
 *
 * A Move is the owner's, and there is one at a time.  To oneself it changes nothing, and the
 * root is returned; other modes to oneself are -EINVAL.
 *
 * 0, -EINVAL, -EACCES, -ESRCH, -EBUSY, -EDQUOT, -ENOMEM.
 */
int cap_create(struct cap_table *by, struct cap_object *object, struct cap_table *target,
	       uint32_t mode, struct cap **ret_cap);

/* What cap_create() would say now, up to -EDQUOT. */
int cap_could_create(const struct cap_table *by, const struct cap_object *object,
		     const struct cap_table *target, uint32_t mode);

/*
 * Derives from @parent, which its holder holds with CAP_GRANT: HELD if @target is that holder,
 * OFFERED to everybody else.  More rights than @parent has are -EACCES, none are -EINVAL.
 * 0, -EINVAL, -EACCES, -ESRCH, -EBUSY, -EDQUOT, -ENOMEM.
 */
int cap_derive_from(struct cap *parent, uint32_t rights, struct cap_table *target,
		    struct cap **ret_cap);
/* The same by token; also -EBADF, after -EINVAL. */
int cap_derive(struct cap_table *by, uint64_t parent, uint32_t rights, struct cap_table *target,
	       struct cap **ret_cap);
/* With as many of @rights as @parent has: (*ret_cap)->rights.  None of them is -EACCES. */
int cap_derive_within(struct cap_table *by, uint64_t parent, uint32_t rights,
		      struct cap_table *target, struct cap **ret_cap);
/* With all that @parent has, except CAP_GRANT. */
int cap_delegate(struct cap_table *by, uint64_t parent, struct cap_table *target,
		 struct cap **ret_cap);

/*
 * Like @parent, one below it, which needs no CAP_GRANT: for whom the caller knows to be as good
 * as its holder.  Without CAP_GRANT and CAP_REVOKE if @reduced, or if @parent is marked so.
 * -EINVAL if nothing is left, -EBUSY, -EDQUOT, -ENOMEM.
 */
int cap_inherit(struct cap *parent, struct cap_table *target, enum cap_state state,
		bool reduced, struct cap **ret_cap);
/* An offer is another table's.  0, -EDQUOT, -ENOMEM. */
int cap_readdress(struct cap *cap, struct cap_table *to);

/*
 * Takes an offer.  What is held already is returned again; what a Move offers is taken with
 * cap_move(), once.  0, -EBADF.
 */
int cap_redeem(struct cap_table *table, uint64_t token, struct cap **ret_cap);
/* Unknown flags are -EINVAL; then -EBADF. */
int cap_set_inherit(struct cap_table *table, uint64_t token, uint32_t inherit);

/* ---- ending ----------------------------------------------------------------------------- */

/* May @by revoke @token?  0 and the capability, or NULL if it knows that to be revoked already;
 * -EBADF, -EACCES. */
int cap_revocable(const struct cap_table *by, uint64_t token, struct cap **ret_cap);
/*
 * Revokes @token and all below it, in one step: what @by has itself, or anything below what it
 * holds with CAP_REVOKE.  What @by knows to be revoked already is 0 with a count of 0.  One's
 * own root is -EACCES.  Somebody else's is -EACCES for who holds something on the same object,
 * and -EBADF for all others.  The work is the subtree, and the path up to the root.
 */
int cap_revoke(struct cap_table *by, uint64_t token, const struct cap_end *end,
	       uint32_t *ret_count);
/* The same by the registry's own authority; how many. */
uint32_t cap_revoke_by_policy(struct cap *cap, const struct cap_end *end);
/* The same for somebody who may, CAP_EXPLICIT. */
uint32_t cap_withdraw(struct cap *cap, const struct cap_end *end);
/*
 * Gives it up, or declines it; its children get its parent.  The root is -EACCES: the object
 * is to be destroyed.  0, -EBADF, -EACCES.  The work is its children.
 */
int cap_delete(struct cap_table *table, uint64_t token, const struct cap_end *end);

/* ---- another owner ---------------------------------------------------------------------- */

/*
 * The root goes to @to, as it is, with the tree below it; also that of an orphan.  To its
 * holder is 0.  0, -ESRCH, -EBUSY, -EDQUOT, -ENOMEM.
 */
int cap_hand_over(struct cap_object *object, struct cap_table *to);
/*
 * Completes the Move that @token offers to @to: it becomes the root, with all the old root's
 * rights.  All that the sender has on the object is revoked, CAP_EXPLICIT; what others have
 * stays and moves up to their next ancestor that stays, the new root at last.  An exclusive
 * Move revokes all that is not @to's.  0, -EBADF.  The work is the object's capabilities.
 */
int cap_move(struct cap_table *to, uint64_t token, const struct cap_end *end);

/* ---- notices ---------------------------------------------------------------------------- */

/*
 * A holder's last CAP_NOTICES revocations, and an owner's of what ended because its holder
 * did; older ones are dropped and counted.
 */
uint32_t cap_notices_count(const struct cap_table *table);
/* The oldest, which stays. */
bool cap_notices_peek(const struct cap_table *table, struct cap_notice *ret_notice);
/* How many, oldest first; and how many were dropped since the last time. */
uint32_t cap_notices_drain(struct cap_table *table, struct cap_notice *notices,
			   uint32_t capacity, uint64_t *ret_dropped);

/* Is every invariant of all that is in @space true?  If not, the first that is not. */
bool cap_check(const struct cap_space *space, const char **ret_broken);

#endif
