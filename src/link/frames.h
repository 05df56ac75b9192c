/* SPDX-License-Identifier: MIT */
/*
 * frames.h - messages out of a stream of bytes
 *
 * Pure.  A message's header says how long it is; what cannot be one, or is none of those that
 * brokers say to each other, is refused as early as that can be seen.
 */
#ifndef LINK_FRAMES_H
#define LINK_FRAMES_H

#include "wire/wire.h"

#define LINK_NUMBER_FIRST 0x0c00u
#define LINK_NUMBER_LAST 0x0cffu

struct link_frames {
	size_t used;
	bool broken;
	uint8_t bytes[2 * WIRE_SIZE_MAX];
};

/* Where the next bytes go, and how many may; some always do after frames_next() has said
 * -EAGAIN. */
void *frames_room(struct link_frames *f, size_t *ret_room);
void frames_added(struct link_frames *f, size_t size);
/* 0, -EAGAIN if more must come, -EPROTO now and ever after. */
int frames_next(struct link_frames *f, struct message *ret_message);

/* Is it one that brokers say to each other? */
bool frames_is_link(uint32_t number);

#endif
