/* SPDX-License-Identifier: MIT */
/*
 * config.h - tract.conf
 *
 * An INI file in the node's directory or, if there is none, /etc/tract/tract.conf.  What is
 * not said there has a default; what is said must be known and in range.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <stdint.h>

#define CONFIG_NEVER UINT64_MAX

struct config {
	uint64_t max_segments;	      /* exports on the node */
	uint64_t max_imports;	      /* connections on the node */
	uint64_t max_per_process;     /* exports, connections and regions of one process */
	uint64_t max_capabilities;    /* held by one process, and offered to it */
	uint64_t max_exported_memory; /* percent of the host's memory, all users */
	uint64_t max_user_memory;     /* percent of the host's memory, one user */
	uint64_t max_segment_size;    /* bytes; 0: what max-user-memory allows */
	uint64_t ack_timeout_ms;      /* for a client to answer an event */
	uint64_t node;		      /* node id */
	uint64_t idle_timeout_ms;     /* without clients; CONFIG_NEVER */
	uint64_t socket_mode;	      /* 0: what the directory's mode suggests */
};

void config_default(struct config *c);
/*
 * Reads one file over what @c holds.  0; -ENOENT if there is none; -EINVAL, with "file:line:
 * what is wrong" as the reason; -EACCES.
 */
int config_read(const char *path, struct config *c);
/* Defaults, then the directory's file or the host's. */
int config_load(const char *directory, struct config *c);

#endif
