/* SPDX-License-Identifier: MIT */
/*
 * tls.h - one end of TLS, without a socket
 *
 * What comes from the network is fed in, and what is to go there is taken out; between them is
 * OpenSSL.  Nothing waits, and nothing is said or heard before the other end has proved that it
 * belongs to the cluster: it has the key, or a certificate of the authority's, which must be
 * for the node that was dialled.
 */
#ifndef LINK_TLS_H
#define LINK_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/secret.h"

struct link_tls {
	SSL *ssl;      /* NULL: closed */
	BIO *in, *out; /* the ssl's */
	const struct link_secret *secret;
	bool secure;
};

/* @node: whom it must be, if this end @dialled.  @secret is borrowed.  -ENOMEM. */
int link_tls_open(struct link_tls *t, const struct link_secret *secret, bool dialled,
		  uint32_t node);
void link_tls_close(struct link_tls *t);

/* -ENOMEM. */
int link_tls_feed(struct link_tls *t, const void *bytes, size_t size);
/* How much there is to go to the network, and some of it. */
size_t link_tls_pending(const struct link_tls *t);
size_t link_tls_take(struct link_tls *t, void *bytes, size_t capacity);

/* Goes on with the handshake.  0 once it is secure, -EAGAIN if more must come; -EACCES if the
 * other end is not to be trusted, with the reason. */
int link_tls_shake(struct link_tls *t);
/* Reads what was fed.  0, -EAGAIN, -ENOTCONN at the other end's end, -EPROTO. */
int link_tls_read(struct link_tls *t, void *bytes, size_t capacity, size_t *ret_size);
/* All of it.  0 or -EPROTO. */
int link_tls_write(struct link_tls *t, const void *bytes, size_t size);
/* Says that nothing more will be said. */
void link_tls_finish(struct link_tls *t);

/* Can the other end be that node, as far as it has proved anything?  With a key, any. */
bool link_tls_may_be(const struct link_tls *t, uint32_t node);

#endif
