/* SPDX-License-Identifier: MIT */
/*
 * test_foreign_map.c - region maps that are not this task's own
 *
 * Another process, a host, hands its map out and looks at it when it is told to.
 */
#include "rig.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Rights are looked at when such a map attaches. */
#define WITH_W L4_CAP_FPAGE_RW
#define NO_ANSWER (-2003)

/* ---- hosts ------------------------------------------------------------------------------ */

enum order { OFFER, WITHDRAW, PEEK, POKE, FLAGS, CLIENT, SHOW };

struct call {
	enum order order;
	l4_addr_t at;
	unsigned long value;
};

struct host {
	pid_t pid;
	int fd;
};

static long flags_at(l4_addr_t at)
{
	struct record found;
	int r = find(at, 1, &found);

	return r < 0 ? r : (long)found.flags;
}

static long client_at(l4_addr_t at)
{
	struct record found;

	EXPECT_EQ(find(at, 1, &found), 0);
	return (long)found.m;
}

/* A page that is visible there without being attached. */
static long show_at(l4_addr_t at)
{
	l4re_ds_t ds = ds_marked(1);
	int r = l4re_ds_map(ds, 0, DS_RW, at, at, at + PAGE - 1);

	slot_drop(ds);
	return r;
}

/* Which thread mapped it, and before what, another process has been told: TSan knows of no
 * order but that of the map. */
static void catch_up(l4_addr_t at)
{
	(void)flags_at(at);
}

static long obey(const struct call *call)
{
	catch_up(call->at);
	switch (call->order) {
	case OFFER:
		return l4re_tract_rm_offer();
	case WITHDRAW:
		return l4re_tract_rm_withdraw();
	case PEEK:
		return touch(call->at, READ).signal ? -1 : (long)WORD(call->at);
	case POKE:
		WORD(call->at) = call->value;
		return 0;
	case FLAGS:
		return flags_at(call->at);
	case CLIENT:
		return client_at(call->at);
	case SHOW:
		return show_at(call->at);
	}
	return -1;
}

static void serve(int fd)
{
	struct call call;
	long r;

	while (read(fd, &call, sizeof(call)) == sizeof(call)) {
		r = obey(&call);
		EXPECT_EQ(write(fd, &r, sizeof(r)), sizeof(r));
	}
	_exit(0);
}

static long tell(struct host *host, enum order order, l4_addr_t at, unsigned long value)
{
	struct call call = { order, at, value };
	long r;

	EXPECT_EQ(write(host->fd, &call, sizeof(call)), sizeof(call));
	EXPECT_EQ(read(host->fd, &r, sizeof(r)), sizeof(r));
	return r;
}

static void host_start(struct host *host)
{
	int pair[2];

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	host->pid = fork();
	EXPECT(host->pid >= 0);
	if (host->pid == 0) {
		(void)close(pair[0]);
		serve(pair[1]);
	}
	(void)close(pair[1]);
	host->fd = pair[0];
}

static void host_end(struct host *host)
{
	int status;

	(void)close(host->fd);
	EXPECT_EQ(waitpid(host->pid, &status, 0), host->pid);
	EXPECT_EQ(status, 0);
}

/* One that has handed its map out, and the map. */
static l4_cap_idx_t host_up(struct host *host)
{
	l4_cap_idx_t rm = slot_new();

	host_start(host);
	EXPECT_EQ(tell(host, OFFER, 0, 0), 0);
	EXPECT_EQ(l4re_tract_rm_get(host->pid, rm), 0);
	return rm;
}

static void host_down(struct host *host, l4_cap_idx_t rm)
{
	slot_drop(rm);
	host_end(host);
}

static int attach_there(l4_cap_idx_t rm, l4_addr_t *at, unsigned long size, unsigned long flags,
			l4re_ds_t mem)
{
	void *p = (void *)*at;
	int r = l4re_rm_attach_srv(rm, &p, size, flags, mem, 0, L4_PAGESHIFT);

	if (r < 0)
		EXPECT(p == (void *)*at);
	*at = (l4_addr_t)p;
	return r;
}

static l4_addr_t attach_in(l4_cap_idx_t rm, l4re_ds_t ds, unsigned long size)
{
	l4_addr_t at = 0;

	EXPECT_EQ(attach_there(rm, &at, size, RW | SEARCH, ds | WITH_W), 0);
	return at;
}

/* What attaching says; what is attached goes again. */
static int try_attach(l4_cap_idx_t rm, unsigned long flags, l4re_ds_t mem)
{
	l4_addr_t at = 0;
	int r = attach_there(rm, &at, PAGE, flags | SEARCH, mem);

	if (r == 0)
		EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, L4_BASE_TASK_CAP), 0);
	return r;
}

/* ---- having it -------------------------------------------------------------------------- */

/* 5.8 */
TEST(a_task_that_did_not_hand_its_map_out_is_not_asked)
{
	l4_cap_idx_t rm = slot_new();
	struct host host;

	host_start(&host);
	EXPECT_EQ(tell(&host, WITHDRAW, 0, 0), -L4_ENOENT);
	EXPECT_EQ(l4re_tract_rm_get(host.pid, rm), -L4_ENOENT);
	EXPECT_EQ(tell(&host, OFFER, 0, 0), 0);
	EXPECT_EQ(l4re_tract_rm_get(host.pid, rm), 0);
	EXPECT_EQ(tell(&host, WITHDRAW, 0, 0), 0);
	EXPECT_EQ(l4re_rm_detach_srv(rm, PAGE, NULL, L4_BASE_TASK_CAP), -L4_EPERM);
	slot_drop(rm);
	rm = slot_new();
	EXPECT_EQ(l4re_tract_task_get(host.pid, rm), -L4_ENOENT);
	EXPECT(!slot_is_filled(rm));
	slot_drop(rm);
	host_end(&host);
}

TEST(a_map_needs_a_slot_and_a_process)
{
	l4_cap_idx_t rm = slot_new();

	EXPECT_EQ(l4re_tract_rm_get(getpid(), L4_INVALID_CAP), -L4_EINVAL);
	EXPECT_EQ(l4re_tract_rm_get(0, rm), -L4_EINVAL);
	EXPECT_EQ(l4re_tract_rm_get(-1, rm), -L4_EINVAL);
	EXPECT(!slot_is_filled(rm));
	slot_drop(rm);
}

TEST(the_map_of_this_very_process_is_its_own)
{
	l4_cap_idx_t rm = slot_new(), task = slot_new();

	EXPECT_EQ(l4re_tract_rm_get(getpid(), rm), 0);
	EXPECT_EQ(l4re_tract_task_get(getpid(), task), 0);
	EXPECT(l4_error(l4_task_cap_equal(L4_BASE_TASK_CAP, rm, l4re_env()->rm)) == 1);
	EXPECT(l4_error(l4_task_cap_equal(L4_BASE_TASK_CAP, task, L4_BASE_TASK_CAP)) == 1);
	slot_drop(rm);
	slot_drop(task);
}

/* ---- looking ---------------------------------------------------------------------------- */

/* R-23, 5.6.4, 5.8 */
TEST(r23_nobody_looks_into_another_tasks_map)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_new(PAGE), m = 0;
	l4_addr_t addr = attach_in(rm, ds, PAGE), at = addr;
	unsigned long size = 1;
	region_offset offset = 7;
	l4re_rm_range_t range;
	unsigned flags = 7;

	EXPECT_EQ(l4re_rm_find_srv(rm, &at, &size, &offset, &flags, &m), -L4_EPERM);
	EXPECT(at == addr && size == 1 && offset == 7 && flags == 7);
	EXPECT_EQ(l4re_rm_get_regions_srv(rm, 0, &range, 1), -L4_EPERM);
	EXPECT_EQ(l4re_rm_get_areas_srv(rm, 0, &range, 1), -L4_EPERM);
	EXPECT_EQ(l4re_rm_page_in_srv(rm, addr, PAGE, L4_FPAGE_RO), -L4_EPERM);
	EXPECT_EQ(l4re_rm_add_rescue_jump_srv(rm, 1, 2, 3), -L4_EPERM);
	EXPECT_EQ(l4re_rm_remove_rescue_jump_srv(rm, 1), -L4_EPERM);
	l4re_rm_show_lists_srv(rm);
	slot_drop(ds);
	host_down(&host, rm);
}

/* ---- attaching -------------------------------------------------------------------------- */

/* 5.3, 5.4, 5.8 */
TEST(what_is_attached_in_another_task_is_the_same_memory)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_new(2 * PAGE), was = 0;
	l4_addr_t there = attach_in(rm, ds, 2 * PAGE), here = attach(ds, 2 * PAGE, RW);

	WORD(here + PAGE) = 17;
	EXPECT_EQ(tell(&host, PEEK, there + PAGE, 0), 17);
	EXPECT_EQ(tell(&host, POKE, there, 18), 0);
	EXPECT_EQ(WORD(here), 18);
	/* There it has no index of anybody's. */
	EXPECT_EQ(tell(&host, CLIENT, there, 0), (long)L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_detach_srv(rm, there + PAGE + 1, &was, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(was, ds);
	EXPECT_EQ(tell(&host, FLAGS, there, 0), -L4_ENOENT);
	EXPECT_EQ(tell(&host, PEEK, there, 0), -1);
	EXPECT_EQ(l4re_rm_detach_srv(rm, there, &was, L4_BASE_TASK_CAP), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(WORD(here), 18);
	detach(here);
	slot_drop(ds);
	host_down(&host, rm);
}

/* 5.3.6 */
TEST(another_tasks_map_looks_at_rights_when_it_attaches)
{
	l4re_ds_t ds = ds_new(PAGE), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	struct host host;
	l4_cap_idx_t rm = host_up(&host);

	EXPECT_EQ(try_attach(rm, RW, ds | L4_CAP_FPAGE_RW), 0);
	EXPECT_EQ(try_attach(rm, RW, ds | L4_CAP_FPAGE_RWSD), 0);
	EXPECT_EQ(try_attach(rm, RW, ds), -L4_EPERM);
	EXPECT_EQ(try_attach(rm, RW, ds | L4_CAP_FPAGE_RO), -L4_EPERM);
	EXPECT_EQ(try_attach(rm, RO, ds | L4_CAP_FPAGE_RO), 0);
	EXPECT_EQ(try_attach(rm, RO, ds), 0);
	EXPECT_EQ(try_attach(rm, RW, alias | L4_CAP_FPAGE_RW), -L4_EPERM);
	EXPECT_EQ(try_attach(rm, RW | EAGER, alias | L4_CAP_FPAGE_RW), -L4_EPERM);
	EXPECT_EQ(try_attach(rm, RO, alias | L4_CAP_FPAGE_RO), 0);
	slot_drop(alias);
	slot_drop(ds);
	host_down(&host, rm);
}

/* 5.3.6, 5.8, 12.1 */
TEST(another_tasks_map_knows_no_pagers)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host), empty = slot_new();
	l4re_ds_t ds = ds_new(PAGE);

	EXPECT_EQ(try_attach(rm, PAGED, ds | WITH_W), -L4_EINVAL);
	EXPECT_EQ(try_attach(rm, PAGED, empty | WITH_W), -L4_EINVAL);
	slot_drop(empty);
	slot_drop(ds);
	host_down(&host, rm);
}

/* 5.3.6, R-10 */
TEST(r10_another_tasks_map_refuses_what_is_no_dataspace)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host), empty = slot_new();

	EXPECT_EQ(try_attach(rm, RW, L4_INVALID_CAP), -L4_ENOENT);
	EXPECT_EQ(try_attach(rm, RW, empty | WITH_W), -L4_ENOENT);
	EXPECT_EQ(try_attach(rm, RW, other_object() | WITH_W), -L4_ENOENT);
	EXPECT_EQ(try_attach(rm, RESERVED, L4_INVALID_CAP), 0);
	slot_drop(empty);
	host_down(&host, rm);
}

/* 5.3.6, 5.3.7, R-04 */
TEST(a_dataspace_that_is_too_small_is_attached_there_all_the_same)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach_in(rm, ds, 3 * PAGE);

	EXPECT_EQ(tell(&host, PEEK, at, 0), 0);
	EXPECT_EQ(tell(&host, PEEK, at + 2 * PAGE, 0), -1);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(attach_there(rm, &at, 2 * PAGE, RW | EAGER, ds | WITH_W),
		  IF_MODERN(0, -L4_ERANGE));
	EXPECT(tell(&host, FLAGS, at, 0) >= 0);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, L4_BASE_TASK_CAP), 0);
	slot_drop(ds);
	host_down(&host, rm);
}

/* */
TEST(r07_another_tasks_map_keeps_the_dataspace_alive)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach_in(rm, ds, PAGE);
	long word = tell(&host, PEEK, at, 0);

	EXPECT_EQ(word & 0xff, MARK(0));
	slot_drop(ds);
	EXPECT_EQ(tell(&host, PEEK, at, 0), word);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, L4_BASE_TASK_CAP), 0);
	host_down(&host, rm);
}

/* ---- areas, ranges ---------------------------------------------------------------------- */

/* 5.1, 5.2, 5.8 */
TEST(areas_are_set_aside_in_another_task)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t area = 0, at;

	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &area, 4 * PAGE, SEARCH, L4_PAGESHIFT), 0);
	EXPECT_EQ(tell(&host, FLAGS, area, 0), IN_AREA);
	at = area + PAGE;
	EXPECT_EQ(attach_there(rm, &at, PAGE, RW, ds | WITH_W), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_there(rm, &at, PAGE, RW | IN_AREA, ds | WITH_W), 0);
	EXPECT_EQ(l4re_rm_free_area_srv(rm, area), 0);
	EXPECT_EQ(l4re_rm_free_area_srv(rm, area), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, L4_BASE_TASK_CAP), 0);
	slot_drop(ds);
	host_down(&host, rm);
}

/* 5.5, 5.8 */
TEST(a_range_is_cut_out_of_another_tasks_region)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host), task = L4_BASE_TASK_CAP;
	l4re_ds_t ds = ds_new(8 * PAGE), was = 0;
	l4_addr_t at = attach_in(rm, ds, 8 * PAGE);

	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at + 2 * PAGE, 3 * PAGE, 1, &was, task), 2);
	EXPECT_EQ(was, ds);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, PAGE, 1, &was, task), 1);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, 8 * PAGE, 1, &was, task), 4);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, 8 * PAGE, 1, &was, task), 0);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, 8 * PAGE, 1, &was, task), -L4_ENOENT);
	slot_drop(ds);
	host_down(&host, rm);
}

/* ---- tasks ------------------------------------------------------------------------------ */

/* 5.4, 10.3 */
TEST(detach_unmap_takes_pages_away_in_the_task_that_is_named)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host), task = slot_new();
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW), area = at;

	EXPECT_EQ(l4re_tract_task_get(host.pid, task), 0);
	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &area, PAGE, 0, 0), 0);
	EXPECT_EQ(tell(&host, SHOW, at, 0), 0);
	EXPECT(tell(&host, PEEK, at, 0) > 0);
	EXPECT_EQ(l4re_rm_detach_unmap(at, task), 0);
	EXPECT_FREE(at);
	EXPECT_EQ(tell(&host, PEEK, at, 0), -1);
	/* And where it is attached, with the region. */
	at = attach_in(rm, ds, PAGE);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, task), 0);
	EXPECT_EQ(tell(&host, PEEK, at, 0), -1);
	slot_drop(task);
	slot_drop(ds);
	host_down(&host, rm);
}

/* 10.1, 10.3 */
TEST(another_tasks_pages_can_be_unmapped_and_its_slots_can_not)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host), task = slot_new();
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach_in(rm, ds, PAGE), area = room(1);
	l4_fpage_t page = l4_fpage(area, L4_PAGESHIFT, L4_FPAGE_RWX);

	EXPECT_EQ(l4re_tract_task_get(host.pid, task), 0);
	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &area, PAGE, 0, 0), 0);
	EXPECT_EQ(tell(&host, SHOW, area, 0), 0);
	EXPECT_EQ(l4_error(l4_task_unmap(task, page, L4_FP_ALL_SPACES)), 0);
	EXPECT_EQ(tell(&host, PEEK, area, 0), -1);
	/* Inside a region nobody notices. */
	page = l4_fpage(at, L4_PAGESHIFT, L4_FPAGE_RWX);
	EXPECT_EQ(l4_error(l4_task_unmap(task, page, L4_FP_ALL_SPACES)), 0);
	EXPECT_EQ(tell(&host, PEEK, at, 0), 0);
	EXPECT_EQ(l4_error(l4_task_release_cap(task, ds)), -L4_EPERM);
	EXPECT_EQ(l4_error(l4_task_delete_obj(task, ds)), -L4_EPERM);
	EXPECT_EQ(l4_error(l4_task_cap_valid(task, ds)), -L4_EPERM);
	EXPECT(slot_is_filled(ds));
	/* A map is no task, nor a task a map. */
	EXPECT_EQ(l4_error(l4_task_unmap(rm, page, L4_FP_ALL_SPACES)), -L4_EBADPROTO);
	EXPECT_EQ(l4re_rm_detach_srv(task, at, NULL, L4_BASE_TASK_CAP), -L4_EBADPROTO);
	slot_drop(task);
	slot_drop(ds);
	host_down(&host, rm);
}

/* ---- ending ----------------------------------------------------------------------------- */

TEST(a_task_that_has_ended_refuses)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_new(PAGE);

	(void)attach_in(rm, ds, PAGE);
	host_end(&host);
	EXPECT_EQ(try_attach(rm, RW, ds | WITH_W), -L4_EPERM);
	slot_drop(ds);
	slot_drop(rm);
}

TEST(a_task_that_is_stopped_is_waited_for_and_no_longer)
{
	struct host host;
	l4_cap_idx_t rm = host_up(&host);
	l4re_ds_t ds = ds_new(PAGE);

	EXPECT_EQ(kill(host.pid, SIGSTOP), 0);
	EXPECT_EQ(try_attach(rm, RW, ds | WITH_W), NO_ANSWER);
	EXPECT_EQ(kill(host.pid, SIGCONT), 0);
	EXPECT_EQ(try_attach(rm, RW, ds | WITH_W), 0);
	slot_drop(ds);
	host_down(&host, rm);
}
