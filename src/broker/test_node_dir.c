/* SPDX-License-Identifier: MIT */
#include "broker/node_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

TEST(one_of_two_gets_the_directory)
{
	struct node_dir a, b;

	EXPECT_EQ(node_dir_open(&a, test_directory(), false), 0);
	EXPECT_EQ(node_dir_open(&b, test_directory(), false), 0);
	EXPECT_EQ(node_dir_lock(&a, 0), 0);
	EXPECT_EQ(node_dir_lock(&b, 10), -ETIMEDOUT);
	EXPECT_EQ(node_dir_listen(&a, 0), 0);
	EXPECT_EQ(node_dir_lock(&b, 10), -EALREADY);
	node_dir_close(&a);
	EXPECT_EQ(node_dir_lock(&b, 10), 0);
	node_dir_close(&b);
}

TEST(whoever_lost_leaves_the_winners_socket_alone)
{
	struct node_dir a, b;

	EXPECT_EQ(node_dir_open(&a, test_directory(), false), 0);
	EXPECT_EQ(node_dir_open(&b, test_directory(), false), 0);
	EXPECT_EQ(node_dir_lock(&a, 0), 0);
	EXPECT_EQ(node_dir_listen(&a, 0), 0);
	EXPECT_EQ(node_dir_lock(&b, 10), -EALREADY);
	node_dir_hide(&b);
	EXPECT_EQ(node_dir_look(&a), NODE_DIR_FINE);
	node_dir_close(&b);
	node_dir_close(&a);
}

TEST(who_can_open_the_directory_cannot_keep_its_broker_from_it)
{
	int fd = open(test_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct node_dir d;
	struct stat st;

	EXPECT(fd >= 0);
	EXPECT_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	EXPECT_EQ(node_dir_open(&d, test_directory(), true), 0);
	EXPECT_EQ(node_dir_lock(&d, 10), 0);
	EXPECT_EQ(fstat(d.lock, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	node_dir_close(&d);
	(void)close(fd);
}

TEST(a_hidden_socket_can_be_shown_again)
{
	struct node_dir d;
	int listener;

	EXPECT_EQ(node_dir_open(&d, test_directory(), false), 0);
	EXPECT_EQ(node_dir_lock(&d, 0), 0);
	EXPECT_EQ(node_dir_listen(&d, 0), 0);
	node_dir_hide(&d);
	EXPECT_EQ(node_dir_look(&d), NODE_DIR_SOCKET_LOST);
	EXPECT_EQ(node_dir_show(&d, &listener), 0);
	EXPECT_EQ(node_dir_look(&d), NODE_DIR_FINE);
	node_dir_close(&d);
}

TEST(a_removed_directory_is_noticed)
{
	struct node_dir d;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/node", test_directory());
	EXPECT_EQ(node_dir_open(&d, path, false), 0);
	EXPECT_EQ(node_dir_look(&d), NODE_DIR_FINE);
	EXPECT_EQ(rmdir(path), 0);
	EXPECT_EQ(node_dir_look(&d), NODE_DIR_GONE);
	node_dir_close(&d);
}

/* The mode that the socket gets in a directory of @directory_mode. */
static unsigned socket_mode(unsigned directory_mode, unsigned asked)
{
	struct node_dir d;
	struct stat st;
	char path[128];

	EXPECT_EQ(chmod(test_directory(), directory_mode), 0);
	EXPECT_EQ(node_dir_open(&d, test_directory(), false), 0);
	EXPECT_EQ(node_dir_lock(&d, 0), 0);
	EXPECT_EQ(node_dir_listen(&d, asked), 0);
	(void)snprintf(path, sizeof(path), "%s/broker", test_directory());
	EXPECT_EQ(stat(path, &st), 0);
	node_dir_close(&d);
	return st.st_mode & 0777;
}

TEST(the_sockets_mode_follows_the_directorys_unless_it_is_given)
{
	EXPECT_EQ(socket_mode(0700, 0), 0600);
	EXPECT_EQ(socket_mode(0711, 0), 0666);
	EXPECT_EQ(socket_mode(0755, 0), 0666);
	EXPECT_EQ(socket_mode(0755, 0660), 0660);
}

TEST(a_host_wide_directory_is_opened_to_others)
{
	struct node_dir d;
	struct stat st;

	EXPECT_EQ(node_dir_open(&d, test_directory(), true), 0);
	EXPECT_EQ(stat(test_directory(), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0755);
	node_dir_close(&d);
}
