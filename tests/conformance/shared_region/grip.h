/* SPDX-License-Identifier: MIT */
/*
 * grip.h - between the two halves of how an agent keeps hold of a region
 */
#ifndef TESTS_CONFORMANCE_SHARED_REGION_GRIP_H
#define TESTS_CONFORMANCE_SHARED_REGION_GRIP_H

#include <stdint.h>

struct order {
	uint64_t offset, byte;
	uint64_t times; /* to store it; 0: to look */
};

struct outcome {
	uint64_t worked; /* how often */
	uint64_t byte;	 /* that was seen */
};

/* [0] is the agent's, [1] its accomplice's. */
extern int grip_channel[2];

void grip_open_channel(void);
void grip_send_fd(int socket, int fd);
int grip_receive_fd(int socket);

/* A store by an accomplice to the page at @at is on its way: 0; or errno where that cannot be
 * done. */
int pin_pages(void *at);
/* It arrives, if @o is to store. */
struct outcome pinned_store(const struct order *o);

#endif
