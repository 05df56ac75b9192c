/* SPDX-License-Identifier: MIT */
/*
 * test_strong.c - a broker under a user id of its own, and two clients under others, one
 * hostile
 *
 * What docs/enforcement.md says of the kernel in this configuration, tried by attacking it.
 * Needs root, to be three users; tests/vm has a root to give.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "attacks.h"
#include "kin.h"
#include "rig.h"

/* Nobody's. */
#define BROKER 64101u
#define EXPORTER 64102u
#define IMPORTER 64103u

#define SIZE (2 * PAGE)
#define SECRET 0x5ec5u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* What the three know of each other: not part of what is tested. */
struct scene {
	pid_t broker;
	uid_t user; /* of the importer */
	pid_t exporter;
	void *word; /* there, a mapping of the segment's memory */
	int fd;	    /* there, that memory's descriptor */
	uint32_t id;
};

/* ---- three users ------------------------------------------------------------------------- */

/* As after a login: the kernel lets nobody look into a process that changed its user id and ran
 * nothing since, and these are to be looked into by whoever else may. */
static void become(uid_t uid)
{
	EXPECT(rig_become(uid));
	EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

static struct scene *scene_up(uid_t importer)
{
	static const char *const host[] = { "--idle-ms", "-1", "--host", NULL };
	struct scene *s;

	if (geteuid() != 0)
		SKIP("needs root, to be three users");
	EXPECT_EQ(chown(test_directory(), BROKER, BROKER), 0);
	s = pages_shared(1);
	s->user = importer;
	s->broker = rig_broker_start(test_directory(), BROKER, host);
	return s;
}

static void scene_down(struct scene *s)
{
	rig_broker_stop(s->broker);
	pages_free(s, 1);
}

static void play(struct scene *s, void (*export)(struct kin *parent, void *arg),
		 void (*import)(struct kin *parent, void *arg))
{
	struct kin exporter, importer;
	uint64_t untried;

	kin_start(&exporter, export, s);
	(void)kin_hear(&exporter);
	kin_start(&importer, import, s);
	untried = kin_hear(&importer);
	kin_finish(&importer);
	kin_tell(&exporter, 0);
	kin_finish(&exporter);
	scene_down(s);
	if (untried > 0)
		SKIP("some of the attacks are forbidden to everybody on this host");
}

/* ---- who exports ------------------------------------------------------------------------ */

static void fill(int fd)
{
	for (uint64_t at = 0; at < SIZE; at += sizeof(uint64_t))
		EXPECT_EQ(pwrite(fd, &(uint64_t){ SECRET + at }, 8, (off_t)at), 8);
}

static void expect_untouched(int fd)
{
	uint64_t word;
	struct stat st;

	for (uint64_t at = 0; at < SIZE; at += sizeof(word)) {
		EXPECT_EQ(pread(fd, &word, sizeof(word), (off_t)at), sizeof(word));
		EXPECT_EQ(word, SECRET + at);
	}
	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT_EQ(st.st_size, SIZE);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	EXPECT_EQ(st.st_uid, BROKER);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS) & (SEALS | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE), SEALS);
}

/* Publishes with @mode, waits, and finds everything as it was but what writers may do. */
static void export_with(struct kin *parent, struct scene *s, uint32_t mode)
{
	struct rig_client c;
	struct rig_segment segment;

	become(EXPORTER);
	rig_client_up(test_directory(), &c);
	EXPECT_EQ(c.welcome.strong, 1);
	segment = rig_publish_as(&c, SIZE, mode);
	fill(segment.fd);
	s->word = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, segment.fd, 0);
	EXPECT(s->word != MAP_FAILED);
	s->exporter = getpid();
	s->id = segment.id;
	s->fd = segment.fd;
	kin_tell(parent, 0);
	(void)kin_hear(parent);
	expect_untouched(segment.fd);
	EXPECT_EQ(munmap(s->word, SIZE), 0);
	(void)close(segment.fd);
	rig_client_down(&c);
}

static void export_to_readers(struct kin *parent, void *arg)
{
	export_with(parent, arg, 0644);
}

static void export_to_writers(struct kin *parent, void *arg)
{
	export_with(parent, arg, 0666);
}

static void export_to_nobody(struct kin *parent, void *arg)
{
	export_with(parent, arg, 0640);
}

/* ---- what an importer gets -------------------------------------------------------------- */

static void import_for(struct scene *s, struct rig_client *c, uint32_t rights, int *ret_fd)
{
	become(s->user);
	rig_client_up(test_directory(), c);
	EXPECT_EQ(c->welcome.strong, 1);
	EXPECT_EQ(rig_import(c, s->id, rights, ret_fd).number, MSG_import_connected);
}

static void read_and_attack(struct kin *parent, void *arg)
{
	struct rig_client c;
	uint64_t word = 0;
	int fd;

	import_for(arg, &c, TRACT_RIGHT_READ, &fd);
	EXPECT_EQ(pread(fd, &word, sizeof(word), 0), sizeof(word));
	EXPECT_EQ(word, SECRET);
	attack_as_reader(fd, SIZE);
	/* What tells whether the segment was taken back is not its to change, either. */
	attack_as_reader(c.board_fd, PAGE);
	(void)close(fd);
	rig_client_down(&c);
	kin_tell(parent, attacks_untried());
}

TEST(a_reader_of_another_user_can_do_nothing_but_read)
{
	play(scene_up(IMPORTER), export_to_readers, read_and_attack);
}

TEST(a_reader_of_the_exporters_own_user_can_do_nothing_but_read)
{
	play(scene_up(EXPORTER), export_to_readers, read_and_attack);
}

static void write_and_attack(struct kin *parent, void *arg)
{
	struct rig_client c;
	uint64_t word;
	int fd;

	import_for(arg, &c, TRACT_RIGHT_READ_WRITE, &fd);
	EXPECT_EQ(pread(fd, &word, sizeof(word), 8), sizeof(word));
	EXPECT_EQ(pwrite(fd, &word, sizeof(word), 8), sizeof(word));
	attack_as_writer(fd, SIZE);
	(void)close(fd);
	rig_client_down(&c);
	kin_tell(parent, attacks_untried());
}

TEST(a_writer_of_another_user_can_do_nothing_but_write)
{
	play(scene_up(IMPORTER), export_to_writers, write_and_attack);
}

TEST(a_writer_of_the_exporters_own_user_can_do_nothing_but_write)
{
	play(scene_up(EXPORTER), export_to_writers, write_and_attack);
}

static void ask_in_vain(struct kin *parent, void *arg)
{
	static const uint32_t wanted[] = { TRACT_RIGHT_READ, TRACT_RIGHT_WRITE,
					   TRACT_RIGHT_READ_WRITE };
	struct scene *s = arg;
	struct rig_client c;
	struct message reply;
	int fd;

	become(s->user);
	rig_client_up(test_directory(), &c);
	for (unsigned i = 0; i < 3; i++) {
		reply = rig_ask(&c,
				(struct message){ .number = MSG_import_connect,
						  .import_connect = { .node = c.welcome.node,
								      .id = s->id,
								      .rights = wanted[i] } },
				&fd);
		EXPECT_EQ(reply.number, MSG_refused);
		EXPECT_EQ(fd, -1);
	}
	rig_client_down(&c);
	kin_tell(parent, 0);
}

TEST(who_is_not_on_the_access_list_is_given_no_descriptor)
{
	play(scene_up(IMPORTER), export_to_nobody, ask_in_vain);
}

/* ---- other processes --------------------------------------------------------------------- */

static void attack_exporter(struct kin *parent, void *arg)
{
	struct scene *s = arg;

	become(s->user);
	attack_process(s->exporter, s->word, s->fd);
	kin_tell(parent, attacks_untried());
}

TEST(an_importer_can_do_nothing_to_the_exporters_process)
{
	play(scene_up(IMPORTER), export_to_writers, attack_exporter);
}

static void attack_broker(struct kin *parent, void *arg)
{
	struct scene *s = arg;

	become(s->user);
	attack_process(s->broker, NULL, 0);
	EXPECT(kill(s->broker, SIGKILL) < 0 && errno == EPERM);
	EXPECT(kill(s->broker, SIGSTOP) < 0 && errno == EPERM);
	/* It still serves, which is seen when the exporter ends. */
	kin_tell(parent, attacks_untried());
}

TEST(a_client_can_do_nothing_to_the_brokers_process)
{
	play(scene_up(IMPORTER), export_to_writers, attack_broker);
}

/* ---- the node's directory ---------------------------------------------------------------- */

static int bind_in(const char *directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/other", directory);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

static void attack_directory(struct kin *parent, void *arg)
{
	struct scene *s = arg;
	char path[128], other[128];

	become(s->user);
	(void)snprintf(path, sizeof(path), "%s/broker", test_directory());
	(void)snprintf(other, sizeof(other), "%s/other", test_directory());
	EXPECT_EQ(access(path, W_OK), 0);
	EXPECT(unlink(path) < 0 && errno == EACCES);
	EXPECT(rename(path, other) < 0 && errno == EACCES);
	EXPECT(symlink("/tmp", other) < 0 && errno == EACCES);
	EXPECT(chmod(path, 0666) < 0 && errno == EPERM);
	EXPECT(chmod(test_directory(), 0777) < 0 && errno == EPERM);
	EXPECT(open(other, O_CREAT | O_RDWR | O_CLOEXEC, 0666) < 0 && errno == EACCES);
	EXPECT_EQ(bind_in(test_directory()), -EACCES);
	(void)snprintf(path, sizeof(path), "%s/lock", test_directory());
	EXPECT(open(path, O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	EXPECT(unlink(path) < 0 && errno == EACCES);
	kin_tell(parent, 0);
}

TEST(a_client_cannot_take_the_brokers_place)
{
	play(scene_up(IMPORTER), export_to_writers, attack_directory);
}

static void expect_connecting(struct kin *parent, uid_t uid, gid_t group, int result)
{
	struct rig_client c;

	EXPECT_EQ(setgroups(group ? 1 : 0, &group), 0);
	EXPECT_EQ(setgid(uid), 0);
	EXPECT_EQ(setuid(uid), 0);
	EXPECT_EQ(rig_connect(test_directory(), &c), result);
	if (result == 0)
		rig_client_down(&c);
	kin_tell(parent, 0);
}

static void connect_as_stranger(struct kin *parent, void *arg)
{
	(void)arg;
	expect_connecting(parent, IMPORTER, 0, -EACCES);
}

static void connect_as_member(struct kin *parent, void *arg)
{
	(void)arg;
	expect_connecting(parent, IMPORTER, BROKER, 0);
}

static void run(void (*body)(struct kin *parent, void *arg))
{
	struct kin k;

	kin_start(&k, body, NULL);
	(void)kin_hear(&k);
	kin_finish(&k);
}

TEST(where_the_sockets_mode_forbids_it_nobody_connects)
{
	pid_t broker;

	if (geteuid() != 0)
		SKIP("needs root, to be three users");
	EXPECT_EQ(chown(test_directory(), BROKER, BROKER), 0);
	EXPECT_EQ(chmod(test_directory(), 0711), 0);
	test_configure("[broker]\nsocket-mode = 0660\n");
	broker = rig_broker_start(test_directory(), BROKER, rig_stays);
	run(connect_as_stranger);
	run(connect_as_member);
	rig_broker_stop(broker);
}

/* ---- taking back ------------------------------------------------------------------------- */

/* The exporter uses the library, which moves to fresh backing: this is about its own memory. */
static void export_and_take_back(struct kin *parent, void *arg)
{
	struct scene *s = arg;
	struct tract_access everybody = { .mode = 0666 };
	struct tract_export *export = NULL;
	uint64_t *memory;
	struct tract *ctx;

	become(EXPORTER);
	ctx = node_open();
	memory = pages_private(2);
	memory[0] = SECRET;
	EXPECT_EQ(tract_is_strong(ctx), 1);
	EXPECT_EQ(tract_node_id(ctx, &everybody.node), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, SIZE, 0, &export), 0);
	EXPECT_EQ(tract_export_publish(export, &s->id, &everybody, 1), 0);
	kin_tell(parent, 0);
	(void)kin_hear(parent);
	EXPECT_EQ(memory[0], SECRET + 1);
	EXPECT_EQ(tract_export_destroy(export), 0);
	for (unsigned i = 0; i < SIZE / sizeof(*memory); i++)
		memory[i] = SECRET + i;
	kin_tell(parent, 0);
	(void)kin_hear(parent);
	for (unsigned i = 0; i < SIZE / sizeof(*memory); i++)
		EXPECT_EQ(memory[i], SECRET + i);
	pages_free(memory, 2);
	tract_close(ctx);
}

static void keep_after_taking_back(struct kin *parent, void *arg)
{
	struct rig_client c;
	volatile uint64_t *map;
	int fd;

	import_for(arg, &c, TRACT_RIGHT_READ_WRITE, &fd);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	EXPECT_EQ(map[0], SECRET);
	map[0] = SECRET + 1;
	kin_tell(parent, 0);
	/* Taken back, and the exporter has written over it. */
	(void)kin_hear(parent);
	for (unsigned i = 0; i < SIZE / sizeof(*map); i++) {
		EXPECT_EQ(map[i], 0);
		map[i] = 1;
	}
	attack_as_writer(fd, SIZE);
	EXPECT_EQ(munmap((void *)(uintptr_t)map, SIZE), 0);
	(void)close(fd);
	rig_client_down(&c);
	kin_tell(parent, attacks_untried());
}

static void take_back_from(uid_t importer_uid)
{
	struct scene *s = scene_up(importer_uid);
	struct kin exporter, importer;

	kin_start(&exporter, export_and_take_back, s);
	(void)kin_hear(&exporter);
	kin_start(&importer, keep_after_taking_back, s);
	(void)kin_hear(&importer);
	kin_tell(&exporter, 0);
	(void)kin_hear(&exporter);
	kin_tell(&importer, 0);
	(void)kin_hear(&importer);
	kin_tell(&exporter, 0);
	kin_finish(&importer);
	kin_finish(&exporter);
	scene_down(s);
}

TEST(what_another_user_kept_is_empty_and_nobodys_once_it_is_taken_back)
{
	take_back_from(IMPORTER);
}

TEST(what_a_process_of_the_same_user_kept_is_empty_and_nobodys_once_it_is_taken_back)
{
	take_back_from(EXPORTER);
}

/* ---- memory that the exporter made ------------------------------------------------------- */

static void export_local_region(struct kin *parent, void *arg)
{
	struct tract_region_spec spec = { .size = SIZE };
	struct tract_access everybody = { .mode = 0644 };
	struct tract_region *region = NULL;
	struct tract_export *export = NULL;
	struct scene *s = arg;
	void *memory = NULL;
	struct tract *ctx;

	become(EXPORTER);
	ctx = node_open();
	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &memory, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	*(uint64_t *)memory = SECRET;
	EXPECT_EQ(tract_node_id(ctx, &everybody.node), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, SIZE, 0, &export), 0);
	EXPECT_EQ(tract_export_publish(export, &s->id, &everybody, 1), 0);
	kin_tell(parent, 0);
	(void)kin_hear(parent);
	EXPECT_EQ(*(uint64_t *)memory, SECRET);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_detach(memory), 0);
	tract_region_close(region);
	tract_close(ctx);
}

TEST(a_reader_of_another_user_can_do_nothing_but_read_what_the_exporter_made)
{
	play(scene_up(IMPORTER), export_local_region, read_and_attack);
}
