/* SPDX-License-Identifier: MIT */
#include <tract/inspect.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/map.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "sys/vm.h"
#include "test.h"

#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)1 << 20)

DEFINE_SCOPE(survey, struct tract_survey, tract_survey_close);
DEFINE_SCOPE(region, struct tract_region, tract_region_close);

static struct tract_survey *survey_of(int32_t pid)
{
	struct tract_survey *survey = NULL;

	EXPECT_EQ(tract_survey_open(pid, &survey), 0);
	return survey;
}

/* What is mapped at an address of this process now. */
static struct tract_mapping_info mapping_at(const void *addr)
{
	scoped(survey) struct tract_survey *survey = survey_of(getpid());
	struct tract_mapping_info mapping;

	EXPECT_EQ(tract_survey_next_mapping(survey, (uintptr_t)addr, &mapping), 0);
	EXPECT(mapping.start <= (uintptr_t)addr);
	mapping.name = NULL;
	return mapping;
}

/* Is there exactly this area? */
static bool has_area(const void *addr, size_t size, bool blocked)
{
	scoped(survey) struct tract_survey *survey = survey_of(getpid());
	struct tract_area_info area;

	return tract_survey_next_area(survey, (uintptr_t)addr, &area) == 0 &&
	       area.start == (uintptr_t)addr && area.size == size && area.blocked == blocked;
}

static char *reserve(char *addr, size_t size, uint32_t flags)
{
	void *at = addr;

	EXPECT_EQ(tract_map_reserve(tract_map_own(), &at, size, flags, 0, 0), 0);
	return at;
}

static struct tract_region *region_new(void)
{
	const struct tract_region_spec spec = { .size = SIZE };
	struct tract_region *region;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	return region;
}

static char *attach(struct tract_attachment what, char *addr)
{
	void *at = addr;

	if (addr)
		what.flags |= TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA;
	EXPECT_EQ(tract_map_attach(tract_map_own(), &what, &at), 0);
	return at;
}

static void clear(char *addr, size_t size)
{
	while (tract_map_detach(tract_map_own(), addr, size, TRACT_DETACH_WHOLE, NULL) == 0)
		;
	(void)tract_map_release(tract_map_own(), addr);
}

TEST(an_area_is_seen_with_its_bounds_to_the_byte)
{
	char *at = reserve(NULL, SIZE, 0), *inside = at + 4711;

	clear(at, 1);
	(void)reserve(inside, SIZE - 5000, TRACT_AREA_FIXED);
	EXPECT(has_area(inside, SIZE - 5000, false));
	clear(inside, 1);
	EXPECT(!has_area(inside, SIZE - 5000, false));
}

TEST(an_area_that_lets_nothing_in_is_told_from_one_that_does)
{
	char *at = reserve(NULL, SIZE, TRACT_AREA_BLOCK);

	EXPECT(has_area(at, SIZE, true));
	clear(at, 1);
}

TEST(an_area_is_seen_beside_what_is_attached_in_it)
{
	scoped(region) struct tract_region *region = region_new();
	char *at = reserve(NULL, 3 * SIZE, 0);

	(void)attach((struct tract_attachment){ .region = region, .rights = RW }, at + SIZE);
	EXPECT(has_area(at, 3 * SIZE, false));
	clear(at, 3 * SIZE);
}

TEST(room_that_something_was_detached_from_is_held)
{
	scoped(region) struct tract_region *region = region_new();
	char *at = reserve(NULL, 3 * SIZE, 0);
	struct tract_mapping_info m;

	(void)attach((struct tract_attachment){ .region = region, .rights = RW }, at + SIZE);
	EXPECT_EQ(tract_map_detach(tract_map_own(), at + SIZE, SIZE, TRACT_DETACH_WHOLE, NULL),
		  0);
	m = mapping_at(at + SIZE);
	EXPECT_EQ(m.kind, TRACT_MAPPING_HELD);
	EXPECT(m.in_area);
	EXPECT(has_area(at, 3 * SIZE, false));
	clear(at, 1);
}

TEST(where_nothing_is_attached_an_area_s_addresses_are_held)
{
	char *at = reserve(NULL, SIZE, 0);
	struct tract_mapping_info m = mapping_at(at + SIZE / 2);

	EXPECT_EQ(m.kind, TRACT_MAPPING_HELD);
	EXPECT_EQ(m.start, (uintptr_t)at);
	EXPECT_EQ(m.size, SIZE);
	EXPECT_EQ(m.rights, 0);
	EXPECT(m.in_area);
	clear(at, 1);
}

TEST(two_views_of_a_region_are_of_the_same_object)
{
	scoped(region) struct tract_region *region = region_new();
	scoped(region) struct tract_region *other = region_new();
	struct tract_attachment what = { .region = region, .rights = RW };
	char *at = attach(what, NULL), *second, *third;
	struct tract_mapping_info a, b, c;

	what.offset = SIZE / 2;
	second = attach(what, NULL);
	what.region = other;
	third = attach(what, NULL);
	a = mapping_at(at);
	b = mapping_at(second);
	c = mapping_at(third);
	EXPECT_EQ(a.kind, TRACT_MAPPING_REGION);
	EXPECT_EQ(a.size, SIZE);
	EXPECT_EQ(a.offset, 0);
	EXPECT(a.shared && !a.in_area && a.object != 0);
	EXPECT_EQ(b.object, a.object);
	EXPECT_EQ(b.device, a.device);
	EXPECT_EQ(b.offset, SIZE / 2);
	EXPECT(c.object != a.object);
	clear(at, SIZE);
	clear(second, SIZE / 2);
	clear(third, SIZE / 2);
}

TEST(rights_are_those_of_the_attachment)
{
	scoped(region) struct tract_region *region = region_new();
	struct tract_attachment what = { .region = region, .rights = TRACT_RIGHT_READ };
	char *reading = attach(what, NULL), *private, *none;

	what.rights = RW;
	what.flags = TRACT_ATTACH_PRIVATE;
	private = attach(what, NULL);
	what.rights = 0;
	what.flags = 0;
	none = attach(what, NULL);
	EXPECT_EQ(mapping_at(reading).rights, TRACT_RIGHT_READ);
	EXPECT(mapping_at(reading).shared);
	EXPECT(!mapping_at(reading).executable);
	EXPECT_EQ(mapping_at(private).rights, RW);
	EXPECT(!mapping_at(private).shared);
	EXPECT_EQ(mapping_at(private).kind, TRACT_MAPPING_REGION);
	EXPECT_EQ(mapping_at(none).rights, 0);
	clear(reading, SIZE);
	clear(private, SIZE);
	clear(none, SIZE);
}

TEST(what_is_in_memory_is_counted)
{
	const size_t page = vm_page_size();
	scoped(region) struct tract_region *region = region_new();
	char *at = attach((struct tract_attachment){ .region = region, .rights = RW }, NULL);

	EXPECT_EQ(mapping_at(at).resident, 0);
	at[0] = at[5 * page] = 'x';
	EXPECT_EQ(mapping_at(at).resident, 2 * page);
	clear(at, SIZE);
}

TEST(memory_of_the_map_s_own_and_what_is_blocked_are_told_by_where_they_lie)
{
	struct tract_attachment memory = { .size = SIZE,
					   .rights = RW,
					   .flags = TRACT_ATTACH_ANONYMOUS };
	struct tract_attachment block = { .size = SIZE, .flags = TRACT_ATTACH_BLOCK };
	char *area = reserve(NULL, 4 * SIZE, 0);
	char *in = attach(memory, area);
	char *out = attach(memory, NULL), *block_out = attach(block, NULL), *foreign;
	void *elsewhere;

	EXPECT_EQ(mapping_at(in).kind, TRACT_MAPPING_ANONYMOUS);
	EXPECT_EQ(mapping_at(out).kind, TRACT_MAPPING_ANONYMOUS);
	EXPECT_EQ(mapping_at(block_out).kind, TRACT_MAPPING_BLOCKED);
	EXPECT(mapping_at(in).in_area && !mapping_at(block_out).in_area);
	EXPECT_EQ(vm_anonymous(SIZE, VM_READ | VM_WRITE, &elsewhere), 0);
	foreign = elsewhere;
	EXPECT_EQ(mapping_at(foreign).kind, TRACT_MAPPING_OTHER);
	vm_unmap(foreign, SIZE);
	clear(out, SIZE);
	clear(block_out, SIZE);
	clear(area, 4 * SIZE);
}

TEST(memory_of_the_map_s_own_is_told_behind_a_large_area)
{
	const struct tract_attachment memory = { .size = SIZE,
						 .rights = RW,
						 .flags = TRACT_ATTACH_ANONYMOUS };
	char *area = reserve(NULL, TEST_VAST, 0), *behind = attach(memory, NULL);

	EXPECT(behind >= area + TEST_VAST);
	EXPECT_EQ(mapping_at(behind).kind, TRACT_MAPPING_ANONYMOUS);
	clear(behind, SIZE);
	clear(area, 1);
}

static int zeros(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	(void)context;
	(void)fault;
	answer->kind = TRACT_ANSWER_ZERO;
	return 0;
}

/* The thread that asks pagers stays, and so does its descriptor. */
TEST_WITH(what_a_pager_fills_is_said_to_be, 20, true)
{
	struct tract_attachment what = { .size = SIZE, .rights = RW };
	void *at = NULL;
	int r;

	EXPECT_EQ(tract_pager_create(zeros, NULL, NULL, &what.pager), 0);
	r = tract_map_attach(tract_map_own(), &what, &at);
	if (r == -ENOTSUP) {
		tract_pager_close(what.pager);
		SKIP("this host has no userfaultfd for programs");
	}
	EXPECT_EQ(r, 0);
	EXPECT_EQ(mapping_at(at).kind, TRACT_MAPPING_PAGER);
	clear(at, SIZE);
	tract_pager_close(what.pager);
}

TEST(system_v_memory_is_known_by_its_id)
{
	int id = shmget(IPC_PRIVATE, SIZE, 0600);
	struct tract_mapping_info m;
	void *at;

	EXPECT(id >= 0);
	at = shmat(id, NULL, 0);
	EXPECT_EQ(shmctl(id, IPC_RMID, NULL), 0);
	m = mapping_at(at);
	EXPECT_EQ(m.kind, TRACT_MAPPING_SYSV);
	EXPECT_EQ(m.object, id);
	EXPECT_EQ(shmdt(at), 0);
}

TEST(the_program_and_its_stack_are_nobody_s_of_ours)
{
	char here;

	EXPECT_EQ(mapping_at((const void *)(uintptr_t)&mapping_at).kind, TRACT_MAPPING_OTHER);
	EXPECT(mapping_at((const void *)(uintptr_t)&mapping_at).executable);
	EXPECT_EQ(mapping_at(&here).kind, TRACT_MAPPING_OTHER);
}

TEST(everything_is_found_in_order_and_once)
{
	scoped(survey) struct tract_survey *survey = survey_of(getpid());
	struct tract_mapping_info m;
	uint64_t from = 0;
	unsigned count = 0;
	int r;

	while ((r = tract_survey_next_mapping(survey, from, &m)) == 0) {
		struct tract_mapping_info again;

		EXPECT(m.start >= from && m.size > 0);
		EXPECT_EQ(tract_survey_next_mapping(survey, m.start + m.size - 1, &again), 0);
		EXPECT_EQ(again.start, m.start);
		from = m.start + m.size;
		count++;
	}
	EXPECT_EQ(r, -ENOENT);
	EXPECT(count > 5);
}

TEST(another_process_is_seen_and_not_ourselves)
{
	char *ours = NULL, *its;
	int to_us[2], to_it[2];
	pid_t pid;

	EXPECT_EQ(pipe(to_us), 0);
	EXPECT_EQ(pipe(to_it), 0);
	pid = fork();
	if (pid == 0) {
		its = reserve(NULL, 3 * SIZE, 0);
		(void)!write(to_us[1], &its, sizeof(its));
		(void)!read(to_it[0], &its, 1);
		_exit(0);
	}
	EXPECT_EQ(read(to_us[0], &its, sizeof(its)), sizeof(its));
	ours = reserve(its + 4 * SIZE, SIZE, TRACT_AREA_FIXED);
	{
		scoped(survey) struct tract_survey *survey = survey_of(pid);
		struct tract_area_info area;

		EXPECT_EQ(tract_survey_next_area(survey, 0, &area), 0);
		EXPECT_EQ(area.start, (uintptr_t)its);
		EXPECT_EQ(area.size, 3 * SIZE);
		EXPECT_EQ(tract_survey_next_area(survey, area.start + area.size, &area),
			  -ENOENT);
	}
	EXPECT_EQ(write(to_it[1], "x", 1), 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	for (unsigned i = 0; i < 2; i++) {
		(void)close(to_us[i]);
		(void)close(to_it[i]);
	}
	clear(ours, 1);
}

TEST(forged_names_make_no_areas_that_overlap)
{
	static const char *const names[] = {
		"tract-area:1000-8fff",
		"tract-area:2000-2fff",
		"tract-area:8fff-9fff",
		"tract-area:9000-7000",
		"tract-area:",
		"tract-area:1000",
		"tract-area:a000-afff (deleted)",
		"tract-area:0-ffffffffffffffff",
		"tract-blocked-area:xyz",
		"tract-blocked-area:f000-ffff",
	};
	void *at[ARRAY_LEN(names)];
	struct tract_area_info a;

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		scoped(fd) int fd = memfd_create(names[i], MFD_CLOEXEC);

		EXPECT_EQ(vm_place(NULL, SIZE, 0, fd, 0, &at[i]), 0);
	}
	{
		scoped(survey) struct tract_survey *survey = survey_of(getpid());

		EXPECT_EQ(tract_survey_next_area(survey, 0, &a), 0);
		EXPECT_EQ(a.start, 0x1000);
		EXPECT_EQ(a.size, 0x8000);
		EXPECT_EQ(tract_survey_next_area(survey, 0x9000, &a), 0);
		EXPECT_EQ(a.start, 0xf000);
		EXPECT(a.blocked);
		EXPECT_EQ(tract_survey_next_area(survey, 0x10000, &a), -ENOENT);
	}
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		vm_unmap(at[i], SIZE);
}

TEST(a_process_that_has_ended_has_no_memory)
{
	struct tract_survey *survey = NULL;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	/* Dead, and still there. */
	EXPECT_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	EXPECT_EQ(tract_survey_open(pid, &survey), -ESRCH);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_EQ(tract_survey_open(pid, &survey), -ESRCH);
	EXPECT(!survey);
}

TEST(another_user_s_process_is_refused)
{
	struct tract_survey *survey;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("only root can become another user");
	pid = fork();
	if (pid == 0)
		_exit(setuid(65534) < 0 || tract_survey_open(getppid(), &survey) != -EACCES);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(a_survey_without_a_process_or_a_place_for_it_is_refused)
{
	struct tract_survey *survey;
	struct tract_mapping_info m;
	struct tract_area_info a;

	EXPECT_EQ(tract_survey_open(0, &survey), -EINVAL);
	EXPECT_EQ(tract_survey_open(-1, &survey), -EINVAL);
	EXPECT_EQ(tract_survey_open(getpid(), NULL), -EINVAL);
	EXPECT_EQ(tract_survey_next_mapping(NULL, 0, &m), -EINVAL);
	EXPECT_EQ(tract_survey_next_area(NULL, 0, &a), -EINVAL);
	tract_survey_close(NULL);
}
