/* SPDX-License-Identifier: MIT */
#include "link/rig_cert.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "test.h"

static void write_key(const char *path, EVP_PKEY *key)
{
	FILE *file = fopen(path, "we");

	EXPECT(file && chmod(path, 0600) == 0);
	EXPECT(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	EXPECT_EQ(fclose(file), 0);
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

	EXPECT(key);
	(void)fclose(file);
	return key;
}

static X509 *read_certificate(const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

	EXPECT(certificate);
	(void)fclose(file);
	return certificate;
}

static void add_extension(X509 *to, int which, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, to, to, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, which, value);
	EXPECT(extension && X509_add_ext(to, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

/* @by is NULL for one that signs itself. */
static void make(const char *name, const struct rig_cert *by, long seconds,
		 struct rig_cert *made)
{
	static long serial;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = by ? read_key(by->key) : key;
	X509 *certificate = X509_new(), *issuer = by ? read_certificate(by->certificate) : NULL;
	X509_NAME *subject = X509_get_subject_name(certificate);
	FILE *file;

	EXPECT(key && certificate);
	EXPECT(X509_set_version(certificate, 2) == 1);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
					 (const unsigned char *)name, -1, -1, 0);
	(void)X509_set_issuer_name(certificate,
				   issuer ? X509_get_subject_name(issuer) : subject);
	(void)X509_set_pubkey(certificate, key);
	add_extension(certificate, NID_basic_constraints,
		      by ? "critical,CA:FALSE" : "critical,CA:TRUE");
	EXPECT(X509_sign(certificate, signer, EVP_sha256()) > 0);
	(void)snprintf(made->certificate, sizeof(made->certificate), "%s/%s.pem",
		       test_directory(), name);
	(void)snprintf(made->key, sizeof(made->key), "%s/%s.key", test_directory(), name);
	file = fopen(made->certificate, "we");
	EXPECT(file && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0);
	write_key(made->key, key);
	if (by)
		EVP_PKEY_free(signer);
	X509_free(issuer);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

struct rig_cert rig_authority(const char *name)
{
	struct rig_cert made = { .key = "" };

	make(name, NULL, 86400, &made);
	return made;
}

struct rig_cert rig_signed(const struct rig_cert *authority, const char *name, long seconds)
{
	struct rig_cert made = { .key = "" };

	make(name, authority, seconds, &made);
	return made;
}
