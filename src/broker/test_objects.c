/* SPDX-License-Identifier: MIT */
#include "broker/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shm/layout.h"
#include "sys/event.h"
#include "sys/memfd.h"
#include "test.h"

#define SIZE 8192u

TEST(an_object_has_a_writer_and_one_reader)
{
	int writer, reader, again;
	struct objects o;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_writer(&o, 1, &writer), 0);
	EXPECT_EQ(objects_reader(&o, 1, &reader), 0);
	EXPECT_EQ(objects_reader(&o, 1, &again), 0);
	EXPECT_EQ(reader, again);
	EXPECT_EQ(fcntl(writer, F_GETFL) & O_ACCMODE, O_RDWR);
	EXPECT_EQ(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
	objects_deinit(&o);
}

TEST(a_dropped_object_is_gone_and_emptied_if_asked)
{
	struct objects o;
	char byte = 'x';
	int writer, kept;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_writer(&o, 1, &writer), 0);
	kept = fcntl(writer, F_DUPFD_CLOEXEC, 0);
	EXPECT_EQ(pwrite(kept, &byte, 1, 0), 1);
	objects_drop(&o, 1, true);
	EXPECT_EQ(pread(kept, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 0);
	EXPECT_EQ(objects_writer(&o, 1, &writer), -ENOENT);
	(void)close(kept);
	objects_deinit(&o);
}

TEST(an_object_that_a_window_holds_is_emptied_when_it_is_released)
{
	struct object *first, *second;
	struct objects o;
	int fd, kept, reader;
	char byte = 'x';

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_hold(&o, 2, true, &first, &fd), -ENOENT);
	EXPECT_EQ(objects_hold(&o, 1, true, &first, &fd), 0);
	EXPECT_EQ(objects_hold(&o, 1, false, &second, &reader), 0);
	EXPECT_EQ(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
	kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	EXPECT_EQ(pwrite(kept, &byte, 1, 0), 1);
	objects_drop(&o, 1, true);
	/* Under its id it is gone, and its promise counts. */
	EXPECT_EQ(objects_writer(&o, 1, &fd), -ENOENT);
	EXPECT_EQ(o.promised, SIZE);
	objects_release(&o, second);
	EXPECT_EQ(pread(kept, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'x');
	objects_release(&o, first);
	EXPECT_EQ(pread(kept, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 0);
	EXPECT_EQ(o.promised, 0);
	(void)close(kept);
	objects_deinit(&o);
}

TEST(more_than_the_host_has_is_not_promised)
{
	struct objects o;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, UINT64_C(1) << 50, 0, 0), -ENOMEM);
	EXPECT_EQ(objects_make(&o, 1, UINT64_MAX - 4095, 0, 0), -ENOMEM);
	EXPECT_EQ(o.promised, 0);
	objects_deinit(&o);
}

TEST(promises_add_up_before_a_page_is_touched)
{
	struct objects o;
	uint64_t part;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	part = (o.available / 3) & ~UINT64_C(4095);
	EXPECT_EQ(objects_make(&o, 2, part, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 3, part, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 4, 2 * part, 0, 0), -ENOMEM);
	objects_drop(&o, 2, false);
	objects_drop(&o, 3, false);
	EXPECT_EQ(objects_make(&o, 4, 2 * part, 0, 0), 0);
	objects_deinit(&o);
}

TEST(what_replaces_memory_needs_room_for_the_rest_and_counts_in_full)
{
	struct objects o;
	uint64_t part;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	part = (o.available / 8) & ~UINT64_C(4095);
	EXPECT_EQ(objects_make(&o, 2, 5 * part, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 3, 5 * part, 0, 0), -ENOMEM);
	EXPECT_EQ(objects_make(&o, 3, 5 * part, part, 0), -ENOMEM);
	EXPECT_EQ(objects_make(&o, 3, 5 * part, 4 * part, 0), 0);
	/* Nobody is promised anything more until that is there. */
	EXPECT_EQ(objects_make(&o, 4, part, 0, 0), -ENOMEM);
	EXPECT_EQ(objects_make(&o, 4, part, part - SIZE, 0), -ENOMEM);
	/* But what is filled while another is emptied. */
	EXPECT_EQ(objects_make(&o, 4, 5 * part, 5 * part, 0), 0);
	objects_drop(&o, 4, false);
	objects_drop(&o, 3, false);
	EXPECT_EQ(objects_make(&o, 4, part, 0, 0), 0);
	objects_deinit(&o);
}

TEST(an_object_says_what_it_has_in_memory)
{
	struct objects o;
	int fd;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, 4 * SIZE, 0, 0), 0);
	EXPECT_EQ(objects_resident(&o, 1), 0);
	EXPECT_EQ(objects_writer(&o, 1, &fd), 0);
	EXPECT_EQ(memfd_write(fd, SIZE - 1, "xy", 2), 0);
	EXPECT_EQ(objects_resident(&o, 1), 2 * getpagesize());
	EXPECT_EQ(objects_resident(&o, 7), 0);
	objects_deinit(&o);
}

TEST(descriptors_run_out_with_an_answer)
{
	struct objects o;

	EXPECT_EQ(objects_init(&o, 3), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, 0), -EMFILE);
	EXPECT_EQ(objects_make_bell(&o, 2), 0);
	EXPECT_EQ(objects_make_bell(&o, 3), -EMFILE);
	objects_deinit(&o);
}

TEST(a_refused_offer_is_closed)
{
	struct objects o;
	unsigned before;
	int fd;

	EXPECT_EQ(objects_init(&o, 100), 0);
	before = test_count_fds();
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(objects_take(&o, 1, SIZE, fd, fcntl(fd, F_DUPFD_CLOEXEC, 0)), -EPERM);
	EXPECT_EQ(objects_take_pipe(&o, 1, open("/dev/null", O_RDWR | O_CLOEXEC)), -EPERM);
	EXPECT_EQ(test_count_fds(), before);
	objects_deinit(&o);
}

TEST(a_pledge_is_written_by_one_and_read_by_others)
{
	uint32_t head[3] = { 0 };
	int writer, reader;
	struct objects o;
	uint64_t size;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make_pledge(&o, 1), 0);
	EXPECT_EQ(objects_writer(&o, 1, &writer), 0);
	EXPECT_EQ(objects_reader(&o, 1, &reader), 0);
	EXPECT_EQ(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
	EXPECT_EQ(memfd_verify(writer, &size), 0);
	EXPECT(size >= sizeof(struct shm_pledge));
	EXPECT_EQ(pread(reader, head, sizeof(head), 0), sizeof(head));
	EXPECT_EQ(head[0], SHM_PLEDGE_MAGIC);
	EXPECT_EQ(head[1], SHM_VERSION);
	EXPECT_EQ(head[2], SHM_BOARD_SLOTS);
	objects_drop(&o, 1, false);
	EXPECT_EQ(o.fds_used, 0);
	objects_deinit(&o);
}

TEST(a_sealed_object_and_a_pipe_are_taken)
{
	int writer, reader, fds[2];
	struct objects o;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(memfd_new("tract", SIZE, &writer), 0);
	EXPECT_EQ(memfd_reopen_readonly(writer, &reader), 0);
	EXPECT_EQ(objects_take(&o, 1, SIZE, writer, reader), 0);
	EXPECT_EQ(event_pipe_new(fds), 0);
	EXPECT_EQ(objects_take_pipe(&o, 2, fds[1]), 0);
	(void)close(fds[0]);
	objects_deinit(&o);
}

TEST(a_large_object_is_emptied_in_steps)
{
	const uint64_t size = UINT64_C(128) << 20;
	uint64_t bytes;
	struct objects o;
	unsigned steps = 1;
	int fd, kept;

	EXPECT_EQ(objects_init(&o, 100), 0);
	EXPECT_EQ(objects_make(&o, 1, size, 0, 0), 0);
	EXPECT_EQ(objects_writer(&o, 1, &fd), 0);
	kept = dup(fd);
	EXPECT_EQ(memfd_write(kept, 0, "first", 6), 0);
	EXPECT_EQ(memfd_write(kept, size - 4096, "last", 5), 0);
	objects_drop(&o, 1, true);
	EXPECT_EQ(objects_writer(&o, 1, &fd), -ENOENT);
	EXPECT(objects_is_emptying(&o));
	EXPECT_EQ(o.promised, size);
	while (objects_empty_some(&o))
		steps++;
	EXPECT(steps > 2);
	EXPECT_EQ(memfd_resident(kept, &bytes), 0);
	EXPECT_EQ(bytes, 0);
	EXPECT_EQ(o.promised, 0);
	EXPECT_EQ(o.fds_used, 0);
	(void)close(kept);
	objects_deinit(&o);
}
