#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh INCLUDE-DIR CC [CXX] - programs that must compile with L4Re's headers, in each language
#
# TAP on standard output.  Nothing is linked or run.
# The flags are several words, and meant to be.
# shellcheck disable=SC2086,SC2317
include=$1 cc=$2 cxx=$3
number=0 failed=0
strict="-Wall -Wextra -pedantic -Werror -Wundef"
here=$(dirname "$0")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
headers=$(cd "$include" && find l4 -name '*.h' | sort)

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

# compile NAME STANDARD [FLAG...] - compiles program.c, or program.cc if the standard is one of C++
compile() {
	name=$1 standard=$2
	shift 2
	case $standard in
	*++*)
		if [ -z "$cxx" ]; then
			number=$((number + 1))
			echo "ok $number - $name ($standard) # SKIP no C++ compiler"
			return
		fi
		cp "$dir/program.c" "$dir/program.cc"
		report "$name ($standard)" $cxx -std="$standard" "$@" -I"$include" -c \
			-o "$dir/program.o" "$dir/program.cc"
		;;
	*)
		report "$name ($standard)" $cc -std="$standard" "$@" -I"$include" -c \
			-o "$dir/program.o" "$dir/program.c"
		;;
	esac
}

# refused [FLAG...] - program.c does not compile, and the compiler names L4RE_MODERN
refused() {
	! $cc -std=c11 "$@" -I"$include" -c -o "$dir/program.o" "$dir/program.c" 2>"$dir/why" &&
		grep -q L4RE_MODERN "$dir/why"
}

program=$dir/program.c

for mode in "" -DL4RE_MODERN; do
	for header in $headers; do
		printf '#include <%s>\ntypedef int not_empty;\n' "$header" >"$program"
		for standard in c99 c11 c++17; do
			compile "<$header> alone $mode" $standard $strict $mode
		done
	done

	for header in $headers $headers; do
		printf '#include <%s>\n' "$header"
	done >"$program"
	echo 'unsigned long one = L4_PAGESIZE;' >>"$program"
	for standard in c99 gnu99 c11 c17 gnu17 c++11 c++14 c++17; do
		compile "all of them, twice $mode" $standard $strict -Wconversion $mode
	done

	{
		printf '#include <%s>\n' stdio.h stdlib.h string.h sys/types.h sys/mman.h unistd.h
		printf '#include <%s>\n' $headers
		printf '#include <%s>\n' errno.h sys/cdefs.h sys/socket.h pthread.h
		echo '__BEGIN_DECLS'
		echo 'int one(void);'
		echo '__END_DECLS'
	} >"$program"
	for standard in gnu17 c++17; do
		compile "the system's headers before and after $mode" $standard $strict $mode
	done
done

cp "$here/uses_classic.c" "$program"
for standard in c99 gnu99 c11 gnu17 c++11 c++17; do
	compile "a classic program that uses everything" $standard $strict
done
cp "$here/uses_modern.c" "$program"
for standard in c99 gnu99 c11 gnu17 c++11 c++17; do
	compile "a modern program that uses everything" $standard $strict
done

# Names of the modern interface are a classic program's own.
cat >"$program" <<'END'
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/sys/ipc.h>
enum { L4_ENXIO = 1, L4_ENOSPC, L4RE_RM_F_R, L4RE_RM_F_RW, L4RE_DS_F_R };
typedef unsigned l4_ret_t;
typedef unsigned l4re_rm_flags_t;
typedef unsigned l4re_rm_offset_t;
int l4re_rm_attach_w_info(void);
int l4re_rm_get_info(void);
int l4re_ds_map_info(void);
l4_ret_t one(enum l4re_rm_flags_t flags);
l4_ret_t one(enum l4re_rm_flags_t flags)
{
	return (l4_ret_t)flags + L4_ENXIO;
}
END
compile "modern names in a classic program" c99 $strict

# 2.7: the type of the flags is a tag.  2.9: it is a type.
cat >"$program" <<'END'
#define L4RE_MODERN
#include <l4/re/c/rm.h>
l4re_rm_flags_t one = L4RE_RM_F_RW;
enum l4re_rm_flags_values two = L4RE_RM_F_RW;
END
compile "L4RE_MODERN in the program" c11 $strict

printf '#include <%s>\n#define L4RE_MODERN\n#include <%s>\nint one;\n' l4/sys/types.h \
	l4/re/c/rm.h >"$program"
report "L4RE_MODERN between two headers is an error" refused
printf '#include <%s>\n#undef L4RE_MODERN\n#include <%s>\nint one;\n' l4/sys/types.h \
	l4/re/c/rm.h >"$program"
report "no L4RE_MODERN any more is an error" refused -DL4RE_MODERN

echo "1..$number"
exit $failed
