/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - what is on a node, and what passes
 *
 * For tools.  A user sees what its own processes hold; the broker's user and root see all.
 * Every list is walked by asking for the entry after one: entries that come or go meanwhile may
 * be missed, none is reported twice.
 */
#ifndef TRACT_INSPECT_H
#define TRACT_INSPECT_H

#include <tract/context.h>

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
	uint32_t exposed;  /* 1 if a descriptor of it was ever given out */
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

TRACT_END_DECLS

#endif
