/* SPDX-License-Identifier: MIT */
/*
 * ears.h - pipes that the broker itself reads
 *
 * Posters fill the pipe of whoever polls a slot of a bell.  For the processes of another node
 * the broker polls.
 */
#ifndef BROKER_EARS_H
#define BROKER_EARS_H

#include "broker/idmap.h"
#include "ipc/loop.h"
#include "registry/registry.h"

struct ears {
	struct idmap by_id;
	struct loop *loop;
	struct registry *registry; /* once there is one */
};

int ears_init(struct ears *ears, struct loop *loop);
void ears_deinit(struct ears *ears);
/* Under the id of its pipe.  *ret_writer is the caller's. */
int ears_add(struct ears *ears, uint64_t id, uint64_t tag, int *ret_writer);
/* Nothing happens to an id that is not there. */
void ears_drop(struct ears *ears, uint64_t id);

#endif
