/* SPDX-License-Identifier: MIT */
/*
 * object.h - one object, for the files that objects.h is made of
 */
#ifndef BROKER_OBJECT_H
#define BROKER_OBJECT_H

#include <stdbool.h>
#include <sys/queue.h>

#include "broker/objects.h"
#include "sys/pages.h"
#include "sys/vm.h"

enum object_kind {
	OBJECT_MADE,  /* by us: its pages count as promised */
	OBJECT_TAKEN, /* a client's */
	OBJECT_BELL,
	OBJECT_PIPE,
	OBJECT_PLEDGE,
};

struct object {
	struct idmap_node node;
	enum object_kind kind;
	uint64_t size;
	uint64_t page; /* of huge pages that were set aside: their size; otherwise the host's */
	size_t huge;   /* what the kernel is asked to make of its memory; 0: small pages */
	bool placed;   /* its pages are made on node_wanted */
	bool strict;   /* and nowhere else */
	uint32_t node_wanted;
	bool frozen;
	unsigned windows;	/* that hold it */
	bool dropped, to_empty; /* and it goes with the last of them */
	int writer;
	int reader; /* -1: nobody has needed it */
	struct shm_bell *bell;
	struct pages_view locked; /* its physical address was told */
	uint64_t emptied;	  /* bytes from the start */
	TAILQ_ENTRY(object) of_emptying;
};

static inline bool object_is_set_aside(const struct object *object)
{
	return object->page != vm_page_size();
}

/* Huge pages that are set aside are taken from the host already. */
static inline bool object_is_promised(const struct object *object)
{
	return object->kind == OBJECT_MADE && !object_is_set_aside(object);
}

/* Borrowed. */
int object_reader(struct object *object, int *ret_fd);
/* What was promised may not be there after all: -ENOMEM if the host has not so much now. */
int objects_spend(struct objects *o, uint64_t bytes);

#endif
