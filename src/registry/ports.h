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

/* What an object can be. */
enum object_flag {
	/* It can be frozen.  Whoever may write to such an object can seal it, so who is not
	 * trusted with that gets it for reading only. */
	OBJECT_FREEZABLE = 1,
	/* Of huge pages if they can be had: what was got, object_measure() says. */
	OBJECT_HUGE = 2,
};

/*
 * Most bytes that one call fills, copies or measures; more is -EINVAL.  The body has one
 * thread, and serves others between two slices.  On a busy machine of two processors a MiB
 * took 1.2 ms to fill, 0.9 ms to copy and a quarter of a millisecond to measure.
 */
#define PORTS_SLICE (UINT64_C(4) << 20)
#define PORTS_NODES 64u

/* Where the pages of an object are, in pages of the host. */
struct object_pages {
	uint64_t node[PORTS_NODES]; /* in memory on that node of the machine */
	uint64_t unknown; /* in memory, but the kernel does not say where, or on a later node */
	uint64_t absent;  /* not made yet, given back, or swapped out */
	uint64_t huge;	  /* of those in memory: in huge pages */
};

/* What a process still has of an object. */
struct client_holds {
	uint32_t mappings;
	uint32_t descriptors;
};

/* A part of an object, or of a System V segment, for other nodes. */
struct window_spec {
	uint64_t object; /* 0: of the segment */
	uint32_t shmid;	 /* if it is @owner's to show, see sys/sysv.h */
	uint32_t owner;
	uint64_t client;       /* the client that says so */
	uint64_t offset, size; /* bytes, in whole pages */
	uint32_t rights;       /* not 0 */
	uint64_t beside;       /* a window on whose fabric it is to be; 0: on one of these: */
	struct wire_text fabrics; /* names of providers, with spaces between them */
};

/* What they need to know to use it. */
struct window_place {
	struct wire_text provider;
	struct wire_bytes address;
	uint64_t base, key;
	/* Its pages are a device's to write to, which can only be told to stop: burying it is
	 * as closing it to whoever goes on trying. */
	bool pinned;
};

/* One of this node's ways to others. */
struct controller_facts {
	struct wire_text provider;	/* of its fabric */
	struct wire_text domain, local; /* device and address of this node's; empty: any */
};

struct ports {
	void *body;

	uint64_t (*now)(void *body);	 /* monotonic, ns */
	uint64_t (*seconds)(void *body); /* since the host started, its sleep included */
	uint64_t (*random)(void *body);	 /* never 0, unpredictable */

	/*
	 * An object whose bytes are zero, of which no page is there yet.  So many bytes as it
	 * @replaces are given back while it is filled: the host needs room for the rest, and is
	 * not asked if there is none.  What is filled before anything is given back @replaces
	 * nothing.  @flags are of enum object_flag.
	 *
	 * -ENOMEM if the host has not so much memory to promise; -EMFILE.
	 */
	int (*object_make)(void *body, uint64_t object, uint64_t size, uint64_t replaces,
			   uint32_t flags);
	/*
	 * What addresses, offsets and sizes of its mappings, and slices, must be multiples of:
	 * a page, unless the object is of huge pages that the host has set aside.  That happens
	 * only with OBJECT_HUGE, if the size is a multiple of theirs and the host has enough to
	 * spare; it is known when the object is made, and stays so.  0 for an unknown object.
	 */
	uint64_t (*object_page)(void *body, uint64_t object);
	/*
	 * Says where pages will be made, before there are any: on @node, or if not @strict,
	 * elsewhere once that is full.
	 *
	 * -ENODEV if there is no such node, it has no memory or we may not use it; -ENOMEM if
	 * it is @strict and the node has not that much to give; -EOPNOTSUPP if the kernel has
	 * no such calls, or a filter forbids them; -EBUSY if there are pages; -ENOENT.
	 */
	int (*object_place)(void *body, uint64_t object, uint32_t node, bool strict);
	/*
	 * Makes every page of a slice; what is there stays, and no hole is left.  Slices of an
	 * object of OBJECT_HUGE should be multiples of 2 MiB, for a smaller one gets small
	 * pages.
	 *
	 * -ENOMEM if the host, or the node that was @strict, has not so much left in spite of
	 * what it promised; -EPERM if the object is frozen; -EINVAL if the slice is not of the
	 * object, too large or not a multiple of object_page(); -ENOENT.
	 */
	int (*object_fill)(void *body, uint64_t object, uint64_t offset, uint64_t size);
	/*
	 * Copies a slice to the same offset of another object, in which it was zero.  Holes
	 * stay holes, and nothing that others do to either makes the body fault.  What is
	 * written meanwhile may be copied or not.  Errors are those of object_fill().
	 */
	int (*object_copy)(void *body, uint64_t to, uint64_t from, uint64_t offset,
			   uint64_t size);
	/*
	 * Adds what a slice has to *@sum.  Nothing is made by looking, except in an object of
	 * huge pages that were set aside, which were promised to it anyway.
	 *
	 * -EOPNOTSUPP if the kernel cannot tell (before Linux 5.14); -EINVAL; -ENOENT; -ENOMEM
	 * and -EMFILE of the body's own.
	 */
	int (*object_measure)(void *body, uint64_t object, uint64_t offset, uint64_t size,
			      struct object_pages *sum);
	/*
	 * Nobody writes to it again, for good, and the kernel sees to that.  It cannot be
	 * emptied after this: object_drop() leaves what others have of it as it is.  0 also if
	 * it is frozen already.
	 *
	 * -EBUSY while anybody has a shared mapping made from a descriptor for writing, also
	 * one that only reads, or the kernel uses its pages for a device, which it waits a
	 * fifth of a second for; -EPERM if it is not OBJECT_FREEZABLE, or a writer sealed it
	 * otherwise; -ENOENT.
	 */
	int (*object_freeze)(void *body, uint64_t object);
	/*
	 * The physical address of its first byte.  The page is locked until the object is
	 * dropped, but that binds neither who may write to it, and so give it back, nor who is
	 * privileged to move the pages of others.  Only of an object that is one huge page
	 * which was set aside and filled; -EOPNOTSUPP for any other, or if the kernel does not
	 * let us know.  -ENOENT.
	 */
	int (*object_physical)(void *body, uint64_t object, uint64_t *ret_base);
	/* Is there such a node, with memory that we may use?  0, -ENODEV, -EOPNOTSUPP. */
	int (*node_check)(void *body, uint32_t node);
	/* May a region have this cache policy (0 to 3)?  0, -EOPNOTSUPP, or -EINVAL for what is
	 * no policy. */
	int (*cache_check)(void *body, uint32_t policy);
	/* Bytes that an object of ours has in memory. */
	uint64_t (*object_resident)(void *body, uint64_t object);
	/* Bytes of private memory of the client's process, as the kernel says, or 0. */
	uint64_t (*client_memory)(void *body, uint64_t client);
	/*
	 * What the client's process still has of an object, as the kernel says.  Descriptors on
	 * their way through a socket, pages used by a device, children and others it was handed
	 * to are not seen, so this convicts, and acquits only who means well.  Where it
	 * was measured it took 20 microseconds for each descriptor that the process has, of
	 * whatever, and 2.5 for each mapping, which is a third of a second at most, unless the
	 * process keeps the kernel busy with its memory on purpose.
	 *
	 * *@ret is written only on success.  -EACCES if we may not look, or do not know at
	 * whom; -E2BIG if there is too much to look through; neither is nothing.  -ESRCH if the
	 * process has ended or there is no such client; -ENOENT if there is no such object.
	 */
	int (*client_holds)(void *body, uint64_t client, uint64_t object,
			    struct client_holds *ret);
	/* Is the client's process a child of the other's?  1, 0; -ESRCH if there is no such
	 * client, or its process has ended; -EACCES if we may not look, or do not know at whom.
	 */
	int (*client_is_child)(void *body, uint64_t client, uint64_t parent);
	/* Kills the client's process; that it has ended is told as of any client.  -EPERM if we
	 * may not, -EACCES if we do not know which it is, -ESRCH if it has ended. */
	int (*client_kill)(void *body, uint64_t client);
	/* The descriptors that came with the message being handled: [0] writes, [1] reads.
	 * -EPERM if they are not a shareable object of at least @size bytes. */
	int (*object_take)(void *body, uint64_t object, uint64_t size);
	/* The descriptor of the message being handled is the writing end of a pipe: keep it. */
	int (*pipe_take)(void *body, uint64_t object);
	/* Closes; if @empty, its pages are given back first, so that whoever kept it sees
	 * zeros.  (Of huge pages that were set aside, whoever touches them again faults if
	 * there are no others to spare.) */
	void (*object_drop)(void *body, uint64_t object, bool empty);
	/* Is it being emptied still?  A large one takes some steps, which the body does. */
	bool (*object_is_going)(void *body, uint64_t object);

	/* A bell: an object whose layout the body knows (shm/layout.h). */
	int (*bell_make)(void *body, uint64_t object);
	/* Slot WIRE_SLOT_EXPORTER is the exporter's.  A slot that becomes active starts with
	 * its counters at zero; one that ends keeps them, since events that were counted may
	 * still be taken. */
	void (*bell_set_active)(void *body, uint64_t object, uint32_t slot, bool active);
	/* Raises the slot's polled word, so that posters ask for the pipe. */
	void (*bell_raise_polled)(void *body, uint64_t object, uint32_t slot);

	/* For those who cannot map it: counts events on the slot, none if @once and there are
	 * some, and wakes who waits; takes all there are. */
	void (*bell_post)(void *body, uint64_t object, uint32_t slot, uint64_t count,
			  bool once);
	uint64_t (*bell_take)(void *body, uint64_t object, uint32_t slot);
	/* Makes a pipe, and calls registry_rung() with @tag once somebody has filled it. */
	int (*pipe_make)(void *body, uint64_t object, uint64_t tag);
	void (*pipe_fill)(void *body, uint64_t object);

	/* A pledge, likewise. */
	int (*pledge_make)(void *body, uint64_t object);

	/*
	 * Lets other nodes' processes at a part of an object, by themselves and without asking
	 * anybody, through the first of @spec's fabrics that this node is on as well.
	 *
	 * -EPROTONOSUPPORT if there is none; -EINVAL for what is not a multiple of
	 * object_page(); -EPERM if it would have to be written to, and is frozen; -ENOMEM,
	 * -EMFILE and others of the fabric's.  Of a
	 * System V segment, -EACCES, -EINVAL or -ERANGE if the body may not attach it, or finds
	 * none, or a smaller one.
	 */
	int (*window_open)(void *body, uint64_t window, const struct window_spec *spec,
			   struct window_place *ret_place);
	/* When it has returned, nothing reaches the object through it; yet whoever tries
	 * disturbs nobody, unless it is pinned.  An object that was dropped goes with its last
	 * window that is not buried, and is not emptied before. */
	void (*window_bury)(void *body, uint64_t window);
	/* Buried before or not.  Whoever goes on trying loses its way to all windows here. */
	void (*window_close)(void *body, uint64_t window);
	/* The controller that is called @name, or if that is empty the first on the fabric
	 * @provider.  -ENODEV if there is none; loopback leads to no other node. */
	int (*controller_find)(void *body, const struct wire_text *name,
			       const struct wire_text *provider, struct controller_facts *ret);
	/* Over the link with the broker of another node.  What cannot be said brings the link
	 * down, of which the registry hears as always. */
	void (*peer_say)(void *body, uint32_t node, const struct message *message);
	/* The link is to fall. */
	void (*peer_drop)(void *body, uint32_t node, const char *why);

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
