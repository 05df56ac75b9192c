/* SPDX-License-Identifier: MIT */
/*
 * ports.h - what the registry needs done
 *
 * The registry decides; its body acts.  None of these calls may come back into the registry.
 * An object is a memory object under an id that the registry chose; the body keeps its
 * descriptors.  Tests and the simulator give bodies of their own.
 */
#ifndef REGISTRY_PORTS_H
#define REGISTRY_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

/* Which descriptor goes with a message. */
enum attachment_kind {
	ATTACH_NONE = 0,
	ATTACH_BOARD,	     /* the board, read-only */
	ATTACH_OBJECT_WRITE, /* object: for reading and writing */
	ATTACH_OBJECT_READ,  /* object: for reading */
	ATTACH_BELL,	     /* object: a bell */
	ATTACH_PIPE,	     /* object: the writing end of a pipe */
	ATTACH_PROCESS,	     /* object: a client; its pidfd */
};

struct attachment {
	enum attachment_kind kind;
	uint64_t object;
};

struct ports {
	void *body;

	uint64_t (*now)(void *body);	/* monotonic, ns */
	uint64_t (*random)(void *body); /* never 0, unpredictable */

	/* 0, -ENOMEM if the host has not so much memory to promise, -EMFILE.  So many bytes as
	 * it
	 * @replaces are given back while it is filled: the host needs room for the rest, and is
	 * not asked if there is none. */
	int (*object_make)(void *body, uint64_t object, uint64_t size, uint64_t replaces);
	/* Bytes that an object of ours has in memory. */
	uint64_t (*object_resident)(void *body, uint64_t object);
	/* Bytes of private memory of the client's process, as the kernel says, or 0. */
	uint64_t (*client_memory)(void *body, uint64_t client);
	/* The descriptors that came with the message being handled: [0] writes, [1] reads.
	 * -EPERM if they are not a shareable object of at least @size bytes. */
	int (*object_take)(void *body, uint64_t object, uint64_t size);
	/* The descriptor of the message being handled is the writing end of a pipe: keep it. */
	int (*pipe_take)(void *body, uint64_t object);
	/* Closes; if @empty, its pages are given back first, so that whoever kept it sees
	 * zeros. */
	void (*object_drop)(void *body, uint64_t object, bool empty);

	/* A bell: an object whose layout the body knows (shm/layout.h). */
	int (*bell_make)(void *body, uint64_t object);
	/* Slot WIRE_SLOT_EXPORTER is the exporter's.  A slot that becomes active starts with
	 * its counters at zero; one that ends keeps them, since events that were counted may
	 * still be taken. */
	void (*bell_set_active)(void *body, uint64_t object, uint32_t slot, bool active);
	/* Raises the slot's polled word, so that posters ask for the pipe. */
	void (*bell_raise_polled)(void *body, uint64_t object, uint32_t slot);

	/* A pledge, likewise. */
	int (*pledge_make)(void *body, uint64_t object);

	/* The board.  Values only ever grow; no slot has generation 0 once it was used. */
	void (*board_set)(void *body, uint32_t slot, uint64_t generation, uint64_t epoch);

	/* On the connection, as the answer to the request with message->serial. */
	void (*reply)(void *body, uint64_t client, const struct message *message,
		      struct attachment attachment);
	/* On the client's channel for events.  -ENOTCONN if it has none, -EAGAIN if it is full:
	 * the registry keeps what it could not say, and says it when the client has answered
	 * something or hands a channel over, so the body need not queue events. */
	int (*event)(void *body, uint64_t client, const struct message *message,
		     struct attachment attachment);
	/* One line about something that was decided, "what key=value ...". */
	void (*log)(void *body, const char *line);
	/* Would anybody read it?  NULL: yes.  Lines nobody reads need not be made. */
	bool (*log_wanted)(void *body);
};

#endif
