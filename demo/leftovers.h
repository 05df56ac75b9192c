/* SPDX-License-Identifier: MIT */
/*
 * leftovers.h - what of shared memory is to be found on this machine
 */
#ifndef DEMO_LEFTOVERS_H
#define DEMO_LEFTOVERS_H

#include <stdbool.h>

struct leftovers {
	unsigned dev_shm; /* files in /dev/shm */
	unsigned sysv;	  /* System V segments whose maker has ended */
};

struct leftovers leftovers_count(void);
/* Waits until the broker of @dir, which nobody uses any more, has left. */
bool leftovers_broker_left(const char *dir);
/* Files in a directory, without . and .. */
unsigned leftovers_files(const char *dir);

/* Of the processes that @dir was named to when they were started, as brokers are. */
struct leftover_processes {
	unsigned count;
	unsigned descriptors; /* that they have open, all together */
};

struct leftover_processes leftovers_processes(const char *dir);
/* How many there are once they are no more than @most, or after some seconds: of the
 * descriptors, and of the processes. */
unsigned leftovers_descriptors(const char *dir, unsigned most);
unsigned leftovers_running(const char *dir, unsigned most);

#endif
