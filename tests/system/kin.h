/* SPDX-License-Identifier: MIT */
/*
 * kin.h - child processes, memory, exports and imports for the tests of the data path
 *
 * A kin is a child that runs a body and speaks with its parent over a channel, values and
 * descriptors.  Everything here fails the test where it fails, in whichever process.
 *
 * These tests link the library's layers themselves, so that fault_arm() reaches them.
 */
#ifndef TESTS_SYSTEM_KIN_H
#define TESTS_SYSTEM_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <tract/tract.h>

#include "test.h"

#define PAGE tract_page_size()

/* The other end of a channel: for the parent a child, for the child its parent. */
struct kin {
	pid_t pid;
	int fd;
};

/* Runs @body in a child, which ends with status 0 when it returns. */
void kin_start(struct kin *k, void (*body)(struct kin *parent, void *arg), void *arg);
void kin_tell(struct kin *k, uint64_t value);
uint64_t kin_hear(struct kin *k);
/* The other side has something to say, or has gone. */
bool kin_speaks(const struct kin *k, int within_ms);
void kin_tell_fd(struct kin *k, int fd);
int kin_hear_fd(struct kin *k);
/* In a child: until the parent closes its end. */
void kin_linger(struct kin *parent);
/* Closes the channel, waits, and expects status 0. */
void kin_finish(struct kin *k);
void kin_kill(struct kin *k);

/* Fresh zeroed memory: private, or shared with children that are forked later. */
void *pages_private(size_t count);
void *pages_shared(size_t count);
/* Another mapping of what is mapped there, which the library knows nothing of. */
void *pages_twin(const void *pages, size_t count);
void pages_free(void *pages, size_t count);
/* Of the object that is mapped at @addr: the number that tells it from others, */
uint64_t object_inode(const void *addr);
/* a descriptor, which somebody here has open, */
int object_fd(const void *addr);
/* and what it has in memory. */
uint64_t object_bytes(const void *addr);

struct tract *node_open(void);
/* Made with @flags and published to everybody under an id of the broker's choice. */
struct tract_export *export_up(struct tract *ctx, void *addr, size_t size, uint32_t flags,
			       uint32_t *ret_id);
struct tract_import *import_up(struct tract *ctx, uint32_t id, uint32_t rights);
/* Maps all of it. */
void *import_map(struct tract_import *import, uint32_t rights);
void import_down(struct tract_import *import);
/* A region anywhere, and a mapping of it. */
struct tract_shared *shared_up(struct tract *ctx, size_t size, uint32_t ceiling);
unsigned char *shared_map(struct tract_shared *shared, uint32_t permission);
/* Which process @ctx is for others. */
uint64_t number_of(struct tract *ctx);

/* The calling thread runs where nobody else has anything to do: what it disturbs comes first.
 */
void thread_stands_back(void);

#endif
