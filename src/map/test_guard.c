/* SPDX-License-Identifier: MIT */
#include "map/guard.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/vm.h"
#include "test.h"

TEST(a_signal_that_somebody_sends_ends_a_process_that_has_guarded)
{
	int status = 0;
	void *addr;
	pid_t pid;

	EXPECT_EQ(vm_anonymous(vm_page_size(), VM_READ | VM_WRITE, &addr), 0);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		if (guard_hold(addr, vm_page_size(), false) < 0)
			_exit(1);
		guard_release(addr, vm_page_size());
		(void)kill(getpid(), SIGSEGV);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSEGV);
	vm_unmap(addr, vm_page_size());
}
