/* SPDX-License-Identifier: MIT */
/*
 * placement.c - where the pages of shared regions are
 *
 * As the kernel says at the time, slice by slice, since anybody who maps memory may have it
 * moved.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "registry/holding.h"
#include "registry/inspect.h"
#include "registry/job.h"
#include "registry/shared.h"

struct measure {
	struct job job;
	struct round *round; /* of the request; NULL: it is answered at once */
	bool all;	     /* regions, one after the other; their bytes on @node */
	uint32_t node;
	uint64_t shared; /* number; with @all, of the one that is looked at, or the last */
	uint64_t offset; /* measured of that */
	struct object_pages pages;
};

/* ---- looking ----------------------------------------------------------------------------- */

static struct shared *current(const struct registry *registry, const struct measure *m)
{
	struct named *at;

	if (!m->all || m->offset > 0)
		return shared_find(registry, m->shared);
	at = names_after(&registry->shareds, m->shared);
	return shared_of(at);
}

/* 1: all has been looked at; 0: there is more; or -errno. */
static int measure_slice(struct registry *registry, struct measure *m)
{
	const struct ports *ports = &registry->ports;
	const struct shared *shared = current(registry, m);
	uint64_t size;
	int r;

	if (!shared && m->all && m->offset > 0) {
		/* It ended meanwhile; there may be others. */
		m->offset = 0;
		return 0;
	}
	if (!shared)
		return m->all ? 1 : -ENOENT;
	size = job_slice(shared->region->size, m->offset);
	r = ports->object_measure(ports->body, shared->region->object, m->offset, size,
				  &m->pages);
	if (r < 0)
		return r;
	m->shared = shared->named.key;
	m->offset += size;
	if (m->offset < shared->region->size)
		return 0;
	m->offset = 0;
	return !m->all;
}

/* ---- answering --------------------------------------------------------------------------- */

static int refuse_measure(const struct call *call, int error)
{
	if (error == -ENOENT)
		return call_refuse(call, ENOENT, "there is no such region");
	if (error == -EOPNOTSUPP)
		return call_refuse(call, EOPNOTSUPP,
				   "the kernel does not tell where pages are");
	return call_refuse_memory(call);
}

static int answer_placed(const struct call *call, const struct measure *m)
{
	struct message answer = { .number = MSG_shared_placed };
	struct msg_shared_placed *said = &answer.shared_placed;

	for (uint32_t i = 0; i < PORTS_NODES && i < WIRE_NODES_MAX; i++) {
		said->pages.node[i] = m->pages.node[i];
		if (m->pages.node[i])
			said->pages.count = i + 1;
	}
	said->unknown = m->pages.unknown;
	said->absent = m->pages.absent;
	said->huge = m->pages.huge;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* With pages that nobody knows the place of, a sum would be too small. */
static int answer_used(const struct call *call, const struct measure *m)
{
	struct message answer = { .number = MSG_node_used };

	if (m->pages.unknown > 0)
		return refuse_measure(call, -EOPNOTSUPP);
	answer.node_used.bytes = m->pages.node[m->node] * call->registry->config.page_size;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static int answer_measure(const struct call *call, const struct measure *m, int r)
{
	if (r < 0)
		return refuse_measure(call, r);
	return m->all ? answer_used(call, m) : answer_placed(call, m);
}

/* ---- in slices ----------------------------------------------------------------------------
 */

static bool no_next_step(struct registry *registry, struct round *round)
{
	(void)registry;
	(void)round;
	return false;
}

static void say_nothing(struct registry *registry, struct round *round)
{
	(void)registry;
	(void)round;
}

static void measure_more(struct registry *registry, struct job *job)
{
	struct measure *m = container_of(job, struct measure, job);
	struct round *round = m->round;
	struct call call = { registry, round->asker, &round->request };
	int r = call.client ? measure_slice(registry, m) : 1;

	if (r == 0)
		return;
	job_end(registry, job);
	if (call.client)
		(void)answer_measure(&call, m, r);
	free(m);
	round_complete(registry, round);
}

static int measure(const struct call *call, struct measure *m)
{
	int r = measure_slice(call->registry, m);
	struct measure *later;

	if (r != 0)
		return answer_measure(call, m, r);
	later = registry_alloc(sizeof(*later));
	if (!later)
		return call_refuse_memory(call);
	*later = *m;
	if (round_begin(call, UINT64_MAX, say_nothing, &later->round) < 0) {
		free(later);
		return call_refuse_memory(call);
	}
	later->round->next = no_next_step;
	job_begin(call->registry, &later->job, measure_more);
	return 0;
}

/* ---- requests ---------------------------------------------------------------------------- */

int shared_place(const struct call *call)
{
	struct measure m = { .shared = call->message->shared_place.shared };

	if (!inspect_shared(call, m.shared))
		return refuse_measure(call, -ENOENT);
	return measure(call, &m);
}

int node_use(const struct call *call)
{
	const struct ports *ports = &call->registry->ports;
	struct measure m = { .all = true, .node = call->message->node_use.node };
	int r = ports->node_check(ports->body, m.node);

	if (r == -EOPNOTSUPP)
		return refuse_measure(call, r);
	if (r < 0 || m.node >= PORTS_NODES)
		return call_refuse(call, ENODEV, "the host has no such NUMA node with memory");
	return measure(call, &m);
}

int shared_physical(const struct call *call)
{
	const struct ports *ports = &call->registry->ports;
	const struct shared *shared =
		shared_find(call->registry, call->message->shared_physical.shared);
	struct message answer = { .number = MSG_shared_based };

	if (!shared)
		return refuse_measure(call, -ENOENT);
	if (shared->owner != call->client)
		return call_refuse(call, EACCES, "where memory is in the host is the owner's");
	if (ports->object_physical(ports->body, shared->region->object,
				   &answer.shared_based.address) < 0)
		return call_refuse(call, EOPNOTSUPP,
				   "the region has no physical address that stays, or the "
				   "kernel does not tell");
	return call_answer(call, &answer, ATTACH_NOTHING);
}
