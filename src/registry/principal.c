/* SPDX-License-Identifier: MIT */
#include "registry/principal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "registry/inherit.h"
#include "registry/news.h"
#include "registry/state.h"

/* How much of a process's table one other user may fill with offers. */
#define CROWD_PART 4u

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

static void user_reap(struct registry *registry, struct user *user)
{
	if (user->clients > 0 || user->shareds > 0)
		return;
	(void)RB_REMOVE(users, &registry->users, user);
	free(user);
}

static void user_put(struct registry *registry, struct user *user)
{
	user->clients--;
	user_reap(registry, user);
}

struct user *user_ref(struct user *user)
{
	user->shareds++;
	return user;
}

void user_unref(struct registry *registry, struct user *user)
{
	user->shareds--;
	user_reap(registry, user);
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

static void client_init(struct registry *registry, struct client *client)
{
	LIST_INIT(&client->regions);
	LIST_INIT(&client->segments);
	LIST_INIT(&client->imports);
	LIST_INIT(&client->pipes);
	LIST_INIT(&client->shareds);
	TAILQ_INIT(&client->waits);
	TAILQ_INIT(&client->owed);
	TAILQ_INIT(&client->errands);
	TAILQ_INIT(&client->offers);
	RB_INIT(&client->places);
	LIST_INIT(&client->moves);
	TAILQ_INIT(&client->fading);
	TAILQ_INIT(&client->rung);
	cap_table_init(&client->caps, &registry->caps, registry->config.caps_max);
	cap_table_belong(&client->caps, client->identity.uid,
			 (registry->config.caps_max + CROWD_PART - 1) / CROWD_PART);
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
	if (client->identity.groups.count > WIRE_GROUPS_MAX)
		client->identity.groups.count = WIRE_GROUPS_MAX;
	client->since = registry_now(registry);
	client->named.id = registry_draw(registry, &registry->clients);
	client->named.key = ++registry->last_client;
	client_init(registry, client);
	names_add(&registry->clients, &client->named);
	*ret_client = client;
	return 0;
}

/* It is on no list, and nothing is said to it. */
struct client *bearer_new(struct registry *registry, const struct client *like)
{
	struct client *client = registry_alloc(sizeof(*client));

	if (!client)
		return NULL;
	client->identity = like->identity;
	client->leaving = true;
	client_init(registry, client);
	return client;
}

uint32_t client_new_serial(struct client *client)
{
	if (++client->last_event == 0)
		++client->last_event;
	return client->last_event;
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

struct client *process_find(const struct registry *registry, uint64_t number)
{
	struct named *named = number ? names_after(&registry->clients, number - 1) : NULL;
	struct client *client = named && named->key == number
					? container_of(named, struct client, named)
					: NULL;

	return client && client->greeted && !client->leaving ? client : NULL;
}

bool client_has_room(const struct registry *registry, const struct client *client)
{
	return client->region_count + client->segment_count + client->shared_count +
		       client->import_count <
	       registry->config.per_client_max;
}

static bool fits_share(const struct registry *registry, const struct user *user, uint64_t bytes)
{
	uint64_t own = 0;

	return add_fits(user->bytes, bytes, &own) && own <= registry->config.user_bytes;
}

static bool fits_node(const struct registry *registry, uint64_t bytes)
{
	uint64_t all = 0;

	return add_fits(registry->total_bytes, bytes, &all) &&
	       all <= registry->config.total_bytes;
}

static int refuse_share(const struct call *call, const struct user *user, uint64_t bytes)
{
	const struct registry *registry = call->registry;

	note(registry, "quota.refused uid=%u used=%llu asked=%llu limit=%llu", user->uid,
	     (unsigned long long)user->bytes, (unsigned long long)bytes,
	     (unsigned long long)registry->config.user_bytes);
	(void)call_refuse(call, EDQUOT,
			  "user %u uses %llu of its %llu bytes and asked for %llu more; "
			  "give memory up, or raise max-user-memory in tract.conf",
			  user->uid, (unsigned long long)user->bytes,
			  (unsigned long long)registry->config.user_bytes,
			  (unsigned long long)bytes);
	return -EDQUOT;
}

static int refuse_node(const struct call *call, uint64_t bytes)
{
	const struct registry *registry = call->registry;

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

int user_try_charge(struct registry *registry, struct user *user, uint64_t bytes)
{
	if (!fits_share(registry, user, bytes))
		return -EDQUOT;
	if (!fits_node(registry, bytes))
		return -ENOMEM;
	user->bytes += bytes;
	registry->total_bytes += bytes;
	return 0;
}

int user_charge(const struct call *call, uint64_t bytes)
{
	struct user *user = call->client->user;

	switch (user_try_charge(call->registry, user, bytes)) {
	case -EDQUOT:
		return refuse_share(call, user, bytes);
	case -ENOMEM:
		return refuse_node(call, bytes);
	default:
		return 0;
	}
}

int user_try_recharge(struct registry *registry, struct user **payer, struct user *to,
		      uint64_t bytes)
{
	struct user *from = *payer;

	if (from == to)
		return 0;
	if (!fits_share(registry, to, bytes))
		return -EDQUOT;
	from->bytes -= bytes;
	to->bytes += bytes;
	*payer = user_ref(to);
	user_unref(registry, from);
	return 0;
}

int user_check_room(const struct call *call, const struct user *to, const struct user *from,
		    uint64_t bytes)
{
	if (to == from || fits_share(call->registry, to, bytes))
		return 0;
	return refuse_share(call, to, bytes);
}

int user_recharge(const struct call *call, struct user **payer, struct user *to, uint64_t bytes)
{
	if (user_try_recharge(call->registry, payer, to, bytes) == 0)
		return 0;
	return refuse_share(call, to, bytes);
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
	answer.welcome.process = client->named.key;
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
	news_again(call->client);
	(void)notice_flush(call->registry, call->client);
	return 0;
}
