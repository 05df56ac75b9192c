/* SPDX-License-Identifier: MIT */
/*
 * process.h - what the broker's process is like
 */
#ifndef BROKER_PROCESS_H
#define BROKER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Before anything else: nobody of the same user may trace us or open our descriptors, files
 * are for us alone, and a peer that goes is no reason to die.  Unless in the @foreground, no
 * terminal controls us and any processor will do.
 */
void process_harden(bool foreground);
/* As many descriptors as may be had; returns how many. */
uint32_t process_raise_fds(void);

#endif
