/* SPDX-License-Identifier: MIT */
/*
 * crew.h - processes that export and import as they are asked, and may die of it
 *
 * A member is a child process that does one deed after the other.  The test itself never uses
 * the library, so every member begins as a process that never did.  A deed's answer is its
 * result, or GONE once the member has died; no answer in time fails the test.
 */
#ifndef TESTS_FAULT_CREW_H
#define TESTS_FAULT_CREW_H

#include <stdint.h>
#include <sys/types.h>

#include "test.h"

#define CREW_SIZE (4 * 4096u)
#define CREW_ID 0x400001u
/* What members put and store, and what an exporter's memory is filled with. */
#define CREW_FILL 0x5a

enum deed {
	/* Exports of CREW_SIZE bytes. */
	EXPORT_PRIVATE, /* of memory of its own */
	EXPORT_REGION,	/* of an attached region */
	EXPORT_OVERLAP, /* a second one, of the first one's last page and one more; destroyed */
	PUBLISH,	/* a: the id */
	REBIND,		/* to other private memory, filled with a */
	UNPUBLISH,
	DESTROY,
	EXPORT_STORE, /* a byte, through its own memory */
	EXPORT_LOAD,  /* the first byte */
	EXPORT_COUNT, /* how many bytes are not what a says */
	EXPORT_POST,
	EXPORT_WAIT, /* a: milliseconds */
	EXPORT_POLLFD,

	CONNECT, /* a: the id */
	CONNECT_ONLY_READ,
	MAP,
	UNMAP,
	IMPORT_STORE, /* a byte, through the mapping */
	IMPORT_LOAD,
	PUT,	 /* a byte */
	GET,	 /* 0 if it worked */
	BARRIER, /* opens, stores a byte, closes */
	CHECK,
	IMPORT_POST,
	IMPORT_WAIT, /* a: milliseconds */
	IMPORT_POLLFD,
	IMPORT_POLL, /* a: milliseconds; 1 if ready, 0 if not */
	CLOSE,

	LAND,	  /* what a process does with its address space, once through */
	HAND_OUT, /* its map, to others */
	GOVERN,	  /* a shared region of its own, once through */
	VISIT,	  /* a: the pid of who has: attaches memory there, and detaches it */

	/* Of the node. */
	LOOK,	  /* segments and imports on the node, by inspection */
	LOOK_ALL, /* the same and processes */
	RECONNECT,
	DROP,	   /* gives up all it has; never fails */
	ROAM,	   /* does one deed after the other, as a seeds it, and never answers */
	STORE_ON,  /* stores through the mapping from now on and does not answer any more */
	COUNT_FDS, /* its memfds and mappings of them, pledges aside */
	PASS_ON,   /* from here on its child does what is asked of it */
	FORK,	   /* a: 1: no hook is run in the child.  The child's pid; it waits */
	EXEC,	   /* becomes sleep(1); the answer is GONE or an error */
	DEEDS
};

#define GONE INT64_MIN

/* In a member: deeds.c. */
int deeds_begin(void);
int64_t deed_do(enum deed deed, uint64_t a);
struct tract;
/* Of land.c. */
int64_t deed_land(struct tract *ctx);
/* Of govern.c. */
int64_t deed_govern(struct tract *ctx);
/* Of visit.c. */
int64_t deed_visit(struct tract *ctx, uint64_t pid);
/* Detaches what visitors left behind. */
void deed_clear_up(struct tract *ctx);

struct member {
	pid_t pid;
	int fd;
	bool dead; /* and reaped */
	int status;
};

/* @fault: TRACT_FAULT of that process, or NULL.  @visits: TRACT_FAULT_VISITS, or NULL. */
void member_up(struct member *m, const char *fault, const char *visits);
/* The same, after @prepare in the child; which, if it returns at all, does so in the process
 * that shall be the member, and may be another than its caller. */
void member_up_as(struct member *m, void (*prepare)(void));
/* Asks, and expects an answer within a second (times test_patience()). */
int64_t member_ask(struct member *m, enum deed deed, uint64_t a);
void member_tell(struct member *m, enum deed deed, uint64_t a);
int64_t member_hear(struct member *m, int timeout_ms);
void member_signal(struct member *m, int number);
/* Until it is stopped, by a fault point. */
void member_until_stopped(struct member *m);
/* Kills it if need be.  The wait status. */
int member_down(struct member *m);

/* The same for a broker in the test's directory, which stays although idle. */
pid_t crew_broker_up(const char *fault, const char *visits);
/* The pid of who listens in the test's directory, or -errno. */
pid_t crew_broker_pid(void);
void crew_broker_kill(pid_t pid);
/* Kills whoever listens there, a child of ours or not, until nobody does. */
void crew_brokers_end(void);
/* Descriptors of a process that are shared memory; -1 if that may not be seen.  Pledges, which
 * stay for as long as their process is attached, are not counted. */
int crew_memfds_of(pid_t pid);
/* Milliseconds, monotonic. */
double crew_now_ms(void);

#endif
