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
#include "broker/process.h"

#define READY_FD 3

enum { OPTION_DIR = 256, OPTION_IDLE, OPTION_LOG, OPTION_HOST };

static const struct option options[] = {
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "idle-ms", required_argument, NULL, OPTION_IDLE },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "host", no_argument, NULL, OPTION_HOST },
	{ "foreground", no_argument, NULL, 'f' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"Usage: tractd --dir DIR [OPTION...]\n"
	"Serve the tract node whose directory is DIR.\n"
	"\n"
	"      --dir DIR      the node's directory, made if it is not there\n"
	"      --idle-ms N    leave after N milliseconds without clients; -1: never\n"
	"      --host         let other users come in\n"
	"      --foreground   keep the terminal, and log to standard error\n"
	"      --log FILE     append a line per event to FILE; -: standard error\n"
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
	if (!o->directory || !*o->directory)
		return misused("--dir is missing");
	return -1;
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
	if (r < 0) {
		(void)fprintf(stderr, "tractd: %s\n",
			      *error_reason() ? error_reason() : error_name(r));
		return 1;
	}
	return 0;
}
