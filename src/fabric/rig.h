/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a process that serves windows and does as it is told
 *
 * The memory of the windows is shared with the test, which so sees what arrives, and what does
 * not arrive any more.
 */
#ifndef FABRIC_RIG_H
#define FABRIC_RIG_H

#include <sys/types.h>

#include "base/clock.h"
#include "fabric/fabric.h"

#define RIG_PATIENCE_MS 15000u
#define RIG_PATIENCE clock_deadline_ms(RIG_PATIENCE_MS)

struct rig_window {
	uint64_t base, key;
	char *memory;
};

struct rig {
	pid_t pid;
	int orders, answers;
	struct fabric_address address;
	unsigned count;
	size_t size; /* of each window */
	char *memory;
	struct rig_window *windows;
};

/* Before the test has a second thread. */
struct rig rig_up(unsigned count, size_t size, unsigned rights);
void rig_bury(struct rig *rig, unsigned window);
void rig_close(struct rig *rig, unsigned window);
/* Descriptors that the process has. */
unsigned rig_count_fds(struct rig *rig);
/* It closes everything, and must have as many descriptors as before. */
void rig_down(struct rig *rig);
void rig_kill(struct rig *rig);
/* Frees what the test has of it, and waits for its end. */
void rig_bury_dead(struct rig *rig);

struct fabric *rig_fabric(void);
struct fabric_target *rig_target(const struct rig *rig, struct fabric_peer *peer,
				 unsigned window);

/* An importer of one window, as most tests need it. */
struct importer {
	struct fabric *fabric;
	struct fabric_peer *peer;
	struct fabric_target *target;
};

struct importer importer_up(const struct rig *rig, unsigned window);
void importer_down(struct importer *importer);

#endif
