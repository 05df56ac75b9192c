/* SPDX-License-Identifier: MIT */
/*
 * ofi_tune.c - using libfabric for the first time
 *
 * Reliable datagrams over connections (ofi_rxm) come with buffers for messages, 88 MiB for each
 * connection, and no attribute makes them fewer.  There are no messages here.  It also asks
 * devices for queues that some do not have, soft-RoCE among them, and looks after connections
 * that are being made every ten milliseconds only.
 *
 * Where devices pin pages, verbs keeps what was registered for the next who registers the same,
 * with every right there is: a window that was closed would stay open to whoever has its key.
 * So it is to keep nothing, whatever the user says.
 *
 * What tcp receives ahead it copies by itself, to wherever the peer said, and that is not
 * looked at well enough (ofi_serve.c): so the kernel is to do it, which refuses what makes no
 * sense. Nor is the process to end by SIGBUS if memory of a window's is not to be had, which it
 * would if it copied by itself, on the way out as well.
 *
 * These are read once in a process, when libfabric is used first; so they are set then, the
 * others where the user has not set them, and the environment is as it was afterwards.  A
 * program that uses libfabric for itself before keeps what it has, and pays with the memory.
 *
 * libfabric also reads all the kernel's symbols then, twice: a third of a second, to learn
 * whether the devices for remote access reach the memory of others.  Where there is no such
 * device it is used first by a thread from which they are hidden.
 */
#include "fabric/ofi.h"

#include <string.h>

#include "base/bytes.h"
#include "base/thread.h"
#include "sys/host.h"
#include "sys/veil.h"

static const struct setting {
	const char *name, *value;
	bool must; /* whatever the user says */
} settings[] = {
	{ "FI_OFI_RXM_BUFFER_SIZE", "256", false },
	{ "FI_OFI_RXM_MSG_TX_SIZE", "128", false },
	{ "FI_OFI_RXM_MSG_RX_SIZE", "128", false },
	{ "FI_OFI_RXM_CM_PROGRESS_INTERVAL", "1000", false },
	{ "FI_UNIVERSE_SIZE", "8", false },
	{ "FI_MR_CACHE_MAX_COUNT", "0", true },
	{ "FI_TCP_PREFETCH_RBUF_SIZE", "0", true },
	{ "FI_TCP_STAGING_SBUF_SIZE", "0", true },
};

/* What the user said, for restore(); NULL: nothing. */
static char *set(const struct setting *setting)
{
	const char *text = getenv(setting->name);
	char *before = text ? strdup(text) : NULL;

	(void)setenv(setting->name, setting->value, setting->must);
	return before;
}

static void restore(const struct setting *setting, char *before)
{
	if (before)
		(void)setenv(setting->name, before, 1);
	else
		(void)unsetenv(setting->name);
	free(before);
}

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
	char *before[ARRAY_LEN(settings)];
	bool veiled = true;
	pthread_t thread;

	for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
		before[i] = set(&settings[i]);
	if (!host_has_rdma() && thread_start(&thread, "tract-look", look, &veiled) == 0)
		(void)pthread_join(thread, NULL);
	else
		(void)look(NULL);
	for (unsigned i = 0; i < ARRAY_LEN(settings); i++)
		restore(&settings[i], before[i]);
}

void ofi_tune(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);
}
