/* SPDX-License-Identifier: MIT */
/*
 * main.c - tractd's arguments
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "broker/broker.h"
#include "broker/manager.h"
#include "broker/node_link.h"
#include "broker/process.h"

#define READY_FD 3

enum { OPTION_DIR = 256, OPTION_IDLE, OPTION_LOG, OPTION_HOST, OPTION_CHECK, OPTION_KEY };

static const struct option options[] = {
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "idle-ms", required_argument, NULL, OPTION_IDLE },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "host", no_argument, NULL, OPTION_HOST },
	{ "check-config", optional_argument, NULL, OPTION_CHECK },
	{ "make-key", required_argument, NULL, OPTION_KEY },
	{ "foreground", no_argument, NULL, 'f' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"Usage: tractd --dir DIR [OPTION...]\n"
	"       tractd --dir DIR --check-config | --check-config=FILE | --make-key FILE\n"
	"Serve the tract node whose directory is DIR.\n"
	"\n"
	"      --dir DIR      the node's directory, made if it is not there\n"
	"      --idle-ms N    leave after N milliseconds without clients; -1: never\n"
	"      --host         let other users come in\n"
	"      --foreground   keep the terminal, and log to standard error\n"
	"      --log FILE     append a line per event to FILE; -: standard error\n"
	"      --check-config[=FILE]\n"
	"                     say whether a tract.conf is in order, and serve nobody\n"
	"      --make-key FILE\n"
	"                     make the key of a cluster, and serve nobody\n"
	"      --version\n"
	"      --help\n"
	"\n"
	"libtract starts tractd by itself.  See tractd(8).\n";

/* Exit codes: 0 done, or another broker serves DIR; 1 could not; 2 wrong arguments. */
static int misused(const char *what)
{
	(void)fprintf(stderr, "tractd: %s\nTry tractd --help.\n", what);
	return 2;
}

static int parse_idle(const char *text, struct broker_options *o)
{
	char *end;

	o->idle_ms = strtoll(text, &end, 10);
	o->idle_given = true;
	return *text && !*end && o->idle_ms >= -1 && o->idle_ms <= INT64_MAX / 1000000
		       ? 0
		       : -EINVAL;
}

static int failed(int r)
{
	(void)fprintf(stderr, "tractd: %s\n", *error_reason() ? error_reason() : error_name(r));
	return 1;
}

static int make_key(const char *path)
{
	int r = link_key_make(path);

	if (r < 0)
		return failed(r);
	(void)printf("%s: made; copy it to every node of the cluster, and let nobody else read "
		     "it\n",
		     path);
	return 0;
}

/* What a broker would do with it, short of listening. */
static int read_config(const struct broker_options *o, struct config *c)
{
	struct link_secret *secret;
	int r;

	if (o->checked) {
		config_default(c);
		r = config_read(o->checked, c);
		if (r == -ENOENT)
			return fail(r, "%s: there is no such file", o->checked);
	} else {
		r = config_load(o->directory, c);
	}
	if (r < 0 || c->peer_count == 0)
		return r;
	r = node_links_secret(c, &secret);
	if (r == 0)
		link_secret_free(secret);
	return r;
}

static int check_config(const struct broker_options *o)
{
	struct config c;
	int r = read_config(o, &c);

	if (r < 0)
		return failed(r);
	if (!*c.directory)
		(void)printf("there is no tract.conf, so all is as it is without one\n");
	else
		(void)printf(
			"%s%s: in order: node %llu, peers %u, controllers %u, aliases %u\n",
			o->checked ? o->checked : c.directory, o->checked ? "" : "/tract.conf",
			(unsigned long long)c.node, c.peer_count, c.controller_count,
			c.alias_count);
	return 0;
}

/* Negative to go on, else the exit code. */
static int parse(int argc, char **argv, struct broker_options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case OPTION_DIR:
			o->directory = optarg;
			break;
		case OPTION_IDLE:
			if (parse_idle(optarg, o) < 0)
				return misused("--idle-ms wants milliseconds, or -1");
			break;
		case OPTION_LOG:
			o->log = optarg;
			break;
		case OPTION_HOST:
			o->host = true;
			break;
		case OPTION_CHECK:
			o->check = true;
			o->checked = optarg;
			break;
		case OPTION_KEY:
			return make_key(optarg);
		case 'f':
			o->foreground = true;
			break;
		case 'V':
			(void)printf("tractd %s\n", TRACT_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc)
		return misused("there are no arguments but options");
	if (!o->checked && (!o->directory || !*o->directory))
		return misused("--dir is missing");
	return o->check ? check_config(o) : -1;
}

int main(int argc, char **argv)
{
	struct broker_options o = { .ready_fd = -1 };
	int status = parse(argc, argv, &o);
	int r;

	if (status >= 0)
		return status;
	/* Whoever spawned us waits for the end of this descriptor. */
	if (!manager_passed_fds() && fcntl(READY_FD, F_SETFD, FD_CLOEXEC) >= 0)
		o.ready_fd = READY_FD;
	process_harden(o.foreground);
	r = broker_run(&o);
	return r < 0 ? failed(r) : 0;
}
