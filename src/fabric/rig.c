/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/types.h>

#include "base/error.h"
#include "test.h"

enum order { BURY, CLOSE, COUNT_FDS, END };

struct message {
	enum order order;
	unsigned window;
};

static void tell(int fd, const void *bytes, size_t size)
{
	EXPECT_EQ(write(fd, bytes, size), size);
}

static void hear(int fd, void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)bytes + done, size - done);

		EXPECT(n > 0);
		done += (size_t)n;
	}
}

/* ---- the process --------------------------------------------------------------------------
 */

static struct fabric *open_all(struct rig *rig, unsigned rights, struct fabric_window **windows)
{
	struct fabric_config config = { .provider = test_provider(),
					.address = test_provider_address(),
					.serve = true };
	struct fabric *fabric;

	EXPECT_EQ(fabric_open(&config, &fabric), 0);
	EXPECT_EQ(fabric_address(fabric, &rig->address), 0);
	for (unsigned i = 0; i < rig->count; i++) {
		struct fabric_window_spec spec = { .memory = rig->memory + i * rig->size,
						   .size = rig->size,
						   .rights = rights };

		EXPECT_EQ(fabric_window_open(fabric, &spec, &windows[i]), 0);
		rig->windows[i].base = fabric_window_base(windows[i]);
		rig->windows[i].key = fabric_window_key(windows[i]);
	}
	tell(rig->answers, &rig->address, sizeof(rig->address));
	return fabric;
}

static void obey(const struct rig *rig, struct fabric_window **windows)
{
	struct message m;
	unsigned answer;

	for (;;) {
		hear(rig->orders, &m, sizeof(m));
		answer = 0;
		switch (m.order) {
		case BURY:
			EXPECT_EQ(fabric_window_bury(windows[m.window]), 0);
			break;
		case CLOSE:
			fabric_window_close(steal(windows[m.window]));
			break;
		case COUNT_FDS:
			answer = test_count_fds();
			break;
		case END:
			return;
		}
		tell(rig->answers, &answer, sizeof(answer));
	}
}

static void run(struct rig *rig, unsigned rights)
{
	struct fabric_window **windows = calloc(rig->count, sizeof(struct fabric_window *));
	unsigned before = test_count_fds();
	struct fabric *fabric = open_all(rig, rights, windows);

	obey(rig, windows);
	for (unsigned i = 0; i < rig->count; i++)
		fabric_window_close(windows[i]);
	EXPECT_EQ(fabric_window_count(fabric), 0);
	fabric_close(fabric);
	free(windows);
	EXPECT_EQ(test_count_fds(), before);
	tell(rig->answers, &before, sizeof(before));
}

/* ---- the test's side ----------------------------------------------------------------------
 */

static void *share(size_t size)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

struct rig rig_up(unsigned count, size_t size, unsigned rights)
{
	struct rig rig = { .count = count, .size = size };
	int there[2], back[2];

	rig.memory = share(count * size);
	rig.windows = share(count * sizeof(*rig.windows));
	EXPECT_EQ(pipe(there), 0);
	EXPECT_EQ(pipe(back), 0);
	rig.pid = fork();
	EXPECT(rig.pid >= 0);
	if (rig.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(there[1]);
		(void)close(back[0]);
		rig.orders = there[0];
		rig.answers = back[1];
		run(&rig, rights);
		_exit(0);
	}
	(void)close(there[0]);
	(void)close(back[1]);
	rig.orders = there[1];
	rig.answers = back[0];
	hear(rig.answers, &rig.address, sizeof(rig.address));
	for (unsigned i = 0; i < count; i++)
		rig.windows[i].memory = rig.memory + i * size;
	return rig;
}

static unsigned order(struct rig *rig, enum order order, unsigned window)
{
	struct message m = { .order = order, .window = window };
	unsigned answer;

	tell(rig->orders, &m, sizeof(m));
	hear(rig->answers, &answer, sizeof(answer));
	return answer;
}

void rig_bury(struct rig *rig, unsigned window)
{
	(void)order(rig, BURY, window);
}

void rig_close(struct rig *rig, unsigned window)
{
	(void)order(rig, CLOSE, window);
}

unsigned rig_count_fds(struct rig *rig)
{
	return order(rig, COUNT_FDS, 0);
}

void rig_kill(struct rig *rig)
{
	EXPECT_EQ(kill(rig->pid, SIGKILL), 0);
}

void rig_bury_dead(struct rig *rig)
{
	EXPECT_EQ(waitpid(rig->pid, NULL, 0), rig->pid);
	(void)close(rig->orders);
	(void)close(rig->answers);
	(void)munmap(rig->memory, rig->count * rig->size);
	(void)munmap(rig->windows, rig->count * sizeof(*rig->windows));
}

void rig_down(struct rig *rig)
{
	(void)order(rig, END, 0);
	rig_bury_dead(rig);
}

struct fabric *rig_fabric(void)
{
	struct fabric_config config = { .provider = test_provider() };
	struct fabric *fabric;

	EXPECT_EQ(fabric_open(&config, &fabric), 0);
	return fabric;
}

struct fabric_target *rig_target(const struct rig *rig, struct fabric_peer *peer,
				 unsigned window)
{
	struct fabric_target_spec spec = { .base = rig->windows[window].base,
					   .key = rig->windows[window].key,
					   .size = rig->size,
					   .rights = TRACT_RIGHT_READ_WRITE,
					   .name = window };
	struct fabric_target *target;

	EXPECT_EQ(fabric_target_open(peer, &spec, &target), 0);
	return target;
}

struct importer importer_up(const struct rig *rig, unsigned window)
{
	struct importer importer = { .fabric = rig_fabric() };
	int r = fabric_peer_open(importer.fabric, &rig->address, RIG_PATIENCE, &importer.peer);

	EXPECT_OR_SAY(r == 0, "peer: %s: %s", error_name(r), error_reason());
	importer.target = rig_target(rig, importer.peer, window);
	return importer;
}

void importer_down(struct importer *importer)
{
	fabric_target_close(importer->target);
	fabric_peer_close(importer->peer);
	fabric_close(importer->fabric);
}
