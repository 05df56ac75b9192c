/* SPDX-License-Identifier: MIT */
/*
 * manager.h - the service manager, if one started us
 *
 * Built without libsystemd, there never is one.
 */
#ifndef BROKER_MANAGER_H
#define BROKER_MANAGER_H

#include <stdbool.h>

/* 0, and the socket to accept on, or -1 if none was handed over.  -EINVAL for another kind. */
int manager_take_listener(int *ret_fd);
/* Are there descriptors from 3 on that the manager passed? */
bool manager_passed_fds(void);
void manager_tell_ready(void);
void manager_tell_stopping(void);

#endif
