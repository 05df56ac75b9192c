/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what the conformance tests of RSMAPI stand on
 *
 * Memory, exporters and importers that are up in one line, and child processes: bodies that
 * speak with their parent over a channel, and agents, which do one deed after the other as
 * they are asked.  Everything here fails the test where it fails.
 *
 * The rig uses the library only where its caller asks for it, so that tests decide whether a
 * child is forked before the library was first used or after.
 */
#ifndef TESTS_CONFORMANCE_RIG_H
#define TESTS_CONFORMANCE_RIG_H

#include "nodes.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <rsmapi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A segment id that any program may ask for. */
#define ID(k) ((rsm_memseg_id_t)(0x400000 + (k)))
#define PAGE page_size()
/* How many milliseconds an event that was posted may take: none on one node. */
#define SOON (nodes_are_two() ? 10000 : 0)
#define EXPECT_EITHER(call, a, b)                                                              \
	do {                                                                                   \
		int either_ = (call);                                                          \
		ck_assert_msg(either_ == (a) || either_ == (b), "%s is %d, neither %s nor %s", \
			      #call, either_, #a, #b);                                         \
	} while (0)

size_t page_size(void);
double now_ms(void);
/* A file of @count pages in the test's directory, each byte @fill; open for both. */
int file_of_pages(unsigned count, int fill);
/* Page-aligned zeroed memory for free(): what valloc() would give. */
unsigned char *pages_new(unsigned count);
/* A private anonymous mapping whose page @hole, if it is one of them, is gone or read-only. */
unsigned char *pages_with_hole(unsigned count, unsigned hole);
unsigned char *pages_with_read_only(unsigned count, unsigned page);
bool is_filled(const volatile void *at, size_t size, int with);

/* References to the loopback controller, and to the one that leads from exporters to importers,
 * which is another between nodes.  To be released. */
rsmapi_controller_handle_t loopback(void);
rsmapi_controller_handle_t the_controller(void);
rsm_node_id_t local_node(void);
/* Where importers are, as access lists say it. */
rsm_node_id_t importers_node(void);

struct exporter {
	rsmapi_controller_handle_t controller;
	rsm_memseg_export_handle_t segment;
	rsm_memseg_id_t id;
	size_t size;
	unsigned char *memory;
};

/* Created, not published. */
void exporter_bound(struct exporter *e, unsigned pages, uint_t flags);
/* Created with RSM_ALLOW_REBIND and published to everybody. */
void exporter_up(struct exporter *e, rsm_memseg_id_t id, unsigned pages);
void exporter_publish(struct exporter *e, rsm_memseg_id_t id);
void exporter_down(struct exporter *e);

struct importer {
	rsmapi_controller_handle_t controller;
	rsm_memseg_import_handle_t segment;
	rsmapi_barrier_t barrier;
	unsigned char *address;
};

/* Connected, and no more than that. */
void importer_fresh(struct importer *i, rsm_memseg_id_t id, rsm_permission_t perm);
/* Connected, with a barrier. */
void importer_up(struct importer *i, rsm_memseg_id_t id, rsm_permission_t perm);
/* Maps @size bytes from the start with @perm. */
void importer_map(struct importer *i, rsm_permission_t perm, size_t size);
/* What was stored to a mapping is in the exporter's memory, and what was stored there shows in
 * the mapping: between nodes after a barrier, which this is, and on one node anyway. */
void importer_deliver(struct importer *i);
/* Unmaps if need be. */
void importer_down(struct importer *i);

/* Both in this process, which is how most calls are tried. */
struct pair {
	struct exporter e;
	struct importer i;
};

void pair_up(struct pair *p, unsigned pages);
void pair_down(struct pair *p);

/* The other end of a channel: for the parent a child, for the child its parent. */
struct child {
	pid_t pid;
	int fd;
};

/* Runs @body in a child, which ends with status 0 when it returns. */
void child_start(struct child *c, void (*body)(struct child *parent, void *arg), void *arg);
void tell(struct child *c, uint64_t value);
uint64_t hear(struct child *c);
/* In a child: wait until the parent has closed its end. */
void linger(struct child *parent);
/* Closes the channel, waits, and expects status 0. */
void child_finish(struct child *c);
/* Closes the channel, waits, and returns the status as wait() gives it. */
int child_status(struct child *c);
void child_kill(struct child *c, int signal);
/* Runs @body in a child and returns its status: for what may end in a signal. */
int status_of(void (*body)(struct child *parent, void *arg), void *arg);

/* What an agent can do; @a and @b are a deed's arguments, its answer a result code or a value.
 */
enum deed {
	BECOME,		/* user a, group b, no other groups */
	JOIN,		/* supplementary group a */
	TAKE_EFFECTIVE, /* effective user a, group b */
	SET_UMASK,	/* a */
	EXPORT,		/* id a, b pages: create and publish to everybody */
	CREATE,		/* a pages, flags b */
	PUBLISH,	/* under id a to everybody */
	PUBLISH_TO,	/* under id a to the importers' node with mode b */
	REPUBLISH,	/* to everybody */
	REPUBLISH_TO,	/* the importers' node, mode a */
	UNPUBLISH,
	DESTROY,
	REBIND,	     /* to fresh memory filled with a */
	STORE,	     /* into the exporter's own memory, offset a, byte b */
	LOAD,	     /* from it, offset a */
	LOAD_OLD,    /* from the memory before the last rebind, offset a */
	POST_EXPORT, /* flags a */
	WAIT_EXPORT, /* timeout a */
	IMPORT,	     /* connect to id a with b, and make a barrier */
	TRY,	     /* connect to id a with b, and disconnect if that worked */
	MAP,	     /* a bytes from the start, permission b */
	UNMAP,
	STORE_MAPPED, /* offset a, byte b */
	LOAD_MAPPED,  /* offset a */
	PUT,	      /* offset a, byte b */
	GET,	      /* offset a; the byte, or 0x100 plus the error */
	OPEN,
	CLOSE,
	POST_IMPORT, /* flags a */
	WAIT_IMPORT, /* timeout a */
	DISCONNECT,
	EXIT, /* by exit(); no answer */
	EXEC  /* something that lives until the channel is closed; no answer */
};

/* An agent serves until its channel is closed, then ends without tidying up. */
void agent_start(struct child *c);
/* An agent that has published id @id with @pages pages. */
void agent_exporting(struct child *c, rsm_memseg_id_t id, unsigned pages);
/* An agent that is connected for reading and writing to @id, with @map_bytes of it mapped. */
void agent_importing(struct child *c, rsm_memseg_id_t id, size_t map_bytes);
uint64_t ask(struct child *c, enum deed deed, uint64_t a, uint64_t b);
/* Does not wait for an answer; hear() does. */
void order(struct child *c, enum deed deed, uint64_t a, uint64_t b);

#endif
