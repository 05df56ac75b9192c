/* SPDX-License-Identifier: MIT */
/*
 * agent.c - a child process that exports or imports as it is asked
 */
#include "rig.h"

#include <grp.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct request {
	uint64_t deed, a, b;
};

struct agent {
	struct child *parent;
	struct exporter e;
	struct importer i;
	unsigned char *old_memory;
};

typedef uint64_t deed_fn(struct agent *agent, uint64_t a, uint64_t b);

static uint64_t become(struct agent *agent, uint64_t user, uint64_t group)
{
	(void)agent;
	if (setgroups(0, NULL) < 0 || setresgid((gid_t)group, (gid_t)group, (gid_t)group) < 0)
		return 1;
	return setresuid((uid_t)user, (uid_t)user, (uid_t)user) < 0;
}

static uint64_t join(struct agent *agent, uint64_t group, uint64_t b)
{
	gid_t list[] = { (gid_t)group };

	(void)agent;
	(void)b;
	return setgroups(1, list) < 0;
}

static uint64_t take_effective(struct agent *agent, uint64_t user, uint64_t group)
{
	(void)agent;
	return setegid((gid_t)group) < 0 || seteuid((uid_t)user) < 0;
}

static uint64_t set_umask(struct agent *agent, uint64_t mask, uint64_t b)
{
	(void)agent;
	(void)b;
	(void)umask((mode_t)mask);
	return 0;
}

static uint64_t create(struct agent *agent, uint64_t pages, uint64_t flags)
{
	exporter_bound(&agent->e, (unsigned)pages, (uint_t)flags);
	return 0;
}

static uint64_t publish(struct agent *agent, uint64_t id, uint64_t b)
{
	rsm_memseg_id_t wanted = (rsm_memseg_id_t)id;

	(void)b;
	return (uint64_t)rsm_memseg_export_publish(agent->e.segment, &wanted, NULL, 0);
}

static uint64_t export(struct agent *agent, uint64_t id, uint64_t pages)
{
	exporter_bound(&agent->e, (unsigned)pages, RSM_ALLOW_REBIND);
	return publish(agent, id, 0);
}

static uint64_t publish_to(struct agent *agent, uint64_t id, uint64_t mode)
{
	rsmapi_access_entry_t entry = { .ae_permission = (rsm_permission_t)mode };
	rsm_memseg_id_t wanted = (rsm_memseg_id_t)id;

	entry.ae_node = importers_node();
	return (uint64_t)rsm_memseg_export_publish(agent->e.segment, &wanted, &entry, 1);
}

static uint64_t republish(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_export_republish(agent->e.segment, NULL, 0);
}

static uint64_t republish_to(struct agent *agent, uint64_t mode, uint64_t b)
{
	rsmapi_access_entry_t entry = { .ae_permission = (rsm_permission_t)mode };

	(void)b;
	entry.ae_node = importers_node();
	return (uint64_t)rsm_memseg_export_republish(agent->e.segment, &entry, 1);
}

static uint64_t unpublish(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_export_unpublish(agent->e.segment);
}

static uint64_t destroy(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_export_destroy(agent->e.segment);
}

static uint64_t rebind(struct agent *agent, uint64_t fill, uint64_t b)
{
	unsigned char *memory = pages_new((unsigned)(agent->e.size / PAGE));
	int rc;

	(void)b;
	(void)memset(memory, (int)fill, agent->e.size);
	rc = rsm_memseg_export_rebind(agent->e.segment, memory, 0, agent->e.size);
	if (rc != RSM_SUCCESS)
		return (uint64_t)rc;
	agent->old_memory = agent->e.memory;
	agent->e.memory = memory;
	return 0;
}

static uint64_t store(struct agent *agent, uint64_t offset, uint64_t value)
{
	((volatile unsigned char *)agent->e.memory)[offset] = (unsigned char)value;
	return 0;
}

static uint64_t load(struct agent *agent, uint64_t offset, uint64_t b)
{
	(void)b;
	return ((volatile unsigned char *)agent->e.memory)[offset];
}

static uint64_t load_old(struct agent *agent, uint64_t offset, uint64_t b)
{
	(void)b;
	return ((volatile unsigned char *)agent->old_memory)[offset];
}

static uint64_t post_export(struct agent *agent, uint64_t flags, uint64_t b)
{
	(void)b;
	return (uint64_t)rsm_intr_signal_post(agent->e.segment, (uint_t)flags);
}

static uint64_t wait_export(struct agent *agent, uint64_t timeout, uint64_t b)
{
	(void)b;
	return (uint64_t)rsm_intr_signal_wait(agent->e.segment, (int)timeout);
}

static uint64_t import(struct agent *agent, uint64_t id, uint64_t perm)
{
	int rc;

	agent->i.controller = the_controller();
	rc = rsm_memseg_import_connect(agent->i.controller, local_node(), (rsm_memseg_id_t)id,
				       (rsm_permission_t)perm, &agent->i.segment);
	if (rc != RSM_SUCCESS)
		return (uint64_t)rc;
	return (uint64_t)rsm_memseg_import_init_barrier(agent->i.segment, RSM_BARRIER_SEGMENT,
							&agent->i.barrier);
}

static uint64_t try_import(struct agent *agent, uint64_t id, uint64_t perm)
{
	rsmapi_controller_handle_t controller = the_controller();
	rsm_memseg_import_handle_t segment = NULL;
	int rc;

	(void)agent;
	rc = rsm_memseg_import_connect(controller, local_node(), (rsm_memseg_id_t)id,
				       (rsm_permission_t)perm, &segment);
	if (rc == RSM_SUCCESS)
		EXPECT_EQ(rsm_memseg_import_disconnect(segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	return (uint64_t)rc;
}

static uint64_t map(struct agent *agent, uint64_t size, uint64_t perm)
{
	void *address = NULL;
	int rc = rsm_memseg_import_map(agent->i.segment, &address, RSM_MAP_NONE,
				       (rsm_permission_t)perm, 0, size);

	agent->i.address = address;
	return (uint64_t)rc;
}

static uint64_t unmap(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_import_unmap(agent->i.segment);
}

static uint64_t store_mapped(struct agent *agent, uint64_t offset, uint64_t value)
{
	((volatile unsigned char *)agent->i.address)[offset] = (unsigned char)value;
	importer_deliver(&agent->i);
	return 0;
}

static uint64_t load_mapped(struct agent *agent, uint64_t offset, uint64_t b)
{
	(void)b;
	importer_deliver(&agent->i);
	return ((volatile unsigned char *)agent->i.address)[offset];
}

static uint64_t put(struct agent *agent, uint64_t offset, uint64_t value)
{
	uint8_t byte = (uint8_t)value;

	return (uint64_t)rsm_memseg_import_put8(agent->i.segment, (off_t)offset, &byte, 1);
}

static uint64_t get(struct agent *agent, uint64_t offset, uint64_t b)
{
	uint8_t byte = 0;
	int rc = rsm_memseg_import_get8(agent->i.segment, (off_t)offset, &byte, 1);

	(void)b;
	return rc == RSM_SUCCESS ? byte : 0x100 + (uint64_t)rc;
}

static uint64_t open_span(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_import_open_barrier(&agent->i.barrier);
}

static uint64_t close_span(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_import_close_barrier(&agent->i.barrier);
}

static uint64_t post_import(struct agent *agent, uint64_t flags, uint64_t b)
{
	(void)b;
	return (uint64_t)rsm_intr_signal_post(agent->i.segment, (uint_t)flags);
}

static uint64_t wait_import(struct agent *agent, uint64_t timeout, uint64_t b)
{
	(void)b;
	return (uint64_t)rsm_intr_signal_wait(agent->i.segment, (int)timeout);
}

static uint64_t disconnect(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return (uint64_t)rsm_memseg_import_disconnect(agent->i.segment);
}

static uint64_t leave_by_exit(struct agent *agent, uint64_t a, uint64_t b)
{
	(void)agent;
	(void)a;
	(void)b;
	/* What the runner has not written yet is the runner's to write. */
	__fpurge(stdout);
	exit(0);
}

static uint64_t leave_by_exec(struct agent *agent, uint64_t a, uint64_t b)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)a;
	(void)b;
	(void)dup2(agent->parent->fd, 0);
	(void)dup2(null, 1);
	(void)execlp("cat", "cat", (char *)NULL);
	_exit(1);
}

static deed_fn *const deeds[] = {
	[BECOME] = become,
	[JOIN] = join,
	[TAKE_EFFECTIVE] = take_effective,
	[SET_UMASK] = set_umask,
	[EXPORT] = export,
	[CREATE] = create,
	[PUBLISH] = publish,
	[PUBLISH_TO] = publish_to,
	[REPUBLISH] = republish,
	[REPUBLISH_TO] = republish_to,
	[UNPUBLISH] = unpublish,
	[DESTROY] = destroy,
	[REBIND] = rebind,
	[STORE] = store,
	[LOAD] = load,
	[LOAD_OLD] = load_old,
	[POST_EXPORT] = post_export,
	[WAIT_EXPORT] = wait_export,
	[IMPORT] = import,
	[TRY] = try_import,
	[MAP] = map,
	[UNMAP] = unmap,
	[STORE_MAPPED] = store_mapped,
	[LOAD_MAPPED] = load_mapped,
	[PUT] = put,
	[GET] = get,
	[OPEN] = open_span,
	[CLOSE] = close_span,
	[POST_IMPORT] = post_import,
	[WAIT_IMPORT] = wait_import,
	[DISCONNECT] = disconnect,
	[EXIT] = leave_by_exit,
	[EXEC] = leave_by_exec,
};

static void serve(struct child *parent, void *arg)
{
	struct agent agent = { .parent = parent };
	struct request request;

	(void)arg;
	while (recv(parent->fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
		tell(parent, deeds[request.deed](&agent, request.a, request.b));
}

void agent_start(struct child *c)
{
	child_start(c, serve, NULL);
}

void agent_exporting(struct child *c, rsm_memseg_id_t id, unsigned pages)
{
	agent_start(c);
	EXPECT_EQ(ask(c, EXPORT, id, pages), RSM_SUCCESS);
}

void agent_importing(struct child *c, rsm_memseg_id_t id, size_t map_bytes)
{
	agent_start(c);
	EXPECT_EQ(ask(c, IMPORT, id, RSM_PERM_RDWR), RSM_SUCCESS);
	if (map_bytes > 0)
		EXPECT_EQ(ask(c, MAP, map_bytes, RSM_PERM_RDWR), RSM_SUCCESS);
}

void order(struct child *c, enum deed deed, uint64_t a, uint64_t b)
{
	struct request request = { .deed = deed, .a = a, .b = b };

	EXPECT_EQ(send(c->fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
}

uint64_t ask(struct child *c, enum deed deed, uint64_t a, uint64_t b)
{
	order(c, deed, a, b);
	return hear(c);
}
