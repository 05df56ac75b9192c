/* SPDX-License-Identifier: MIT */
/*
 * test_strangers.c - what a broker's port gives to whom it should not trust, or should not have
 *
 * The broker under test is node 1; whoever else is wanted is played by the test.
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster.h"
#include "link/peer_state.h"
#include "link/rig_cert.h"
#include "link/stream.h"
#include "rig.h"
#include "test.h"

#define LONG_MS 15000

/* ---- without the key --------------------------------------------------------------------- */

static int knock(const struct cluster *c)
{
	struct tcp_address address;
	struct pollfd p = { .events = POLLOUT };

	EXPECT_EQ(tcp_address_of("127.0.0.1", c->node[0].port, &address), 0);
	EXPECT_EQ(tcp_dial(&address, &p.fd), 0);
	EXPECT_EQ(poll(&p, 1, LONG_MS), 1);
	EXPECT_EQ(tcp_dialled(p.fd), 0);
	return p.fd;
}

/* What the broker says until it closes the connection. */
static size_t hear_to_the_end(int fd, uint8_t *bytes, size_t capacity)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t used = 0, size = 0;

	for (;;) {
		int r;

		EXPECT_EQ(poll(&p, 1, LONG_MS), 1);
		EXPECT(used < capacity);
		r = tcp_receive(fd, bytes + used, capacity - used, &size);
		if (r == -ECONNRESET || (r == 0 && size == 0))
			return used;
		EXPECT_EQ(r, 0);
		used += size;
	}
}

static bool is_nothing_or_an_alert(const uint8_t *bytes, size_t size)
{
	return size == 0 || (size == 7 && bytes[0] == 0x15);
}

static void expect_still_fine(struct cluster *c)
{
	cluster_start(c, 1);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(c));
	cluster_end(c);
}

static void one_node(struct cluster *c)
{
	cluster_make(c, 2, true, NULL);
	cluster_start(c, 0);
}

TEST_SLOW(who_says_nothing_is_told_nothing_and_shown_out, 60)
{
	struct cluster c;
	uint8_t bytes[64];
	int fd;

	one_node(&c);
	fd = knock(&c);
	EXPECT_EQ(hear_to_the_end(fd, bytes, sizeof(bytes)), 0);
	(void)close(fd);
	EXPECT(cluster_logged(&c, 0, "link.refused from=127.0.0.1:"));
	expect_still_fine(&c);
}

TEST_SLOW(who_speaks_one_byte_at_a_time_is_shown_out_within_the_bound, 60)
{
	static const uint8_t beginning[5] = { 0x16, 0x03, 0x01, 0x02, 0x00 };
	uint64_t limit;
	size_t size = 0;
	struct cluster c;
	uint8_t byte;
	int fd, r;

	one_node(&c);
	fd = knock(&c);
	limit = clock_deadline_ms((int64_t)(CLUSTER_TIMEOUT_MS * 4 * test_patience()));
	for (unsigned i = 0;; i++) {
		EXPECT(clock_left(limit) > 0);
		(void)tcp_send(fd, i < 5 ? beginning + i : (const uint8_t *)"", 1, &size);
		test_pause_us(5000);
		r = tcp_receive(fd, &byte, 1, &size);
		if (r != -EAGAIN)
			break;
	}
	EXPECT(r < 0 || size == 0);
	(void)close(fd);
	expect_still_fine(&c);
}

TEST_SLOW(garbage_gets_nothing, 60)
{
	static const char *const garbage[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x00\x05hello and more of it",
		"tcRT\x10\x0c",
		"\x80\x2e\x01\x03\x01 an old way to begin",
	};
	uint8_t bytes[256];
	struct cluster c;
	size_t size = 0;

	one_node(&c);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		int fd = knock(&c);

		EXPECT_EQ(tcp_send(fd, garbage[i], strlen(garbage[i]), &size), 0);
		tcp_stop_sending(fd);
		size = hear_to_the_end(fd, bytes, sizeof(bytes));
		EXPECT(is_nothing_or_an_alert(bytes, size));
		(void)close(fd);
	}
	expect_still_fine(&c);
}

/* A client of OpenSSL's own, with its sockets.  Consumes @context. */
static void expect_shut_out(struct cluster *c, SSL_CTX *context)
{
	struct timeval patience = { .tv_sec = LONG_MS / 1000 };
	SSL *ssl = SSL_new(context);
	int fd = knock(c), r;
	char bytes[64];

	EXPECT(ssl && sock_set_blocking(fd, 1) == 0);
	EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	EXPECT(SSL_set_fd(ssl, fd));
	r = SSL_connect(ssl);
	if (r == 1)
		r = SSL_read(ssl, bytes, sizeof(bytes));
	EXPECT(r <= 0);
	EXPECT(SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ);
	SSL_free(ssl);
	SSL_CTX_free(context);
	(void)close(fd);
}

static int guess(SSL *ssl, const EVP_MD *digest, const unsigned char **ret_identity,
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

TEST_SLOW(tls_without_the_key_gets_nothing, 60)
{
	struct cluster c;
	SSL_CTX *context;

	one_node(&c);
	context = SSL_CTX_new(TLS_client_method());
	EXPECT(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION));
	expect_shut_out(&c, context);
	expect_shut_out(&c, SSL_CTX_new(TLS_client_method()));
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_psk_use_session_callback(context, guess);
	expect_shut_out(&c, context);
	expect_still_fine(&c);
}

TEST_SLOW(a_certificate_of_another_authority_gets_nothing, 60)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-1", 86400),
			other = rig_authority("other"),
			two = rig_signed(&other, "tract-node-2", 86400);
	char more[1024];
	struct cluster c;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	(void)snprintf(more, sizeof(more),
		       "[cluster]\ncertificate = %s\nprivate-key = %s\nauthority = %s\n",
		       one.certificate, one.key, ca.certificate);
	cluster_make(&c, 2, false, more);
	cluster_start(&c, 0);
	EXPECT(SSL_CTX_use_certificate_file(context, two.certificate, SSL_FILETYPE_PEM) == 1);
	EXPECT(SSL_CTX_use_PrivateKey_file(context, two.key, SSL_FILETYPE_PEM) == 1);
	expect_shut_out(&c, context);
	/* And who has none. */
	expect_shut_out(&c, SSL_CTX_new(TLS_client_method()));
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "not of this cluster's authority"));
	cluster_end(&c);
}

TEST_SLOW(many_who_only_hold_the_door_do_not_keep_a_peer_out, 60)
{
	struct cluster c;
	int fds[200];

	one_node(&c);
	for (unsigned i = 0; i < 200; i++)
		fds[i] = knock(&c);
	expect_still_fine(&c);
	for (unsigned i = 0; i < 200; i++)
		(void)close(fds[i]);
	/* They were told of in a few lines. */
	EXPECT(cluster_lines(&c, 0, "link.refused") < 100);
}

/* ---- with the key ------------------------------------------------------------------------ */

struct player {
	struct loop loop;
	struct link_secret *secret;
	struct link_stream *stream;
	bool secured, ended;
	unsigned heard, beats;
	struct message last; /* that was no beat and no controller */
};

static void on_secured(void *arg, struct link_stream *s)
{
	struct player *p = arg;

	(void)s;
	p->secured = true;
}

static void on_heard(void *arg, struct link_stream *s, const struct message *message)
{
	struct player *p = arg;

	(void)s;
	if (message->number == MSG_link_beat) {
		p->beats++;
		return;
	}
	/* Told once the link is up, and no answer to anything. */
	if (message->number == MSG_link_controller)
		return;
	p->heard++;
	p->last = *message;
}

static void on_ended(void *arg, struct link_stream *s, const char *why)
{
	struct player *p = arg;

	(void)s;
	(void)why;
	p->ended = true;
}

static uint64_t soon(void *arg)
{
	(void)arg;
	return clock_deadline_ms(5);
}

static bool turn(struct player *p)
{
	EXPECT_EQ(loop_step(&p->loop), 0);
	return true;
}

#define TURN_UNTIL(p, condition)                                          \
	do {                                                              \
		uint64_t limit_ = clock_deadline_ms(LONG_MS);             \
		while (!(condition) && clock_left(limit_) > 0)            \
			(void)turn(p);                                    \
		EXPECT_OR_SAY(condition, "never came true: " #condition); \
	} while (0)

/* Somebody who has node 2's key, and is connected to node 1. */
static void player_up(struct player *p, const struct cluster *c)
{
	static const struct link_stream_owner owner = { on_secured, on_heard, on_ended, NULL };
	struct link_stream_setup setup = { &p->loop, NULL, &owner, p };
	char path[160];

	*p = (struct player){ .secured = false };
	EXPECT_EQ(loop_init(&p->loop), 0);
	p->loop.deadline = soon;
	(void)snprintf(path, sizeof(path), "%s/cluster.key", c->node[1].directory);
	EXPECT_EQ(link_secret_of_key(path, &p->secret), 0);
	setup.secret = p->secret;
	EXPECT_EQ(link_stream_dial(&setup, "127.0.0.1", c->node[0].port, 1, &p->stream), 0);
	TURN_UNTIL(p, p->secured);
}

static void player_down(struct player *p)
{
	link_stream_free(p->stream);
	link_secret_free(p->secret);
	loop_deinit(&p->loop);
}

static struct message hello_of(uint32_t node)
{
	struct message m = { .number = MSG_link_hello, .serial = 77 };

	m.link_hello = (struct msg_link_hello){ .least = PEER_VERSION_LEAST,
						.most = PEER_VERSION_MOST,
						.node = node,
						.to = 1,
						.instance = 1,
						.link = 1,
						.timeout_ms = 60000 };
	return m;
}

static void say(struct player *p, struct message message)
{
	EXPECT_EQ(link_stream_send(p->stream, &message), 0);
}

static void expect_unwelcome(struct message hello, uint32_t error, const char *words)
{
	struct cluster c;
	struct player p;

	one_node(&c);
	player_up(&p, &c);
	say(&p, hello);
	TURN_UNTIL(&p, p.ended);
	EXPECT_EQ(p.heard, 1);
	EXPECT_EQ(p.last.number, MSG_link_unwelcome);
	EXPECT_EQ(p.last.serial, 77);
	EXPECT_EQ(p.last.link_unwelcome.error, error);
	EXPECT(strstr(p.last.link_unwelcome.rule.text, words));
	EXPECT(cluster_logged(&c, 0, words));
	player_down(&p);
	expect_still_fine(&c);
}

TEST_SLOW(a_node_that_is_no_peer_is_told_so, 60)
{
	expect_unwelcome(hello_of(9), ENOENT, "node 9 is no peer of node 1");
}

TEST_SLOW(a_node_that_means_another_is_told_so, 60)
{
	struct message hello = hello_of(2);

	hello.link_hello.to = 3;
	expect_unwelcome(hello, ENXIO, "this is node 1 and not 3");
}

TEST_SLOW(a_node_of_another_version_is_told_so, 60)
{
	struct message hello = hello_of(2);

	hello.link_hello.least = hello.link_hello.most = PEER_VERSION_MOST + 1;
	expect_unwelcome(hello, EPROTONOSUPPORT, "upgrade the older one");
}

TEST_SLOW(who_does_not_greet_is_dropped_without_a_word, 60)
{
	struct message m = { .number = MSG_link_connect };
	struct cluster c;
	struct player p;

	one_node(&c);
	player_up(&p, &c);
	say(&p, m);
	TURN_UNTIL(&p, p.ended);
	EXPECT_EQ(p.heard + p.beats, 0);
	player_down(&p);
	expect_still_fine(&c);
}

TEST_SLOW(who_is_secure_and_says_nothing_is_shown_out, 60)
{
	struct cluster c;
	struct player p;

	one_node(&c);
	player_up(&p, &c);
	TURN_UNTIL(&p, p.ended);
	EXPECT_EQ(p.heard + p.beats, 0);
	player_down(&p);
	expect_still_fine(&c);
}

static void be_welcome(struct player *p, struct cluster *c)
{
	one_node(c);
	player_up(p, c);
	say(p, hello_of(2));
	TURN_UNTIL(p, p->heard == 1);
	EXPECT_EQ(p->last.number, MSG_link_welcome);
	EXPECT_EQ(p->last.link_welcome.version, PEER_VERSION_MOST);
	EXPECT_WITHIN(LONG_MS, turn(p) && cluster_is_up(c, 0, 1));
}

TEST_SLOW(a_peer_that_says_what_is_no_message_is_dropped, 60)
{
	struct cluster c;
	struct player p;

	be_welcome(&p, &c);
	EXPECT_EQ(link_tls_write(&p.stream->tls, "no message of sixteen bytes", 27), 0);
	say(&p, (struct message){ .number = MSG_link_beat });
	TURN_UNTIL(&p, p.ended);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "why=\"it said what is no message\""));
	player_down(&p);
	expect_still_fine(&c);
}

TEST_SLOW(a_peer_that_says_a_message_of_clients_is_dropped, 60)
{
	struct message m = { .number = MSG_hello };
	struct cluster c;
	struct player p;

	be_welcome(&p, &c);
	say(&p, m);
	TURN_UNTIL(&p, p.ended);
	player_down(&p);
	expect_still_fine(&c);
}

TEST_SLOW(a_peer_that_answers_no_beat_is_lost, 60)
{
	struct cluster c;
	struct player p;

	be_welcome(&p, &c);
	TURN_UNTIL(&p, p.ended);
	EXPECT(p.beats > 0);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "why=\"it does not answer any more\""));
	player_down(&p);
	expect_still_fine(&c);
}

TEST_SLOW(a_peer_that_does_not_read_is_not_kept, 60)
{
	struct message m = { .number = MSG_link_beat };
	struct cluster c;
	struct player p;

	be_welcome(&p, &c);
	/* Each beat wants an answer, and none is read: the loop does not turn. */
	for (;;) {
		uint64_t limit = clock_deadline_ms(LONG_MS);

		if (link_stream_send(p.stream, &m) == 0)
			continue;
		/* Everything is full; it is the broker's turn to have enough. */
		while (clock_left(limit) > 0 && !cluster_logged(&c, 0, "link.lost node=2"))
			test_pause_us(1000);
		break;
	}
	EXPECT(cluster_logged(&c, 0, "link.lost node=2"));
	player_down(&p);
	expect_still_fine(&c);
}

TEST_SLOW(every_kind_of_message_at_any_time_leaves_the_broker_as_it_is, 60)
{
	struct cluster c;
	struct player p;

	one_node(&c);
	for (uint32_t number = LINK_NUMBER_FIRST; number <= LINK_NUMBER_LAST; number++) {
		struct message m = { .number = (enum msg_number)number, .serial = 5 };

		if (!wire_name(number))
			continue;
		if (number == MSG_link_unwelcome || number == MSG_link_refused)
			m.link_refused.error = 1;
		player_up(&p, &c);
		say(&p, hello_of(2));
		TURN_UNTIL(&p, p.heard == 1 || p.ended);
		if (!p.ended) {
			say(&p, m);
			/* It has been handled once it is answered, or refused. */
			if (link_stream_send(p.stream,
					     &(struct message){ .number = MSG_link_beat }) == 0)
				TURN_UNTIL(&p, p.heard >= 2 || p.ended);
		}
		player_down(&p);
	}
	expect_still_fine(&c);
}

TEST_SLOW(a_peer_that_asks_for_what_nobody_published_is_told_so, 60)
{
	struct message m = { .number = MSG_link_connect, .serial = 4711 };
	struct cluster c;
	struct player p;

	be_welcome(&p, &c);
	say(&p, m);
	TURN_UNTIL(&p, p.heard == 2);
	EXPECT_EQ(p.last.number, MSG_link_refused);
	EXPECT_EQ(p.last.serial, 4711);
	EXPECT_EQ(p.last.link_refused.error, ENOENT);
	player_down(&p);
	expect_still_fine(&c);
}

/* ---- from inside ------------------------------------------------------------------------- */

TEST(a_local_client_that_speaks_as_a_broker_is_dropped)
{
	struct message m = hello_of(2), reply;
	int fds[CONN_FDS_MAX];
	struct rig_client client;
	unsigned count;
	struct cluster c;

	one_node(&c);
	rig_client_up(c.node[0].directory, &client);
	EXPECT_EQ(conn_send(&client.conn, &m, NULL, 0), 0);
	EXPECT_EQ(conn_receive(&client.conn, &reply, fds, &count), -ENOTCONN);
	rig_client_down(&client);
	cluster_end(&c);
}
