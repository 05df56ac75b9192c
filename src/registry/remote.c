/* SPDX-License-Identifier: MIT */
#include "registry/remote.h"

#include <errno.h>
#include <stdlib.h>

#include "registry/import.h"
#include "registry/stand.h"

struct remote *remote_find(const struct registry *registry, uint32_t node)
{
	struct remote *remote;

	LIST_FOREACH (remote, &registry->remotes, link)
		if (remote->node == node)
			return remote;
	return NULL;
}

void remotes_free(struct registry *registry)
{
	struct remote *remote;

	while ((remote = LIST_FIRST(&registry->remotes))) {
		LIST_REMOVE(remote, link);
		free(remote);
	}
}

void remote_say(const struct registry *registry, const struct remote *remote,
		const struct message *message)
{
	if (remote->up)
		registry->ports.peer_say(registry->ports.body, remote->node, message);
}

int registry_add_peer(struct registry *registry, uint32_t node)
{
	struct remote *remote = registry_alloc(sizeof(*remote));

	if (!remote)
		return -ENOMEM;
	remote->node = node;
	RB_INIT(&remote->imports);
	TAILQ_INIT(&remote->asked);
	LIST_INSERT_HEAD(&registry->remotes, remote, link);
	return 0;
}

void registry_peer_up(struct registry *registry, uint32_t node)
{
	struct remote *remote = remote_find(registry, node);

	if (remote)
		remote->up = true;
}

void registry_peer_lost(struct registry *registry, uint32_t node)
{
	struct remote *remote = remote_find(registry, node);

	if (!remote || !remote->up)
		return;
	remote->up = false;
	remote->losses++;
	far_lose(registry, remote);
	guest_lose(registry, remote);
	stand_settle(registry);
}

void registry_peer_gone_for(struct registry *registry, uint32_t node, uint64_t losses)
{
	struct remote *remote = remote_find(registry, node);

	if (!remote)
		return;
	guests_gone(registry, remote, losses);
	stand_settle(registry);
}

void registry_peer_gone(struct registry *registry, uint32_t node)
{
	registry_peer_gone_for(registry, node, UINT64_MAX);
}

int registry_peer_heard(struct registry *registry, uint32_t node, const struct message *message)
{
	struct remote *remote = remote_find(registry, node);
	int r;

	if (!remote || !remote->up)
		return 0;
	switch (message->number) {
	case MSG_link_connect:
	case MSG_link_close:
	case MSG_link_heard:
	case MSG_link_signal:
		r = guest_heard(registry, remote, message);
		break;
	case MSG_link_connected:
	case MSG_link_refused:
	case MSG_link_revoked:
	case MSG_link_stall:
	case MSG_link_moved:
	case MSG_link_signalled:
		r = far_heard(registry, remote, message);
		break;
	default:
		r = -EPROTO;
		break;
	}
	stand_settle(registry);
	if (r < 0)
		note(registry, "remote.breach node=%u number=0x%x", node,
		     (unsigned)message->number);
	return r;
}
