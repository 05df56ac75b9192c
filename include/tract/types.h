/* SPDX-License-Identifier: MIT */
/*
 * types.h - plain values every tract header and every layer agrees on
 *
 * Nothing here has behaviour.  Numbers are part of the ABI and of the wire.
 */
#ifndef TRACT_TYPES_H
#define TRACT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define TRACT_BEGIN_DECLS extern "C" {
#define TRACT_END_DECLS }
#else
#define TRACT_BEGIN_DECLS
#define TRACT_END_DECLS
#endif

#define TRACT_API __attribute__((visibility("default")))

/* What a holder may do with memory.  The values are those of the digits of a file mode. */
enum tract_right {
	TRACT_RIGHT_WRITE = 2,
	TRACT_RIGHT_READ = 4,
	TRACT_RIGHT_READ_WRITE = 6,
};

/* Cache policy of a region.  Linux offers programs only the first; the others are refused. */
enum tract_cache {
	TRACT_CACHE_DEFAULT = 0, /* what the kernel does: write-back */
	TRACT_CACHE_WRITE_BACK = 1,
	TRACT_CACHE_WRITE_THROUGH = 2,
	TRACT_CACHE_UNCACHED = 3,
	TRACT_CACHE_WRITE_COMBINING = 4,
};

/* One entry of an access list: which node, and who there, by the three digits of a file mode.
 */
struct tract_access {
	uint32_t node; /* node id */
	uint32_t mode; /* 0000 to 0666: owner, group, other, each of 4 read and 2 write */
};

/*
 * The most of each that one node holds.  From the RSMAPI reference: 64 nodes and therefore 64
 * access-list entries, 65535 segments in its shipped configuration, 16 elements in a vector.
 */
#define TRACT_NODES_MAX 64u
#define TRACT_ACCESS_MAX 64u
#define TRACT_SEGMENTS_MAX 65535u
#define TRACT_VECTOR_MAX 16u

/* Segment ids a program may choose, and those the broker assigns (rsmapi: user and system
 * range). */
#define TRACT_SEGMENT_ID_FREE_FIRST 0x00400000u
#define TRACT_SEGMENT_ID_FREE_LAST 0x7fffffffu
#define TRACT_SEGMENT_ID_ASSIGNED_FIRST 0x80000000u

#endif
