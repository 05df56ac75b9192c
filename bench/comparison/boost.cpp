// SPDX-License-Identifier: MIT
// boost.cpp - Boost.Interprocess: a shared memory object by name, mapped; a put is a store, and
// a store is told nothing.  The owner's way of taking back is to remove the name.
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unistd.h>

#include "talk.h"

namespace ipc = boost::interprocess;

static const std::size_t bytes = std::size_t{ 1 } << 20;

static void own(const talk &talk)
{
	const std::string name = "compare-" + std::to_string(getpid());
	std::unique_ptr<ipc::mapped_region> region;
	char line[TALK_LINE];

	for (;;) {
		talk_next(&talk, line);
		if (talk_is(line, "offer")) {
			ipc::shared_memory_object object(ipc::create_only, name.c_str(),
							 ipc::read_write);
			object.truncate(bytes);
			region = std::make_unique<ipc::mapped_region>(object, ipc::read_write);
			std::memset(region->get_address(), 0, bytes);
			talk_say(&talk, "info %s", name.c_str());
		} else if (talk_is(line, "revoke")) {
			bool done = ipc::shared_memory_object::remove(name.c_str());
			talk_say(&talk, "told %s",
				 done ? "success: the name is gone" : "refused");
		} else if (talk_is(line, "peek")) {
			talk_say(&talk, "told %lu",
				 *static_cast<volatile std::uint64_t *>(region->get_address()));
		}
	}
}

static void take(const talk &talk)
{
	std::unique_ptr<ipc::mapped_region> region;
	char line[TALK_LINE];

	for (;;) {
		talk_next(&talk, line);
		const char *argument = talk_argument(line);
		if (talk_is(line, "connect")) {
			ipc::shared_memory_object object(ipc::open_only, argument,
							 ipc::read_write);
			region = std::make_unique<ipc::mapped_region>(object, ipc::read_write);
		} else if (talk_is(line, "put")) {
			*static_cast<volatile std::uint64_t *>(region->get_address()) =
				std::strtoul(argument, nullptr, 10);
		}
		talk_say(&talk, "told success");
	}
}

int main(int argc, char **argv)
{
	talk talk;

	talk_open(&talk, argc == 2 && std::strcmp(argv[1], "owner") == 0);
	if (talk.owner)
		own(talk);
	else
		take(talk);
}
