/* SPDX-License-Identifier: MIT */
/*
 * objects.h - the memory objects, bells, pledges and pipes behind the registry's ids
 *
 * An object has a description for reading and writing and, once somebody needs it, one for
 * reading.  Both are kept until the object is dropped, so handing one out costs nothing.
 *
 * Admission: memory is promised before it is touched.  What was promised and not touched yet
 * is counted as taken, so that the sum of promises never exceeds what the host could give.  An
 * object that takes the place of memory which is given back meanwhile needs room for the rest
 * only; what it was promised counts in full, until its pages are there.
 *
 * Huge pages that the host has set aside are not its memory any more: they are promised by the
 * kernel, when the object is made.
 *
 * Giving the pages of a large object back takes the kernel a while (about a tenth of a second
 * per gigabyte), so that is done in steps between which others are served.
 */
#ifndef BROKER_OBJECTS_H
#define BROKER_OBJECTS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/idmap.h"
#include "registry/ports.h"

/* Each bell is mapped by the broker, and the kernel allows a process 65530 mappings. */
#define OBJECTS_BELLS_MAX 32768u

struct object;

struct objects {
	struct idmap by_id;
	uint32_t fds_max;  /* descriptors that objects may use together */
	uint32_t fds_used; /* counting the reader that an object may come to need */
	uint32_t bells;
	uint64_t promised;	       /* bytes of all objects that were made here */
	uint64_t available;	       /* of the host, when it was last asked */
	uint64_t asked_at;	       /* that moment; 0: never */
	TAILQ_HEAD(, object) emptying; /* dropped, and not empty yet */
};

int objects_init(struct objects *o, uint32_t fds_max);
void objects_deinit(struct objects *o);

/* -ENOMEM if the host has not so much left to promise as is more than it @replaces, and is not
 * asked if there is none; -EMFILE; -EEXIST.  @flags are of enum object_flag. */
int objects_make(struct objects *o, uint64_t id, uint64_t size, uint64_t replaces,
		 uint32_t flags);
/* Bytes of it that are in memory; 0 for an unknown id. */
uint64_t objects_resident(const struct objects *o, uint64_t id);
/*
 * Consumes both descriptors.  They must be of one object that is either like ours (sealed
 * against shrinking) or System V's, of at least @size bytes, the first open for writing and
 * the second only for reading; otherwise -EPERM.
 */
int objects_take(struct objects *o, uint64_t id, uint64_t size, int writer, int reader);
/* Consumes @fd: the writing end of a pipe that does not block; otherwise -EPERM. */
int objects_take_pipe(struct objects *o, uint64_t id, int fd);
/* Nothing happens to an id that is not there.  With @empty its pages go first, a large one's in
 * steps. */
void objects_drop(struct objects *o, uint64_t id, bool empty);

/* Was it dropped, and is not empty yet? */
bool objects_has_going(const struct objects *o, uint64_t id);
/*
 * For a window of other nodes: what is behind the id stays until objects_release(), its pages
 * too, even if it is dropped.  *ret_fd, for writing or only for reading, is borrowed.
 */
int objects_hold(struct objects *o, uint64_t id, bool write, struct object **ret_object,
		 int *ret_fd);
void objects_release(struct objects *o, struct object *object);

/* The next step of emptying what was dropped.  Is there more? */
bool objects_empty_some(struct objects *o);
static inline bool objects_is_emptying(const struct objects *o)
{
	return !TAILQ_EMPTY(&o->emptying);
}

int objects_make_bell(struct objects *o, uint64_t id);
void objects_bell_set_active(struct objects *o, uint64_t id, uint32_t slot, bool active);
void objects_bell_raise_polled(struct objects *o, uint64_t id, uint32_t slot);

/* 0 for what is no bell. */
uint64_t objects_bell_take(struct objects *o, uint64_t id, uint32_t slot);
void objects_bell_post(struct objects *o, uint64_t id, uint32_t slot, uint64_t count,
		       bool once);
/* Of a pipe. */
void objects_fill_pipe(struct objects *o, uint64_t id);

int objects_make_pledge(struct objects *o, uint64_t id);

/* As the ports of these names (objects_pages.c). */
uint64_t objects_page(const struct objects *o, uint64_t id);
int objects_place(struct objects *o, uint64_t id, uint32_t node, bool strict);
int objects_fill(struct objects *o, uint64_t id, uint64_t offset, uint64_t size);
int objects_copy(struct objects *o, uint64_t to, uint64_t from, uint64_t offset, uint64_t size);
int objects_measure(struct objects *o, uint64_t id, uint64_t offset, uint64_t size,
		    struct object_pages *sum);
int objects_freeze(struct objects *o, uint64_t id);
int objects_physical(struct objects *o, uint64_t id, uint64_t *ret_base);

/* Borrowed descriptors.  -ENOENT for an unknown id, -EMFILE and the like. */
int objects_writer(struct objects *o, uint64_t id, int *ret_fd);
int objects_reader(struct objects *o, uint64_t id, int *ret_fd);

#endif
