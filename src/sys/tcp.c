/* SPDX-License-Identifier: MIT */
/*
 * tcp.c - connections between hosts
 */
#include "sys/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ref.h"
#include "base/scope.h"
#include "sys/event.h"

#define BACKLOG 64
/* A second thread's stack, which only the resolver runs on. */
#define STACK_SIZE (256u << 10)

static_assert(sizeof(((struct tcp_address *)0)->bytes) >= sizeof(struct sockaddr_storage),
	      "every address fits");

static const struct sockaddr *name_of(const struct tcp_address *address)
{
	return (const struct sockaddr *)(const void *)address->bytes;
}

/* ---- names ------------------------------------------------------------------------------ */

static int error_of(int error)
{
	switch (error) {
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno == EMFILE || errno == ENFILE ? -EMFILE : -EAGAIN;
	default:
		return -ENOENT;
	}
}

static int ask(const char *host, uint16_t port, int flags, struct tcp_address *ret_address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char service[8];
	int error;

	(void)snprintf(service, sizeof(service), "%u", (unsigned)port);
	error = getaddrinfo(host, service, &hints, &found);
	if (error != 0)
		return error_of(error);
	*ret_address = (struct tcp_address){ .size = found->ai_addrlen };
	memcpy(ret_address->bytes, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

int tcp_address_of(const char *host, uint16_t port, struct tcp_address *ret_address)
{
	int r = ask(host, port, AI_NUMERICHOST, ret_address);

	return r == -ENOENT ? -EINVAL : r;
}

int tcp_look_up(const char *host, uint16_t port, struct tcp_address *ret_address)
{
	return ask(host, port, 0, ret_address);
}

struct tcp_lookup {
	struct ref ref; /* the thread's, and who asked */
	int ends[2];
	char *host;
	uint16_t port;
	_Atomic bool done; /* what follows is written, and stays */
	int result;
	struct tcp_address address;
};

static void lookup_unref(struct tcp_lookup *lookup)
{
	if (!lookup || !ref_put(&lookup->ref))
		return;
	fd_scope_end(&lookup->ends[0]);
	fd_scope_end(&lookup->ends[1]);
	free(lookup->host);
	free(lookup);
}

DEFINE_SCOPE(lookup, struct tcp_lookup, lookup_unref);

static void *look_up(void *arg)
{
	struct tcp_lookup *lookup = arg;

	lookup->result = tcp_look_up(lookup->host, lookup->port, &lookup->address);
	/* Pairs with tcp_lookup_result(). */
	atomic_store_explicit(&lookup->done, true, memory_order_release);
	event_pipe_fill(lookup->ends[1]);
	lookup_unref(lookup);
	return NULL;
}

/* No signal is the thread's. */
static int start_thread(struct tcp_lookup *lookup)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	ref_get(&lookup->ref);
	error = pthread_create(&thread, &attributes, look_up, lookup);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	/* Not the last: who asked has one. */
	if (error)
		(void)ref_put(&lookup->ref);
	return -error;
}

int tcp_lookup_begin(const char *host, uint16_t port, struct tcp_lookup **ret_lookup,
		     int *ret_fd)
{
	scoped(lookup) struct tcp_lookup *lookup = calloc(1, sizeof(*lookup));
	int r;

	if (!lookup)
		return -ENOMEM;
	ref_init(&lookup->ref);
	lookup->ends[0] = lookup->ends[1] = -1;
	lookup->port = port;
	lookup->host = strdup(host);
	if (!lookup->host)
		return -ENOMEM;
	r = event_pipe_new(lookup->ends);
	if (r == 0)
		r = start_thread(lookup);
	if (r < 0)
		return r;
	*ret_fd = lookup->ends[0];
	*ret_lookup = steal(lookup);
	return 0;
}

int tcp_lookup_result(struct tcp_lookup *lookup, struct tcp_address *ret_address)
{
	/* The pipe tells of it later than it is so.  Pairs with look_up(). */
	if (!atomic_load_explicit(&lookup->done, memory_order_acquire))
		return -EAGAIN;
	if (lookup->result == 0)
		*ret_address = lookup->address;
	return lookup->result;
}

void tcp_lookup_end(struct tcp_lookup *lookup)
{
	lookup_unref(lookup);
}

/* ---- connections ------------------------------------------------------------------------ */

static int open_socket(const struct tcp_address *address, int *ret_fd)
{
	int fd = socket(name_of(address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static void set_flag(int fd, int level, int option)
{
	int one = 1;

	(void)setsockopt(fd, level, option, &one, sizeof(one));
}

int tcp_listen(const struct tcp_address *address, int *ret_fd)
{
	scoped(fd) int fd = -1;
	int r;

	r = open_socket(address, &fd);
	if (r < 0)
		return r;
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (name_of(address)->sa_family == AF_INET6)
		set_flag(fd, IPPROTO_IPV6, IPV6_FREEBIND);
	else
		set_flag(fd, IPPROTO_IP, IP_FREEBIND);
	if (bind(fd, name_of(address), address->size) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int tcp_accept(int listener, int *ret_fd)
{
	int fd;

	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == ECONNABORTED || errno == EINTR));
	if (fd < 0)
		return -errno;
	set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
	*ret_fd = fd;
	return 0;
}

int tcp_dial(const struct tcp_address *address, int *ret_fd)
{
	scoped(fd) int fd = -1;
	int r;

	r = open_socket(address, &fd);
	if (r < 0)
		return r;
	set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
	if (connect(fd, name_of(address), address->size) < 0 && errno != EINPROGRESS)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int tcp_dialled(int fd)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

void tcp_peer(int fd, char text[TCP_TEXT_SIZE])
{
	struct tcp_address address = { 0 };
	socklen_t size = sizeof(address.bytes);
	char host[INET6_ADDRSTRLEN + 16], port[8];
	struct sockaddr *name = (struct sockaddr *)(void *)address.bytes;

	if (getpeername(fd, name, &size) < 0 ||
	    getnameinfo(name, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(text, TCP_TEXT_SIZE, "?");
	else
		(void)snprintf(text, TCP_TEXT_SIZE,
			       strchr(host, ':') ? "[%.50s]:%s" : "%.50s:%s", host, port);
}

int tcp_send(int fd, const void *bytes, size_t size, size_t *ret_sent)
{
	ssize_t sent;

	do
		sent = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	*ret_sent = (size_t)sent;
	return 0;
}

int tcp_receive(int fd, void *bytes, size_t capacity, size_t *ret_size)
{
	ssize_t size;

	do
		size = recv(fd, bytes, capacity, MSG_DONTWAIT);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	*ret_size = (size_t)size;
	return 0;
}

void tcp_stop_sending(int fd)
{
	(void)shutdown(fd, SHUT_WR);
}
