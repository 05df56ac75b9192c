/* SPDX-License-Identifier: MIT */
/*
 * rig.c - memory, exporters, importers and children for the conformance tests
 */
#include "rig.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

/* The parent's ends of all channels: no child may keep a sibling's alive. */
static int channels[64];
static unsigned channel_count;

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int file_of_pages(unsigned count, int fill)
{
	unsigned char *bytes = pages_new(count);
	size_t size = count * PAGE;
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", test_directory());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	(void)memset(bytes, fill, size);
	EXPECT_EQ(write(fd, bytes, size), size);
	free(bytes);
	return fd;
}

unsigned char *pages_new(unsigned count)
{
	void *memory = NULL;

	EXPECT_EQ(posix_memalign(&memory, PAGE, count * PAGE), 0);
	(void)memset(memory, 0, count * PAGE);
	return memory;
}

/*
 * Far from where the kernel puts what malloc or a sanitizer asks for, which would fill a hole;
 * and where sanitizers allow a program to have memory.
 */
static void *lonely_address(void)
{
	static uintptr_t next = UINT64_C(0x7e9000000000);

	next += 1024 * PAGE;
	return (void *)next;
}

static unsigned char *pages_mapped(unsigned count)
{
	void *memory = mmap(lonely_address(), count * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	(void)memset(memory, 0, count * PAGE);
	return memory;
}

unsigned char *pages_with_hole(unsigned count, unsigned hole)
{
	unsigned char *memory = pages_mapped(count);

	if (hole < count)
		EXPECT_EQ(munmap(memory + hole * PAGE, PAGE), 0);
	return memory;
}

unsigned char *pages_with_read_only(unsigned count, unsigned page)
{
	unsigned char *memory = pages_mapped(count);

	if (page < count)
		EXPECT_EQ(mprotect(memory + page * PAGE, PAGE, PROT_READ), 0);
	return memory;
}

bool is_filled(const volatile void *at, size_t size, int with)
{
	const volatile unsigned char *bytes = at;

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != with)
			return false;
	return true;
}

static rsmapi_controller_handle_t controller_of(const char *name)
{
	rsmapi_controller_handle_t controller = NULL;
	char copy[16];

	(void)snprintf(copy, sizeof(copy), "%s", name);
	EXPECT_EQ(rsm_get_controller(copy, &controller), RSM_SUCCESS);
	EXPECT(controller != NULL);
	return controller;
}

rsmapi_controller_handle_t loopback(void)
{
	return controller_of("loopback");
}

rsmapi_controller_handle_t the_controller(void)
{
	return nodes_are_two() ? controller_of(nodes_controller()) : loopback();
}

rsm_node_id_t local_node(void)
{
	rsm_topology_t *topology = NULL;
	rsm_node_id_t node;

	EXPECT_EQ(rsm_get_interconnect_topology(&topology), RSM_SUCCESS);
	node = topology->topology_hdr.local_nodeid;
	rsm_free_interconnect_topology(topology);
	return node;
}

rsm_node_id_t importers_node(void)
{
	return nodes_are_two() ? NODES_IMPORTER : local_node();
}

void exporter_bound(struct exporter *e, unsigned pages, uint_t flags)
{
	*e = (struct exporter){ .size = pages * PAGE };
	e->controller = the_controller();
	e->memory = pages_new(pages);
	EXPECT_EQ(
		rsm_memseg_export_create(e->controller, &e->segment, e->memory, e->size, flags),
		RSM_SUCCESS);
	EXPECT(e->segment != NULL);
}

void exporter_publish(struct exporter *e, rsm_memseg_id_t id)
{
	e->id = id;
	EXPECT_EQ(rsm_memseg_export_publish(e->segment, &e->id, NULL, 0), RSM_SUCCESS);
}

void exporter_up(struct exporter *e, rsm_memseg_id_t id, unsigned pages)
{
	exporter_bound(e, pages, RSM_ALLOW_REBIND);
	exporter_publish(e, id);
}

void exporter_down(struct exporter *e)
{
	EXPECT_EQ(rsm_memseg_export_destroy(e->segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(e->controller), RSM_SUCCESS);
	free(e->memory);
	*e = (struct exporter){ 0 };
}

void importer_fresh(struct importer *i, rsm_memseg_id_t id, rsm_permission_t perm)
{
	*i = (struct importer){ 0 };
	i->controller = the_controller();
	EXPECT_EQ(rsm_memseg_import_connect(i->controller, local_node(), id, perm, &i->segment),
		  RSM_SUCCESS);
	EXPECT(i->segment != NULL);
}

void importer_up(struct importer *i, rsm_memseg_id_t id, rsm_permission_t perm)
{
	importer_fresh(i, id, perm);
	EXPECT_EQ(rsm_memseg_import_init_barrier(i->segment, RSM_BARRIER_SEGMENT, &i->barrier),
		  RSM_SUCCESS);
}

void importer_map(struct importer *i, rsm_permission_t perm, size_t size)
{
	void *address = NULL;

	EXPECT_EQ(rsm_memseg_import_map(i->segment, &address, RSM_MAP_NONE, perm, 0, size),
		  RSM_SUCCESS);
	EXPECT(address != NULL);
	i->address = address;
}

void importer_deliver(struct importer *i)
{
	if (!nodes_are_two())
		return;
	/* In a span it is the order of what comes next; otherwise a span of its own. */
	if (rsm_memseg_import_order_barrier(&i->barrier) == RSM_SUCCESS)
		return;
	/* Of an import that was aborted it closes with an error. */
	(void)rsm_memseg_import_open_barrier(&i->barrier);
	(void)rsm_memseg_import_close_barrier(&i->barrier);
}

void importer_down(struct importer *i)
{
	if (i->address)
		EXPECT_EQ(rsm_memseg_import_unmap(i->segment), RSM_SUCCESS);
	if (i->barrier.seg)
		EXPECT_EQ(rsm_memseg_import_destroy_barrier(&i->barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(i->segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(i->controller), RSM_SUCCESS);
	*i = (struct importer){ 0 };
}

void pair_up(struct pair *p, unsigned pages)
{
	exporter_up(&p->e, ID(0), pages);
	importer_up(&p->i, ID(0), RSM_PERM_RDWR);
}

void pair_down(struct pair *p)
{
	importer_down(&p->i);
	exporter_down(&p->e);
}

static void close_channels(void)
{
	while (channel_count > 0)
		(void)close(channels[--channel_count]);
}

static void forget_channel(int fd)
{
	for (unsigned k = 0; k < channel_count; k++)
		if (channels[k] == fd)
			channels[k] = channels[--channel_count];
	(void)close(fd);
}

void child_start(struct child *c, void (*body)(struct child *parent, void *arg), void *arg)
{
	struct child parent = { .pid = getpid() };
	int ends[2];

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	c->fd = ends[0];
	c->pid = fork();
	EXPECT(c->pid >= 0);
	if (c->pid == 0) {
		(void)close(ends[0]);
		close_channels();
		parent.fd = ends[1];
		body(&parent, arg);
		_exit(0);
	}
	(void)close(ends[1]);
	EXPECT(channel_count < sizeof(channels) / sizeof(*channels));
	channels[channel_count++] = c->fd;
}

void tell(struct child *c, uint64_t value)
{
	EXPECT_EQ(send(c->fd, &value, sizeof(value), MSG_NOSIGNAL), sizeof(value));
}

static ssize_t receive(struct child *c, void *bytes, size_t size)
{
	ssize_t got;

	do {
		got = recv(c->fd, bytes, size, 0);
	} while (got < 0 && errno == EINTR);
	return got;
}

uint64_t hear(struct child *c)
{
	uint64_t value = 0;

	/* Otherwise the other side has ended, and said why if it failed. */
	EXPECT_EQ(receive(c, &value, sizeof(value)), sizeof(value));
	return value;
}

void linger(struct child *parent)
{
	uint64_t value;

	EXPECT(receive(parent, &value, sizeof(value)) <= 0);
}

int child_status(struct child *c)
{
	int status = 0;
	pid_t pid;

	forget_channel(c->fd);
	do {
		pid = waitpid(c->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	EXPECT_EQ(pid, c->pid);
	return status;
}

void child_finish(struct child *c)
{
	EXPECT_EQ(child_status(c), 0);
}

void child_kill(struct child *c, int signal)
{
	int status;

	EXPECT_EQ(kill(c->pid, signal), 0);
	status = child_status(c);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == signal);
}

int status_of(void (*body)(struct child *parent, void *arg), void *arg)
{
	struct child c;

	child_start(&c, body, arg);
	return child_status(&c);
}
