/* SPDX-License-Identifier: MIT */
/*
 * shared_region.h - memory with one owner, as VeridianOS' SharedRegion
 *
 * A region is some pages of memory that several processes may map.  One process owns it, and a
 * ceiling says what anybody may ever do with it.  The owner maps it, lets others map it, hands
 * it over, gives a snapshot of it away, and takes it back.  What a process may do is recorded
 * by the broker as a capability; a token is the holder's name for one of his, and of no use to
 * anybody else.
 *
 * Link with -lshared-region.  Functions return 0, or a negative code of enum
 * shared_region_error, in words with shared_region_strerror(); what they set is set on success
 * only.  Errors are found in this order: the shape of the arguments, the caller's authority,
 * whether other processes exist, the state of the region, resources.  A call that fails has
 * changed nothing.
 *
 * What is wrong with the arguments is found without the broker.  When it is gone, everything
 * that needs it answers SHARED_REGION_CONNECTION_LOST, for good; what is mapped stays readable
 * and writable, and a new broker knows none of the old tokens.  A region that is gone is
 * SHARED_REGION_INVALID_MEMORY_REGION for every call on it but id and size.
 *
 * Every function may be called from any thread.  None is async-signal-safe.  A child of fork
 * has no client: what it inherited answers SHARED_REGION_NOT_INITIALIZED, and mappings are not
 * there.  A NULL handle is SHARED_REGION_INVALID_ARGUMENT, or 0 or false where there is no
 * error to return; so is a NULL pointer to something that is not marked as optional.
 */
#ifndef SHARED_REGION_H
#define SHARED_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- numbers ---------------------------------------------------------------------------- */

/*
 * A process that is attached.  The broker counts from 1 and uses none twice; this is not the
 * kernel's process id.  0 is no process.
 */
typedef uint64_t shared_region_pid;
/* A token; 0 is none.  See shared_region_cap_pack(). */
typedef uint64_t shared_region_cap;
typedef uint32_t shared_region_rights; /* enum shared_region_right, or'ed */
typedef struct shared_region_client shared_region_client;
typedef struct shared_region shared_region;

/* What a mapping, or a ceiling, allows: these five and no other combination. */
enum shared_region_perm {
	SHARED_REGION_READ = 1,
	SHARED_REGION_WRITE = 3, /* and read */
	SHARED_REGION_EXECUTE = 4,
	SHARED_REGION_READ_EXECUTE = 5,
	SHARED_REGION_READ_WRITE_EXECUTE = 7
};

enum shared_region_cache {
	SHARED_REGION_WRITE_BACK = 0, /* ordinary memory; the only one that is granted */
	SHARED_REGION_WRITE_THROUGH = 1,
	SHARED_REGION_UNCACHED = 2,
	SHARED_REGION_WRITE_COMBINING = 3
};

enum shared_region_mode {
	SHARED_REGION_MOVE = 0,	 /* the receiver becomes the owner, the sender loses all */
	SHARED_REGION_SHARE = 1, /* both have access */
	SHARED_REGION_COPY_ON_WRITE = 2 /* the receiver has the content as it is now */
};
/* Or'ed to SHARED_REGION_MOVE: whatever third parties hold is revoked. */
#define SHARED_REGION_EXCLUSIVE 0x100

/* How access that is mapped already is ended; each guarantees more and costs more. */
enum shared_region_force {
	SHARED_REGION_ASK = 0,	  /* the holder's library lets go and says so */
	SHARED_REGION_VERIFY = 1, /* and the broker looks whether it did */
	SHARED_REGION_FENCE =
		2,	       /* everybody else moves to fresh memory; the holder has zeros */
	SHARED_REGION_KILL = 3 /* the holder is killed */
};
/* FENCE where the holder is of another user than the caller, ASK otherwise. */
#define SHARED_REGION_FORCE_DEFAULT 255

enum shared_region_right {
	SHARED_REGION_RIGHT_READ = 0x01,
	SHARED_REGION_RIGHT_WRITE = 0x02,
	SHARED_REGION_RIGHT_EXECUTE = 0x04,
	SHARED_REGION_RIGHT_GRANT = 0x08,  /* to derive and to hand out */
	SHARED_REGION_RIGHT_REVOKE = 0x10, /* to revoke what was derived */
	SHARED_REGION_RIGHT_DELETE = 0x20, /* to destroy the region */
	SHARED_REGION_RIGHT_MAP = 0x40	   /* to map it */
};

enum shared_region_error {
	SHARED_REGION_INVALID_CAPABILITY = -1,
	SHARED_REGION_PROCESS_NOT_FOUND = -2,
	SHARED_REGION_ENDPOINT_NOT_FOUND = -3,
	SHARED_REGION_MESSAGE_TOO_LARGE = -4,
	SHARED_REGION_OUT_OF_MEMORY = -5,
	SHARED_REGION_WOULD_BLOCK = -6,
	SHARED_REGION_RATE_LIMIT_EXCEEDED = -7,
	SHARED_REGION_TIMEOUT = -8,
	SHARED_REGION_PERMISSION_DENIED = -9,
	SHARED_REGION_INVALID_MESSAGE = -10,
	SHARED_REGION_CHANNEL_FULL = -11,
	SHARED_REGION_CHANNEL_EMPTY = -12,
	SHARED_REGION_ENDPOINT_BUSY = -13,
	SHARED_REGION_INVALID_MEMORY_REGION = -14,
	SHARED_REGION_RESOURCE_BUSY = -15,
	SHARED_REGION_NOT_INITIALIZED = -16,
	SHARED_REGION_NOT_SUPPORTED = -64,
	SHARED_REGION_INVALID_ARGUMENT = -65,
	SHARED_REGION_PEER_UNCOOPERATIVE = -66,
	SHARED_REGION_CONNECTION_LOST = -67
};

enum shared_region_attach_flag {
	SHARED_REGION_ACCEPT_REMOTE_MAPS =
		1 /* owners may map their regions into this process */
};

enum shared_region_flag {
	SHARED_REGION_STRICT_NODE = 1,	  /* all pages on the node, or no region */
	SHARED_REGION_CACHE_FALLBACK = 2, /* write-back will do instead of the policy */
	SHARED_REGION_FREEZABLE = 4,	  /* snapshots without a copy; see transfer */
	SHARED_REGION_HUGE_PAGES = 8	  /* where the host has them */
};

#define SHARED_REGION_NUMA_ANY UINT32_MAX

/* shared_region_cap_info.state */
enum shared_region_cap_state {
	SHARED_REGION_CAP_OFFERED = 1, /* to its target, which has not taken it yet */
	SHARED_REGION_CAP_HELD = 2,
	SHARED_REGION_CAP_REVOKED = 3,
	SHARED_REGION_CAP_DELETED = 4
};

/* shared_region_notice.reason */
enum shared_region_reason {
	SHARED_REGION_REVOKED_EXPLICITLY = 0,
	SHARED_REGION_PARENT_REVOKED = 1,
	SHARED_REGION_PROCESS_EXIT = 2,
	SHARED_REGION_POLICY_ENFORCED = 3
};

struct shared_region_transfer_report {
	shared_region_cap cap;	/* as the receiver knows it */
	uint64_t bytes_copied;	/* 0: not one */
	uint32_t force_reached; /* enum shared_region_force */
};

struct shared_region_offer {
	shared_region_cap cap;
	uint64_t region_id;
	shared_region_pid from;
	uint32_t mode; /* enum shared_region_mode */
	shared_region_rights rights;
};

struct shared_region_cap_info {
	uint64_t region_id;
	shared_region_rights rights;
	uint32_t state; /* enum shared_region_cap_state */
};

/* Since the client attached. */
struct shared_region_stats {
	uint64_t pages, bytes, transfers, bytes_copied;
	uint64_t average_ns; /* of a transfer, as the sender saw it */
};

struct shared_region_notice {
	shared_region_cap cap;
	uint64_t seconds; /* since the host started */
	uint32_t reason;  /* enum shared_region_reason */
};

/* ---- processes -------------------------------------------------------------------------- */

/**
 * shared_region_attach() - become a process that has regions
 * @path:  the broker's directory, or NULL for the default, see tract(7)
 * @flags: SHARED_REGION_ACCEPT_REMOTE_MAPS or 0
 *
 * Starts the broker if there is none.  The client is given up with shared_region_detach().
 *
 * Return: 0, or CONNECTION_LOST (no broker can be had), PERMISSION_DENIED (by the directory),
 * OUT_OF_MEMORY, INVALID_ARGUMENT (an unknown flag).
 */
int shared_region_attach(const char *path, uint32_t flags, shared_region_client **ret_client);

/* Unmaps all that was mapped through the client, and ends it: what this process owned and
 * nobody else uses is destroyed.  Handles of regions are released by the caller.  NULL is
 * allowed. */
void shared_region_detach(shared_region_client *client);

/* This process's number; 0 for NULL. */
shared_region_pid shared_region_self(const shared_region_client *client);

/* Is what others may only read kept from being written by the kernel, also for processes of
 * this user?  See docs/enforcement.md. */
bool shared_region_is_strong(const shared_region_client *client);

/* ---- making, finding, ending ------------------------------------------------------------ */

/**
 * shared_region_new() - make a region
 * @owner: this process
 * @size:  bytes; rounded up to whole pages
 * @perm:  the ceiling: no mapping and no capability ever goes beyond
 *
 * Its content is zero, and its memory is there from the start.  The handle is given up with
 * shared_region_release(); the region stays.
 *
 * Return: 0, or INVALID_MEMORY_REGION (no size, or one that cannot be), INVALID_MESSAGE (@perm
 * is none of the five), PERMISSION_DENIED (@owner is somebody else), PROCESS_NOT_FOUND
 * (nobody), OUT_OF_MEMORY (of the host, or the user's share).
 */
int shared_region_new(shared_region_client *client, shared_region_pid owner, size_t size,
		      uint32_t perm, shared_region **ret_region);

/**
 * shared_region_new_with_policy() - the same with a ceiling of read and write
 * @cache:     enum shared_region_cache
 * @numa_node: where its pages shall be, or SHARED_REGION_NUMA_ANY
 * @flags:     enum shared_region_flag
 *
 * Without STRICT_NODE other nodes will do; shared_region_placement() tells what was got.
 *
 * Return: as shared_region_new(), and NOT_SUPPORTED (a cache policy other than write-back,
 * without CACHE_FALLBACK; placement, where the host forbids it), INVALID_MESSAGE (no cache
 * policy), INVALID_ARGUMENT (an unknown flag), INVALID_MEMORY_REGION (no such node),
 * OUT_OF_MEMORY (STRICT_NODE, and there is not enough on it).
 */
int shared_region_new_with_policy(shared_region_client *client, shared_region_pid owner,
				  size_t size, uint32_t cache, uint32_t numa_node,
				  uint32_t flags, shared_region **ret_region);

/* shared_region_new() on a node, preferably. */
int shared_region_new_numa(shared_region_client *client, shared_region_pid owner, size_t size,
			   uint32_t perm, uint32_t numa_node, shared_region **ret_region);

/* A handle for a region that the caller owns, has a capability or a grant of, or has mapped.
 * INVALID_MEMORY_REGION: there is none, or it is none of the caller's business. */
int shared_region_open(shared_region_client *client, uint64_t id, shared_region **ret_region);

/* Gives a handle up, and nothing else.  NULL is allowed. */
void shared_region_release(shared_region *region);

/**
 * shared_region_destroy() - end a region
 *
 * For its owner, or who holds DELETE.  Capabilities that nobody has mapped are revoked.  The
 * handle is still to be released.
 *
 * Return: 0, or PERMISSION_DENIED, RESOURCE_BUSY (somebody has it mapped, an offer is open, or
 * a grant, or another node is still being cut off), INVALID_MEMORY_REGION (it is gone).
 */
int shared_region_destroy(shared_region *region);

/* ---- facts ------------------------------------------------------------------------------ */

/* From 1, in the order of making, never used twice; 0 for NULL. */
uint64_t shared_region_id(const shared_region *region);
/* Bytes, rounded; 0 for NULL. */
size_t shared_region_size(const shared_region *region);

/* A true address for as long as the region lives, or NOT_SUPPORTED; or PERMISSION_DENIED, for
 * it is the owner's to know.  *@ret_address is 0 then. */
int shared_region_physical_base(shared_region *region, uint64_t *ret_address);

/* The node that was asked for, or SHARED_REGION_NUMA_ANY. */
int shared_region_numa_node(const shared_region *region, uint32_t *ret_node);

/**
 * shared_region_placement() - where the pages are, as the kernel says
 * @pages_per_node: set for nodes 0 to @nodes - 1
 * @ret_absent:     pages that are nowhere now
 *
 * Return: 0, or NOT_SUPPORTED where the host forbids to ask, INVALID_MEMORY_REGION.
 */
int shared_region_placement(shared_region *region, uint64_t *pages_per_node, size_t nodes,
			    uint64_t *ret_absent);

/* Bytes of all regions that are on a node.  INVALID_MEMORY_REGION: no such node. */
int shared_region_numa_usage(shared_region_client *client, uint32_t node, uint64_t *ret_bytes);

/* Prints what there is to know, for people; addresses of others for the owner only. */
int shared_region_dump(shared_region *region, FILE *out);

/* ---- mapping ---------------------------------------------------------------------------- */

/**
 * shared_region_map() - make all of a region visible in a process
 * @process: this one; or, for the owner, another that accepts remote maps
 * @address: where, page aligned, or NULL for any place
 * @perm:    enum shared_region_perm
 *
 * Nothing that is mapped is ever replaced.  For the owner, and who has a capability with MAP
 * and these rights, or a grant.
 *
 * Return: 0, or INVALID_MESSAGE (@perm), PERMISSION_DENIED (beyond the ceiling or the caller's
 * rights; a third party's process; one that does not accept), PROCESS_NOT_FOUND,
 * INVALID_MEMORY_REGION (mapped there already, misaligned, taken), RESOURCE_BUSY (the region is
 * changing hands or memory), OUT_OF_MEMORY (of addresses), TIMEOUT (a process that does not
 * answer; nothing was mapped).
 */
int shared_region_map(shared_region *region, shared_region_pid process, void *address,
		      uint32_t perm, void **ret_address);

/**
 * shared_region_unmap() - the opposite
 * @force: enum shared_region_force, or SHARED_REGION_FORCE_DEFAULT; for another process
 *
 * Always allowed for oneself; for others to the owner, and to who holds REVOKE on an ancestor
 * of what was mapped with.  The capability stays.
 *
 * Return: 0, or INVALID_MEMORY_REGION (not mapped), PERMISSION_DENIED, PEER_UNCOOPERATIVE (it
 * kept it, and @force allowed no more), TIMEOUT, INVALID_MESSAGE (no such @force).
 */
int shared_region_unmap(shared_region *region, shared_region_pid process, uint32_t force);

/* Where a process has it mapped; for that process and the owner. */
bool shared_region_get_mapping(const shared_region *region, shared_region_pid process,
			       void **ret_address);

/* ---- owners and others ------------------------------------------------------------------ */

/**
 * shared_region_transfer_ownership() - make another process the owner
 *
 * The caller keeps its mapping, which the new owner may revoke, and the capabilities that it
 * holds beside the root.  The new owner's user is charged.
 *
 * Return: 0, or PERMISSION_DENIED (not the owner), PROCESS_NOT_FOUND, OUT_OF_MEMORY (the new
 * owner's share), RESOURCE_BUSY.
 */
int shared_region_transfer_ownership(shared_region *region, shared_region_pid new_owner);

/**
 * shared_region_create_capability() - offer a region to a process
 * @target:     who may take it, with accept or cap_map
 * @mode:       enum shared_region_mode, perhaps with SHARED_REGION_EXCLUSIVE
 * @ret_rights: what it gives, within the ceiling and the caller's own rights; optional
 *
 * Return: 0, or INVALID_MESSAGE (@mode), PERMISSION_DENIED (no GRANT; not the owner, for a
 * Move; nothing would be left of READ), PROCESS_NOT_FOUND, OUT_OF_MEMORY (the target's table is
 * full), RESOURCE_BUSY (a Move is under way), INVALID_ARGUMENT (Share or CopyOnWrite to
 * oneself).
 */
int shared_region_create_capability(shared_region *region, shared_region_pid target,
				    uint32_t mode, shared_region_cap *ret_cap,
				    shared_region_rights *ret_rights);

/**
 * shared_region_share_with() - let a process map the region
 * @perm: with what, at most; enum shared_region_perm
 *
 * A grant, which the process takes up with shared_region_map(); it ends with either process, or
 * with shared_region_unmap().  Granting again changes nothing.
 *
 * Return: 0, or INVALID_MESSAGE (@perm), PERMISSION_DENIED (not the owner and no GRANT; beyond
 * the ceiling or the caller's rights), PROCESS_NOT_FOUND, RESOURCE_BUSY (the region is changing
 * hands or memory), OUT_OF_MEMORY.
 */
int shared_region_share_with(shared_region *region, shared_region_pid target, uint32_t perm);

/* The owner's own token, which has all its rights.  PERMISSION_DENIED: not the owner. */
int shared_region_root_capability(shared_region *region, shared_region_cap *ret_cap);

/* ---- transfers -------------------------------------------------------------------------- */

/**
 * shared_region_transfer() - hand a region to a process
 * @mode:       as for shared_region_create_capability()
 * @force:      how the sender's own access is ended, of a Move; or SHARED_REGION_FORCE_DEFAULT
 * @timeout_ms: of a Move, for the receiver to accept; negative: for ever
 * @ret_report: optional
 *
 * A Move returns when it is done: the sender's mapping is gone, and its tokens are.  Share and
 * CopyOnWrite return once the offer stands.  A snapshot costs no copy if the region is
 * FREEZABLE and nobody else writes to it: then it can never be written again.
 *
 * Return: 0, or what create_capability and unmap return, and TIMEOUT: the region is the
 * caller's as before.
 */
int shared_region_transfer(shared_region *region, shared_region_pid to, uint32_t mode,
			   uint32_t force, int timeout_ms,
			   struct shared_region_transfer_report *ret_report);

/* Several, each for itself: @ret_results has a code for each, @ret_reports (optional) what it
 * says.  Return: 0 if every one succeeded, else the first error. */
int shared_region_transfer_batch(shared_region *const *regions, size_t count,
				 shared_region_pid to, uint32_t mode, uint32_t force,
				 int timeout_ms, int *ret_results,
				 struct shared_region_transfer_report *ret_reports);

/* The next offer to this process: each once, in their order.  @timeout_ms 0: WOULD_BLOCK if
 * there is none; otherwise TIMEOUT; negative: for ever. */
int shared_region_offer_wait(shared_region_client *client, int timeout_ms,
			     struct shared_region_offer *ret_offer);

/**
 * shared_region_accept() - take what was offered, and map it
 * @cap:         the token
 * @address:     as for shared_region_map()
 * @perm:        likewise
 * @ret_region:  a new handle
 * @ret_address: where it is
 *
 * Return: 0, or INVALID_CAPABILITY (none of this process's, taken before, or revoked), and what
 * shared_region_map() returns.
 */
int shared_region_accept(shared_region_client *client, shared_region_cap cap, void *address,
			 uint32_t perm, shared_region **ret_region, void **ret_address);

/* Of transfers that this client began. */
int shared_region_transfer_stats(shared_region_client *client,
				 struct shared_region_stats *ret_stats);

/* ---- capabilities ----------------------------------------------------------------------- */

/* As shared_region_accept(), also with a capability that is held already.  PERMISSION_DENIED:
 * it has no MAP. */
int shared_region_cap_map(shared_region_client *client, shared_region_cap cap, void *address,
			  uint32_t perm, shared_region **ret_region, void **ret_address);

/**
 * shared_region_cap_derive() - make a capability of fewer rights
 * @parent: a token of the caller's, with GRANT
 * @rights: of those of the parent
 * @target: who gets it; to oneself it is held at once, to others it is offered
 *
 * Return: 0, or INVALID_CAPABILITY, PERMISSION_DENIED (no GRANT, or more than the parent has),
 * INVALID_ARGUMENT (no right), PROCESS_NOT_FOUND, RESOURCE_BUSY (the region is changing hands
 * or memory), OUT_OF_MEMORY (the target's table).
 */
int shared_region_cap_derive(shared_region_client *client, shared_region_cap parent,
			     shared_region_rights rights, shared_region_pid target,
			     shared_region_cap *ret_child);

/* 0: the token stands for at least these rights, now.  INVALID_CAPABILITY, PERMISSION_DENIED.
 */
int shared_region_cap_check(shared_region_client *client, shared_region_cap cap,
			    shared_region_rights required);

/* What a token stands for, offered or held.  INVALID_CAPABILITY. */
int shared_region_cap_info(shared_region_client *client, shared_region_cap cap,
			   struct shared_region_cap_info *ret_info);

/**
 * shared_region_cap_revoke() - end a capability and all that was derived from it
 * @cap:       the caller's, or one derived from one of the caller's with REVOKE
 * @force:     how mappings that were made with them end
 * @ret_count: how many ended; 0: it was revoked before; optional
 *
 * Return: 0, or INVALID_CAPABILITY, PERMISSION_DENIED (no ancestor with REVOKE; one's own
 * root), PEER_UNCOOPERATIVE or TIMEOUT (authority has ended, access perhaps not),
 * INVALID_MESSAGE.
 */
int shared_region_cap_revoke(shared_region_client *client, shared_region_cap cap,
			     uint32_t force, uint32_t *ret_count);

/* Gives one up; what was derived from it stays, below its parent.  INVALID_CAPABILITY. */
int shared_region_cap_delete(shared_region_client *client, shared_region_cap cap);

/**
 * shared_region_notices_drain() - what was revoked of this process's, oldest first
 * @buffer:      room for @capacity
 * @ret_got:     how many were written
 * @ret_dropped: since the last call, for 256 are kept; optional
 */
int shared_region_notices_drain(shared_region_client *client,
				struct shared_region_notice *buffer, size_t capacity,
				size_t *ret_got, uint64_t *ret_dropped);

/*
 * A token: flags in bits 60 to 63 (READ 1, WRITE 2, EXECUTE 4, GRANT 8; a hint), type in 56 to
 * 59 (0: memory), generation in 48 to 55, id below.  0 if a field does not fit.
 */
shared_region_cap shared_region_cap_pack(uint64_t id, uint8_t generation, uint8_t type,
					 uint8_t flags);
uint64_t shared_region_cap_id(shared_region_cap cap);
uint8_t shared_region_cap_generation(shared_region_cap cap);
uint8_t shared_region_cap_type(shared_region_cap cap);
uint8_t shared_region_cap_flags(shared_region_cap cap);

/* ---- words ------------------------------------------------------------------------------ */

/* Of a code, never NULL. */
const char *shared_region_strerror(int error);

/* Of the library: major * 65536 + minor * 256 + patch. */
uint32_t shared_region_version(void);

#ifdef __cplusplus
}
#endif

#endif
