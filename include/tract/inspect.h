/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - what is on a node, what passes, and what is where in any process
 *
 * For tools.  A user sees what its own processes hold; the broker's user and root see all.
 * Every list is walked by asking for the entry after one: entries that come or go meanwhile may
 * be missed, none is reported twice.
 *
 * What a process has mapped is asked of the kernel, not of a broker: it is told of every
 * process that the caller may look at, whether that has ever heard of a broker or not.
 */
#ifndef TRACT_INSPECT_H
#define TRACT_INSPECT_H

#include <tract/capability.h>

TRACT_BEGIN_DECLS

enum tract_backing {
	TRACT_BACKING_MEMFD = 1, /* an object of the broker's */
	TRACT_BACKING_SYSV = 2,	 /* System V shared memory, exported in place */
};

struct tract_segment_info {
	uint64_t key;	   /* for the next call; unique on the node */
	uint32_t node;	   /* node id */
	uint32_t id;	   /* published id; 0: not published */
	uint64_t size;	   /* bytes */
	uint64_t exporter; /* key of the process */
	int32_t pid;	   /* of the exporter, as the broker sees it */
	uint32_t uid, gid; /* of the exporter */
	uint32_t mode;	   /* default mode, or that of the first access entry */
	uint32_t access;   /* entries in the access list; 0: open to every node */
	uint32_t imports;  /* connections now */
	uint32_t backing;  /* enum tract_backing */
	uint32_t rebinds;  /* how often rebound */
	uint32_t exposed;  /* 1 if it was ever given out: a descriptor, or to another node */
	uint64_t age_ms;   /* since it was created */
};

struct tract_import_info {
	uint64_t key;
	uint64_t segment;  /* key of the segment */
	uint64_t importer; /* key of the process */
	int32_t pid;
	uint32_t uid, gid;
	uint32_t rights; /* TRACT_RIGHT_* */
	uint64_t age_ms;
};

struct tract_process_info {
	uint64_t key;
	int32_t pid;
	uint32_t uid, gid;
	uint32_t regions;  /* memory objects it owns */
	uint32_t segments; /* exports */
	uint32_t imports;  /* connections */
	uint64_t bytes;	   /* of the objects it owns */
	uint64_t age_ms;   /* since it attached */
};

/**
 * tract_next_segment(), tract_next_import(), tract_next_process() - the entry after @after
 * @ctx:   an open context
 * @after: a key; 0 for the first
 * @ret:   filled on success
 *
 * Return: 0, -ENOENT after the last one, -EINVAL, -ENOTCONN.
 */
TRACT_API int tract_next_segment(struct tract *ctx, uint64_t after,
				 struct tract_segment_info *ret);
TRACT_API int tract_next_import(struct tract *ctx, uint64_t after,
				struct tract_import_info *ret);
TRACT_API int tract_next_process(struct tract *ctx, uint64_t after,
				 struct tract_process_info *ret);

/* ---- shared regions --------------------------------------------------------------------- */

/* See shared.h.  A user sees the regions that are charged to it. */
struct tract_shared_info {
	uint64_t number;  /* of the region, for the next call */
	uint64_t size;	  /* bytes */
	uint64_t owner;	  /* number of the process; 0: an orphan */
	int32_t pid;	  /* of the owner, as the broker sees it */
	uint32_t uid;	  /* of who is charged, its owner's user */
	uint32_t ceiling; /* enum tract_permission */
	uint32_t state;	  /* enum tract_shared_state */
	uint32_t mapped;  /* processes that have it mapped */
	uint32_t pending; /* grants not taken up, and offers that are open */
	uint32_t capabilities;
	uint32_t numa_node; /* that was asked for, or TRACT_NODE_ANY */
	uint32_t flags;	    /* enum tract_shared_flag, less what was not to be had */
	uint32_t cache;	    /* enum tract_cache, in force */
	uint64_t align;	    /* bytes of a page of it */
	uint64_t backing;   /* how often its memory was replaced */
	uint32_t force;	    /* enum tract_force, reached the last time that somebody's access
			       was ended; TRACT_FORCE_BY_USER: that was never */
	uint32_t kept;	    /* processes that may have kept its memory when it was */
	uint64_t resident;  /* bytes in memory */
	uint64_t age_ms;    /* since it was made */
};

/* A process that has a shared region mapped. */
struct tract_mapped_info {
	uint64_t process; /* its number, for the next call */
	int32_t pid;
	uint32_t uid;
	uint32_t permission; /* enum tract_permission */
	uint32_t alone;	     /* 1 if its stores are for itself alone */
	uint64_t capability; /* id of what it was mapped with; 0: by ownership */
	uint64_t address;    /* where; 0 if it is none of the caller's business */
};

/* A capability on a shared region.  Its id is not its token, and of no use to a thief. */
struct tract_capability_info {
	uint64_t id;	 /* for the next call */
	uint64_t parent; /* id of what it was derived from; 0: it is the owner's root */
	uint64_t holder; /* number of the process; 0: nobody, of an orphan's root */
	int32_t pid;	 /* of the holder */
	uint32_t uid;
	uint32_t rights; /* enum tract_cap_right */
	uint32_t state;	 /* TRACT_CAP_OFFERED or TRACT_CAP_HELD */
	uint32_t mode;	 /* enum tract_offer_mode, as which it is or was offered */
	uint32_t grant;	 /* 1 if it has no token, and is taken by mapping the region */
};

/**
 * tract_next_shared(), tract_next_mapping_of(), tract_next_capability() - the one after @after
 * @ctx:    an open context
 * @number: of a shared region
 * @after:  number of a region, number of a process, id of a capability; 0 for the first
 * @ret:    filled on success
 *
 * Who sees a region sees who has it, whoever that is.
 *
 * Return: 0, -ENOENT after the last one, -EINVAL, -ENOTCONN.
 */
TRACT_API int tract_next_shared(struct tract *ctx, uint64_t after,
				struct tract_shared_info *ret);
TRACT_API int tract_next_mapping_of(struct tract *ctx, uint64_t number, uint64_t after,
				    struct tract_mapped_info *ret);
TRACT_API int tract_next_capability(struct tract *ctx, uint64_t number, uint64_t after,
				    struct tract_capability_info *ret);

/* Where the pages of a shared region are, as the kernel says.  Return: 0, -EINVAL, -ENOENT
 * (there is no such region, or it is none of the caller's business), -EOPNOTSUPP (the kernel
 * does not say), -ENOMEM, -EMFILE, -ENOTCONN. */
TRACT_API int tract_placement_of(struct tract *ctx, uint64_t number,
				 struct tract_placement *ret_placement);

/* What to take back of a shared region: one of both, or with neither, all that others than the
 * owner have. */
struct tract_revocation {
	uint64_t number;     /* of the region */
	uint64_t capability; /* id of one, which ends with all below it; or 0 */
	uint64_t process;    /* number of one, of which mapping and capabilities end, with all
				below those; or 0 */
	uint32_t force;	     /* enum tract_force */
};

struct tract_revoked {
	uint32_t capabilities; /* how many ended */
	uint32_t mappings;     /* likewise */
	uint32_t processes;    /* that had the memory, or may have kept it before */
	uint32_t force;	       /* that was reached */
	uint64_t copied;       /* bytes */
};

/**
 * tract_revoke() - take back what others have of a shared region
 * @ctx:         an open context
 * @what:        what, and how
 * @ret_revoked: filled on success
 *
 * For who runs the node: the user that is charged for the region, the broker's user, and root.
 * The owner's root stays, and so does what he has mapped, unless that process is named.  That
 * nothing was left to take back is no error.
 *
 * Return: 0, or
 *   -EINVAL    NULL, or both a capability and a process
 *   -EBADMSG   no such force
 *   -ENOENT    there is no such region or capability, or it is none of the caller's business
 *   -ESRCH     there is no such process
 *   -EACCES    the capability is the owner's root
 *   -EREMOTEIO a process kept the memory, or cannot be looked at or killed
 *   -ETIMEDOUT a process did not answer, or did not end
 *   -ENOMEM, -EMFILE  there is no room for a second copy
 *   -ENOTCONN
 * After -EREMOTEIO, -ETIMEDOUT, -ENOMEM and -EMFILE nothing can be done with the capabilities
 * any more, but mappings made before may be there still.
 */
TRACT_API int tract_revoke(struct tract *ctx, const struct tract_revocation *what,
			   struct tract_revoked *ret_revoked);

/* ---- nodes ------------------------------------------------------------------------------ */

enum tract_node_state {
	TRACT_NODE_SELF = 0, /* the node that was asked */
	TRACT_NODE_DOWN = 1, /* its broker is not reached; it is tried again */
	TRACT_NODE_CONNECTING = 2,
	TRACT_NODE_UP = 3,
};

#define TRACT_NODE_TEXT 256

struct tract_node_info {
	uint64_t key;		       /* for the next call */
	uint32_t node;		       /* node id; 0: a node by itself */
	enum tract_node_state state;   /* of the link to its broker */
	char address[TRACT_NODE_TEXT]; /* of its broker, as configured; "": it has none */
	char why[TRACT_NODE_TEXT];     /* if it is not up: what is the matter */
	uint64_t since_ms;	       /* in this state, or not up, for so long */
	uint64_t rtt_ns;	       /* to its broker and back, the last time; 0: unknown */
	uint64_t received, sent;       /* bytes between the brokers; data goes another way */
	uint64_t times;		       /* that the link came up */
};

/**
 * tract_next_node() - the node after @after: this one, and those it is linked with
 * @ctx:   an open context
 * @after: a key; 0 for the first
 * @ret:   filled on success
 *
 * Everybody may ask.  Nodes come in the order of their ids.
 *
 * Return: 0, -ENOENT after the last one, -EINVAL, -ENOTCONN.
 */
TRACT_API int tract_next_node(struct tract *ctx, uint64_t after, struct tract_node_info *ret);

/* ---- what passes ------------------------------------------------------------------------ */

struct tract_monitor;

/**
 * tract_monitor_open() - watch what passes through the broker
 * @ctx: an open context
 * @ret: set on success; given up with tract_monitor_close()
 *
 * Return: 0, -EINVAL, -ENOMEM, -EACCES unless root or the broker's own user, -ENOTCONN.
 */
TRACT_API int tract_monitor_open(struct tract *ctx, struct tract_monitor **ret);
TRACT_API void tract_monitor_close(struct tract_monitor *monitor);

/**
 * tract_monitor_next() - wait for the next line
 * @monitor:  an open monitor
 * @timeout:  milliseconds; negative: for ever
 * @ret_line: one message or event as text; borrowed, good until the next call
 *
 * Return: 0, -EINVAL, -ETIMEDOUT, -EINTR, -ENOTCONN once the broker is gone.
 */
TRACT_API int tract_monitor_next(struct tract_monitor *monitor, int timeout,
				 const char **ret_line);

/* ---- another process's addresses -------------------------------------------------------- */

/* The page by which the library keeps page tables for the map is not listed. */
enum tract_mapping_kind {
	TRACT_MAPPING_OTHER = 0,     /* the program, its libraries, its heap, its stacks ... */
	TRACT_MAPPING_REGION = 1,    /* a region that the process made for itself */
	TRACT_MAPPING_OBJECT = 2,    /* an object of a broker's: a region, memory that is
					exported, or the window of an import */
	TRACT_MAPPING_PAGER = 3,     /* what a pager fills */
	TRACT_MAPPING_ANONYMOUS = 4, /* memory of the map's own */
	TRACT_MAPPING_BLOCKED = 5,   /* nothing, on purpose, outside of all areas */
	TRACT_MAPPING_SYSV = 6,	     /* System V shared memory, whoever attached it */
	TRACT_MAPPING_CONTROL = 7,   /* what the library shares with a broker for itself */
	TRACT_MAPPING_HELD = 8,	     /* an area's addresses with nothing behind them */
};

/* A mapping, as the kernel has it: what continues its neighbour in every way is one with it. */
struct tract_mapping_info {
	uint64_t start; /* first byte */
	uint64_t size;	/* bytes */
	enum tract_mapping_kind kind;
	uint32_t rights; /* TRACT_RIGHT_*, and: */
	bool executable; /* instructions may be fetched */
	bool shared;	 /* if not, what is stored stays in the process */
	bool in_area;	 /* an area lies around its first byte */
	uint64_t object; /* what is behind it, by number: on one @device the same number is the
			    same memory, in whatever process; 0: memory without a number.  Of
			    System V memory it is the shmid, which may be 0 */
	uint64_t device; /* that numbers it */
	uint64_t offset; /* of @start in it */
	uint64_t resident; /* bytes of it that the process has in memory */
	const char *name;  /* the kernel's, or ""; borrowed, good until the survey is closed */
};

struct tract_area_info {
	uint64_t start; /* first byte */
	uint64_t size;	/* bytes; neither is rounded to pages */
	bool blocked;	/* nothing can be attached inside */
};

struct tract_survey;

/**
 * tract_survey_open() - look at what a process has mapped
 * @pid: whose; one's own is allowed
 * @ret: set on success to what was seen; given up with tract_survey_close()
 *
 * Everything is read at once, and not changed after.  A process that goes on mapping meanwhile
 * may be seen at two moments, one for lower and one for higher addresses.
 *
 * An area is known by the addresses it holds: one is missed that holds no whole page, or where
 * all of it is covered, or was once.  Of memory without a name it is told by where it lies
 * whether it is the map's; inside an area nothing tells what was attached as blocked from room
 * that something else was detached from, and both are TRACT_MAPPING_HELD.
 *
 * Return: 0, or
 *   -EINVAL  @ret is NULL, or @pid is not positive
 *   -ESRCH   there is no such process, or it has no memory (any more)
 *   -EACCES  it is another user's, or keeps itself secret (prctl(2), PR_SET_DUMPABLE)
 *   -EMFILE  this process has all the descriptors it may have
 *   -EIO     the kernel says something that is not understood
 *   -ENOMEM  out of memory
 */
TRACT_API int tract_survey_open(int32_t pid, struct tract_survey **ret);

/* Never fails.  NULL is allowed. */
TRACT_API void tract_survey_close(struct tract_survey *survey);

/* The lowest mapping, or area, that ends at or after an address.  Return: 0, -ENOENT if there
 * is none, -EINVAL for NULL. */
TRACT_API int tract_survey_next_mapping(const struct tract_survey *survey, uint64_t from,
					struct tract_mapping_info *ret);
TRACT_API int tract_survey_next_area(const struct tract_survey *survey, uint64_t from,
				     struct tract_area_info *ret);

TRACT_END_DECLS

#endif
