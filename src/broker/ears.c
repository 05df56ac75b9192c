/* SPDX-License-Identifier: MIT */
#include "broker/ears.h"

#include <errno.h>
#include <stdlib.h>

#include "base/scope.h"

struct ear {
	struct idmap_node node;
	struct ears *ears;
	uint64_t tag;
	int reader;
	struct loop_source source;
};

static void on_filled(void *arg, unsigned mask)
{
	struct ear *ear = arg;

	(void)mask;
	/* Before events are taken: who posts after that fills it again. */
	event_pipe_drain(ear->reader);
	registry_rung(ear->ears->registry, ear->tag);
}

static void ear_free(struct ear *ear)
{
	loop_remove(ear->ears->loop, &ear->source);
	fd_scope_end(&ear->reader);
	free(ear);
}

int ears_init(struct ears *ears, struct loop *loop)
{
	*ears = (struct ears){ .loop = loop };
	return idmap_init(&ears->by_id);
}

void ears_deinit(struct ears *ears)
{
	struct ear *ear;

	while ((ear = idmap_first(&ears->by_id)))
		ears_drop(ears, ear->node.id);
	idmap_deinit(&ears->by_id);
}

int ears_add(struct ears *ears, uint64_t id, uint64_t tag, int *ret_writer)
{
	struct ear *ear = calloc(1, sizeof(*ear));
	scoped(fd) int writer = -1;
	int fds[2], r;

	if (!ear)
		return -ENOMEM;
	ear->ears = ears;
	ear->tag = tag;
	ear->source = (struct loop_source){ .fd = -1, .ready = on_filled, .arg = ear };
	r = event_pipe_new(fds);
	if (r < 0) {
		free(ear);
		return r;
	}
	ear->reader = fds[0];
	writer = fds[1];
	r = loop_add(ears->loop, &ear->source, ear->reader, EVENT_IN);
	if (r == 0)
		r = idmap_add(&ears->by_id, &ear->node, id, ear);
	if (r < 0) {
		ear_free(ear);
		return r;
	}
	*ret_writer = steal_fd(&writer);
	return 0;
}

void ears_drop(struct ears *ears, uint64_t id)
{
	struct ear *ear = idmap_take(&ears->by_id, id);

	if (ear)
		ear_free(ear);
}
