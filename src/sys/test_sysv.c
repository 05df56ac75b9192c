/* SPDX-License-Identifier: MIT */
#include "sys/sysv.h"

#include <errno.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/vm.h"
#include "test.h"

#define HUGE ((size_t)2 << 20)

static unsigned attached(int shmid)
{
	struct shmid_ds facts;

	EXPECT_EQ(shmctl(shmid, IPC_STAT, &facts), 0);
	return (unsigned)facts.shm_nattch;
}

/* Whoever cannot let go of it again would keep it for good. */
TEST(no_part_of_a_huge_page_is_attached_and_nothing_stays_of_the_attempt)
{
	int shmid = shmget(IPC_PRIVATE, 2 * HUGE, IPC_CREAT | SHM_HUGETLB | 0600);
	const size_t page = vm_page_size();
	void *addr = NULL;

	if (shmid < 0)
		SKIP("there are no huge pages set aside here");
	EXPECT_EQ(sysv_attach((uint32_t)shmid, geteuid(), 0, page, VM_READ, &addr), -EINVAL);
	EXPECT_EQ(sysv_attach((uint32_t)shmid, geteuid(), page, HUGE, VM_READ, &addr), -EINVAL);
	EXPECT_EQ(attached(shmid), 0);
	EXPECT_EQ(sysv_attach((uint32_t)shmid, geteuid(), HUGE, HUGE, VM_READ, &addr), 0);
	EXPECT_EQ(attached(shmid), 1);
	vm_unmap(addr, HUGE);
	EXPECT_EQ(attached(shmid), 0);
	EXPECT_EQ(shmctl(shmid, IPC_RMID, NULL), 0);
}

TEST(a_part_is_attached_alone)
{
	int shmid = shmget(IPC_PRIVATE, 3 * vm_page_size(), IPC_CREAT | 0600);
	const size_t page = vm_page_size();
	char *whole, *part;
	void *addr = NULL;

	if (shmid < 0)
		SKIP("no System V shared memory here");
	EXPECT_EQ(
		sysv_attach((uint32_t)shmid, geteuid(), page, page, VM_READ | VM_WRITE, &addr),
		0);
	part = addr;
	*part = 'a';
	whole = shmat(shmid, NULL, 0);
	EXPECT_EQ(whole[page], 'a');
	EXPECT_EQ(shmdt(whole), 0);
	vm_unmap(part, page);
	EXPECT_EQ(attached(shmid), 0);
	EXPECT_EQ(sysv_attach((uint32_t)shmid, geteuid(), page, 3 * page, VM_READ, &addr),
		  -ERANGE);
	EXPECT_EQ(sysv_attach((uint32_t)shmid, geteuid(), -(uint64_t)page, 2 * page, VM_READ,
			      &addr),
		  -ERANGE);
	EXPECT_EQ(shmctl(shmid, IPC_RMID, NULL), 0);
}

/* -1 if there is none. */
static int make_as(uid_t uid)
{
	int ends[2], shmid = -1;
	pid_t pid;

	EXPECT_EQ(pipe(ends), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		if (setresuid(uid, uid, uid) == 0)
			shmid = shmget(IPC_PRIVATE, vm_page_size(), IPC_CREAT | 0666);
		_exit(write(ends[1], &shmid, sizeof(shmid)) != sizeof(shmid));
	}
	EXPECT_EQ(read(ends[0], &shmid, sizeof(shmid)), sizeof(shmid));
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return shmid;
}

TEST(what_is_anothers_is_roots_to_use_and_not_to_show)
{
	const size_t page = vm_page_size();
	void *addr = NULL;
	int shmid;

	if (geteuid() != 0)
		SKIP("only root can be two users");
	shmid = make_as(1);
	if (shmid < 0)
		SKIP("no System V shared memory here");
	EXPECT_EQ(sysv_attach((uint32_t)shmid, 0, 0, page, VM_READ, &addr), 0);
	vm_unmap(addr, page);
	addr = NULL;
	EXPECT_EQ(sysv_attach_shown((uint32_t)shmid, 0, 0, page, VM_READ, &addr), -EACCES);
	EXPECT_EQ(sysv_attach_shown((uint32_t)shmid, 1, 0, page, VM_READ, &addr), 0);
	vm_unmap(addr, page);
	EXPECT_EQ(attached(shmid), 0);
	EXPECT_EQ(shmctl(shmid, IPC_RMID, NULL), 0);
}
