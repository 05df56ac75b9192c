#!/bin/bash
# SPDX-License-Identifier: MIT
#
# regions.sh TRACT TRACTD COMPLETION GOVERNED - shared regions, as an operator sees and ends them
#
# Prints TAP.  GOVERNED is a program of two processes that have some; see governed.c.

set -u
completion=$(realpath "$3")
governed=$(realpath "$4")
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
trap leave_node EXIT

test_usage() {
	run show x12
	holds 'what is neither an id nor a region is a usage error' refused 2 'no region'
	run show r0
	holds 'regions count from 1' refused 2 r0
	run show r12q
	holds 'a region with rubbish behind it is none' refused 2 r12q
	run caps 12
	holds 'a number alone is no region, as it might be a segment' refused 2 'a region has an r in front'
	run revoke 0x400000
	holds 'least of all where something ends' refused 2 'a region has an r in front'
	run revoke
	holds 'nothing is revoked of nothing' refused 2 'tract revoke REGION'
	run revoke r1 --capability 7
	holds 'a capability has a c in front' refused 2 cN
	run revoke r1 --process r7
	holds 'a process has a p in front, or is a pid' refused 2 r7
	run revoke r1 --process 0
	holds 'and no process is 0' refused 2 PID
	run revoke r1 --force gently
	holds 'there are four ways' refused 2 'ask|verify|fence|kill'
	run revoke r1 --capability c1 --process p1
	holds 'a capability or a process' refused 2 'either'
	run ls --tree
	holds 'segments are no tree' refused 2 --tree
}

test_nothing() {
	for verb in show caps revoke; do
		run "$verb" r1
		holds "$verb of a region that is not there ends with 1" refused 1 'no region r1'
		holds 'and points to the list' said 'tract regions'
	done
	holds 'none of that starts a broker' [ ! -e "$TRACT_DIR/broker" ]
}

test_list() {
	run regions --json
	holds 'regions --json is JSON' is_json
	holds 'with the facts' json "[(r['region'], r['size'], r['pid'], r['process'], r['owner'], r['ceiling'], r['state'], r['mapped'], r['pending'], r['capabilities'], r['numa_node']) for r in j['regions']] == [($(fact first), 65536, $target, $(fact owner), 'governed', 'rw-', 'owned', 2, 1, 3, None), ($(fact second), 4096, $target, $(fact owner), 'governed', 'r--', 'moving', 0, 1, 2, None)]"
	run regions
	holds 'for people they have names' grep -q "^r$(fact first)  *64.0 KiB  *$target governed" "$work/out"
	holds 'no line is longer than 80 columns' [ "$(wc -L <"$work/out")" -le 80 ]
	run regions --bytes
	holds 'regions --bytes shows exact sizes' printed 65536
}

test_caps() {
	run caps --json
	holds 'caps --json is JSON' is_json
	holds 'with who holds what from whom' json "[(c['capability'], c['region'], c['process'], c['pid'], c['rights'], c['state'], c['from']) for c in j['capabilities'] if c['region'] == $(fact first)] == [($(fact root), $(fact first), $(fact owner), $target, 'read write map grant revoke delete', 'root', None), ($(fact given), $(fact first), $(fact tenant), $(fact child), 'read write map grant', 'held', $(fact root)), ($(fact back), $(fact first), $(fact owner), $target, 'read map', 'offered', $(fact given))]"
	holds 'of all regions' json "[(c['capability'], c['state'], c['mode']) for c in j['capabilities'] if c['region'] == $(fact second)][1] == ($(fact move), 'offered', 'move')"
	run caps "r$(fact second)" --json
	holds 'or of one' json "{c['region'] for c in j['capabilities']} == {$(fact second)} and len(j['capabilities']) == 2"
	run caps
	holds 'for people each says what it is from' grep -q "^c$(fact back) .* c$(fact given)\$" "$work/out"
	LC_ALL=C.UTF-8 run caps --tree
	holds 'caps --tree draws that' grep -q "^  └─c$(fact back) " "$work/out"
	holds 'below what it is from' grep -q "^└─c$(fact given) " "$work/out"
	LC_ALL=C run caps --tree
	holds 'where there is no UTF-8 in ASCII' [ -z "$(LC_ALL=C tr -d '\n -~' <"$work/out")" ]
}

test_show() {
	run show "r$(fact first)" --json
	holds 'show --json is JSON' is_json
	holds 'with the region' json "[(r['region'], r['state'], r['cache'], r['force'], r['backing'], r['kept'], r['resident'], r['strict'], r['page_size']) for r in j['regions']] == [($(fact first), 'owned', 'write-back', 'never', 0, 0, 65536, False, $(getconf PAGESIZE))]"
	holds 'and who has it mapped, with what, and where' json "sorted((m['process'], m['pid'], m['rights'], m['private'], m['capability'], m['address']) for m in j['mappings']) == sorted([($(fact tenant), $(fact child), 'rw-', False, $(fact given), $(fact there)), ($(fact owner), $target, 'rw-', False, None, $(fact here))])"
	# Kernels before 5.14 do not tell; they have no such rows.
	holds 'and where its pages are' json "sum(p['bytes'] for p in j['placement']) in (65536, 0)"
	run show "r$(fact first)"
	holds 'for people its owner is a process with a name' printed "governed (process $target, p$(fact owner))"
	holds 'and who has it mapped is told below' grep -q "^p$(fact tenant) .* c$(fact given) " "$work/out"
	run show "$(fact first)"
	holds 'without the r it is a segment' refused 1 'no segment'
}

test_refused() {
	run revoke "r$(fact first)" --process $$
	holds 'who has nothing of a region loses nothing' refused 1 "process $$ has nothing"
	run revoke "r$(fact first)" --process p99
	holds 'a process that is not there is refused in words' refused 1 'no such process'
	run revoke "r$(fact first)" --capability c99
	holds 'so is a capability' refused 1 'no such capability'
	run revoke "r$(fact second)" --capability "c$(fact given)"
	holds 'also if it is on another region' refused 1 'no such capability'
	run revoke "r$(fact first)" --capability "c$(fact root)"
	holds 'the root is the owner'\''s' refused 1 'ends with the region'
	run regions --json
	holds 'after which everything is there' json "[r['capabilities'] for r in j['regions']] == [3, 2]"
}

test_revoke() {
	run revoke "r$(fact second)" --capability "c$(fact move)" --json
	holds 'an offer is withdrawn' json "[(r['region'], r['capabilities'], r['mappings'], r['processes']) for r in j['revocations']] == [($(fact second), 1, 0, 0)]"
	run regions --json
	holds 'and the region is its owner'\''s' json "[(r['state'], r['pending']) for r in j['regions']][1] == ('owned', 0)"
	run revoke "r$(fact first)" --process "$(fact child)"
	holds 'a process that is asked lets go' printed '2 capabilities and 1 mapping ended; 1 process has it no more (ask)'
	run show "r$(fact first)" --json
	holds 'so that only the owner has it' json "[m['process'] for m in j['mappings']] == [$(fact owner)]"
	holds 'and what was reached is told' json "[(r['force'], r['kept'], r['backing'], r['capabilities']) for r in j['regions']] == [('ask', 0, 0, 1)]"
	run map "$(fact child)" --json
	holds 'the tenant has nothing there' json "all(m['start'] != $(fact there) or m['kind'] != 'object' for m in j['mappings'])"
	run revoke "r$(fact first)"
	holds 'a second time there is nothing' printed 'nothing to take back'
	holds 'which is no error' ended_with 0
}

# A tenant that does not answer, as it is stopped.
test_stubborn() {
	local child

	target_start "$governed"
	child=$(fact child)
	kill -STOP "$child"
	run revoke "r$(fact first)" --force ask
	holds 'where nobody answers it ends with 4, in words' refused 4 'rights have ended, but its memory may be in use still'
	run show "r$(fact first)" --json
	holds 'no right is left' json "[(r['capabilities'], r['mapped'], r['force']) for r in j['regions']] == [(1, 1, 'never')]"
	holds 'but who may have it is counted' json "j['regions'][0]['kept'] == 1"
	run revoke "r$(fact first)" --force fence --json
	holds 'more force can be used later' json "[(r['capabilities'], r['processes'], r['force'], r['copied']) for r in j['revocations']] == [(0, 1, 'fence', 65536)]"
	run show "r$(fact first)" --json
	holds 'then it has other memory, and nobody kept it' json "[(r['kept'], r['force'], r['backing']) for r in j['regions']] == [(0, 'fence', 1)]"
	kill -CONT "$child"
	target_stop
}

test_kill() {
	target_start "$governed"
	run revoke "r$(fact first)" --process "p$(fact tenant)" --force kill
	holds 'a process can be killed' printed '1 process has it no more (kill)'
	holds 'and is' gone "$(fact child)"
	target_stop
}

# Ended, and perhaps not reaped by its parent.
gone() { [[ ! -e /proc/$1 || $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == Z* ]]; }

test_orphan() {
	target_start "$governed"
	local first child
	first=$(fact first)
	child=$(fact child)
	# Stopped, the tenant stays when the pipe from its parent has ended.
	kill -STOP "$child"
	kill -KILL "$target"
	wait "$target" 2>/dev/null
	run regions --json
	holds 'what others have of a dead owner has none' json "sorted({r['state'] for r in j['regions']}) == ['moving', 'orphan'] and not any(r['owner'] for r in j['regions'])"
	kill -CONT "$child"
	exec 7>&-
	target=
	for _ in {1..200}; do
		gone "$child" && break
		sleep 0.02
	done
	run regions --json
	holds 'and nothing is left' json "j['regions'] == []"
	run show "r$first"
	holds 'a number is not used again' refused 1 "no region r$first"
}

test_completion() {
	out=$(PATH=$(dirname "$tract"):$PATH bash -c '. "$1"
		COMP_WORDS=(tract revoke "") COMP_CWORD=2
		_tract
		echo "${COMPREPLY[@]}"
		COMP_WORDS=(tract revoke r1 --capability "") COMP_CWORD=4
		_tract
		echo "${COMPREPLY[@]}"
		COMP_WORDS=(tract revoke r1 --force v) COMP_CWORD=4
		_tract
		echo "${COMPREPLY[@]}"' - "$completion" 2>&1)
	echo "$out" >"$work/out"
	holds 'completion offers the regions that are there' [ "$(sed -n 1p "$work/out")" = "r$(fact first) r$(fact second)" ]
	holds 'and their capabilities' [ "$(sed -n 2p "$work/out")" = "c$(fact root) c$(fact given) c$(fact back)" ]
	holds 'and ways to take back' [ "$(sed -n 3p "$work/out")" = verify ]
}

test_usage
test_nothing
target_start "$governed"
test_list
test_caps
test_show
test_refused
test_completion
test_revoke
target_stop
test_stubborn
test_kill
test_orphan
echo "1..$count"
