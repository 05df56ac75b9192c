/* SPDX-License-Identifier: MIT */
/*
 * sysv.h - System V shared memory
 */
#ifndef SYS_SYSV_H
#define SYS_SYSV_H

#include <stddef.h>
#include <stdint.h>

/*
 * Maps a page-aligned part of a segment that @owner made or owns (or anybody, if @owner is
 * root: an exporter must not make an importer write where only the importer may): at *addr,
 * replacing what is there, or anywhere if that is NULL.  -EACCES as the segment's own mode
 * says, -EINVAL if there is no such segment in this IPC namespace, or its pages are huge and
 * this is not a number of them, -ERANGE if it is shorter.
 *
 * What is attached for @owner to show it to others, who could not do so themselves, is its own
 * whoever it is: not every process of root's may attach what others have.
 */
int sysv_attach_shown(uint32_t shmid, uint32_t owner, uint64_t offset, size_t size,
		      unsigned prot, void **addr);
int sysv_attach(uint32_t shmid, uint32_t owner, uint64_t offset, size_t size, unsigned prot,
		void **addr);

#endif
