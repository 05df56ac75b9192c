/* SPDX-License-Identifier: MIT */
/*
 * numa.h - on which node of the machine memory is
 *
 * Where an object's pages will be made is said of the object, before it has any: whoever makes
 * one then, it goes there.  It is advice from then on, since anybody who maps an object may say
 * something else of pages that are not made yet, or move those that are.
 *
 * -EOPNOTSUPP everywhere if the kernel has no such calls, or a filter forbids them.
 */
#ifndef SYS_NUMA_H
#define SYS_NUMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is there a node that has memory, and may we use it?  0 or -ENODEV. */
int numa_check_node(uint32_t node);
/* Bytes that could be taken on a node now without driving anything out; -ENODEV. */
int numa_room(uint32_t node, uint64_t *ret_bytes);
/*
 * Where pages of an object of @size bytes are made from now on: on @node, or if not @strict
 * elsewhere once that is full.  -ENODEV as above; the pages that are there stay.  A page that
 * must be on a full node makes the kernel kill, so numa_room() is asked first.
 */
int numa_place(int fd, uint64_t size, uint32_t node, bool strict);
/*
 * Likewise for what is mapped at @addr: where pages are made that are first touched through it.
 * An object of huge pages that were set aside remembers nothing else.
 */
int numa_place_here(void *addr, uint64_t size, uint32_t node, bool strict);
/*
 * The nodes of @count pages that begin at @addr, each @page bytes: a number, or -ENOENT for one
 * that is not in this mapping.
 */
int numa_look(const void *addr, size_t page, size_t count, int *ret_nodes);

#endif
