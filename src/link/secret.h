/* SPDX-License-Identifier: MIT */
/*
 * secret.h - what proves to a peer that this broker belongs to the cluster
 *
 * Either the cluster's key, 256 random bits in a file that every node has; or a certificate of
 * this node's own and the authority that signed all nodes' certificates.  From either is made
 * what TLS works with: version 1.3 and no other, no tickets, no resumption, no early data.
 *
 * From a key, TLS gets a pre-shared key that is derived from it, and each connection has fresh
 * keys beside it, so that who learns the key later cannot read what passed before.
 */
#ifndef LINK_SECRET_H
#define LINK_SECRET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

#define LINK_KEY_SIZE 32u

struct link_secret {
	SSL_CTX *context;
	bool keyed; /* else certificates */
	uint8_t shared[LINK_KEY_SIZE];
};

/* Makes a key file, for its owner alone.  0, or -errno with a reason: -EEXIST if there is one.
 */
int link_key_make(const char *path);

/* 0, or -errno with a reason that says what to do.  Given up with link_secret_free(). */
int link_secret_of_key(const char *path, struct link_secret **ret_secret);
int link_secret_of_certificates(const char *certificate, const char *private_key,
				const char *authority, struct link_secret **ret_secret);
/* NULL is allowed. */
void link_secret_free(struct link_secret *secret);
DEFINE_SCOPE(link_secret, struct link_secret, link_secret_free);

/* The name that node @node's certificate must be for: "tract-node-2". */
#define LINK_NAME_SIZE 24
void link_certificate_name(uint32_t node, char name[LINK_NAME_SIZE]);

#endif
