/* SPDX-License-Identifier: MIT */
/*
 * offer.h - is what a client handed over what it claims to be?
 *
 * Descriptors go on to other clients, who map and write them: an object that its maker could
 * truncate, or a pipe that blocks its writer, would be a way to hurt them.
 */
#ifndef BROKER_OFFER_H
#define BROKER_OFFER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One object of at least @size bytes, open for writing and only for reading: a memfd sealed
 * against shrinking, or shared memory that the kernel itself keeps (System V, or shared
 * anonymous memory).
 */
bool offer_is_sound(int writer, int reader, uint64_t size);
/* The writing end of a pipe that does not block. */
bool offer_is_pipe(int fd);
/* A local socket that keeps message boundaries, connected. */
bool offer_is_channel(int fd);

#endif
