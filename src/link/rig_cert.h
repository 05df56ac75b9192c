/* SPDX-License-Identifier: MIT */
/*
 * rig_cert.h - authorities and certificates for tests, made on the spot
 */
#ifndef LINK_RIG_CERT_H
#define LINK_RIG_CERT_H

/* Paths in the test's directory; borrowed, good until the test ends. */
struct rig_cert {
	char certificate[256], key[256];
};

/* One that signs others. */
struct rig_cert rig_authority(const char *name);
/* One for @name, signed by @authority, good for @seconds from now (negative: has run out). */
struct rig_cert rig_signed(const struct rig_cert *authority, const char *name, long seconds);

#endif
