#!/bin/sh
# SPDX-License-Identifier: MIT
#
# symbols.sh LIBRARY LIST SONAME - the library exports the listed symbols, no others, and has its name
#
# TAP on standard output.
library=$1 list=$2 wanted=$3
failed=0
what="${wanted%%.so*} exports the $(wc -l <"$list") symbols of its list and nothing else"

exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
if [ "$exported" = "$(sort "$list")" ]; then
	echo "ok 1 - $what"
else
	echo "not ok 1 - $what"
	echo "$exported" | diff "$list" - | sed 's/^/# /'
	failed=1
fi

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
if [ "$soname" = "$wanted" ]; then
	echo "ok 2 - its name is $wanted"
else
	echo "not ok 2 - its name is $wanted"
	echo "# it is $soname"
	failed=1
fi
echo "1..2"
exit $failed
