/* SPDX-License-Identifier: MIT */
/*
 * grip.c - an agent that keeps hold of a region, each way that it can be done
 *
 * What it holds by is its own, or an accomplice's: a process that it forks behind the library's
 * back, and that does what it is told.  Whoever holds can look at a byte and store one.
 */
#include "agent.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "grip.h"

/* What a pipe can hold is on it, which is 64 KiB. */
#define STACK ((size_t)256 << 10)
/* Of a descriptor that is on its way. */
#define COPIES 40u
/* Of the region that is held. */
#define SIZE (2 * PAGE)

/* What there is to hold by. */
static struct {
	enum grip kind;
	bool by_other;	   /* the accomplice does it */
	unsigned char *at; /* in this process, or where it was forked from; or NULL */
	int fd;		   /* or -1 */
	pid_t holder;	   /* this process, for those who reach into it */
	int mem;	   /* its memory, as a file */
	char path[64];	   /* to what it has open, or mapped */
	int queue[2];	   /* descriptors that nobody has received */
	int pipe[2];	   /* a page */
} hold = { .fd = -1, .mem = -1 };

int grip_channel[2] = { -1, -1 };

/* ---- descriptors on their way ----------------------------------------------------------- */

void grip_send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	(void)memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	/* Past hostile.c, which looks at what is the library's. */
	if (syscall(SYS_sendmsg, socket, &msg, 0) != 1)
		give_up("a descriptor cannot be sent");
}

int grip_receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (syscall(SYS_recvmsg, socket, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		give_up("a descriptor did not come");
	(void)memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* ---- by what ---------------------------------------------------------------------------- */

static struct outcome by_memory(unsigned char *at, const struct order *o)
{
	const unsigned char byte = (unsigned char)o->byte;
	struct outcome out = { 0 };
	unsigned char seen = 0;

	if (o->times == 0)
		out.worked = agent_touch(at + o->offset, NULL, &seen) == 0;
	for (uint64_t i = 0; i < o->times; i++)
		out.worked += agent_touch(at + o->offset, &byte, NULL) == 0;
	out.byte = seen;
	return out;
}

/* As a file, and mapped afresh. */
static struct outcome by_fd(int fd, const struct order *o)
{
	const unsigned char byte = (unsigned char)o->byte;
	struct outcome out = { 0 };
	void *map = MAP_FAILED;

	for (uint64_t i = 0; i < o->times; i++)
		out.worked += pwrite(fd, &byte, 1, (off_t)o->offset) == 1;
	if (fd >= 0)
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return out;
	out = by_memory(map, o);
	(void)munmap(map, SIZE);
	return out;
}

static struct outcome by_fd_once(int fd, const struct order *o)
{
	struct outcome out = by_fd(fd, o);

	if (fd >= 0)
		(void)close(fd);
	return out;
}

static ssize_t reach(void *at, unsigned char *byte, bool stores)
{
	struct iovec here = { .iov_base = byte, .iov_len = 1 };
	struct iovec there = { .iov_base = at, .iov_len = 1 };

	if (hold.mem >= 0)
		return stores ? pwrite(hold.mem, byte, 1, (off_t)(uintptr_t)at)
			      : pread(hold.mem, byte, 1, (off_t)(uintptr_t)at);
	return stores ? process_vm_writev(hold.holder, &here, 1, &there, 1, 0)
		      : process_vm_readv(hold.holder, &here, 1, &there, 1, 0);
}

static struct outcome from_outside(const struct order *o)
{
	unsigned char byte = (unsigned char)o->byte, seen = 0;
	struct outcome out = { 0 };

	if (o->times == 0)
		out.worked = reach(hold.at + o->offset, &seen, false) == 1;
	for (uint64_t i = 0; i < o->times; i++)
		out.worked += reach(hold.at + o->offset, &byte, true) == 1;
	out.byte = seen;
	return out;
}

/* The page is there when the pipe is read, whatever has become of the object. */
static struct outcome by_pipe(const struct order *o)
{
	unsigned char page[65536];
	struct outcome out = { 0 };
	int copy[2];

	if (o->times > 0 || pipe2(copy, O_CLOEXEC) < 0)
		return out;
	if (tee(hold.pipe[0], copy[1], PAGE, SPLICE_F_NONBLOCK) == (ssize_t)PAGE &&
	    read(copy[0], page, PAGE) == (ssize_t)PAGE) {
		out.worked = 1;
		out.byte = page[o->offset % PAGE];
	}
	(void)close(copy[0]);
	(void)close(copy[1]);
	return out;
}

static struct outcome act(const struct order *o)
{
	switch (hold.kind) {
	case GRIP_WRITEV:
	case GRIP_MEM:
		return from_outside(o);
	case GRIP_FD_OF:
	case GRIP_MAP_FILE_OF:
		return by_fd_once(open(hold.path, O_RDWR | O_CLOEXEC), o);
	case GRIP_IN_FLIGHT:
		return by_fd_once(grip_receive_fd(hold.queue[0]), o);
	case GRIP_PIPE:
		return by_pipe(o);
	case GRIP_PINNED:
		return pinned_store(o);
	default:
		return hold.fd >= 0 ? by_fd(hold.fd, o) : by_memory(hold.at, o);
	}
}

/* ---- accomplices ------------------------------------------------------------------------ */

static int serve_orders(void *arg)
{
	struct order o;

	(void)arg;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(grip_channel[1], &o, sizeof(o), 0) == (ssize_t)sizeof(o)) {
		struct outcome out = act(&o);

		if (send(grip_channel[1], &out, sizeof(out), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

void grip_open_channel(void)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, grip_channel) < 0)
		give_up("no channel");
	/* Where there are no privileges, it may be looked at by anybody. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
}

/* A process like any other of the user, which has nothing but its channel, and what it is to
 * reach into others with. */
static void inherit_nothing(void)
{
	if (hold.at)
		(void)munmap(hold.at, SIZE);
	if (dup2(grip_channel[1], 3) < 0 || (hold.mem >= 0 && dup2(hold.mem, 4) < 0))
		give_up("no descriptors");
	grip_channel[1] = 3;
	if (hold.mem >= 0)
		hold.mem = 4;
	(void)close_range(hold.mem >= 0 ? 5 : 4, ~0U, 0);
}

static void have_inherited(void)
{
	hold.fd = -1;
}

static void have_been_sent(void)
{
	inherit_nothing();
	hold.fd = grip_receive_fd(grip_channel[1]);
}

static void help_oneself(void)
{
	int pidfd;

	inherit_nothing();
	pidfd = (int)syscall(SYS_pidfd_open, hold.holder, 0);
	hold.fd = (int)syscall(SYS_pidfd_getfd, pidfd, hold.fd, 0);
}

/* Without what the library does at a fork. */
static void fork_accomplice(void (*prepare)(void))
{
	pid_t pid;

	grip_open_channel();
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (pid < 0)
		give_up("no accomplice");
	if (pid == 0) {
		prepare();
		(void)serve_orders(NULL);
	}
	hold.by_other = true;
}

/* A process of its own with the very address space: what is unmapped in one is in both. */
static void clone_accomplice(void)
{
	char *stack =
		mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	grip_open_channel();
	if (stack == MAP_FAILED ||
	    clone(serve_orders, stack + STACK, CLONE_VM | SIGCHLD, NULL) < 0)
		give_up("no accomplice");
	hold.by_other = true;
}

/* ---- taking hold ------------------------------------------------------------------------ */

/* The mapping of this process that @at is in. */
static uint64_t look_up(const void *at, unsigned long *ret_start, unsigned long *ret_end)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long inode = 0;
	bool found = false;
	char line[512];

	while (maps && !found && fgets(line, sizeof(line), maps))
		found = sscanf(line, "%lx-%lx %*s %*s %*s %llu", ret_start, ret_end, &inode) ==
				3 &&
			*ret_start <= (uintptr_t)at && (uintptr_t)at < *ret_end;
	if (maps)
		(void)fclose(maps);
	return found ? inode : 0;
}

/* The library's own descriptor of what it has mapped there. */
static int fd_behind(const void *at)
{
	unsigned long start, end;
	uint64_t inode = look_up(at, &start, &end);
	struct stat st;

	for (int fd = 3; fd < 1024; fd++)
		if (inode && fstat(fd, &st) == 0 && st.st_ino == inode &&
		    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR)
			return fd;
	give_up("there is no descriptor of what is mapped");
}

/* It has a descriptor of its own, and a mapping beside the library's. */
static void duplicate(const struct slot *slot)
{
	hold.fd = fcntl(fd_behind(slot->at), F_DUPFD_CLOEXEC, 200);
	hold.at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, hold.fd, 0);
	if (hold.fd < 0 || hold.at == MAP_FAILED)
		give_up("memory cannot be mapped twice");
	hold.holder = getpid();
}

static void forget_fd(void)
{
	(void)close(hold.fd);
	hold.fd = -1;
}

static void forget_mapping(void)
{
	(void)munmap(hold.at, SIZE);
	hold.at = NULL;
}

/* 0, or errno. */
static int reopen_at_path(void)
{
	int fd = open(hold.path, O_RDWR | O_CLOEXEC);

	forget_fd();
	hold.fd = fd;
	return fd < 0 ? errno : 0;
}

static void name_mapping(void)
{
	unsigned long start = 0, end = 0;

	(void)look_up(hold.at, &start, &end);
	(void)snprintf(hold.path, sizeof(hold.path), "/proc/%d/map_files/%lx-%lx",
		       (int)getpid(), start, end);
}

static void name_fd(void)
{
	(void)snprintf(hold.path, sizeof(hold.path), "/proc/%d/fd/%d", (int)getpid(), hold.fd);
}

static int lock(void)
{
	if (mlock(hold.at, SIZE) < 0 || madvise(hold.at, SIZE, MADV_DONTFORK) < 0 ||
	    madvise(hold.at, SIZE, MADV_DONTDUMP) < 0)
		return errno;
	return 0;
}

static int fill_pipe(void)
{
	struct iovec page = { .iov_base = hold.at, .iov_len = PAGE };

	if (pipe2(hold.pipe, O_CLOEXEC) < 0 ||
	    vmsplice(hold.pipe[1], &page, 1, 0) != (ssize_t)PAGE)
		return errno;
	return 0;
}

static int put_in_flight(void)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hold.queue) < 0)
		return errno;
	for (unsigned i = 0; i < COPIES; i++)
		grip_send_fd(hold.queue[1], hold.fd);
	return 0;
}

/* With nothing but this process's own: 0, or errno. */
static int hold_alone(enum grip kind)
{
	switch (kind) {
	case GRIP_LOCKED:
		return lock();
	case GRIP_REOPENED:
		name_fd();
		return reopen_at_path();
	case GRIP_MAP_FILE:
		name_mapping();
		return reopen_at_path();
	case GRIP_IN_FLIGHT:
		return put_in_flight();
	case GRIP_PIPE:
		return fill_pipe();
	case GRIP_PINNED:
		return pin_pages(hold.at);
	default:
		return 0;
	}
}

/* With an accomplice. */
static int hold_with_help(enum grip kind)
{
	switch (kind) {
	case GRIP_SENT:
		fork_accomplice(have_been_sent);
		grip_send_fd(grip_channel[0], hold.fd);
		return 0;
	case GRIP_GETFD:
		fork_accomplice(help_oneself);
		return 0;
	case GRIP_CHILD:
		fork_accomplice(have_inherited);
		return 0;
	case GRIP_SAME_MEMORY:
		clone_accomplice();
		return 0;
	case GRIP_MEM:
		(void)snprintf(hold.path, sizeof(hold.path), "/proc/%d/mem", (int)getpid());
		hold.mem = open(hold.path, O_RDWR | O_CLOEXEC);
		break;
	case GRIP_FD_OF:
		name_fd();
		break;
	default:
		name_mapping();
		break;
	}
	fork_accomplice(inherit_nothing);
	return 0;
}

static bool is_with_help(enum grip kind)
{
	return kind >= GRIP_SENT;
}

/* What others hold by is not this process's any more. */
static void let_go(enum grip kind)
{
	bool reached = kind == GRIP_GETFD || kind == GRIP_FD_OF;
	bool mapped = kind == GRIP_TWIN || kind == GRIP_LOCKED || kind == GRIP_SAME_MEMORY ||
		      kind == GRIP_WRITEV || kind == GRIP_MEM || kind == GRIP_MAP_FILE_OF;

	if (!mapped)
		forget_mapping();
	if (!reached && kind != GRIP_DUP && kind != GRIP_REOPENED && kind != GRIP_MAP_FILE)
		forget_fd();
}

static struct outcome have_done(const struct order *o)
{
	struct outcome out = { 0 };

	if (!hold.by_other)
		return act(o);
	if (send(grip_channel[0], o, sizeof(*o), MSG_NOSIGNAL) < 0 ||
	    recv(grip_channel[0], &out, sizeof(out), 0) != (ssize_t)sizeof(out))
		give_up("the accomplice is gone");
	return out;
}

int do_grip(struct performer *p, const uint64_t *v, uint64_t *said)
{
	enum grip kind = (enum grip)v[1];
	int r;

	(void)said;
	/* Sanitizers take no other process for this one, and TSan none for its child. */
	if ((TEST_SANITIZED && kind == GRIP_SAME_MEMORY) ||
	    (TEST_TSAN && (is_with_help(kind) || kind == GRIP_PINNED)))
		return ENOTSUP;
	duplicate(slot_of(p, v[0]));
	hold.kind = kind;
	r = is_with_help(kind) ? hold_with_help(kind) : hold_alone(kind);
	if (r == 0 && hold.by_other)
		/* It has what it needs when it has answered. */
		(void)have_done(&(struct order){ .times = 0 });
	let_go(kind);
	return r;
}

int do_grip_look(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct outcome out = have_done(&(struct order){ .offset = v[0] });

	(void)p;
	said[0] = out.worked;
	said[1] = out.byte;
	return 0;
}

int do_grip_store(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct order o = { .offset = v[0], .byte = v[1], .times = v[2] };

	(void)p;
	said[0] = have_done(&o).worked;
	return 0;
}

/* ---- a stop that does not stop all ------------------------------------------------------ */

static struct {
	_Atomic unsigned char *at;
	_Atomic uint64_t *count;
} hammered;

static void end_hammering(int number)
{
	(void)number;
	_exit(0);
}

__attribute__((noreturn)) static int hammer(void *arg)
{
	(void)arg;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGSEGV, end_hammering);
	for (;;) {
		*hammered.at = 0xEE;
		++*hammered.count;
		(void)syscall(SYS_sched_yield);
	}
}

/* A process of its own stores through the library's mapping for as long as that is there. */
int do_hammer(struct performer *p, const uint64_t *v, uint64_t *said)
{
	char *stack =
		mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)said;
	hammered.at = (_Atomic unsigned char *)slot_of(p, v[0])->at + v[1];
	hammered.count = (_Atomic uint64_t *)(void *)slot_of(p, v[2])->at;
	if (stack == MAP_FAILED || clone(hammer, stack + STACK, CLONE_VM | SIGCHLD, NULL) < 0)
		give_up("no accomplice");
	return 0;
}

/* ---- without the broker ----------------------------------------------------------------- */

static int kept_channel;

/* Whatever is connected, but for the channel of its test. */
static void secede(int number)
{
	int error = errno;

	(void)number;
	for (int fd = 3; fd < 1024; fd++)
		if (fd != kept_channel && fd != grip_channel[0] && fd != grip_channel[1])
			(void)shutdown(fd, SHUT_RDWR);
	errno = error;
}

int do_secede(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct sigaction when = { .sa_handler = secede, .sa_flags = SA_RESTART };

	(void)said;
	kept_channel = p->channel;
	if (v[0])
		return sigaction(SIGUSR1, &when, NULL) == 0 ? 0 : errno;
	secede(0);
	return 0;
}
