/* SPDX-License-Identifier: MIT */
/*
 * leftovers.h - what of shared memory is to be found on this machine
 */
#ifndef DEMO_LEFTOVERS_H
#define DEMO_LEFTOVERS_H

#include <stdbool.h>

struct leftovers {
	unsigned dev_shm; /* files in /dev/shm */
	unsigned sysv;	  /* System V segments */
};

struct leftovers leftovers_count(void);
/* Waits until the broker of @dir, which nobody uses any more, has left. */
bool leftovers_broker_left(const char *dir);
/* Files in a directory, without . and .. */
unsigned leftovers_files(const char *dir);

#endif
