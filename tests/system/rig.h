/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a broker in the test's directory, and clients that speak the wire by hand
 */
#ifndef TESTS_SYSTEM_RIG_H
#define TESTS_SYSTEM_RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "ipc/conn.h"

/* A user that is not the one who runs the test. */
#define RIG_OTHER_UID 65534u

struct shm_board;

/* Arguments for a broker that does not leave. */
extern const char *const rig_stays[];

/* Runs $TRACT_BROKER_PROGRAM --dir DIRECTORY and @more arguments (ends with NULL), as user
 * @uid; returns once it serves. */
pid_t rig_broker_start(const char *directory, uid_t uid, const char *const *more);
/* The same in two steps, for who starts several: consumes @ready. */
pid_t rig_broker_begin(const char *directory, uid_t uid, const char *const *more,
		       int *ret_ready);
void rig_broker_await(int ready);
/* The exit code, or 256 + the signal that ended it. */
int rig_broker_wait(pid_t pid);
void rig_broker_stop(pid_t pid);

/* For good, and without any group. */
bool rig_become(uid_t uid);
/* Waits for @child, which ended well if all it expected was so. */
void rig_expect_success(pid_t child);

struct rig_client {
	struct conn conn;
	uint32_t serial;
	int board_fd;
	int lifeline; /* -1: it has published nothing */
	const struct shm_board *board;
	struct msg_welcome welcome;
};

/* 0 or -errno. */
int rig_connect(const char *directory, struct rig_client *c);
/* Connects and greets; fails the test otherwise. */
void rig_client_up(const char *directory, struct rig_client *c);
void rig_client_down(struct rig_client *c);
/* The reply; its descriptor, if there is one, is in *ret_fd, else it is -1. */
struct message rig_ask(struct rig_client *c, struct message request, int *ret_fd);
struct message rig_ask_with(struct rig_client *c, struct message request, const int *fds,
			    unsigned fd_count, int *ret_fd);

struct rig_segment {
	uint64_t region, segment;
	uint32_t id;
	int fd;
};

/* A published segment of @size bytes, for everybody. */
struct rig_segment rig_publish(struct rig_client *c, uint64_t size);
/* For whom @mode lets in. */
struct rig_segment rig_publish_as(struct rig_client *c, uint64_t size, uint32_t mode);
struct message rig_import(struct rig_client *c, uint32_t id, uint32_t rights, int *ret_fd);

#endif
