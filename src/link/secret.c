/* SPDX-License-Identifier: MIT */
#include "link/secret.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sys/host.h"
#include "sys/secret.h"

/* A key file is one line: these words, a blank, and the key in hexadecimal. */
#define KEY_WORDS "tract-cluster-key-1"
#define KEY_LINE_SIZE (sizeof(KEY_WORDS) + 2 * LINK_KEY_SIZE + 1)
/* So that the key can be used for other things, too, without one telling of the other. */
#define KEY_PURPOSE "tract link, pre-shared key, 1"
/* What the one who dials calls the key; no secret. */
#define KEY_IDENTITY "tract-link-1"
/* Of the hash that goes with the one suite of keyed links. */
#define KEY_SUITE "TLS_AES_256_GCM_SHA384"
static const uint8_t key_suite_id[] = { 0x13, 0x02 };
/* OpenSSL compares it wherever it takes a key for a session that is resumed. */
static const uint8_t session_context[] = { 't', 'r', 'a', 'c', 't' };

#define PEM_SIZE_MAX 65536u

void link_certificate_name(uint32_t node, char name[LINK_NAME_SIZE])
{
	(void)snprintf(name, LINK_NAME_SIZE, "tract-node-%u", (unsigned)node);
}

/* ---- key files -------------------------------------------------------------------------- */

int link_key_make(const char *path)
{
	uint8_t key[LINK_KEY_SIZE];
	char line[KEY_LINE_SIZE + 1];
	int used = snprintf(line, sizeof(line), KEY_WORDS " ");
	int r;

	host_random(key, sizeof(key));
	for (unsigned i = 0; i < LINK_KEY_SIZE; i++)
		used += snprintf(line + used, sizeof(line) - (size_t)used, "%02x", key[i]);
	line[used++] = '\n';
	r = secret_make(path, line, (size_t)used);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(line, sizeof(line));
	if (r == -EEXIST)
		return fail(r, "%s: is there already, and is not replaced", path);
	return r < 0 ? fail(r, "%s: cannot be made (%s)", path, error_name(r)) : 0;
}

static int cannot_read(const char *path, int error)
{
	switch (error) {
	case -ENOENT:
		return fail(error,
			    "%s: is not there; make it on one node with tract node keygen, and "
			    "copy it to all others",
			    path);
	case -EPERM:
		return fail(error,
			    "%s: others may read or write it, or it is another user's: chmod "
			    "0600 it, and chown it to the broker's user",
			    path);
	case -EINVAL:
	case -EFBIG:
		return fail(-EINVAL, "%s: is not what it should be", path);
	default:
		return fail(error, "%s: cannot be read (%s)", path, error_name(error));
	}
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool parse_key(const char *line, size_t size, uint8_t ret_key[LINK_KEY_SIZE])
{
	const char *at = line + sizeof(KEY_WORDS);

	if (size != KEY_LINE_SIZE || line[size - 1] != '\n' ||
	    memcmp(line, KEY_WORDS " ", sizeof(KEY_WORDS)) != 0)
		return false;
	for (unsigned i = 0; i < LINK_KEY_SIZE; i++) {
		int high = digit(at[2 * i]), low = digit(at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int read_key(const char *path, uint8_t ret_key[LINK_KEY_SIZE])
{
	char line[KEY_LINE_SIZE + 1];
	size_t size;
	bool fine;
	int r;

	r = secret_read(path, line, sizeof(line), &size);
	if (r < 0 && r != -EFBIG)
		return cannot_read(path, r);
	fine = r == 0 && parse_key(line, size, ret_key);
	OPENSSL_cleanse(line, sizeof(line));
	return fine ? 0
		    : fail(-EINVAL, "%s: is no key of a cluster; tract node keygen makes one",
			   path);
}

/* ---- what TLS asks ---------------------------------------------------------------------- */

static SSL_SESSION *session_of(SSL *ssl)
{
	const struct link_secret *secret = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, key_suite_id);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session && suite &&
	    SSL_SESSION_set1_master_key(session, secret->shared, sizeof(secret->shared)) &&
	    SSL_SESSION_set1_id_context(session, session_context, sizeof(session_context)) &&
	    SSL_SESSION_set_cipher(session, suite) &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* Who dials is asked for its key. */
static int use_key(SSL *ssl, const EVP_MD *digest, const unsigned char **ret_identity,
		   size_t *ret_size, SSL_SESSION **ret_session)
{
	static const unsigned char identity[] = KEY_IDENTITY;

	*ret_session = NULL;
	if (digest && EVP_MD_get_type(digest) != NID_sha384)
		return 1;
	*ret_session = session_of(ssl);
	*ret_identity = identity;
	*ret_size = sizeof(identity) - 1;
	return *ret_session != NULL;
}

/* Who is dialled is asked for the key of that name. */
static int find_key(SSL *ssl, const unsigned char *identity, size_t size,
		    SSL_SESSION **ret_session)
{
	*ret_session = NULL;
	if (size != sizeof(KEY_IDENTITY) - 1 || memcmp(identity, KEY_IDENTITY, size) != 0)
		return 1;
	*ret_session = session_of(ssl);
	return *ret_session != NULL;
}

/* ---- contexts --------------------------------------------------------------------------- */

void link_secret_free(struct link_secret *secret)
{
	if (!secret)
		return;
	SSL_CTX_free(secret->context);
	OPENSSL_cleanse(secret->shared, sizeof(secret->shared));
	free(secret);
}

static int broken(void)
{
	ERR_clear_error();
	return fail(-EIO, "OpenSSL cannot be set up; is its configuration of this host sound?");
}

static int secret_new(struct link_secret **ret_secret)
{
	scoped(link_secret) struct link_secret *secret = calloc(1, sizeof(*secret));

	if (!secret)
		return -ENOMEM;
	secret->context = SSL_CTX_new(TLS_method());
	if (!secret->context)
		return broken();
	SSL_CTX_set_app_data(secret->context, secret);
	if (!SSL_CTX_set_min_proto_version(secret->context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_max_proto_version(secret->context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_num_tickets(secret->context, 0) ||
	    !SSL_CTX_set_session_id_context(secret->context, (const unsigned char *)"tract", 5))
		return broken();
	(void)SSL_CTX_set_options(secret->context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
							   SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_clear_options(secret->context, SSL_OP_ALLOW_NO_DHE_KEX);
	(void)SSL_CTX_set_session_cache_mode(secret->context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(secret->context, SSL_MODE_RELEASE_BUFFERS);
	/* Who has neither the key nor a certificate of the authority's is nobody. */
	SSL_CTX_set_verify(secret->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	*ret_secret = steal(secret);
	return 0;
}

int link_secret_of_key(const char *path, struct link_secret **ret_secret)
{
	scoped(link_secret) struct link_secret *secret = NULL;
	uint8_t key[LINK_KEY_SIZE];
	unsigned size = 0;
	bool derived;
	int r;

	r = secret_new(&secret);
	if (r == 0)
		r = read_key(path, key);
	if (r < 0)
		return r;
	derived = HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)KEY_PURPOSE,
		       sizeof(KEY_PURPOSE) - 1, secret->shared, &size) != NULL;
	OPENSSL_cleanse(key, sizeof(key));
	if (!derived || size != sizeof(secret->shared) ||
	    !SSL_CTX_set_ciphersuites(secret->context, KEY_SUITE))
		return broken();
	secret->keyed = true;
	SSL_CTX_set_psk_use_session_callback(secret->context, use_key);
	SSL_CTX_set_psk_find_session_callback(secret->context, find_key);
	*ret_secret = steal(secret);
	return 0;
}

static int no_password(char *buffer, int capacity, int writing, void *arg)
{
	(void)buffer;
	(void)capacity;
	(void)writing;
	(void)arg;
	return -1;
}

static int load_private_key(SSL_CTX *context, const char *path)
{
	char pem[PEM_SIZE_MAX];
	EVP_PKEY *key = NULL;
	size_t size;
	bool fine = false;
	BIO *bio;
	int r;

	r = secret_read(path, pem, sizeof(pem), &size);
	if (r == -ENOENT)
		return fail(r, "%s: is not there", path);
	if (r < 0)
		return cannot_read(path, r);
	bio = BIO_new_mem_buf(pem, (int)size);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	if (key)
		fine = SSL_CTX_use_PrivateKey(context, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	OPENSSL_cleanse(pem, sizeof(pem));
	ERR_clear_error();
	if (!key)
		return fail(-EINVAL, "%s: is no private key without a password, in PEM", path);
	return fine ? 0 : fail(-EINVAL, "%s: does not go with the certificate", path);
}

int link_secret_of_certificates(const char *certificate, const char *private_key,
				const char *authority, struct link_secret **ret_secret)
{
	scoped(link_secret) struct link_secret *secret = NULL;
	int r;

	r = secret_new(&secret);
	if (r < 0)
		return r;
	r = SSL_CTX_use_certificate_chain_file(secret->context, certificate);
	ERR_clear_error();
	if (r != 1)
		return fail(-EINVAL, "%s: is not there, or no certificate in PEM", certificate);
	r = load_private_key(secret->context, private_key);
	if (r < 0)
		return r;
	r = SSL_CTX_load_verify_file(secret->context, authority);
	ERR_clear_error();
	if (r != 1)
		return fail(-EINVAL, "%s: is not there, or no certificate in PEM", authority);
	*ret_secret = steal(secret);
	return 0;
}
