/* SPDX-License-Identifier: MIT */
/*
 * test_errors.c - error codes in words, and what task operations return
 */
#include "rig.h"

#define TEXT(code, text) EXPECT_STR(l4sys_errtostr(-(code)), text)

/* 2.5 */
TEST(named_codes_have_their_texts)
{
	TEXT(L4_EOK, "OK");
	TEXT(L4_EPERM, "Operation not permitted");
	TEXT(L4_ENOENT, "No such object found");
	TEXT(L4_EIO, "I/O error");
	TEXT(L4_EAGAIN, "Try again");
	TEXT(L4_ENOMEM, "Insufficient memory");
	TEXT(L4_EACCESS, "Access not permitted");
	TEXT(L4_EFAULT, "Invalid memory address");
	TEXT(L4_EBUSY, "Function busy");
	TEXT(L4_EEXIST, "Object exists");
	TEXT(L4_ENODEV, "No such device");
	TEXT(L4_EINVAL, "Invalid argument");
	TEXT(L4_ERANGE, "Argument out of range");
	TEXT(L4_ENAMETOOLONG, "Name too long");
	TEXT(L4_EBADPROTO, "Invalid protocol");
	TEXT(L4_EADDRNOTAVAIL, "Address not available");
	TEXT(L4_ENOREPLY, "Do not reply");
	TEXT(L4_EMSGTOOSHORT, "Message too short");
	TEXT(L4_EMSGTOOLONG, "Message too long");
	TEXT(L4_EMSGMISSARG, "Message is missing (an) argument(s)");
}

/* 2.5 */
TEST(a_request_that_nobody_knows_is_called_differently_in_each_generation)
{
	TEXT(L4_ENOSYS, IF_MODERN("Function not implemented", "Invalid request"));
}

#ifdef L4RE_MODERN
/* 2.5 */
TEST(modern_codes_have_their_texts)
{
	TEXT(L4_ENOTDIR, "Not a directory");
	TEXT(L4_EMSGERRRANGE, "Error code range error");
	TEXT(L4_EDROPREPLY, "Server dropped reply capability");
}
#endif

/* 2.5 */
TEST(errors_of_invoking_have_their_texts)
{
	TEXT(L4_EIPC_LO + L4_IPC_SETIMEOUT, "Send timeout");
	TEXT(L4_EIPC_LO + L4_IPC_RETIMEOUT, "Receive timeout");
	TEXT(L4_EIPC_LO + L4_IPC_ENOT_EXISTENT, "Void capability invoked");
	TEXT(L4_EIPC_LO + L4_IPC_SECANCELED, "Send operation canceled");
	TEXT(L4_EIPC_LO + L4_IPC_RECANCELED, "Receive operation canceled");
	TEXT(L4_EIPC_LO + L4_IPC_SEMSGCUT, "Overflow during send operation");
	TEXT(L4_EIPC_LO + L4_IPC_REMSGCUT, "Overflow during receive operation");
	TEXT(L4_EIPC_LO + L4_IPC_SEABORTED, "Send operation aborted");
	TEXT(L4_EIPC_LO + L4_IPC_REABORTED, "Receive operation aborted");
	TEXT(L4_EIPC_LO + L4_IPC_SEMAPFAILED, "Map operation failed (send phase)");
	TEXT(L4_EIPC_LO + L4_IPC_REMAPFAILED, "Map operation failed (receive phase)");
}

/* 2.5 */
TEST(every_number_has_a_text)
{
	for (long code = -2100; code <= 2100; code++) {
		EXPECT(l4sys_errtostr(code) != NULL);
		EXPECT(l4sys_errtostr(code)[0] != '\0');
	}
}

/* 2.5 */
TEST(numbers_that_are_no_codes_are_unknown)
{
	EXPECT_STR(l4sys_errtostr(-5000), "bad, unknown runtime error");
	EXPECT_STR(l4sys_errtostr(-500), "bad, unknown runtime error");
	EXPECT_STR(l4sys_errtostr(-2147483647L - 1), "bad, unknown runtime error");
}

/* 2.5 */
TEST(an_ipc_error_becomes_a_code_and_back)
{
	l4_msgtag_t tag = l4_task_cap_valid(L4_INVALID_CAP, L4_BASE_TASK_CAP);

	EXPECT_EQ(l4_ipc_to_errno(L4_IPC_ENOT_EXISTENT), NOT_EXISTENT);
	EXPECT_EQ(l4_ipc_to_errno(L4_IPC_REMAPFAILED), -2017);
	EXPECT_EQ(l4_error(tag), NOT_EXISTENT);
	EXPECT_EQ(l4_ipc_error(tag, NULL), L4_IPC_ENOT_EXISTENT);
}

/* 10 */
TEST(an_operation_that_reached_its_object_has_no_ipc_error)
{
	l4_cap_idx_t slot = slot_new();
	l4_msgtag_t empty = l4_task_cap_valid(L4_BASE_TASK_CAP, slot);
	l4_msgtag_t wrong = l4_task_cap_valid(other_object(), slot);

	EXPECT_EQ(l4_error(empty), 0);
	EXPECT_EQ(l4_ipc_error(empty, NULL), 0);
	EXPECT_EQ(l4_error(wrong), -L4_EBADPROTO);
	EXPECT_EQ(l4_ipc_error(wrong, NULL), 0);
	slot_drop(slot);
}
