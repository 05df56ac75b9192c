/* SPDX-License-Identifier: MIT */
/*
 * stage.h - the steps of the demo, in order, and what they hand on
 *
 * The process that tells the story is the exporter.  Each file holds both sides of its steps:
 * what the exporter does, and the roles that other processes play in it.
 */
#ifndef DEMO_STAGE_H
#define DEMO_STAGE_H

#include "child.h"
#include "cluster.h"
#include "file.h"
#include "rsm.h"

struct stage {
	struct place here, there; /* of exporters, and of importers */
	bool far;		  /* which are on two nodes: */
	const struct cluster *cluster;
	unsigned descriptors; /* of both brokers, once they have a link */

	const char *path; /* the file */
	uint64_t length;  /* its bytes */
	char hash[HASH_TEXT];

	char *memory; /* its content, exported */
	size_t size;  /* whole pages, two at least */
	rsm_memseg_export_handle_t export;
	rsm_memseg_id_t id;
};

/* sharing.c */
void stage_export(struct stage *stage);
void stage_import(struct stage *stage);
void stage_write(struct stage *stage);
void play_map(uint32_t segment, uint64_t length);
void play_get(uint32_t segment, uint64_t length);
void play_getv(uint32_t segment, uint64_t length);
void play_writer(uint32_t segment, uint64_t size);
/* waking.c */
void stage_signal(struct stage *stage);
void play_waiter(uint32_t segment, uint64_t size);
/* rebinding.c */
void stage_rebind(struct stage *stage);
void play_reader(uint32_t segment, uint64_t size);
/* revoking.c */
void stage_unpublish(struct stage *stage);
void play_keeper(uint32_t segment, uint64_t size);
/* dying.c */
void stage_importer_dies(struct stage *stage);
void stage_exporter_dies(struct stage *stage);
void play_follower(uint32_t segment, uint64_t size);
void play_exporter(uint32_t segment, uint64_t size);
void play_survivor(uint32_t segment, uint64_t size);

/* across.c */
void stage_link(struct stage *stage);

/* What there is on a node now, as `tract ls` and `tract ps` count it (node.c).  @dir is a
 * node's directory, the same string each time; NULL: this process's. */
struct node_count {
	unsigned segments, imports, processes;
};

struct node_count node_count(const char *dir);
/* Its broker. */
void node_start(const char *dir);
/* Can the node use its controller @name?  If not, *ret_why says why. */
bool node_has_controller(const char *dir, const char *name, char *ret_why, size_t capacity);
/* Waits for its link to @peer, some seconds. */
bool node_await_link(const char *dir, uint32_t peer, char *ret_why, size_t capacity);

#endif
