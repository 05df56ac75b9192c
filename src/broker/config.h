/* SPDX-License-Identifier: MIT */
/*
 * config.h - tract.conf
 *
 * An INI file in the node's directory or, if there is none, /etc/tract/tract.conf.  What is
 * not said there has a default; what is said must be known, in range, and said once.
 *
 * config.c knows which settings there are, config_value.c what their values look like,
 * config_nodes.c what sections with names of their own mean and what must fit together, and
 * config_file.c reads lines.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define CONFIG_NEVER UINT64_MAX

/* Where brokers of other nodes are told to connect to, if an address names no port. */
#define CONFIG_LINK_PORT 7226u

#define CONFIG_PEERS_MAX 63u
#define CONFIG_CONTROLLERS_MAX 16u
#define CONFIG_ALIASES_MAX 32u
#define CONFIG_NAME_SIZE 32u
/* libinih has room for 200 bytes of a line. */
#define CONFIG_TEXT_SIZE 200u

struct config_address {
	char host[CONFIG_TEXT_SIZE]; /* a name, or a number without brackets; "": none */
	uint16_t port;
};

struct config_peer {
	uint32_t node; /* node id */
	struct config_address address;
};

struct config_controller {
	char name[CONFIG_NAME_SIZE];
	char provider[CONFIG_NAME_SIZE]; /* as libfabric calls it */
	char domain[CONFIG_TEXT_SIZE];	 /* ""; any */
	char address[CONFIG_TEXT_SIZE];	 /* of this node on the fabric; "": any */
};

struct config_alias {
	char name[CONFIG_NAME_SIZE];
	char controller[CONFIG_NAME_SIZE];
};

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
	bool idle_given;	      /* by the environment */
	uint64_t socket_mode;	      /* 0: what the directory's mode suggests */

	struct config_address address; /* of this node, for its peers; port 0: none */
	uint64_t peer_timeout_ms;      /* silence after which a peer is gone */
	uint64_t heartbeat_ms;	       /* between two beats */
	uint64_t store_delay_ms;       /* until stores to mappings of other nodes go there */
	char key[CONFIG_TEXT_SIZE];    /* the cluster's, as config_path() reads it */
	char certificate[CONFIG_TEXT_SIZE], private_key[CONFIG_TEXT_SIZE]; /* "": a key */
	char authority[CONFIG_TEXT_SIZE];
	unsigned peer_count; /* 0: a node by itself */
	struct config_peer peers[CONFIG_PEERS_MAX];
	unsigned controller_count; /* loopback, which is always there, is not among them */
	struct config_controller controllers[CONFIG_CONTROLLERS_MAX];
	unsigned alias_count;
	struct config_alias aliases[CONFIG_ALIASES_MAX];
	char directory[PATH_MAX]; /* of the file that was read; "": none was */
};

void config_default(struct config *c);
/*
 * Reads one file over what @c holds.  0; -ENOENT if there is none; -EINVAL, with "file:line:
 * what is wrong" as the reason; -EACCES.
 */
int config_read(const char *path, struct config *c);
/* Defaults, then the directory's file or the host's. */
int config_load(const char *directory, struct config *c);
/* What a path in the file means: one that is relative is from the file's directory.
 * -ENAMETOOLONG. */
int config_path(const struct config *c, const char *written, char ret_path[PATH_MAX]);
/* "host:port", "[host]:port" if the host has colons. */
#define CONFIG_ADDRESS_SIZE (CONFIG_TEXT_SIZE + 16)
void config_address_print(const struct config_address *address, char text[CONFIG_ADDRESS_SIZE]);

#endif
