/* SPDX-License-Identifier: MIT */
/*
 * rsm_classic.c - a client and a server in the style of the nineties
 *
 * The server exports a table and waits, with poll, for its clients' signals; each client
 * connects, scatters its own column of numbers into the table with putv, and signals; the
 * server sums up and signals back; the clients gather the sums with getv.  Barriers are
 * explicit.  Written the way such programs were: K&R definitions, declarations of library
 * functions by hand, permissions defined once more.
 *
 *	rsm_classic [clients]
 */
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <rsmapi.h>

#define	RSM_PERM_READ	0400
#define	RSM_PERM_WRITE	0200
#define	RSM_PERM_RDWR	(RSM_PERM_READ|RSM_PERM_WRITE)

#define	SEGID		0x00450000
#define	ROWS		512
#define	MAXCLIENTS	8
#define	CHUNKS		8
#define	PAGE		8192
#define	COLSIZE		(ROWS * sizeof (uint64_t))	/* one column, bytes */
#define	SUMS		(MAXCLIENTS * COLSIZE)		/* where the sums begin */
#define	TABLESIZE	(SUMS + COLSIZE)

extern void exit();
extern char *valloc();
extern void free();
extern int atoi();
extern int usleep();
extern int fork();

static char	*progname = "rsm_classic";

static void
check(rc, what)
	int	rc;
	char	*what;
{
	if (rc != RSM_SUCCESS) {
		(void) fprintf(stderr, "%s: %s: error %d\n", progname, what, rc);
		exit(1);
	}
}

/*
 * Find out who we are, and take the first controller that can be had.
 */
static rsm_node_id_t
attach(ctlr)
	rsmapi_controller_handle_t	*ctlr;
{
	rsm_topology_t		*tp;
	rsm_node_id_t		node;
	rsmapi_controller_attr_t attr;
	uint_t			i;
	char			*name = "loopback";

	check(rsm_get_interconnect_topology(&tp), "topology");
	node = tp->topology_hdr.local_nodeid;
	for (i = 0; i < tp->topology_hdr.local_cntlr_count; i++) {
		rsm_connections_t	*cp = tp->connections[i];
		int			j;

		for (j = 0; j < cp->hdr.remote_cntlr_count; j++)
			if (cp->remote_cntlr[j].connection_state ==
			    RSM_CONNECTION_ACTIVE)
				(void) printf("path: %s -> node %u %s\n",
				    cp->hdr.cntlr_name,
				    cp->remote_cntlr[j].remote_nodeid,
				    cp->remote_cntlr[j].remote_cntlrname);
	}
	check(rsm_get_controller(name, ctlr), "get_controller");
	rsm_free_interconnect_topology(tp);
	check(rsm_get_controller_attr(*ctlr, &attr), "get_controller_attr");
	if (PAGE % attr.attr_page_size != 0 ||
	    attr.attr_max_export_segment_size < TABLESIZE) {
		(void) fprintf(stderr, "%s: unsuitable controller\n", progname);
		exit(1);
	}
	return (node);
}

/*
 * One transfer of a column, in CHUNKS pieces, between the table and local memory that is
 * known by its handle.
 */
static void
column(io, iov, lh, where)
	rsm_scat_gath_t			*io;
	rsm_iovec_t			*iov;
	rsm_localmemory_handle_t	lh;
	size_t				where;
{
	int	i;

	for (i = 0; i < CHUNKS; i++) {
		iov[i].io_type = RSM_HANDLE_TYPE;
		iov[i].local.handle = lh;
		iov[i].local_offset = i * (COLSIZE / CHUNKS);
		iov[i].remote_offset = where + i * (COLSIZE / CHUNKS);
		iov[i].transfer_length = COLSIZE / CHUNKS;
	}
	io->io_request_count = CHUNKS;
	io->iovec = iov;
}

static void
client(number)
	int	number;
{
	rsmapi_controller_handle_t	ctlr;
	rsm_memseg_import_handle_t	seg;
	rsm_localmemory_handle_t	lh;
	rsm_scat_gath_t			io;
	rsm_iovec_t			iov[RSM_MAX_SGIOREQS];
	rsmapi_barrier_t		bar;
	rsm_node_id_t			node;
	uint64_t			*mine;
	int				i, rc;

	node = attach(&ctlr);
	while ((rc = rsm_memseg_import_connect(ctlr, node, SEGID, RSM_PERM_RDWR,
	    &seg)) == RSMERR_SEG_NOT_PUBLISHED)
		(void) usleep(1000);
	check(rc, "connect");
	check(rsm_memseg_import_set_mode(seg, RSM_BARRIER_MODE_EXPLICIT),
	    "set_mode");
	check(rsm_memseg_import_init_barrier(seg, RSM_BAR_DEFAULT, &bar),
	    "init_barrier");

	mine = (uint64_t *)valloc(COLSIZE);
	for (i = 0; i < ROWS; i++)
		mine[i] = (uint64_t)(number + 1) * i;
	check(rsm_create_localmemory_handle(ctlr, &lh, (caddr_t)mine, COLSIZE),
	    "create_localmemory_handle");
	(void) memset(&io, 0, sizeof (io));
	io.local_nodeid = node;
	io.remote_handle = seg;

	column(&io, iov, lh, number * COLSIZE);
	do {
		check(rsm_memseg_import_open_barrier(&bar), "open_barrier");
		check(rsm_memseg_import_putv(&io), "putv");
		check(rsm_memseg_import_order_barrier(&bar), "order_barrier");
		rc = rsm_memseg_import_close_barrier(&bar);
	} while (rc == RSMERR_BARRIER_FAILURE);
	check(rc, "close_barrier");
	check(rsm_intr_signal_post((void *)seg, 0), "signal_post");

	/* The server has added up. */
	check(rsm_intr_signal_wait((void *)seg, 60000), "signal_wait");
	column(&io, iov, lh, SUMS);
	check(rsm_memseg_import_open_barrier(&bar), "open_barrier");
	check(rsm_memseg_import_getv(&io), "getv");
	check(rsm_memseg_import_close_barrier(&bar), "close_barrier");
	/* Not before: the server may take the table back once it has heard this. */
	check(rsm_intr_signal_post((void *)seg, 0), "signal_post");
	(void) printf("client %d: last sum is %lu\n", number,
	    (ulong_t)mine[ROWS - 1]);

	check(rsm_free_localmemory_handle(ctlr, lh), "free_localmemory_handle");
	check(rsm_memseg_import_destroy_barrier(&bar), "destroy_barrier");
	check(rsm_memseg_import_disconnect(seg), "disconnect");
	check(rsm_release_controller(ctlr), "release_controller");
	free(mine);
}

/*
 * Wait until every client has signalled once more.
 */
static void
gather(pfd, clients)
	struct pollfd	*pfd;
	int		clients;
{
	int	n, rc;

	while (clients > 0) {
		rc = rsm_intr_signal_wait_pollfd(pfd, 1, 60000, &n);
		if (rc == RSMERR_INTERRUPTED)
			continue;
		check(rc, "signal_wait_pollfd");
		clients -= n;
	}
}

static void
server(clients)
	int	clients;
{
	rsmapi_controller_handle_t	ctlr;
	rsm_memseg_export_handle_t	seg;
	rsm_memseg_id_t			segid = SEGID;
	rsmapi_access_entry_t		acl[1];
	struct pollfd			pfd;
	uint64_t			*table, *sums;
	int				i, j;

	acl[0].ae_node = attach(&ctlr);
	acl[0].ae_permission = RSM_PERM_RDWR;
	table = (uint64_t *)valloc(TABLESIZE);
	(void) memset(table, 0, TABLESIZE);
	sums = table + SUMS / sizeof (uint64_t);
	check(rsm_memseg_export_create(ctlr, &seg, table, TABLESIZE,
	    RSM_CREATE_SEG_DONTWAIT), "export_create");
	check(rsm_memseg_get_pollfd((void *)seg, &pfd), "get_pollfd");
	check(rsm_memseg_export_publish(seg, &segid, acl, 1), "publish");

	gather(&pfd, clients);
	for (i = 0; i < ROWS; i++)
		for (j = 0; j < clients; j++)
			sums[i] += table[j * ROWS + i];
	check(rsm_intr_signal_post((void *)seg, 0), "signal_post");
	gather(&pfd, clients);

	check(rsm_memseg_release_pollfd((void *)seg), "release_pollfd");
	check(rsm_memseg_export_unpublish(seg), "unpublish");
	check(rsm_memseg_export_destroy(seg), "export_destroy");
	check(rsm_release_controller(ctlr), "release_controller");
	(void) printf("server: last sum is %lu\n", (ulong_t)sums[ROWS - 1]);
	for (i = 0; i < ROWS; i++)
		if (sums[i] != (uint64_t)i * clients * (clients + 1) / 2) {
			(void) fprintf(stderr, "%s: sum %d is wrong\n", progname, i);
			exit(1);
		}
	free(table);
}

int
main(argc, argv)
	int	argc;
	char	**argv;
{
	int	clients = argc > 1 ? atoi(argv[1]) : 4;
	int	i, status, failed = 0;

	if (clients < 1 || clients > MAXCLIENTS) {
		(void) fprintf(stderr, "usage: %s [1-%d]\n", progname, MAXCLIENTS);
		return (2);
	}
	for (i = 0; i < clients; i++)
		if (fork() == 0) {
			client(i);
			return (0);
		}
	server(clients);
	while (wait(&status) > 0)
		failed |= status != 0;
	return (failed);
}
