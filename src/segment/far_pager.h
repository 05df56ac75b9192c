/* SPDX-License-Identifier: MIT */
/*
 * far_pager.h - the thread that answers for mapped memory of one node
 *
 * A userfaultfd and a thread for each node that memory is mapped from: a node that does not
 * answer keeps nobody waiting but those who touch its memory.  It is not the thread that pages
 * for programs (map/pager), whose functions may touch memory of another node themselves.
 *
 * They begin with the first mapping from a node, and end with the last.
 */
#ifndef SEGMENT_FAR_PAGER_H
#define SEGMENT_FAR_PAGER_H

#include "segment/far_map.h"

/* -EOPNOTSUPP, with the reason, where the kernel cannot; -EMFILE, -ENOMEM. */
int far_pager_open(uint32_t node, struct far_pager **ret_pager);
/* If it was the last, waits until the thread has ended.  NULL is allowed. */
void far_pager_close(struct far_pager *pager);
struct uffd *far_pager_uffd(struct far_pager *pager);
/* uffd_can_show() */
bool far_pager_shows(const struct far_pager *pager);
/* Or has the program closed our descriptors? */
bool far_pager_is_whole(const struct far_pager *pager);

/* While it is entered its faults are served. */
void far_pager_enter(struct far_pager *pager, struct far_map *map);
void far_pager_remove(struct far_pager *pager, struct far_map *map);
/* What is due has changed. */
void far_pager_wake(struct far_pager *pager);

void far_pagers_before_fork(void);
void far_pagers_after_fork(bool in_child);

#endif
