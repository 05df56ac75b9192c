#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh INCLUDE-DIR CC [CXX] - programs that must compile with <rsmapi.h>, in each language
#
# TAP on standard output.  Nothing is linked or run.
# The flags are several words, and meant to be.
# shellcheck disable=SC2086
include=$1 cc=$2 cxx=$3
number=0 failed=0
strict="-Wall -Wextra -pedantic -Werror"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# report NAME COMMAND... - runs the command, and shows what it said if it fails
report() {
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$dir/said"
		failed=1
	fi
}

# compile NAME STANDARD [FLAG...] - compiles program.c
compile() {
	name=$1 standard=$2
	shift 2
	report "$name ($standard)" $cc -std="$standard" "$@" -I"$include" -c \
		-o "$dir/program.o" "$dir/program.c"
}

uses_everything() {
	cat <<'END'
#include <rsmapi.h>
int use(rsm_memseg_import_handle_t segment);
int use(rsm_memseg_import_handle_t segment)
{
	struct pollfd fds[1];
	nfds_t count = 1;
	rsm_permission_t perm = RSM_PERM_RDWR;
	char name[MAXNAMELEN] = "loopback";
	rsmapi_controller_handle_t controller = 0;
	rsm_topology_t *topology = 0;
	rsmapi_barrier_t barrier;
	uint_t a = 1;
	ulong_t b = 2;
	uchar_t c = 3;
	offset_t d = -4;
	caddr_t e = name;
	boolean_t f = B_TRUE;

	fds[0].fd = -1;
	fds[0].events = POLLRDNORM;
	if (rsm_get_controller(name, &controller) != RSM_SUCCESS)
		return RSMERR_CTLR_NOT_PRESENT;
	(void)rsm_get_interconnect_topology(&topology);
	rsm_free_interconnect_topology(topology);
	(void)rsm_memseg_import_init_barrier(segment, RSM_BARRIER_SEGMENT, &barrier);
	(void)rsm_intr_signal_wait_pollfd(fds, count, 0, 0);
	return (int)perm + (int)a + (int)b + c + (int)d + (e == name) + (f == B_TRUE);
}
END
}

program=$dir/program.c

# 25.1
for standard in c99 c11 c17 gnu99 gnu11 gnu17; do
	printf '#include <rsmapi.h>\ntypedef int not_empty;\n' >"$program"
	compile "the header alone" $standard $strict
	uses_everything >"$program"
	compile "a program that uses it" $standard $strict
done
for standard in c++98 c++11 c++17; do
	if [ -z "$cxx" ]; then
		number=$((number + 1))
		echo "ok $number - a C++ program ($standard) # SKIP no C++ compiler"
		continue
	fi
	uses_everything >"$dir/program.cc"
	report "a C++ program ($standard)" $cxx -std=$standard $strict -Wno-long-long \
		-I"$include" -c -o "$dir/program.o" "$dir/program.cc"
done

for header in sys/rsm/rsm_common.h sys/rsm/rsmapi_common.h rsm/rsm_common.h \
	rsm/rsmapi_common.h rsm/rsmapi.h rsm/rsmpai.h; do
	printf '#include <%s>\nrsm_memseg_id_t id = RSM_USER_APP_ID_BASE;\n' $header >"$program"
	compile "<$header> alone" c99 $strict
done
{
	printf '#include <%s>\n' rsm/rsmapi.h rsmapi.h sys/rsm/rsm_common.h \
		rsm/rsmapi_common.h rsmapi.h
	echo 'int one = RSM_VERSION;'
} >"$program"
compile "all of them, twice" c99 $strict
{
	printf '#include <%s>\n' stdlib.h unistd.h string.h stdio.h sys/param.h sys/types.h \
		rsmapi.h
	echo 'int one = RSM_VERSION;'
} >"$program"
compile "system headers first" gnu17 $strict

# 25.2
permissions='#define RSM_PERM_READ 0400
#define RSM_PERM_WRITE 0200
#define RSM_PERM_RDWR (RSM_PERM_READ|RSM_PERM_WRITE)'
printf '#include <rsmapi.h>\n%s\nint p = RSM_PERM_RDWR;\n' "$permissions" >"$program"
compile "permissions redefined afterwards" c99 $strict
printf '%s\n#include <rsmapi.h>\nint p = RSM_PERM_RDWR;\n' "$permissions" >"$program"
compile "permissions defined before" c99 $strict
printf '#include <rsmapi.h>\n#define RSM_ACCESS_TRUSTED 0666\nint p = RSM_ACCESS_TRUSTED;\n' \
	>"$program"
compile "RSM_ACCESS_TRUSTED defined by the program" c99 $strict

cat >"$program" <<'END'
#include <rsmapi.h>
extern void exit();
extern int sleep();
extern char *valloc();
extern int getopt();
extern char *optarg;
extern int optind;
int program(argc, argv) int argc; char **argv;
{
	char *memory = valloc(8192);
	while (getopt(argc, argv, "x") != -1)
		(void) sleep(1);
	exit(memory == 0);
	return 0;
}
END
for standard in c99 gnu89 gnu17; do
	compile "old declarations of library functions" $standard -w
done

printf '%s\n' '#include <rsmapi.h>' '#ifndef POLLRDNORM' '#error no POLLRDNORM' '#endif' \
	'#if MAXNAMELEN != 256' '#error MAXNAMELEN' '#endif' 'int p = POLLRDNORM;' >"$program"
for standard in c99 c11 gnu17; do
	compile "POLLRDNORM and MAXNAMELEN" $standard $strict
done

echo "1..$number"
exit $failed
