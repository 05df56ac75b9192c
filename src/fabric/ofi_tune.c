/* SPDX-License-Identifier: MIT */
/*
 * ofi_tune.c - what libfabric takes from the environment alone
 *
 * Reliable datagrams over connections (ofi_rxm) come with buffers for messages, 88 MiB for each
 * connection, and no attribute makes them fewer.  There are no messages here.  It also asks
 * devices for queues that some do not have, soft-RoCE among them, and looks after connections
 * that are being made every ten milliseconds only.
 *
 * These are read once in a process, when libfabric is used first; so they are set then, where
 * the user has not set them, and are taken out of the environment again.  A program that uses
 * libfabric for itself before keeps what it has, and pays with the memory.
 */
#include "fabric/ofi.h"

#include "base/bytes.h"

static const struct setting {
	const char *name, *value;
} settings[] = {
	{ "FI_OFI_RXM_BUFFER_SIZE", "256" }, { "FI_OFI_RXM_MSG_TX_SIZE", "128" },
	{ "FI_OFI_RXM_MSG_RX_SIZE", "128" }, { "FI_OFI_RXM_CM_PROGRESS_INTERVAL", "1000" },
	{ "FI_UNIVERSE_SIZE", "8" },
};

static void load(void)
{
	bool ours[ARRAY_LEN(settings)];
	struct fi_info *info = NULL;

	for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
		ours[i] = !getenv(settings[i].name) &&
			  setenv(settings[i].name, settings[i].value, 0) == 0;
	if (fi_getinfo(OFI_API_VERSION, NULL, NULL, FI_PROV_ATTR_ONLY, NULL, &info) == 0)
		fi_freeinfo(info);
	for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
		if (ours[i])
			(void)unsetenv(settings[i].name);
}

void ofi_tune(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);
}
