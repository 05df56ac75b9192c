/* SPDX-License-Identifier: MIT */
/*
 * test_export_kinds.c - the kinds of memory that can be exported
 */
#include "rig.h"

#include <sys/ipc.h>
#include <sys/shm.h>

/* 25.12 */
TEST(a_private_file_mapping_can_be_exported_and_the_file_is_left_alone)
{
	int fd = file_of_pages(2, 7);
	struct exporter e = { .size = 2 * PAGE };
	unsigned char byte = 9;
	struct importer i;

	e.controller = the_controller();
	e.memory = mmap(NULL, e.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT((void *)e.memory != MAP_FAILED);
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &e.segment, e.memory, e.size, 0),
		  RSM_SUCCESS);
	exporter_publish(&e, ID(0));
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, e.size);
	EXPECT(is_filled(i.address, e.size, 7));
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(e.memory[0], 9);
	importer_down(&i);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	EXPECT_EQ(e.memory[0], 9);
	EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 7);
	EXPECT_EQ(munmap(e.memory, e.size), 0);
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
	(void)close(fd);
}

TEST(stores_of_either_side_are_seen_by_the_other)
{
	struct pair p;

	pair_up(&p, 4);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	p.e.memory[2 * PAGE + 5] = 3;
	EXPECT_EQ(p.i.address[2 * PAGE + 5], 3);
	p.i.address[4 * PAGE - 1] = 4;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[4 * PAGE - 1], 4);
	pair_down(&p);
}

static void expect_exportable(unsigned char *memory, size_t size)
{
	struct exporter e = { .memory = memory, .size = size };
	struct importer i;
	uint8_t byte = 0x77;

	memory[size - 1] = 0x33;
	e.controller = the_controller();
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &e.segment, memory, size, 0),
		  RSM_SUCCESS);
	exporter_publish(&e, ID(0));
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(memory[0], 0x77);
	EXPECT_EQ(rsm_memseg_import_get8(i.segment, (off_t)size - 1, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(byte, 0x33);
	importer_down(&i);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	EXPECT_EQ(memory[0], 0x77);
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
}

/* 25.14 */
TEST(anonymous_mappings_can_be_exported)
{
	unsigned char *m = pages_with_hole(3, 3);

	expect_exportable(m, 3 * PAGE);
	EXPECT_EQ(munmap(m, 3 * PAGE), 0);
}

/* 25.14 */
TEST(memory_of_valloc_can_be_exported_and_freed)
{
	unsigned char *m = pages_new(4);

	expect_exportable(m, 4 * PAGE);
	free(m);
}

TEST(aligned_memory_inside_a_malloc_can_be_exported)
{
	unsigned char *whole = malloc(4 * PAGE), *m = whole;

	EXPECT(whole != NULL);
	(void)memset(whole, 0x21, 4 * PAGE);
	m += (PAGE - (uintptr_t)whole % PAGE) % PAGE;
	expect_exportable(m, 2 * PAGE);
	EXPECT_EQ(m[2 * PAGE], 0x21);
	free(whole);
}

TEST(memory_never_touched_can_be_exported)
{
	unsigned char *m = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT((void *)m != MAP_FAILED);
	expect_exportable(m, 8 * PAGE);
	EXPECT(is_filled(m + PAGE, 6 * PAGE, 0));
	EXPECT_EQ(munmap(m, 8 * PAGE), 0);
}

TEST(part_of_a_mapping_can_be_exported_and_the_rest_stays)
{
	unsigned char *m = pages_with_hole(5, 5);

	(void)memset(m, 0x44, 5 * PAGE);
	expect_exportable(m + PAGE, 3 * PAGE);
	EXPECT(is_filled(m, PAGE, 0x44));
	EXPECT(is_filled(m + 4 * PAGE, PAGE, 0x44));
	EXPECT_EQ(munmap(m, 5 * PAGE), 0);
}

TEST(a_range_over_several_mappings_can_be_exported)
{
	unsigned char *m = pages_with_hole(4, 4);
	void *middle = mmap(m + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	EXPECT(middle == m + PAGE);
	(void)memset(m, 0x12, 4 * PAGE);
	expect_exportable(m, 4 * PAGE);
	EXPECT(is_filled(m + PAGE, 2 * PAGE, 0x12));
	EXPECT_EQ(munmap(m, 4 * PAGE), 0);
}

static unsigned char *sysv_pages(unsigned count, int *ret_id)
{
	void *at;

	*ret_id = shmget(IPC_PRIVATE, count * PAGE, IPC_CREAT | 0600);
	if (*ret_id < 0)
		SKIP("no System V shared memory here");
	at = shmat(*ret_id, NULL, 0);
	/* It goes away with the last attachment, however the test ends. */
	EXPECT_EQ(shmctl(*ret_id, IPC_RMID, NULL), 0);
	EXPECT((intptr_t)at != -1);
	return at;
}

/* 25.14 */
TEST(system_v_memory_can_be_exported)
{
	int id;
	unsigned char *m = sysv_pages(3, &id);

	expect_exportable(m, 3 * PAGE);
	EXPECT_EQ(shmdt(m), 0);
}

struct attacher {
	int id;
};

static void attach_and_look(struct child *parent, void *arg)
{
	struct attacher *attacher = arg;
	volatile unsigned char *m = shmat(attacher->id, NULL, 0);

	EXPECT((intptr_t)m != -1);
	while (true) {
		uint64_t offset = hear(parent);

		if (offset == UINT64_MAX)
			break;
		tell(parent, m[offset]);
		m[offset] = (unsigned char)(m[offset] + 1);
		tell(parent, 0);
	}
}

/* 25.14 */
TEST(other_attachers_of_exported_system_v_memory_see_the_same_memory)
{
	struct attacher attacher;
	struct exporter e = { .size = 2 * PAGE };
	struct importer i;
	struct child other;

	e.memory = sysv_pages(2, &attacher.id);
	child_start(&other, attach_and_look, &attacher);
	tell(&other, 0);
	EXPECT_EQ(hear(&other), 0);
	(void)hear(&other);
	e.controller = the_controller();
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &e.segment, e.memory, e.size, 0),
		  RSM_SUCCESS);
	exporter_publish(&e, ID(0));
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, e.size);
	((volatile unsigned char *)i.address)[PAGE] = 0x60;
	importer_deliver(&i);
	tell(&other, PAGE);
	EXPECT_EQ(hear(&other), 0x60);
	(void)hear(&other);
	importer_deliver(&i);
	EXPECT_EQ(((volatile unsigned char *)i.address)[PAGE], 0x61);
	EXPECT_EQ(e.memory[PAGE], 0x61);
	importer_down(&i);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	e.memory[PAGE] = 0x70;
	tell(&other, PAGE);
	EXPECT_EQ(hear(&other), 0x70);
	(void)hear(&other);
	tell(&other, UINT64_MAX);
	child_finish(&other);
	EXPECT_EQ(shmdt(e.memory), 0);
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
}

TEST(a_range_may_be_exported_twice)
{
	struct exporter e;
	rsm_memseg_export_handle_t second = NULL;
	rsm_memseg_id_t id = ID(1);
	struct importer one, two;
	uint8_t byte = 5;

	exporter_up(&e, ID(0), 4);
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &second, e.memory, e.size, 0),
		  RSM_SUCCESS);
	EXPECT(second != e.segment);
	EXPECT_EQ(rsm_memseg_export_publish(second, &id, NULL, 0), RSM_SUCCESS);
	importer_up(&one, ID(0), RSM_PERM_RDWR);
	importer_up(&two, ID(1), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(one.segment, 7, &byte, 1), RSM_SUCCESS);
	byte = 0;
	EXPECT_EQ(rsm_memseg_import_get8(two.segment, 7, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(byte, 5);
	EXPECT_EQ(e.memory[7], 5);
	importer_down(&one);
	importer_down(&two);
	EXPECT_EQ(rsm_memseg_export_destroy(second), RSM_SUCCESS);
	e.memory[7] = 6;
	exporter_down(&e);
}

TEST(exports_may_overlap)
{
	struct exporter e;
	rsm_memseg_export_handle_t second = NULL;
	rsm_memseg_id_t id = ID(1);
	struct importer one, two;
	uint8_t byte = 5;

	exporter_up(&e, ID(0), 4);
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &second, e.memory + PAGE, 2 * PAGE, 0),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_publish(second, &id, NULL, 0), RSM_SUCCESS);
	importer_up(&one, ID(0), RSM_PERM_RDWR);
	importer_up(&two, ID(1), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(two.segment, 1, &byte, 1), RSM_SUCCESS);
	byte = 0;
	EXPECT_EQ(rsm_memseg_import_get8(one.segment, (off_t)PAGE + 1, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(byte, 5);
	EXPECT_EQ(e.memory[PAGE + 1], 5);
	importer_down(&one);
	importer_down(&two);
	EXPECT_EQ(rsm_memseg_export_destroy(second), RSM_SUCCESS);
	exporter_down(&e);
}
