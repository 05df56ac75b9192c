/* SPDX-License-Identifier: MIT */
/*
 * ofi_tune.c - using libfabric for the first time
 *
 * Reliable datagrams over connections (ofi_rxm) come with buffers for messages, 88 MiB for each
 * connection, and no attribute makes them fewer.  There are no messages here.  It also asks
 * devices for queues that some do not have, soft-RoCE among them, and looks after connections
 * that are being made every ten milliseconds only.
 *
 * These are read once in a process, when libfabric is used first; so they are set then, where
 * the user has not set them, and are taken out of the environment again.  A program that uses
 * libfabric for itself before keeps what it has, and pays with the memory.
 *
 * libfabric also reads all the kernel's symbols then, twice: a third of a second, to learn
 * whether the devices for remote access reach the memory of others.  Where there is no such
 * device it is used first by a thread from which they are hidden.
 */
#include "fabric/ofi.h"

#include "base/bytes.h"
#include "base/thread.h"
#include "sys/host.h"
#include "sys/veil.h"

static const struct setting {
	const char *name, *value;
} settings[] = {
	{ "FI_OFI_RXM_BUFFER_SIZE", "256" }, { "FI_OFI_RXM_MSG_TX_SIZE", "128" },
	{ "FI_OFI_RXM_MSG_RX_SIZE", "128" }, { "FI_OFI_RXM_CM_PROGRESS_INTERVAL", "1000" },
	{ "FI_UNIVERSE_SIZE", "8" },
};

static void *look(void *veiled)
{
	struct fi_info *info = NULL;

	/* If they cannot be hidden, that takes its time. */
	if (veiled)
		(void)veil_kernel_symbols();
	if (fi_getinfo(OFI_API_VERSION, NULL, NULL, FI_PROV_ATTR_ONLY, NULL, &info) == 0)
		fi_freeinfo(info);
	return NULL;
}

static void load(void)
{
	bool ours[ARRAY_LEN(settings)];
	bool veiled = true;
	pthread_t thread;

	for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
		ours[i] = !getenv(settings[i].name) &&
			  setenv(settings[i].name, settings[i].value, 0) == 0;
	if (!host_has_rdma() && thread_start(&thread, "tract-look", look, &veiled) == 0)
		(void)pthread_join(thread, NULL);
	else
		(void)look(NULL);
	for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
		if (ours[i])
			(void)unsetenv(settings[i].name);
}

void ofi_tune(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);
}
