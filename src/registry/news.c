/* SPDX-License-Identifier: MIT */
#include "registry/news.h"

#include "registry/round.h"
#include "registry/state.h"

int news_flush(struct registry *registry, struct client *client)
{
	struct message message = { .number = MSG_shared_news };
	int r;

	if (!client->news.due || client->news.serial)
		return 0;
	message.serial = client_new_serial(client);
	message.shared_news.what = client->news.due;
	r = registry->ports.event(registry->ports.body, client->named.id, &message,
				  ATTACH_NOTHING);
	if (r < 0)
		return r;
	client->news.serial = message.serial;
	client->news.said = client->news.due;
	client->news.due = 0;
	return 0;
}

void news_of(struct registry *registry, struct client *client, enum news what)
{
	if (client->leaving)
		return;
	client->news.due |= what;
	/* In its turn, behind what is owed. */
	(void)notice_flush(registry, client);
}

void news_heard(struct client *client, uint32_t serial)
{
	if (serial == 0 || serial != client->news.serial)
		return;
	client->news.serial = 0;
	client->news.said = 0;
}

void news_again(struct client *client)
{
	client->news.due |= client->news.said;
	client->news.serial = 0;
	client->news.said = 0;
}
