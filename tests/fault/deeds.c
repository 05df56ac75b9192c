/* SPDX-License-Identifier: MIT */
/*
 * deeds.c - what a member of the crew does when it is asked
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/tract.h>

#include "crew.h"

static struct {
	struct tract *ctx;
	struct tract_export *export;
	unsigned char *memory;
	struct tract_import *import;
	struct tract_barrier barrier;
	unsigned char *mapped;
	bool host; /* has handed its map out */
} self;

static unsigned char *fresh_memory(int fill)
{
	/* A page more than is exported at first. */
	unsigned char *memory = mmap(NULL, CREW_SIZE + 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(9);
	memset(memory, fill, CREW_SIZE);
	return memory;
}

static int64_t export_private(uint64_t a)
{
	unsigned char *memory;
	int r;

	(void)a;
	if (self.export)
		return -EALREADY;
	memory = fresh_memory(CREW_FILL);
	r = tract_export_create(self.ctx, memory, CREW_SIZE, TRACT_EXPORT_REBIND, &self.export);
	if (r == 0)
		self.memory = memory;
	else
		(void)munmap(memory, CREW_SIZE + 4096);
	return r;
}

static int64_t export_region(uint64_t a)
{
	struct tract_region_spec spec = { .size = CREW_SIZE };
	struct tract_region *region;
	void *addr = NULL;
	int r;

	(void)a;
	if (self.export)
		return -EALREADY;
	r = tract_region_create(self.ctx, &spec, &region);
	if (r < 0)
		return r;
	r = tract_attach(region, &addr, 0, 0, TRACT_RIGHT_READ_WRITE, 0);
	tract_region_close(region);
	if (r < 0)
		return r;
	memset(addr, CREW_FILL, CREW_SIZE);
	r = tract_export_create(self.ctx, addr, CREW_SIZE, TRACT_EXPORT_REBIND, &self.export);
	if (r == 0)
		self.memory = addr;
	else
		(void)tract_detach(addr);
	return r;
}

/* Memory that was exported before, in part: both exports share one object from then on. */
static int64_t export_overlap(uint64_t a)
{
	struct tract_export *overlapping;
	int r;

	(void)a;
	if (!self.export)
		return -EINVAL;
	r = tract_export_create(self.ctx, self.memory + CREW_SIZE - 4096, 8192, 0,
				&overlapping);
	if (r < 0)
		return r;
	/* What it shares may be short of memory for once: it is there to be tried again. */
	r = tract_export_destroy(overlapping);
	return r < 0 ? tract_export_destroy(overlapping) : 0;
}

static int64_t publish(uint64_t a)
{
	uint32_t id = (uint32_t)a;

	return tract_export_publish(self.export, &id, NULL, 0);
}

static int64_t rebind(uint64_t a)
{
	unsigned char *memory;
	int r;

	if (!self.export)
		return -EINVAL;
	memory = fresh_memory((int)a);
	r = tract_export_rebind(self.export, memory, CREW_SIZE);
	if (r == 0 || tract_export_address(self.export) == memory)
		self.memory = memory;
	else
		(void)munmap(memory, CREW_SIZE + 4096);
	return r;
}

static int64_t unpublish(uint64_t a)
{
	(void)a;
	return tract_export_unpublish(self.export);
}

static int64_t destroy(uint64_t a)
{
	int r = tract_export_destroy(self.export);

	(void)a;
	if (r == 0)
		self.export = NULL;
	return r;
}

static int64_t export_store(uint64_t a)
{
	if (!self.memory)
		return -EINVAL;
	*(volatile unsigned char *)self.memory = (unsigned char)a;
	return 0;
}

static int64_t export_load(uint64_t a)
{
	(void)a;
	return self.memory ? *(volatile unsigned char *)self.memory : -EINVAL;
}

static int64_t export_count(uint64_t a)
{
	int64_t count = 0;

	for (unsigned i = 0; self.memory && i < CREW_SIZE; i++)
		count += self.memory[i] != a;
	return count;
}

static int64_t export_post(uint64_t a)
{
	(void)a;
	return tract_export_post(self.export, 0);
}

static int64_t export_wait(uint64_t a)
{
	return tract_export_wait(self.export, (int)a);
}

static int64_t export_pollfd(uint64_t a)
{
	int fd, r;

	(void)a;
	r = tract_export_pollfd(self.export, &fd);
	if (r == 0)
		tract_export_pollfd_release(self.export);
	return r;
}

static int64_t connect_with(uint64_t id, uint32_t rights)
{
	int r;

	if (self.import)
		return -EALREADY;
	r = tract_import_connect(self.ctx, 0, (uint32_t)id, rights, &self.import);
	return r == 0 ? tract_barrier_init(self.import, &self.barrier) : r;
}

static int64_t connect_both(uint64_t a)
{
	return connect_with(a, TRACT_RIGHT_READ_WRITE);
}

static int64_t connect_reader(uint64_t a)
{
	return connect_with(a, TRACT_RIGHT_READ);
}

static int64_t map(uint64_t a)
{
	void *addr = NULL;
	int r = tract_import_map(self.import, &addr, 0,
				 self.import ? tract_import_rights(self.import) : 0, 0,
				 CREW_SIZE);

	(void)a;
	if (r == 0)
		self.mapped = addr;
	return r;
}

static int64_t unmap(uint64_t a)
{
	(void)a;
	self.mapped = NULL;
	return tract_import_unmap(self.import);
}

static int64_t import_store(uint64_t a)
{
	if (!self.mapped)
		return -EINVAL;
	*(volatile unsigned char *)self.mapped = (unsigned char)a;
	return 0;
}

static int64_t import_load(uint64_t a)
{
	(void)a;
	return self.mapped ? *(volatile unsigned char *)self.mapped : -EINVAL;
}

static int64_t put(uint64_t a)
{
	uint8_t byte = (uint8_t)a;

	return tract_import_put(self.import, 0, &byte, 1);
}

static int64_t get(uint64_t a)
{
	uint8_t byte;

	(void)a;
	return tract_import_get(self.import, 0, &byte, 1);
}

static int64_t barrier(uint64_t a)
{
	int r;

	if (!self.import || !self.mapped)
		return -EINVAL;
	r = tract_barrier_open(&self.barrier);
	if (r < 0)
		return r;
	*(volatile unsigned char *)self.mapped = (unsigned char)a;
	return tract_barrier_close(&self.barrier);
}

static int64_t check(uint64_t a)
{
	(void)a;
	return tract_import_check(self.import);
}

static int64_t import_post(uint64_t a)
{
	(void)a;
	return tract_import_post(self.import, 0);
}

static int64_t import_wait(uint64_t a)
{
	return tract_import_wait(self.import, (int)a);
}

static int64_t import_poll(uint64_t a)
{
	struct pollfd pollfd = { .events = POLLRDNORM };
	int r;

	r = tract_import_pollfd(self.import, &pollfd.fd);
	if (r < 0)
		return r;
	r = tract_poll(&pollfd, 1, (int)a);
	tract_import_pollfd_release(self.import);
	return r;
}

static int64_t import_pollfd(uint64_t a)
{
	int64_t r = import_poll(0);

	(void)a;
	return r < 0 ? r : 0;
}

static int64_t close_import(uint64_t a)
{
	int r;

	(void)a;
	if (self.mapped)
		(void)unmap(0);
	r = tract_import_close(self.import);
	if (r == 0)
		self.import = NULL;
	return r;
}

/* ---- of the node ------------------------------------------------------------------------- */

static int64_t look(uint64_t with_processes)
{
	struct tract_segment_info segment = { 0 };
	struct tract_import_info import = { 0 };
	struct tract_process_info process = { 0 };
	int64_t count = 0;
	int r;

	while ((r = tract_next_segment(self.ctx, segment.key, &segment)) == 0)
		count++;
	if (r != -ENOENT)
		return r;
	while ((r = tract_next_import(self.ctx, import.key, &import)) == 0)
		count++;
	if (r != -ENOENT)
		return r;
	while (with_processes && (r = tract_next_process(self.ctx, process.key, &process)) == 0)
		count++;
	return r == -ENOENT ? count : r;
}

static int64_t look_at_objects(uint64_t a)
{
	(void)a;
	return look(0);
}

static int64_t look_at_all(uint64_t a)
{
	(void)a;
	return look(1);
}

static int64_t reconnect(uint64_t a)
{
	(void)a;
	return tract_reconnect(self.ctx);
}

static int64_t drop(uint64_t a)
{
	(void)a;
	if (self.import)
		(void)close_import(0);
	if (self.export)
		(void)destroy(0);
	/* What failed does so once. */
	if (self.memory && tract_detach(self.memory) < 0 && tract_detach(self.memory) < 0)
		(void)munmap(self.memory, CREW_SIZE + 4096);
	self.memory = NULL;
	if (self.host)
		deed_clear_up(self.ctx);
	self.host = false;
	return self.import || self.export ? -EBUSY : 0;
}

static int64_t land(uint64_t a)
{
	(void)a;
	return deed_land(self.ctx);
}

static int64_t govern(uint64_t a)
{
	(void)a;
	return deed_govern(self.ctx);
}

static int64_t store_on(uint64_t a)
{
	(void)a;
	for (unsigned i = 0; self.mapped; i++)
		self.mapped[i % CREW_SIZE] = (unsigned char)i;
	return -EINVAL;
}

/* Shared ones: memory that was brought back in place is a private mapping of its object. */
static int count_shared_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], sharing;
	int count = 0;

	while (maps && fgets(line, sizeof(line), maps))
		count += strstr(line, "/memfd:tract") && !strstr(line, "/memfd:tract-pledge") &&
			 !strstr(line, "/memfd:tract-anchor") &&
			 sscanf(line, "%*s %*3c%c", &sharing) == 1 && sharing == 's';
	if (maps)
		(void)fclose(maps);
	return count;
}

static int64_t count_fds(uint64_t a)
{
	(void)a;
	return crew_memfds_of(getpid()) + count_shared_mappings();
}

/* The child dies with its parent, whose end is told to who asks. */
static int64_t pass_on(uint64_t a)
{
	pid_t parent = getpid(), pid = fork();

	(void)a;
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		(void)waitpid(pid, NULL, 0);
		_exit(0);
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(9);
	return 0;
}

static int64_t beget(uint64_t quietly)
{
	pid_t pid = quietly ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();

	while (pid == 0)
		(void)pause();
	return pid < 0 ? -errno : pid;
}

static int64_t become_another(uint64_t a)
{
	(void)a;
	(void)execlp("sleep", "sleep", "1000", NULL);
	return -errno;
}

static int64_t hand_out(uint64_t a)
{
	(void)a;
	self.host = true;
	return tract_map_offer(self.ctx, NULL, 0);
}

static int64_t visit(uint64_t pid)
{
	return deed_visit(self.ctx, pid);
}

static int64_t roam(uint64_t seed);

static int64_t (*const deeds[DEEDS])(uint64_t a) = {
	[EXPORT_PRIVATE] = export_private,
	[EXPORT_REGION] = export_region,
	[EXPORT_OVERLAP] = export_overlap,
	[PUBLISH] = publish,
	[REBIND] = rebind,
	[UNPUBLISH] = unpublish,
	[DESTROY] = destroy,
	[EXPORT_STORE] = export_store,
	[EXPORT_LOAD] = export_load,
	[EXPORT_COUNT] = export_count,
	[EXPORT_POST] = export_post,
	[EXPORT_WAIT] = export_wait,
	[EXPORT_POLLFD] = export_pollfd,
	[CONNECT] = connect_both,
	[CONNECT_ONLY_READ] = connect_reader,
	[MAP] = map,
	[UNMAP] = unmap,
	[IMPORT_STORE] = import_store,
	[IMPORT_LOAD] = import_load,
	[PUT] = put,
	[GET] = get,
	[BARRIER] = barrier,
	[CHECK] = check,
	[IMPORT_POST] = import_post,
	[IMPORT_WAIT] = import_wait,
	[IMPORT_POLLFD] = import_pollfd,
	[IMPORT_POLL] = import_poll,
	[CLOSE] = close_import,
	[LOOK] = look_at_objects,
	[LOOK_ALL] = look_at_all,
	[RECONNECT] = reconnect,
	[DROP] = drop,
	[LAND] = land,
	[HAND_OUT] = hand_out,
	[GOVERN] = govern,
	[VISIT] = visit,
	[STORE_ON] = store_on,
	[COUNT_FDS] = count_fds,
	[PASS_ON] = pass_on,
	[FORK] = beget,
	[EXEC] = become_another,
	[ROAM] = roam,
};

/* Most of what there is, and its argument is what fits: an id, a byte, or milliseconds. */
static int64_t roam(uint64_t seed)
{
	static const uint8_t likely[] = { EXPORT_PRIVATE,
					  EXPORT_PRIVATE,
					  EXPORT_REGION,
					  PUBLISH,
					  PUBLISH,
					  REBIND,
					  UNPUBLISH,
					  DESTROY,
					  EXPORT_POST,
					  EXPORT_WAIT,
					  CONNECT,
					  CONNECT,
					  CONNECT,
					  MAP,
					  UNMAP,
					  IMPORT_STORE,
					  PUT,
					  PUT,
					  GET,
					  BARRIER,
					  IMPORT_POST,
					  IMPORT_WAIT,
					  IMPORT_POLL,
					  EXPORT_LOAD,
					  CLOSE,
					  LOOK,
					  EXPORT_POLLFD,
					  DROP };
	unsigned random = (unsigned)seed;
	int64_t r = 0;

	while (r != GONE) {
		unsigned deed = likely[(unsigned)rand_r(&random) % sizeof(likely)];
		uint64_t a = (uint64_t)rand_r(&random) % 3;

		r = deeds[deed](deed == PUBLISH || deed == CONNECT ? CREW_ID + a : a);
		if (r == -ENOTCONN)
			(void)reconnect(0);
	}
	return r;
}

int deeds_begin(void)
{
	return tract_open(NULL, &self.ctx);
}

int64_t deed_do(enum deed deed, uint64_t a)
{
	return deeds[deed](a);
}
