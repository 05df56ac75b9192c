/* SPDX-License-Identifier: MIT */
#include "registry/principal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "registry/state.h"

static int compare_users(const struct user *a, const struct user *b)
{
	return (a->uid > b->uid) - (a->uid < b->uid);
}

DEFINE_TREE(users, user, entry, compare_users);

static struct user *user_get(struct registry *registry, uint32_t uid)
{
	struct user wanted = { .uid = uid };
	struct user *user = RB_FIND(users, &registry->users, &wanted);

	if (!user) {
		user = registry_alloc(sizeof(*user));
		if (!user)
			return NULL;
		user->uid = uid;
		(void)RB_INSERT(users, &registry->users, user);
	}
	user->clients++;
	return user;
}

static void user_put(struct registry *registry, struct user *user)
{
	if (--user->clients > 0)
		return;
	(void)RB_REMOVE(users, &registry->users, user);
	free(user);
}

struct user *users_after(const struct users *users, const struct user *user)
{
	struct users tree = *users;

	if (!user)
		return RB_MIN(users, &tree);
	if (user->uid == UINT32_MAX)
		return NULL;
	return RB_NFIND(users, &tree, &(struct user){ .uid = user->uid + 1 });
}

int client_new(struct registry *registry, const struct registry_identity *identity,
	       struct client **ret_client)
{
	struct client *client = registry_alloc(sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->user = user_get(registry, identity->uid);
	if (!client->user) {
		free(client);
		return -ENOMEM;
	}
	client->identity = *identity;
	if (client->identity.group_count > REGISTRY_GROUPS_MAX)
		client->identity.group_count = REGISTRY_GROUPS_MAX;
	client->since = registry_now(registry);
	client->named.id = registry_draw(registry, &registry->clients);
	client->named.key = registry_new_key(registry);
	LIST_INIT(&client->regions);
	LIST_INIT(&client->segments);
	LIST_INIT(&client->imports);
	LIST_INIT(&client->pipes);
	TAILQ_INIT(&client->waits);
	TAILQ_INIT(&client->owed);
	TAILQ_INIT(&client->errands);
	TAILQ_INIT(&client->fading);
	TAILQ_INIT(&client->rung);
	names_add(&registry->clients, &client->named);
	*ret_client = client;
	return 0;
}

void client_free(struct registry *registry, struct client *client)
{
	if (client->remote)
		guest_forget(registry, client);
	names_remove(&registry->clients, &client->named);
	user_put(registry, client->user);
	free(client);
}

struct client *client_find(const struct registry *registry, uint64_t id)
{
	struct named *named = names_find(&registry->clients, id);

	return named ? container_of(named, struct client, named) : NULL;
}

bool client_has_room(const struct registry *registry, const struct client *client)
{
	return client->region_count + client->segment_count + client->import_count <
	       registry->config.per_client_max;
}

int user_charge(const struct call *call, uint64_t bytes)
{
	struct registry *registry = call->registry;
	struct user *user = call->client->user;
	uint64_t own = 0, all = 0;

	if (!add_fits(user->bytes, bytes, &own) || own > registry->config.user_bytes) {
		note(registry, "quota.refused uid=%u used=%llu asked=%llu limit=%llu",
		     user->uid, (unsigned long long)user->bytes, (unsigned long long)bytes,
		     (unsigned long long)registry->config.user_bytes);
		(void)call_refuse(
			call, EDQUOT,
			"user %u uses %llu of its %llu bytes and asked for %llu more; "
			"give memory up, or raise max-user-memory in tract.conf",
			user->uid, (unsigned long long)user->bytes,
			(unsigned long long)registry->config.user_bytes,
			(unsigned long long)bytes);
		return -EDQUOT;
	}
	if (!add_fits(registry->total_bytes, bytes, &all) ||
	    all > registry->config.total_bytes) {
		note(registry, "quota.refused total=%llu asked=%llu limit=%llu",
		     (unsigned long long)registry->total_bytes, (unsigned long long)bytes,
		     (unsigned long long)registry->config.total_bytes);
		(void)call_refuse(call, ENOMEM,
				  "the node promises %llu bytes at most and %llu are promised; "
				  "give memory up, or raise max-exported-memory in tract.conf",
				  (unsigned long long)registry->config.total_bytes,
				  (unsigned long long)registry->total_bytes);
		return -ENOMEM;
	}
	user->bytes = own;
	registry->total_bytes = all;
	return 0;
}

void user_refund(struct registry *registry, struct user *user, uint64_t bytes)
{
	user->bytes -= bytes;
	registry->total_bytes -= bytes;
}

int hello(const struct call *call)
{
	const struct registry_config *config = &call->registry->config;
	struct client *client = call->client;
	struct message answer = { .number = MSG_welcome };
	char program[2 * WIRE_TEXT_MAX + 3];

	if (client->greeted)
		return -EPROTO;
	if (call->message->hello.version != WIRE_VERSION)
		return call_refuse(call, EPROTO,
				   "this broker speaks version %u and the program version %u; "
				   "use the library that was installed with the broker",
				   WIRE_VERSION, call->message->hello.version);
	client->greeted = true;
	note(call->registry, "client.greeted client=%llu pid=%d uid=%u program=%s",
	     (unsigned long long)client->named.key, client->identity.pid, client->identity.uid,
	     log_quote(call->message->hello.program.text, program, sizeof(program)));
	answer.welcome.version = WIRE_VERSION;
	answer.welcome.node = config->node;
	answer.welcome.client = client->named.id;
	answer.welcome.strong = client->identity.uid != config->broker_uid;
	answer.welcome.segment_bytes = config->segment_bytes;
	answer.welcome.total_bytes = config->user_bytes;
	answer.welcome.exports = config->exports_max;
	answer.welcome.imports = config->imports_max;
	return call_answer(call, &answer, attach(ATTACH_BOARD, 0));
}

/* The body keeps the channel; what could not be said before is said now. */
int events(const struct call *call)
{
	(void)call_done(call);
	(void)notice_flush(call->registry, call->client);
	return 0;
}
