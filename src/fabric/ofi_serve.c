/* SPDX-License-Identifier: MIT */
/*
 * ofi_serve.c - a fabric that serves: its line, the thread that keeps it going, its windows
 *
 * Progress is manual: bytes from the network move into a window when somebody looks at the
 * completion queue.  The thread does nothing else, and sleeps on the queue's descriptor.
 *
 * Whether what a peer asks for is inside of a window, libfabric checks by adding its start and
 * its length, and takes no care that the sum fits: who has the key of one could write to all
 * that lies behind it in the process, with a length that nearly is 2^64.  No memory is as
 * large; the kernel is asked to receive so much, and by this thread alone, where it refuses.
 */
#include "fabric/ofi.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <rdma/fi_errno.h>
#include <semaphore.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "sys/event.h"
#include "sys/host.h"
#include "sys/veil.h"
#include "sys/vm.h"

struct ofi_serve {
	struct ofi_domain domain;
	struct ofi_line line;
	bool buries_alone;
	/* A page that whoever knows our address may read, to see that the way is open. */
	void *greeting;
	struct fid_mr *greeting_mr;
	pthread_t thread;
	sem_t begun;
	int trouble; /* of the thread's, once it has begun; 0: none */
	bool running;
	int wake[2];
	_Atomic bool stop; /* read after the pipe was: the pipe orders it */
};

struct ofi_window {
	struct fabric_window base;
	struct fid_mr *mr; /* NULL: closed already */
};

/* ---- windows ------------------------------------------------------------------------------
 */

static int register_memory(const struct ofi_serve *serve, const struct fabric_window_spec *spec,
			   struct fid_mr **ret_mr, uint64_t *ret_base, uint64_t *ret_key)
{
	int mode = serve->domain.info->domain_attr->mr_mode;
	uint64_t access = 0;
	int r;

	if (spec->rights & TRACT_RIGHT_READ)
		access |= FI_REMOTE_READ;
	if (spec->rights & TRACT_RIGHT_WRITE)
		access |= FI_REMOTE_WRITE;
	r = fi_mr_reg(serve->domain.domain, spec->memory, spec->size, access, 0, spec->key, 0,
		      ret_mr, NULL);
	if (r < 0)
		return fail(ofi_error(r), "provider %s does not register %zu bytes: %s",
			    serve->domain.info->fabric_attr->prov_name, spec->size,
			    fi_strerror(-r));
	*ret_base = mode & FI_MR_VIRT_ADDR ? (uintptr_t)spec->memory : 0;
	*ret_key = fi_mr_key(*ret_mr);
	return 0;
}

int ofi_window_open(struct fabric *fabric, const struct fabric_window_spec *spec,
		    struct fabric_window **ret_window)
{
	const struct ofi_serve *serve = ((struct ofi_fabric *)fabric)->serve;
	scoped(mem) struct ofi_window *window = calloc(1, sizeof(*window));
	int r;

	if (!window)
		return -ENOMEM;
	r = register_memory(serve, spec, &window->mr, &window->base.base, &window->base.key);
	if (r < 0)
		return r;
	*ret_window = &window->base;
	(void)steal(window);
	return 0;
}

static void unregister(struct ofi_window *window)
{
	int r;

	if (!window->mr)
		return;
	r = fi_close(&window->mr->fid);
	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "fabric.left what=window error=%s",
			  fi_strerror(-r));
	window->mr = NULL;
}

/*
 * A provider that copies does so through the page table: when the mapping has been replaced,
 * no processor has the old one any more, and a copy that was in the middle goes on in the new
 * pages.  A device writes to the pages themselves; it has to be told not to.
 */
int ofi_window_bury(struct fabric_window *base)
{
	struct ofi_window *window = (struct ofi_window *)base;
	const struct ofi_serve *serve = ((struct ofi_fabric *)base->fabric)->serve;

	if (!serve->buries_alone) {
		unregister(window);
		return 0;
	}
	return vm_replace(base->spec.memory, base->spec.size, VM_READ | VM_WRITE, -1, 0);
}

void ofi_window_close(struct fabric_window *base)
{
	struct ofi_window *window = (struct ofi_window *)base;

	unregister(window);
	free(window);
}

/* ---- the thread ---------------------------------------------------------------------------
 */

static void skip_error(struct fid_cq *cq)
{
	struct fi_cq_err_entry entry = { 0 };

	/* It is one importer's connection: its own end says what it was doing.  Nothing is
	 * logged from this thread, for the sink is the others'. */
	(void)fi_cq_readerr(cq, &entry, 0);
}

static void *keep_going(void *arg)
{
	struct ofi_serve *serve = arg;
	struct fi_cq_entry done[16];

	serve->trouble = veil_endless_buffers();
	(void)sem_post(&serve->begun);
	if (serve->trouble < 0)
		return NULL;
	while (!atomic_load_explicit(&serve->stop, memory_order_relaxed)) {
		ssize_t n = fi_cq_read(serve->line.cq, done, ARRAY_LEN(done));

		if (n == -FI_EAVAIL)
			skip_error(serve->line.cq);
		else if (n < 0)
			ofi_line_sleep(&serve->domain, &serve->line, serve->wake[0],
				       CLOCK_NEVER);
	}
	return NULL;
}

/* ---- starting and stopping ----------------------------------------------------------------
 */

static int make_greeting(struct ofi_serve *serve, struct ofi_place *place)
{
	struct fabric_window_spec spec = { .size = vm_page_size(), .rights = TRACT_RIGHT_READ };
	int r = vm_anonymous(spec.size, VM_READ | VM_WRITE, &serve->greeting);

	if (r < 0)
		return r;
	host_random(&place->word, sizeof(place->word));
	host_random(&spec.key, sizeof(spec.key));
	*(uint64_t *)serve->greeting = place->word;
	spec.memory = serve->greeting;
	return register_memory(serve, &spec, &serve->greeting_mr, &place->base, &place->key);
}

static int find_place(struct ofi_serve *serve, struct ofi_place *place)
{
	size_t size = sizeof(place->name);
	int r = fi_getname(&serve->line.ep->fid, place->name, &size);

	if (r < 0)
		return fail(ofi_error(r), "the address of an endpoint is not to be had: %s",
			    fi_strerror(-r));
	place->name_size = size;
	place->format = serve->domain.info->addr_format;
	return 0;
}

static int start_thread(struct ofi_serve *serve)
{
	int r = thread_start(&serve->thread, "tract-fabric", keep_going, serve);

	if (r < 0)
		return r;
	serve->running = true;
	while (sem_wait(&serve->begun) < 0)
		continue;
	return serve->trouble == 0 ? 0
				   : fail(serve->trouble,
					  "the kernel's seccomp is not to be had (%s), without "
					  "which peers could write beside the windows",
					  error_name(serve->trouble));
}

static int start(struct ofi_serve *serve, const struct fabric_config *config,
		 struct fabric_facts *ret_facts, struct fabric_address *ret_address)
{
	struct ofi_place place = { 0 };
	int r = event_pipe_new(serve->wake);

	if (r < 0)
		return r;
	r = ofi_domain_open(config, NULL, &serve->domain, ret_facts);
	if (r < 0)
		return r;
	serve->buries_alone = ret_facts->abilities & FABRIC_BURIES_ALONE;
	r = ofi_line_open(&serve->domain, &serve->line);
	if (r == 0)
		r = make_greeting(serve, &place);
	if (r == 0)
		r = find_place(serve, &place);
	if (r == 0)
		r = start_thread(serve);
	if (r < 0)
		return r;
	ofi_place_write(&place, ret_address);
	return 0;
}

int ofi_serve_start(const struct fabric_config *config, struct fabric_facts *ret_facts,
		    struct fabric_address *ret_address, struct ofi_serve **ret_serve)
{
	struct ofi_serve *serve = calloc(1, sizeof(*serve));
	int r;

	if (!serve)
		return -ENOMEM;
	(void)sem_init(&serve->begun, 0, 0);
	serve->line.fd = serve->wake[0] = serve->wake[1] = -1;
	r = start(serve, config, ret_facts, ret_address);
	if (r < 0) {
		ofi_serve_stop(serve);
		return r;
	}
	*ret_serve = serve;
	return 0;
}

void ofi_serve_stop(struct ofi_serve *serve)
{
	if (serve->running) {
		atomic_store_explicit(&serve->stop, true, memory_order_relaxed);
		event_pipe_fill(serve->wake[1]);
		(void)pthread_join(serve->thread, NULL);
	}
	if (serve->greeting_mr)
		(void)fi_close(&serve->greeting_mr->fid);
	ofi_line_close(&serve->line);
	ofi_domain_close(&serve->domain);
	if (serve->greeting)
		vm_unmap(serve->greeting, vm_page_size());
	event_pipe_close(serve->wake[0]);
	event_pipe_close(serve->wake[1]);
	free(serve);
}
