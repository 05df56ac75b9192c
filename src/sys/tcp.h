/* SPDX-License-Identifier: MIT */
/*
 * tcp.h - connections between hosts
 *
 * Every socket is close-on-exec, non-blocking, and sends small messages at once.  No call here
 * raises SIGPIPE.
 */
#ifndef SYS_TCP_H
#define SYS_TCP_H

#include <stddef.h>
#include <stdint.h>

#define TCP_TEXT_SIZE 64

struct tcp_address {
	uint32_t size;
	uint64_t bytes[16]; /* of a struct sockaddr */
};

/* An address that is written as a number: nobody is asked.  -EINVAL if it is a name. */
int tcp_address_of(const char *host, uint16_t port, struct tcp_address *ret_address);
/* The same of a name, for which servers may be asked: it may take its time.  -ENOENT if there
 * is none, -EAGAIN if that cannot be told now. */
int tcp_look_up(const char *host, uint16_t port, struct tcp_address *ret_address);

/*
 * The same beside the caller, in a thread of its own: *ret_fd, which is the lookup's, is
 * readable once the answer is there.  tcp_lookup_end() may come before or after that; what has
 * begun then ends by itself.  -ENOMEM, -EMFILE, -EAGAIN.
 */
struct tcp_lookup;
int tcp_lookup_begin(const char *host, uint16_t port, struct tcp_lookup **ret_lookup,
		     int *ret_fd);
/* Once *ret_fd is readable: what tcp_look_up() says. */
int tcp_lookup_result(struct tcp_lookup *lookup, struct tcp_address *ret_address);
/* NULL is allowed. */
void tcp_lookup_end(struct tcp_lookup *lookup);

/* Also of an address that this host does not have yet.  -EADDRINUSE, -EACCES. */
int tcp_listen(const struct tcp_address *address, int *ret_fd);
/* -EAGAIN if nobody waits. */
int tcp_accept(int listener, int *ret_fd);
/* Begins to connect; the socket is writable once that has come to an end. */
int tcp_dial(const struct tcp_address *address, int *ret_fd);
/* How it came to an end: 0, -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH ... */
int tcp_dialled(int fd);
/* Whom a socket is connected to, "10.0.0.1:7226"; "?" if to nobody any more. */
void tcp_peer(int fd, char text[TCP_TEXT_SIZE]);

/* Some of it.  0; -EAGAIN if nothing now; -EPIPE and others if the connection is gone. */
int tcp_send(int fd, const void *bytes, size_t size, size_t *ret_sent);
/* 0 and *ret_size bytes, 0 of them at the end; -EAGAIN if there is nothing now. */
int tcp_receive(int fd, void *bytes, size_t capacity, size_t *ret_size);
/* The peer sees the end once it has read what was sent. */
void tcp_stop_sending(int fd);

#endif
