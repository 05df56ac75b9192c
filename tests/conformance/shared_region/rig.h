/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what the conformance tests of SharedRegion stand on
 *
 * A test is a process with regions of its own; the others are agents: programs that are
 * executed afresh, share nothing with the test but a channel, and do one deed after the other
 * as they are asked.  Everything here fails the test where it fails.
 *
 * "3.7" above a test is the section of the specification that it proves, "18.4" a line of its
 * checklist, and "D-7", "G-4", "P-3", "V-6" a decision, a ruling, a promise, an invariant.
 */
#ifndef TESTS_CONFORMANCE_SHARED_REGION_RIG_H
#define TESTS_CONFORMANCE_SHARED_REGION_RIG_H

#include "test.h"

#include <errno.h>
#include <shared_region.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE page_size()
size_t page_size(void);

/* ---- what is expected ------------------------------------------------------------------- */

#define EXPECT_CODE(call, wanted)                                                       \
	do {                                                                            \
		int code_ = (call);                                                     \
		EXPECT_OR_SAY(code_ == (wanted), "%s is %d (%s), not %s", #call, code_, \
			      shared_region_strerror(code_), #wanted);                  \
	} while (0)
#define EXPECT_OK(call) EXPECT_CODE(call, 0)
/* EXPECT_FAILS(call, RESOURCE_BUSY) */
#define EXPECT_FAILS(call, error) EXPECT_CODE(call, SHARED_REGION_##error)
/* For what the specification leaves to the implementation. */
#define EXPECT_FAILS_EITHER(call, one, other)                                                 \
	do {                                                                                  \
		int code_ = (call);                                                           \
		EXPECT_OR_SAY(code_ == SHARED_REGION_##one || code_ == SHARED_REGION_##other, \
			      "%s is %d (%s), neither %s nor %s", #call, code_,               \
			      shared_region_strerror(code_), #one, #other);                   \
	} while (0)

/* An owner's rights on a region whose ceiling is read and write. */
#define MANAGING                                                                               \
	(SHARED_REGION_RIGHT_GRANT | SHARED_REGION_RIGHT_REVOKE | SHARED_REGION_RIGHT_DELETE | \
	 SHARED_REGION_RIGHT_MAP)
#define READING (SHARED_REGION_RIGHT_READ | SHARED_REGION_RIGHT_MAP)
#define WRITING (READING | SHARED_REGION_RIGHT_WRITE)
#define PASSING_ON (WRITING | SHARED_REGION_RIGHT_GRANT)
/* How long something may take that others have to notice first. */
#define SOON 5000
/* For waits that an event ends long before. */
#define LONG 15000
/* A number that no process has. */
#define NOBODY ((shared_region_pid)1 << 40)

/* ---- this process ----------------------------------------------------------------------- */

struct own {
	shared_region_client *client;
	shared_region_pid self;
	shared_region *region;
	size_t size;
	unsigned char *at;
};

/* The embedded broker, which is to start with the next process that attaches, serves other
 * users: it does whom its directory lets in then.  Skips the test where there are none. */
void serve_others(void);
/* Attached, and no more than that. */
void own_attach(struct own *o);
/* And with a region of @pages pages. */
void own_make(struct own *o, unsigned pages, uint32_t ceiling);
/* And with a region of @pages pages to read and write, which is mapped. */
void own_up(struct own *o, unsigned pages);
/* The same, with enum shared_region_flag. */
void own_up_with(struct own *o, unsigned pages, uint32_t flags);
/* Gives the handle up and detaches. */
void own_down(struct own *o);
/* Maps what is not mapped. */
void own_map(struct own *o, uint32_t perm);
shared_region_cap own_root(struct own *o);
/* A capability that is derived from the root. */
shared_region_cap own_derive(struct own *o, shared_region_rights rights,
			     shared_region_pid target);
shared_region_rights rights_of(shared_region_client *client, shared_region_cap cap);
/* Where region @o->region is mapped in @process, NULL if it is not or is not to be known. */
void *mapping_of(const struct own *o, shared_region_pid process);

/* ---- memory ----------------------------------------------------------------------------- */

/* @pages pages that are free now, and with nothing on either side. */
void *free_address(unsigned pages);

/* The same for agents, which cannot fail a test: NULL where there is no room. */
void *find_room(unsigned pages);
/* Pages of the test's own at an address; unmapped with munmap(). */
void occupy(void *at, unsigned pages, int fill);
/* 0, or the signal that the access raises.  A store keeps what was there. */
int load_fault(const void *at);
int store_fault(void *at);
bool is_filled(const volatile void *at, size_t size, int with);
/* "rw-s" and the like as the kernel says, "" if there is nothing; static storage. */
const char *mapped_as(const void *at);
/* The object behind a mapping: its inode. */
uint64_t backing_of(const void *at);
/* Memory objects of shared regions that process @pid has open: 0 where it is not to be known.
 * Their bytes are in *@ret_bytes. */
unsigned objects_of(pid_t pid, uint64_t *ret_bytes);

/* ---- agents ----------------------------------------------------------------------------- */

#define SLOTS 8
#define VALUES 6

struct agent {
	pid_t pid;
	int fd;
	shared_region_pid self;
	uint64_t said[VALUES]; /* what the last answer says beside its code */
};

/*
 * What an agent can do.  A slot holds a region: the handle, and where it is mapped.  The answer
 * is the code that the library's function returns, and its outputs are in said[].
 */
enum deed {
	ATTACH, /* flags; self */
	DETACH,
	SELF,	    /* ; self */
	NEW,	    /* slot, size, ceiling; id */
	OPEN,	    /* slot, id */
	RELEASE,    /* slot */
	END,	    /* slot: destroy */
	MAP,	    /* slot, perm, address or 0; address */
	UNMAP,	    /* slot, process or 0 for itself, force */
	MAPPING,    /* slot, process or 0; found, address */
	OWNER,	    /* slot, new owner: transfer_ownership */
	OFFER,	    /* slot, target, mode: create_capability; token, rights */
	SHARE_WITH, /* slot, target, perm */
	ROOT,	    /* slot; token */
	TRANSFER,   /* slot, to, mode, force, timeout; token, bytes copied, strength */
	WAIT,	    /* timeout; token, region, from, mode, rights */
	ACCEPT,	    /* slot, token, perm, address or 0; address */
	TAKE,	    /* slot, perm: waits for the next offer and accepts; address, token */
	CAP_MAP,    /* slot, token, perm, address or 0; address */
	DERIVE,	    /* parent, rights, target; token */
	CHECK,	    /* token, rights */
	INFO,	    /* token; region, rights, state */
	REVOKE,	    /* token, force; count */
	DELETE,	    /* token */
	NOTICES,    /* capacity; got, dropped, and of the first: token, seconds, reason */
	STATS,	    /* ; pages, bytes, transfers, bytes copied, average */
	PHYSICAL,   /* slot; address */
	DUMP,	    /* slot, address; whether its text has that address in it */
	IS_STRONG,  /* ; bool */
	RACE,	    /* token, threads, rounds, seed; see race.c */
	/* The code of these is 0, or the signal that the access raised. */
	LOAD,	 /* slot, offset; byte */
	STORE,	 /* slot, offset, byte */
	FILL,	 /* slot, bytes, byte */
	FILLED,	 /* slot, bytes, byte; bool */
	BACKING, /* slot; inode */
	/* What the library does not do, see hostile.c. */
	HOARD,	     /* bool: keep a copy of every descriptor that comes in, from now on */
	KEEP,	     /* keeps mappings and descriptors; how many of each, and of the writable */
	KEPT_SEES,   /* offset, byte: how many of them show it */
	KEPT_STORES, /* offset, byte: how many stored it */
	TAMPER, /* tries all that enum tampering names; what worked, what there was to try */
	BABBLE, /* kind, count: misbehaves towards the broker, enum babble */
	/* And grip.c; errors are errno. */
	GRIP,	    /* slot, enum grip: holds on to a region of two pages */
	GRIP_LOOK,  /* offset; whether it can be read, byte */
	GRIP_STORE, /* offset, byte, times; how often that worked */
	HAMMER,	    /* slot, offset, slot of a count: stores 0xEE for ever, even if stopped */
	SECEDE,	    /* bool: closes all connections, now or when it hears SIGUSR1 */
	DEAF,	    /* from now on no thread but this one hears anything */
	EXEC,	    /* becomes something that lives until the channel is closed; no answer */
	DEEDS
};

/* Starts an agent, which attaches.  It serves until its channel is closed. */
void agent_up(struct agent *a);
/* With flags for attach; as another user; as a process with this number, where root may. */
void agent_up_with(struct agent *a, uint32_t flags);
void agent_up_as(struct agent *a, uid_t uid);
void agent_up_numbered(struct agent *a, pid_t pid);
/* Not attached. */
void agent_start(struct agent *a);
/* Ends it, and expects that it ended well. */
void agent_down(struct agent *a);
void agent_kill(struct agent *a);
/* SIGSTOP; it runs no more when this returns.  SIGCONT is the test's. */
void agent_stop(struct agent *a);
/* It was killed by somebody else. */
void agent_expect_killed(struct agent *a);

/* A deed and what it is to be done with. */
struct request {
	uint64_t v[6];
};
#define ask(agent, ...) ask_with(agent, (struct request){ { __VA_ARGS__ } })
/* Does not wait for the answer; hear() does. */
#define order(agent, ...) order_with(agent, (struct request){ { __VA_ARGS__ } })

int ask_with(struct agent *a, struct request request);
void order_with(struct agent *a, struct request request);
int hear(struct agent *a);

/* The byte at @offset of what it has in a slot, which it can read. */
unsigned char agent_byte(struct agent *a, unsigned slot, uint64_t offset);
bool agent_filled(struct agent *a, unsigned slot, size_t size, unsigned char with);
/* It has @o->region in slot 0 by a Share, and returns its token. */
shared_region_cap share(struct own *o, struct agent *a, uint32_t perm);
/* The same with these rights, by a derived capability. */
shared_region_cap share_rights(struct own *o, struct agent *a, shared_region_rights rights,
			       uint32_t perm);
/* Moves @o->region to it; it has it in slot 0 afterwards. */
void move(struct own *o, struct agent *a, uint32_t mode, uint32_t force,
	  struct shared_region_transfer_report *ret_report);

/* What tampering worked. */
enum tampering {
	TAMPER_MAP_WRITABLE = 1, /* a shared writable mapping of a descriptor */
	TAMPER_PROTECT = 2,	 /* mprotect() of the mapping */
	TAMPER_REOPEN = 4,	 /* through /proc, for writing */
	TAMPER_SHRINK = 8,
	TAMPER_GROW = 16,
	TAMPER_SEAL = 32,
	TAMPER_PUNCH = 64, /* a hole */
	TAMPER_CHMOD = 128
};

/* By what an agent holds on to memory. */
enum grip {
	GRIP_TWIN,	/* a second mapping */
	GRIP_LOCKED,	/* one that is locked in memory, and hidden from children and dumps */
	GRIP_DUP,	/* a duplicate of the descriptor */
	GRIP_REOPENED,	/* the descriptor opened again, through /proc */
	GRIP_MAP_FILE,	/* the mapping opened as a file, through /proc */
	GRIP_IN_FLIGHT, /* a descriptor in the queue of a socket, that comes out when it is used
			 */
	GRIP_PIPE,	/* a page in a pipe */
	GRIP_PINNED,	/* a store of another process to the mapping, which the kernel is at */
	/* The others hold by another process, which has it by: */
	GRIP_SENT,	  /* a descriptor that it was sent */
	GRIP_GETFD,	  /* one that it took with pidfd_getfd() */
	GRIP_CHILD,	  /* inheriting the mapping */
	GRIP_SAME_MEMORY, /* having the same address space */
	GRIP_WRITEV,	  /* reaching into the holder's mapping with process_vm_writev() */
	GRIP_MEM,	  /* or through /proc/PID/mem */
	GRIP_FD_OF,	  /* opening /proc/PID/fd of the holder each time */
	GRIP_MAP_FILE_OF, /* or /proc/PID/map_files */
	GRIPS
};

enum babble {
	BABBLE_BYTES,	    /* that are no message */
	BABBLE_EMPTY,	    /* nothing at all */
	BABBLE_OVERSIZED,   /* as much as the socket takes */
	BABBLE_TRUNCATED,   /* the beginning of what the library sends */
	BABBLE_DESCRIPTORS, /* that nobody asked for */
	BABBLE_SILENCE,	    /* connects, and says nothing */
	BABBLE_KINDS
};

/* ---- brokers and other processes -------------------------------------------------------- */

enum { BROKER_USER = 65534, USER_A = 65533, USER_B = 65532 };

/* A broker in the test's directory that stays; returns its process. */
pid_t broker_start(void);
/*
 * A host-wide broker under BROKER_USER, which this process and all agents use from now on;
 * skips the test where that cannot be.
 */
pid_t broker_start_strong(void);
void broker_stop(pid_t pid);
void broker_kill(pid_t pid);

/* Runs @body in a child of fork and returns its status as wait() gives it. */
int status_of(void (*body)(void *arg), void *arg);
/* Several threads run @body, each with its number, and are joined. */
void in_threads(unsigned count, void (*body)(unsigned number, void *arg), void *arg);

#endif
