// SPDX-License-Identifier: MIT
#include "boost_open.h"

#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <cstring>
#include <string>
#include <unistd.h>

namespace ipc = boost::interprocess;

static std::string name()
{
	return "tract-bench-boost-" + std::to_string(getpid());
}

int boost_make(size_t bytes)
try {
	ipc::shared_memory_object object(ipc::create_only, name().c_str(), ipc::read_write);
	object.truncate(static_cast<ipc::offset_t>(bytes));
	ipc::mapped_region region(object, ipc::read_write);
	std::memset(region.get_address(), 1, bytes);
	return 0;
} catch (const ipc::interprocess_exception &) {
	return -1;
}

int boost_open_once()
try {
	static const std::string known = name();
	ipc::shared_memory_object object(ipc::open_only, known.c_str(), ipc::read_write);
	ipc::mapped_region region(object, ipc::read_write);
	*static_cast<volatile char *>(region.get_address()) = 1;
	return 0;
} catch (const ipc::interprocess_exception &) {
	return -1;
}

void boost_end()
{
	ipc::shared_memory_object::remove(name().c_str());
}
