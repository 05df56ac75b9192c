/* SPDX-License-Identifier: MIT */
/*
 * pledge.h - what importers are handed for the time without a broker
 *
 * The exporter's process, as a pidfd and as a pipe that ends with it, and its pledge, where it
 * writes what it takes back by itself.  Kept for as long as the exporter is attached.
 */
#ifndef REGISTRY_PLEDGE_H
#define REGISTRY_PLEDGE_H

#include "registry/principal.h"

/* @client is leaving. */
void pledge_end(struct registry *registry, struct client *client);

#endif
