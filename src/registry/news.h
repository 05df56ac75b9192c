/* SPDX-License-Identifier: MIT */
/*
 * news.h - telling a process that there is something to ask for
 *
 * What is new is a few bits for each client, so that there is always room for it.  They are
 * said once; what comes before that was answered is said afterwards.
 */
#ifndef REGISTRY_NEWS_H
#define REGISTRY_NEWS_H

#include "registry/principal.h"

/* shared_news.what */
enum news {
	NEWS_OFFERS = 1,
	NEWS_MOVES = 2,
	NEWS_NOTICES = 4,
};

void news_of(struct registry *registry, struct client *client, enum news what);
/* Says what was not said yet, if it fits.  0, or what the port said. */
int news_flush(struct registry *registry, struct client *client);
/* @serial was answered. */
void news_heard(struct client *client, uint32_t serial);
/* It has another channel: what the old one had is said again. */
void news_again(struct client *client);

#endif
