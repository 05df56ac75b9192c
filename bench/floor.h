/* SPDX-License-Identifier: MIT */
/*
 * floor.h - what the machine itself takes
 *
 * Four things no library can beat: a cache line on its way to another processor, a copy, a
 * question to another process that answers with a descriptor, a sleeper that is woken.  They
 * are measured before and after everything else; where one has moved, the machine was not the
 * same machine, and ratios that lean on it mean nothing.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "pair.h"

/* Both call it.  @when: "start" or "end". */
void floors_measure(const struct pair *pair, const char *when);

/* The minimal server: answers every message on @sock with @fd, until the other end closes. */
void floor_serve(int sock, int fd);
/* One request to it.  Return: the descriptor. */
int floor_request(int sock);

/* A connected pair of sockets for them, one end in each process. */
int floor_socket(const struct pair *pair);

/* Wakes the other from the bare futex @times times, being woken @times times between. */
void floor_wake_lead(const struct pair *pair, size_t times);
void floor_wake_follow(const struct pair *pair, size_t times);

#endif
