/* SPDX-License-Identifier: MIT */
#include "link/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "link/rig_cert.h"
#include "test.h"

#define DAY 86400

static const char *key_path(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
	return path;
}

static struct link_secret *keyed(const char *name)
{
	struct link_secret *secret;

	(void)link_key_make(key_path(name));
	EXPECT_EQ(link_secret_of_key(key_path(name), &secret), 0);
	return secret;
}

static struct link_secret *certified(const struct rig_cert *own, const struct rig_cert *by)
{
	struct link_secret *secret;

	EXPECT_EQ(link_secret_of_certificates(own->certificate, own->key, by->certificate,
					      &secret),
		  0);
	return secret;
}

/* Everything that one end has for the network goes to the other. */
static bool carry(struct link_tls *from, struct link_tls *to)
{
	char bytes[1000];
	size_t size;
	bool any = false;

	while ((size = link_tls_take(from, bytes, sizeof(bytes))) > 0) {
		EXPECT_EQ(link_tls_feed(to, bytes, size), 0);
		any = true;
	}
	return any;
}

struct outcome {
	int dialler, dialled; /* what link_tls_shake() said last */
	char dialler_why[256], dialled_why[256];
};

static struct outcome shake(struct link_tls *a, struct link_tls *b)
{
	struct outcome o = { -EAGAIN, -EAGAIN, "", "" };

	for (unsigned i = 0; i < 10; i++) {
		if (o.dialler == -EAGAIN) {
			o.dialler = link_tls_shake(a);
			(void)snprintf(o.dialler_why, sizeof(o.dialler_why), "%s",
				       error_reason());
		}
		(void)carry(a, b);
		if (o.dialled == -EAGAIN) {
			o.dialled = link_tls_shake(b);
			(void)snprintf(o.dialled_why, sizeof(o.dialled_why), "%s",
				       error_reason());
		}
		(void)carry(b, a);
	}
	return o;
}

static struct outcome meet(const struct link_secret *dialler, const struct link_secret *dialled)
{
	struct link_tls a, b;
	struct outcome o;
	char byte;
	size_t size;

	error_clear_reason();
	EXPECT_EQ(link_tls_open(&a, dialler, true, 2), 0);
	EXPECT_EQ(link_tls_open(&b, dialled, false, 0), 0);
	o = shake(&a, &b);
	/* Who dialled may think that all is well until the other has looked at it. */
	if (o.dialler == 0 && o.dialled != 0) {
		EXPECT_EQ(link_tls_read(&a, &byte, 1, &size), -EACCES);
		(void)snprintf(o.dialler_why, sizeof(o.dialler_why), "%s", error_reason());
	}
	EXPECT(!b.secure || o.dialled == 0);
	link_tls_close(&a);
	link_tls_close(&b);
	return o;
}

/* ---- keys -------------------------------------------------------------------------------- */

TEST(a_key_file_is_secret_random_and_never_replaced)
{
	char first[256], second[256];
	struct stat st;
	FILE *file;

	EXPECT_EQ(link_key_make(key_path("a")), 0);
	EXPECT_EQ(stat(key_path("a"), &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_EQ(link_key_make(key_path("a")), -EEXIST);
	EXPECT_EQ(link_key_make(key_path("b")), 0);
	file = fopen(key_path("a"), "re");
	EXPECT(file && fgets(first, sizeof(first), file));
	(void)fclose(file);
	file = fopen(key_path("b"), "re");
	EXPECT(file && fgets(second, sizeof(second), file));
	(void)fclose(file);
	EXPECT_EQ(strlen(first), strlen("tract-cluster-key-1 ") + 64 + 1);
	EXPECT(strcmp(first, second) != 0);
}

static void expect_no_key(const char *text, size_t size)
{
	struct link_secret *secret;
	FILE *file = fopen(key_path("bad"), "we");

	EXPECT(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
	EXPECT_EQ(chmod(key_path("bad"), 0600), 0);
	EXPECT_EQ(link_secret_of_key(key_path("bad"), &secret), -EINVAL);
	EXPECT(strstr(error_reason(), "tract node keygen"));
}

TEST(what_is_no_key_is_refused_with_what_to_do)
{
	static const char fine[] =
		"tract-cluster-key-1 "
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	struct link_secret *secret;
	char text[128];

	expect_no_key("", 0);
	expect_no_key(fine, sizeof(fine) - 2);
	(void)snprintf(text, sizeof(text), "%s\n", fine);
	expect_no_key(text, strlen(text));
	for (size_t i = 0; i < sizeof(fine) - 1; i++) {
		memcpy(text, fine, sizeof(fine));
		text[i] = 'G';
		expect_no_key(text, sizeof(fine) - 1);
		text[i] = '\0';
		expect_no_key(text, sizeof(fine) - 1);
	}
	EXPECT_EQ(link_secret_of_key(key_path("none"), &secret), -ENOENT);
	EXPECT(strstr(error_reason(), "tract node keygen"));
	(void)link_key_make(key_path("open"));
	EXPECT_EQ(chmod(key_path("open"), 0640), 0);
	EXPECT_EQ(link_secret_of_key(key_path("open"), &secret), -EPERM);
	EXPECT(strstr(error_reason(), "chmod 0600"));
}

TEST(who_has_the_same_key_can_talk)
{
	struct link_secret *secret = keyed("a");
	struct link_tls a, b;
	struct outcome o;
	char text[16];
	size_t size;

	EXPECT_EQ(link_tls_open(&a, secret, true, 2), 0);
	EXPECT_EQ(link_tls_open(&b, secret, false, 0), 0);
	o = shake(&a, &b);
	EXPECT(o.dialler == 0 && o.dialled == 0);
	EXPECT(link_tls_may_be(&a, 2) && link_tls_may_be(&b, 1));
	EXPECT_EQ(link_tls_write(&a, "there", 5), 0);
	EXPECT_EQ(link_tls_write(&b, "back", 4), 0);
	(void)carry(&a, &b);
	(void)carry(&b, &a);
	EXPECT_EQ(link_tls_read(&b, text, sizeof(text), &size), 0);
	EXPECT(size == 5 && memcmp(text, "there", 5) == 0);
	EXPECT_EQ(link_tls_read(&a, text, sizeof(text), &size), 0);
	EXPECT(size == 4 && memcmp(text, "back", 4) == 0);
	EXPECT_EQ(link_tls_read(&a, text, sizeof(text), &size), -EAGAIN);
	link_tls_finish(&b);
	(void)carry(&b, &a);
	EXPECT_EQ(link_tls_read(&a, text, sizeof(text), &size), -ENOTCONN);
	link_tls_close(&a);
	link_tls_close(&b);
	link_secret_free(secret);
}

TEST(every_connection_has_fresh_keys_and_no_session_is_resumed)
{
	struct link_secret *secret = keyed("a");
	struct link_tls a, b;

	EXPECT_EQ(link_tls_open(&a, secret, true, 2), 0);
	EXPECT_EQ(link_tls_open(&b, secret, false, 0), 0);
	EXPECT_EQ(shake(&a, &b).dialled, 0);
	/* A temporary key of the other's: the secret alone does not open what passed. */
	EXPECT(SSL_get_negotiated_group(a.ssl) != 0);
	EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(a.ssl)), 0);
	EXPECT_EQ(SSL_version(b.ssl), TLS1_3_VERSION);
	/* There would be a ticket now. */
	EXPECT_EQ(link_tls_pending(&b), 0);
	link_tls_close(&a);
	link_tls_close(&b);
	link_secret_free(secret);
}

TEST(who_has_another_key_is_refused_and_both_are_told_what_to_do)
{
	struct link_secret *one = keyed("a"), *other = keyed("b");
	struct outcome o = meet(one, other);

	EXPECT(o.dialled == -EACCES && o.dialler == -EACCES);
	EXPECT_STR(strstr(o.dialled_why, "copy the cluster's key"),
		   "copy the cluster's key file from one node to all, and start this broker "
		   "anew");
	EXPECT(strstr(o.dialler_why, "copy the cluster's key"));
	link_secret_free(one);
	link_secret_free(other);
}

/* ---- certificates ------------------------------------------------------------------------ */

TEST(certificates_of_one_authority_can_talk_and_are_for_one_node)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-1", DAY),
			two = rig_signed(&ca, "tract-node-2", DAY);
	struct link_secret *a = certified(&one, &ca), *b = certified(&two, &ca);
	struct link_tls x, y;
	struct outcome o;

	EXPECT_EQ(link_tls_open(&x, a, true, 2), 0);
	EXPECT_EQ(link_tls_open(&y, b, false, 0), 0);
	o = shake(&x, &y);
	EXPECT(o.dialler == 0 && o.dialled == 0);
	EXPECT(link_tls_may_be(&y, 1) && !link_tls_may_be(&y, 2) && !link_tls_may_be(&y, 11));
	EXPECT(link_tls_may_be(&x, 2) && !link_tls_may_be(&x, 1));
	link_tls_close(&x);
	link_tls_close(&y);
	/* Node 1 is not whom it dials. */
	o = meet(b, a);
	EXPECT_EQ(o.dialler, -EACCES);
	EXPECT(strstr(o.dialler_why, "another node's"));
	link_secret_free(a);
	link_secret_free(b);
}

TEST(a_certificate_of_another_authority_is_refused)
{
	struct rig_cert ca = rig_authority("ca"), other = rig_authority("other"),
			one = rig_signed(&other, "tract-node-1", DAY),
			two = rig_signed(&ca, "tract-node-2", DAY);
	/* It does trust the right one, but is not of it. */
	struct link_secret *a = certified(&one, &ca), *b = certified(&two, &ca);
	struct outcome o = meet(a, b);

	EXPECT_EQ(o.dialled, -EACCES);
	EXPECT(strstr(o.dialled_why, "authority"));
	EXPECT(strstr(o.dialler_why, "authority"));
	link_secret_free(a);
	link_secret_free(b);
}

TEST(a_certificate_that_has_run_out_is_refused)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-1", -60),
			two = rig_signed(&ca, "tract-node-2", DAY);
	struct link_secret *a = certified(&one, &ca), *b = certified(&two, &ca);

	EXPECT_EQ(meet(a, b).dialled, -EACCES);
	link_secret_free(a);
	link_secret_free(b);
}

TEST(a_key_and_a_certificate_do_not_go_together)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-2", DAY);
	struct link_secret *a = keyed("a"), *b = certified(&one, &ca);
	struct outcome o = meet(a, b);

	EXPECT(o.dialler == -EACCES && o.dialled != 0);
	EXPECT(strstr(o.dialler_why, "must have the same"));
	o = meet(b, a);
	EXPECT(o.dialled == -EACCES && o.dialler == -EACCES);
	EXPECT(strstr(o.dialled_why, "does it use certificates"));
	EXPECT(strstr(o.dialler_why, "does it use certificates"));
	link_secret_free(a);
	link_secret_free(b);
}

TEST(files_that_are_no_certificates_are_told_by_name)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-1", DAY),
			two = rig_signed(&ca, "tract-node-2", DAY);
	struct link_secret *secret;

	EXPECT_EQ(link_secret_of_certificates("/nonexistent", one.key, ca.certificate, &secret),
		  -EINVAL);
	EXPECT(strstr(error_reason(), "/nonexistent: "));
	EXPECT_EQ(link_secret_of_certificates(one.certificate, "/nonexistent", ca.certificate,
					      &secret),
		  -ENOENT);
	EXPECT_EQ(
		link_secret_of_certificates(one.certificate, one.key, "/nonexistent", &secret),
		-EINVAL);
	EXPECT_EQ(
		link_secret_of_certificates(one.certificate, two.key, ca.certificate, &secret),
		-EINVAL);
	EXPECT(strstr(error_reason(), "does not go with the certificate"));
	EXPECT_EQ(chmod(one.key, 0644), 0);
	EXPECT_EQ(
		link_secret_of_certificates(one.certificate, one.key, ca.certificate, &secret),
		-EPERM);
}

/* ---- strangers --------------------------------------------------------------------------- */

/* What a broker with a key says to a client of another kind, and that it says no more. */
static void expect_nothing_for(SSL_CTX *context)
{
	struct link_secret *secret = keyed("a"), stranger = { .context = context };
	struct link_tls a, b;
	char text[64];
	size_t size;
	struct outcome o;

	EXPECT_EQ(link_tls_open(&a, &stranger, true, 2), 0);
	EXPECT_EQ(link_tls_open(&b, secret, false, 0), 0);
	o = shake(&a, &b);
	EXPECT_EQ(o.dialled, -EACCES);
	EXPECT(!b.secure);
	EXPECT(link_tls_read(&a, text, sizeof(text), &size) < 0);
	EXPECT_EQ(link_tls_pending(&b), 0);
	link_tls_close(&a);
	link_tls_close(&b);
	link_secret_free(secret);
	SSL_CTX_free(context);
}

TEST(an_older_tls_gets_nothing)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	EXPECT(context && SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION));
	expect_nothing_for(context);
}

TEST(who_has_no_key_at_all_gets_nothing)
{
	expect_nothing_for(SSL_CTX_new(TLS_client_method()));
}

static int all_zeros(SSL *ssl, const EVP_MD *digest, const unsigned char **ret_identity,
		     size_t *ret_size, SSL_SESSION **ret_session)
{
	static const unsigned char suite[] = { 0x13, 0x02 }, key[32], name[] = "tract-link-1";
	SSL_SESSION *session = SSL_SESSION_new();

	(void)digest;
	EXPECT(session && SSL_SESSION_set1_master_key(session, key, sizeof(key)) &&
	       SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, suite)) &&
	       SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
	*ret_identity = name;
	*ret_size = sizeof(name) - 1;
	*ret_session = session;
	return 1;
}

TEST(a_guessed_key_gets_nothing)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_psk_use_session_callback(context, all_zeros);
	expect_nothing_for(context);
}

TEST(garbage_gets_nothing_but_an_alert)
{
	struct link_secret *secret = keyed("a");
	uint8_t garbage[400], answer[400];
	/* As TLS begins. */
	const uint8_t hello[] = { 0x16, 3, 1, 1, 0x80, 1, 0, 1, 0x7c, 3, 3 };
	uint32_t seed = 3;

	for (unsigned round = 0; round < 300; round++) {
		struct link_tls t;
		size_t size;
		int r;

		EXPECT_EQ(link_tls_open(&t, secret, false, 0), 0);
		for (size_t i = 0; i < sizeof(garbage); i++)
			garbage[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		if (round % 2)
			memcpy(garbage, hello, sizeof(hello));
		EXPECT_EQ(link_tls_feed(&t, garbage, sizeof(garbage)), 0);
		r = link_tls_shake(&t);
		EXPECT(r == -EACCES || r == -EAGAIN);
		size = link_tls_take(&t, answer, sizeof(answer));
		EXPECT(size == 0 || (size == 7 && answer[0] == 0x15));
		link_tls_close(&t);
	}
	link_secret_free(secret);
}
