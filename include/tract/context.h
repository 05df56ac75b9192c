/* SPDX-License-Identifier: MIT */
/*
 * context.h - a process's connection to its node
 *
 * A node is a runtime directory with a broker in it.  A context names the node; the broker is
 * started, if none runs, by the first call that needs one.  Every other object is made from a
 * context and keeps it alive, so contexts may be closed in any order.
 *
 * Every function here may be called from any thread.  None is async-signal-safe.  A child of
 * fork may use a context it inherited: it then speaks for itself, and owns nothing.
 */
#ifndef TRACT_CONTEXT_H
#define TRACT_CONTEXT_H

#include <tract/types.h>

TRACT_BEGIN_DECLS

struct tract;

/* What the node allows; bytes and counts.  Read from the broker when it is first reached. */
struct tract_limits {
	uint64_t segment_bytes; /* largest single export */
	uint64_t total_bytes;	/* all exports of one user together */
	uint64_t export_count;	/* exports on the node */
	uint64_t import_count;	/* imports on the node */
};

/**
 * tract_open() - name the node to work with
 * @dir:     the node's directory, or NULL for $TRACT_DIR, else $XDG_RUNTIME_DIR/tract, else
 *           /run/tract if a broker listens there, else a per-user directory below /tmp
 * @ret_ctx: set to a new context on success, untouched on failure
 *
 * Contacts nobody.  A relative @dir is taken from the working directory of this moment.  The
 * caller gives *@ret_ctx up with tract_close().
 *
 * Return: 0, or
 *   -EINVAL        @ret_ctx is NULL, or @dir is empty
 *   -ENAMETOOLONG  a socket in @dir would have a longer name than Linux allows (107 bytes)
 *   -ENOMEM        out of memory
 */
TRACT_API int tract_open(const char *dir, struct tract **ret_ctx);

/* Gives the caller's reference up.  Never fails.  NULL is allowed. */
TRACT_API void tract_close(struct tract *ctx);

/**
 * tract_reconnect() - reach the broker now, starting one if there is none
 * @ctx: an open context
 *
 * Needed only after -ENOTCONN: a broker that died took what it promised with it.  Mappings go
 * on working; exports and imports made through the old broker stay refused.
 *
 * Return: 0, or
 *   -EINVAL     @ctx is NULL
 *   -ENOENT     tractd is not installed where this library looks for it
 *   -EACCES     the directory belongs to another user, or others may write to it
 *   -ETIMEDOUT  a broker was started and did not answer within five seconds
 *   -EPROTO     the broker speaks another version
 *   -EUSERS     the broker's limit of open files lets no more processes of this user in
 */
TRACT_API int tract_reconnect(struct tract *ctx);

/* The node's directory, as an absolute path.  Borrowed; good as long as @ctx. */
TRACT_API const char *tract_directory(const struct tract *ctx);

/**
 * tract_node_id() - this node's id
 * @ctx:      an open context
 * @ret_node: set on success; 0 for a node that is not configured as part of a cluster
 *
 * Return: 0, or -EINVAL, or what tract_reconnect() returns.
 */
TRACT_API int tract_node_id(struct tract *ctx, uint32_t *ret_node);

/**
 * tract_limits() - what this node allows
 * @ctx:        an open context
 * @ret_limits: filled on success
 *
 * Return: 0, or -EINVAL, or what tract_reconnect() returns.
 */
TRACT_API int tract_limits(struct tract *ctx, struct tract_limits *ret_limits);

/**
 * tract_is_strong() - does the kernel hold a hostile process of this user to read-only rights?
 * @ctx: an open context
 *
 * True only where the broker runs under another user id than the caller.  Where it does not, a
 * process of the same user can reopen what it was given for writing.  It never speaks of a
 * region that a process made by itself and exports as it is: that stays the user's own, and his
 * other processes can reopen it.
 *
 * Return: 1 or 0, or -EINVAL, or what tract_reconnect() returns.
 */
TRACT_API int tract_is_strong(struct tract *ctx);

/**
 * tract_reason() - why the calling thread's last call was refused, in words
 *
 * Return: one sentence that says what to do, "" if nothing was refused.  Borrowed: good until
 * the same thread calls tract again.
 */
TRACT_API const char *tract_reason(void);

/**
 * tract_broker_program() - which program this library starts as a node's broker
 * @ret_path: set to its path on success
 * @capacity: bytes that there is room for
 *
 * Nothing is started.  The program can also check configurations and make keys; see tractd(8).
 *
 * Return: 0, or
 *   -EINVAL        @ret_path is NULL
 *   -ENOENT        tractd is not installed where this library looks for it
 *   -ENAMETOOLONG  the path does not fit
 */
TRACT_API int tract_broker_program(char *ret_path, size_t capacity);

/* The granularity of addresses and sizes: the system's page size, in bytes. */
TRACT_API size_t tract_page_size(void);

/* The library's version, as in "0.1.0". */
TRACT_API const char *tract_version(void);

TRACT_END_DECLS

#endif
