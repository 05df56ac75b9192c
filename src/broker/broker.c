/* SPDX-License-Identifier: MIT */
#include "broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/scope.h"
#include "broker/body.h"
#include "broker/client_link.h"
#include "broker/manager.h"
#include "broker/monitor.h"
#include "broker/node_link.h"
#include "broker/process.h"
#include "broker/windows.h"
#include "shm/layout.h"
#include "sys/host.h"
#include "sys/sock.h"
#include "sys/vm.h"

#define LOCK_TIMEOUT_MS 5000
#define ACCEPTS_PER_TURN 16
#define ACCEPT_AGAIN_MS 100
/* How often an idle broker sees whether its directory was removed, and a busy one, whether
 * its socket was. */
#define LOOK_IDLE_MS 200
#define LOOK_BUSY_MS 2000
/* Descriptors a link needs: connection, events, pidfd, and what arrives with a message. */
#define FDS_PER_LINK 5

static void on_line(void *arg, enum log_level level, const char *line)
{
	struct broker *b = arg;

	logbook_write(&b->logbook, level, line);
	monitor_tell_event(b, line);
}

void broker_choose_sink(struct broker *b)
{
	log_set_sink(b->monitors > 0 || logbook_is_open(&b->logbook) ? on_line : NULL, b);
}

/* Refuses for now, if there are no descriptors left; the backlog keeps who knocks. */
static void pause_accepting(struct broker *b)
{
	loop_remove(&b->loop, &b->listener);
	b->accept_again = clock_deadline_ms(ACCEPT_AGAIN_MS);
	log_event(LOG_LEVEL_WARNING, "accept.paused clients=%u", b->link_count);
}

/* 0 if there may be more, negative if not. */
static int accept_one(struct broker *b)
{
	int fd, r;

	r = sock_accept(b->dir.listener, &fd);
	if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM)
		pause_accepting(b);
	if (r < 0)
		return r;
	r = client_link_new(b, fd);
	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "peer.refused error=%s clients=%u", error_name(r),
			  b->link_count);
	else
		b->idle_since = CLOCK_NEVER;
	return 0;
}

static void on_knock(void *arg, unsigned mask)
{
	struct broker *b = arg;

	(void)mask;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++)
		if (accept_one(b) < 0)
			break;
}

static void on_signal(void *arg, unsigned mask)
{
	struct broker *b = arg;

	(void)mask;
	log_event(LOG_LEVEL_INFO, "broker.leaving reason=signal clients=%u", b->link_count);
	loop_stop(&b->loop);
}

static int start_accepting(struct broker *b)
{
	b->accept_again = CLOCK_NEVER;
	if (b->dir.listener < 0)
		return 0;
	return loop_add(&b->loop, &b->listener, b->dir.listener, EVENT_IN);
}

static void show_again(struct broker *b)
{
	int listener, r;

	loop_remove(&b->loop, &b->listener);
	r = node_dir_show(&b->dir, &listener);
	if (r == 0)
		r = start_accepting(b);
	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "broker.listen_failed error=%s", error_name(r));
}

/*
 * Whoever found the socket before it was hidden is in the backlog now, and is served; whoever
 * comes later finds nothing, and starts the next broker.
 */
static void leave(struct broker *b, const char *reason)
{
	node_dir_hide(&b->dir);
	while (b->dir.listener >= 0 && accept_one(b) == 0)
		continue;
	if (b->link_count > 0) {
		show_again(b);
		return;
	}
	log_event(LOG_LEVEL_INFO, "broker.leaving reason=%s", reason);
	loop_stop(&b->loop);
}

static void look_at_directory(struct broker *b, uint64_t now)
{
	enum node_dir_state state = node_dir_look(&b->dir);
	bool idle = b->link_count == 0;

	b->look_at = now + (idle ? LOOK_IDLE_MS : LOOK_BUSY_MS) * NS_PER_MS;
	if (state == NODE_DIR_GONE && idle)
		leave(b, "directory_gone");
	else if (state == NODE_DIR_SOCKET_LOST)
		show_again(b);
}

static uint64_t idle_deadline(const struct broker *b)
{
	uint64_t ms = b->config.idle_timeout_ms;

	if (b->idle_since == CLOCK_NEVER || ms == CONFIG_NEVER)
		return CLOCK_NEVER;
	return b->idle_since + ms * NS_PER_MS;
}

static uint64_t broker_deadline(void *arg)
{
	const struct broker *b = arg;
	uint64_t earliest = registry_deadline(b->registry);

	if (idle_deadline(b) < earliest)
		earliest = idle_deadline(b);
	if (b->look_at < earliest)
		earliest = b->look_at;
	if (b->promise_at < earliest)
		earliest = b->promise_at;
	if (node_links_deadline(b->nodes) < earliest)
		earliest = node_links_deadline(b->nodes);
	if (objects_is_emptying(&b->objects))
		earliest = 0;
	return b->accept_again < earliest ? b->accept_again : earliest;
}

/*
 * Another node waits for peer-timeout-ms before it takes memory away from one that does not
 * answer.  A process here relies on the board for half of that since this broker last ran: if
 * the broker is stopped, nobody believes a board that is not told any more.
 */
static void promise(struct broker *b, uint64_t now)
{
	uint64_t timeout = b->config.peer_timeout_ms * NS_PER_MS;

	board_map_promise(&b->board, now + timeout / 2);
	b->promise_at = now + timeout / 8;
}

static void broker_turn(void *arg)
{
	struct broker *b = arg;
	uint64_t now = clock_now();

	if (registry_deadline(b->registry) <= now)
		registry_tick(b->registry);
	client_links_reap(b);
	node_links_turn(b->nodes);
	(void)objects_empty_some(&b->objects);
	if (b->link_count == 0 && b->idle_since == CLOCK_NEVER) {
		b->idle_since = now;
		b->look_at = now;
	}
	if (b->promise_at <= now)
		promise(b, now);
	if (b->accept_again <= now)
		(void)start_accepting(b);
	if (b->look_at <= now)
		look_at_directory(b, now);
	if (!b->loop.stopped && idle_deadline(b) <= now && !objects_is_emptying(&b->objects))
		leave(b, "idle");
}

static uint64_t percent_of(uint64_t total, uint64_t percent)
{
	return total / 100 * percent & ~(uint64_t)(vm_page_size() - 1);
}

/* A test's other node can be of another kind than its host. */
static bool is_big_endian(void)
{
	bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	return fault_point("broker.other_order") < 0 ? !big : big;
}

/* Each is a mapping of ours, of which the kernel lets us have so many: most of them, even if
 * all move at once, and enough is left for all else. */
static uint32_t windows_at_most(void)
{
	return (uint32_t)(host_mappings() / 8 * 3);
}

static int make_registry(struct broker *b)
{
	const struct config *c = &b->config;
	struct ports ports = body_ports(b);
	struct registry_config config = {
		.node = (uint32_t)c->node,
		.broker_uid = geteuid(),
		.page_size = vm_page_size(),
		.exports_max = (uint32_t)c->max_segments,
		.imports_max = (uint32_t)c->max_imports,
		.windows_max = windows_at_most(),
		.per_client_max = (uint32_t)c->max_per_process,
		.caps_max = (uint32_t)c->max_capabilities,
		.board_slots = SHM_BOARD_SLOTS,
		.bell_slots = SHM_BELL_SLOTS,
		.hear_ns = c->ack_timeout_ms * NS_PER_MS,
		.big_endian = is_big_endian(),
		.peer_timeout_ms = (uint32_t)c->peer_timeout_ms,
		.store_delay_ms = (uint32_t)c->store_delay_ms,
		.peer_ns = (c->ack_timeout_ms + c->peer_timeout_ms) * NS_PER_MS,
		.fabrics = windows_fabrics(&b->windows),
	};
	uint64_t total, available;
	int r;

	r = host_memory(&total, &available);
	if (r < 0)
		return r;
	config.total_bytes = percent_of(total, c->max_exported_memory);
	config.user_bytes = percent_of(total, c->max_user_memory);
	config.segment_bytes = config.user_bytes;
	if (c->max_segment_size && c->max_segment_size < config.segment_bytes)
		config.segment_bytes = c->max_segment_size;
	r = registry_new(&config, &ports, &b->registry);
	for (unsigned i = 0; r == 0 && i < c->peer_count; i++)
		r = registry_add_peer(b->registry, c->peers[i].node);
	return r;
}

static int watch_signals(struct broker *b)
{
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	r = event_signal_new(&set, &b->signal_fd);
	if (r < 0)
		return r;
	return loop_add(&b->loop, &b->signals, b->signal_fd, EVENT_IN);
}

static int make_parts(struct broker *b)
{
	uint32_t fds = process_raise_fds();
	int r;

	b->links_max = fds / 2 / FDS_PER_LINK;
	r = loop_init(&b->loop);
	if (r < 0)
		return r;
	r = idmap_init(&b->by_client);
	if (r < 0)
		return r;
	r = objects_init(&b->objects, fds / 2);
	if (r < 0)
		return r;
	r = board_map_open(&b->board);
	if (r < 0)
		return r;
	r = windows_init(&b->windows, &b->config);
	if (r == 0)
		r = ears_init(&b->ears, &b->loop);
	if (r < 0)
		return r;
	r = make_registry(b);
	if (r < 0)
		return r;
	b->ears.registry = b->registry;
	return watch_signals(b);
}

static const char *log_path(const struct broker_options *options)
{
	if (options->log)
		return options->log;
	return options->foreground ? "-" : secure_getenv("TRACT_LOG");
}

/* 0, or -EALREADY if there is a broker there. */
static int win_directory(struct broker *b, const struct broker_options *options)
{
	int listener, r;

	r = node_dir_open(&b->dir, options->directory, options->host);
	if (r < 0)
		return r;
	r = manager_take_listener(&listener);
	if (r < 0)
		return r;
	if (listener >= 0)
		node_dir_adopt_listener(&b->dir, listener);
	r = config_load(options->directory, &b->config);
	if (r < 0)
		return r;
	if (options->idle_given)
		b->config.idle_timeout_ms =
			options->idle_ms < 0 ? CONFIG_NEVER : (uint64_t)options->idle_ms;
	return node_dir_lock(&b->dir, LOCK_TIMEOUT_MS);
}

static int broker_open(struct broker *b, const struct broker_options *options)
{
	int r;

	r = win_directory(b, options);
	if (r < 0)
		return r;
	r = logbook_open(&b->logbook, log_path(options));
	if (r < 0)
		return r;
	broker_choose_sink(b);
	r = make_parts(b);
	if (r < 0)
		return r;
	r = node_links_open(b, &b->nodes);
	if (r < 0)
		return r;
	if (!b->dir.activated) {
		r = node_dir_listen(&b->dir, (unsigned)b->config.socket_mode);
		if (r < 0)
			return fail(r, "%s: cannot listen there (%s)", options->directory,
				    error_name(r));
	}
	return start_accepting(b);
}

static void broker_close(struct broker *b)
{
	node_dir_hide(&b->dir);
	node_links_close(b->nodes);
	client_links_close(b);
	/* Freeing it takes everything back, and what clients have mapped shall go on working:
	 * from here on nothing of that is done. */
	b->ended = b->windows.leaving = true;
	if (b->registry)
		registry_free(b->registry);
	loop_remove(&b->loop, &b->listener);
	loop_remove(&b->loop, &b->signals);
	fd_scope_end(&b->signal_fd);
	ears_deinit(&b->ears);
	windows_deinit(&b->windows, &b->objects);
	objects_deinit(&b->objects);
	board_map_close(&b->board);
	idmap_deinit(&b->by_client);
	loop_deinit(&b->loop);
	log_set_sink(NULL, NULL);
	logbook_close(&b->logbook);
	/* Last: from here on the directory may be another broker's. */
	node_dir_close(&b->dir);
}

static int serve(struct broker *b, const struct broker_options *options)
{
	int ready = options->ready_fd;

	b->loop.deadline = broker_deadline;
	b->loop.turn = broker_turn;
	b->loop.arg = b;
	b->loop.spin = spin_for(SPIN_NS);
	b->idle_since = b->look_at = b->started = clock_now();
	b->promise_at = b->config.peer_count > 0 ? b->started : CLOCK_NEVER;
	(void)!chdir("/");
	log_event(LOG_LEVEL_INFO, "broker.started pid=%d uid=%u directory=%s node=%llu",
		  (int)getpid(), (unsigned)geteuid(), options->directory,
		  (unsigned long long)b->config.node);
	manager_tell_ready();
	fd_scope_end(&ready);
	return loop_run(&b->loop);
}

int broker_run(const struct broker_options *options)
{
	struct broker b = {
		.dir = { .fd = -1, .listener = -1 },
		.listener = { .fd = -1, .ready = on_knock, .arg = &b },
		.signals = { .fd = -1, .ready = on_signal, .arg = &b },
		.signal_fd = -1,
		.loop = { .poll = -1 },
		.board = { .fd = -1, .reader_fd = -1 },
		.accept_again = CLOCK_NEVER,
		.links = TAILQ_HEAD_INITIALIZER(b.links),
		.condemned = TAILQ_HEAD_INITIALIZER(b.condemned),
	};
	int r;

	r = broker_open(&b, options);
	if (r == 0)
		r = serve(&b, options);
	manager_tell_stopping();
	broker_close(&b);
	return r == -EALREADY ? 0 : r;
}
