/* SPDX-License-Identifier: MIT */
/*
 * monitor.h - clients that watch what passes
 *
 * Root and the broker's own user may.  A monitor that does not keep up misses lines, and is
 * told how many as soon as it can be; nothing waits for it.  What passes between the broker
 * and a monitor is not shown, so that watching does not make more to watch.
 */
#ifndef BROKER_MONITOR_H
#define BROKER_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/client_link.h"

/* Answers @request.  0, or negative if the client cannot be answered. */
int monitor_open(struct client_link *link, const struct message *request);
void monitor_close(struct client_link *link);

void monitor_tell_event(struct broker *b, const char *line);
/* A message that passed between this broker and another node's; 0: not known yet whose. */
void monitor_tell_link(struct broker *b, uint32_t node, bool sent, const void *bytes,
		       size_t size);
/* A tap for connections; its argument is the link. */
void monitor_tap(void *arg, bool sent, const void *bytes, size_t size);

#endif
