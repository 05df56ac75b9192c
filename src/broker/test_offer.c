/* SPDX-License-Identifier: MIT */
#include "broker/offer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/event.h"
#include "sys/memfd.h"
#include "sys/sock.h"
#include "test.h"

#define SIZE 8192u

TEST(a_sealed_object_is_sound_up_to_its_size)
{
	scoped(fd) int writer = -1, reader = -1;

	EXPECT_EQ(memfd_new("tract", SIZE, &writer), 0);
	EXPECT_EQ(memfd_reopen_readonly(writer, &reader), 0);
	EXPECT(offer_is_sound(writer, reader, SIZE));
	EXPECT(!offer_is_sound(writer, reader, SIZE + 4096));
	EXPECT(!offer_is_sound(writer, writer, SIZE));
	EXPECT(!offer_is_sound(reader, reader, SIZE));
}

TEST(an_object_that_can_be_truncated_is_not_sound)
{
	scoped(fd) int writer = memfd_create("SYSV00000000", MFD_CLOEXEC);
	scoped(fd) int reader = -1;

	EXPECT_EQ(ftruncate(writer, SIZE), 0);
	EXPECT_EQ(memfd_reopen_readonly(writer, &reader), 0);
	EXPECT(!offer_is_sound(writer, reader, SIZE));
}

TEST(two_objects_are_not_one)
{
	scoped(fd) int a = -1, b = -1, reader = -1;

	EXPECT_EQ(memfd_new("tract", SIZE, &a), 0);
	EXPECT_EQ(memfd_new("tract", SIZE, &b), 0);
	EXPECT_EQ(memfd_reopen_readonly(b, &reader), 0);
	EXPECT(!offer_is_sound(a, reader, SIZE));
}

TEST(a_file_named_like_system_v_memory_is_not_sound)
{
	scoped(fd) int writer = -1, reader = -1;
	const char *path = "/dev/shm/SYSV00000000";

	writer = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (writer < 0)
		SKIP("/dev/shm cannot be written");
	reader = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(unlink(path), 0);
	EXPECT_EQ(ftruncate(writer, SIZE), 0);
	EXPECT(!offer_is_sound(writer, reader, SIZE));
}

TEST(system_v_memory_is_sound)
{
	scoped(fd) int writer = -1, reader = -1;
	int id = shmget(IPC_PRIVATE, SIZE, 0600);
	char *at = shmat(id, NULL, 0), path[64];

	EXPECT(at != (void *)-1);
	EXPECT_EQ(shmctl(id, IPC_RMID, NULL), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)at,
		       (unsigned long)at + SIZE);
	writer = open(path, O_RDWR | O_CLOEXEC);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(shmdt(at), 0);
	if (writer < 0)
		SKIP("/proc/self/map_files needs CAP_CHECKPOINT_RESTORE");
	EXPECT(offer_is_sound(writer, reader, SIZE));
}

TEST(a_pipe_that_blocks_its_writer_is_refused)
{
	int fds[2];

	EXPECT_EQ(event_pipe_new(fds), 0);
	EXPECT(offer_is_pipe(fds[1]));
	EXPECT(!offer_is_pipe(fds[0]));
	EXPECT_EQ(sock_set_blocking(fds[1], 1), 0);
	EXPECT(!offer_is_pipe(fds[1]));
	(void)close(fds[0]);
	(void)close(fds[1]);
}

TEST(a_channel_is_a_connected_local_socket_of_packets)
{
	scoped(fd) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[2];

	EXPECT_EQ(sock_pair(fds), 0);
	EXPECT(offer_is_channel(fds[0]));
	EXPECT(!offer_is_channel(fd));
	(void)close(fds[0]);
	(void)close(fds[1]);
}
