/* SPDX-License-Identifier: MIT */
/*
 * wire.h - two hosts with a wire between them: network namespaces, joined by a pair of veth
 *
 * Each process is on one host or the other.  They have all else in common, the file system
 * among it, so a process may talk to either host's broker.
 */
#ifndef TESTS_SYSTEM_WIRE_H
#define TESTS_SYSTEM_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct wire {
	int ns[2];
};

extern const char *const wire_hosts[2];

/* Skips the test, with the reason, where that cannot be had.  The caller is on host 0 then. */
void wire_up(struct wire *wire);
/* The hosts end with the last process on them. */
void wire_down(struct wire *wire);
/* The calling thread, and who it starts from now on, is on that host. */
void wire_enter(const struct wire *wire, unsigned host);

/* The cable is pulled, and put in again. */
void wire_pull(const struct wire *wire);
void wire_plug(const struct wire *wire);
/* What @host sends arrives no more, and it is not told; or arrives again. */
void wire_silence(const struct wire *wire, unsigned host);
void wire_hear(const struct wire *wire, unsigned host);
/* What either sends is treated so, as tc-netem(8) says; skips the test if the kernel cannot. */
void wire_disturb(const struct wire *wire, const char *how);
/* No more than so many million bits a second go either way, and so many bytes wait for that;
 * skips the test if the kernel cannot. */
void wire_limit(const struct wire *wire, unsigned mbits, size_t queue_bytes);

#endif
