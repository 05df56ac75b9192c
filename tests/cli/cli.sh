#!/bin/bash
# SPDX-License-Identifier: MIT
#
# cli.sh TRACT TRACTD COMPLETION MAPPED MAPPED_L4RE - the command tract, as people and scripts see it
#
# Prints TAP.  Works on a node of its own in a temporary directory; its broker leaves by itself.

set -u
completion=$(realpath "$3")
mapped=$(realpath "$4")
mapped_l4re=$(realpath "$5")
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# The same of what has room in a picture, or a gap, only where no sanitizer maps things all over
# the address space.
holds_with_room() {
	if [[ -n ${SANITIZED:-} ]]; then
		count=$((count + 1))
		echo "ok $count - $1 # SKIP a sanitizer has mapped much of the address space"
	else
		holds "$@"
	fi
}

clean_up() {
	export_stop
	leave_node
}
trap clean_up EXIT

test_offline() {
	run version
	holds 'version prints the version' printed 'tract '
	run version --json
	holds 'version --json is JSON' json 'j["version"]'
	run help
	holds 'help ends with 0' ended_with 0
	for verb in ls show ps regions caps revoke map monitor export get bench nodes node conf version help; do
		run help "$verb"
		holds "help explains $verb" printed "usage: tract $verb"
		holds "completion knows $verb" grep -q "verbs='[^']*\<$verb\>" "$completion"
	done
	for option in $(for verb in ls get export map caps revoke bench; do "$tract" help "$verb"; done); do
		[[ $option == --* ]] || continue
		holds "completion knows $option" grep -q -e "$option" "$completion"
	done
	run
	holds 'no verb at all is a usage error, with help' ended_with 2
}

test_usage() {
	run frob
	holds 'an unknown verb is a usage error' refused 2 frob
	run ls --frob
	holds 'an unknown option is a usage error' refused 2 --frob
	run ls --once
	holds 'an option of another verb is a usage error' refused 2 --once
	run get 0
	holds 'a missing operand is a usage error' refused 2 'tract get NODE ID'
	run show 12q
	holds 'a number with rubbish behind it is no id' refused 2 12q
	run show 0x1ffffffff
	holds 'a number beyond 32 bits is no id' refused 2 0x1ffffffff
	run export --mode 0777 /etc/passwd
	holds 'a mode has no execute bits' refused 2 0777
	run get 0 0x400001 --json
	holds 'get --json without a file is a usage error' refused 2 --output
}

test_map() {
	local at

	target_start "$mapped"
	run map "$target" --json
	holds 'map --json ends with 0' ended_with 0
	holds 'map --json is JSON' is_json
	holds 'with the process' json "j['processes'][0]['pid'] == $target and j['processes'][0]['process'] == 'mapped'"
	holds 'its areas, to the byte' json "[(a['start'], a['size'], a['blocked'], a['mappings']) for a in j['areas']] == [($(fact area), 1 << 20, False, 2), ($(fact closed), 100 * 1024 + 7, True, 0)]"
	for kind in region:whole region:reading region:private anonymous:anonymous blocked:blocked pager:pager sysv:sysv; do
		at=$(fact "${kind#*:}")
		# Where programs may not page, there is no pager.
		[[ -n $at ]] || continue
		holds "what is ${kind#*:} is of kind ${kind%:*}" json "[m['kind'] for m in j['mappings'] if m['start'] == $at] == ['${kind%:*}']"
	done
	holds 'the rights of each' json "{m['start']: m['rights'] for m in j['mappings']}.items() >= {$(fact whole): 'rw-', $(fact reading): 'r--', $(fact blocked): '---'}.items()"
	holds 'which area each is in' json "[m['start'] for m in j['mappings'] if m['area'] == $(fact area)] == [$(fact reading), $(fact private)]"
	holds 'that three views are of one object' json "[(m['views'], m['offset'], m['shared']) for m in j['mappings'] if m['object'] == [n['object'] for n in j['mappings'] if n['start'] == $(fact whole)][0]] == [(3, 65536, True), (3, 0, False), (3, 0, True)]"
	holds 'and what is in memory' json "[m['resident'] for m in j['mappings'] if m['start'] == $(fact whole)] == [2 * $(getconf PAGESIZE)]"
	holds 'map leaves out what is not tract'\''s' json "all(m['kind'] != 'other' for m in j['mappings'])"
	run map "$target" --json --all
	holds 'map --all does not' json "any(m['kind'] == 'other' and 'libc' in (m['name'] or '') for m in j['mappings'])"
	holds 'and counts the same' json "len([m for m in j['mappings'] if m['kind'] == 'other']) == j['processes'][0]['other_mappings']"
	holds 'map starts no broker' [ ! -e "$TRACT_DIR/broker" ]
	test_map_table
	test_map_picture
	local ended=$target
	target_stop
	run map "$ended"
	holds 'a process that has ended is refused in words' refused 1 'there is no such process'
}

test_map_table() {
	LC_ALL=C.UTF-8 run map "$target"
	holds 'map has a table' printed RESIDENT
	holds 'in which what is in an area is under it' grep -q "├─0x0*$(printf %x "$(fact reading)") " "$work/out"
	holds_with_room 'and a strip with the area below it' grep -q '└─*area─*┘' "$work/out"
	holds 'which tells how long gaps are' grep -q '[0-9] TiB' "$work/out"
	holds 'no line is longer than 80 columns' [ "$(LC_ALL=C.UTF-8 wc -L <"$work/out")" -le 80 ]
	holds 'in no colour, as nobody sees it' no_escapes
	LC_ALL=C run map "$target"
	holds 'where there is no UTF-8 it is drawn in ASCII' [ -z "$(LC_ALL=C tr -d '\n -~' <"$work/out")" ]
	holds_with_room 'but drawn all the same' grep -q '|-*area-*|' "$work/out"
	script -qec "$tract map $target" /dev/null >"$work/out" 2>&1 </dev/null
	holds 'on a terminal it is in colour' grep -q $'\033' "$work/out"
	NO_COLOR=1 script -qec "$tract map $target" /dev/null >"$work/out" 2>&1 </dev/null
	holds 'but for who does not want that' no_escapes
	NO_COLOR=1 LC_ALL=C.UTF-8 script -qec "stty cols 60; $tract map $target" /dev/null </dev/null 2>&1 | tr -d '\r' | tail -n +2 >"$work/out"
	holds 'on a narrow terminal no line but the title is longer than that' [ "$(LC_ALL=C.UTF-8 wc -L <"$work/out")" -le 60 ]
	holds 'what is left out is not the rights' grep -q 'START .* RIGHTS WHAT  *RESIDENT' "$work/out"
	run map "$target" --bytes
	holds 'map --bytes shows exact sizes' printed 102407
	run map "$target" --all
	holds 'map --all shows libraries by their names' printed libc.so.6
}

# Is a Python expression true of the picture: of its root, of all it says and, by class, of the
# groups in it?
svg() {
	"$python" -c "import sys, xml.etree.ElementTree as e
root=e.parse('$work/picture.svg').getroot()
says=' '.join(t.text for t in root.iter('{http://www.w3.org/2000/svg}text'))
groups=lambda c: [(int(g.get('data-start')), int(g.get('data-size'))) for g in root.iter('{http://www.w3.org/2000/svg}g') if g.get('class') == c]
sys.exit(0 if ($1) else 1)"
}

test_map_picture() {
	run map "$target" --svg "$work/picture.svg"
	holds 'map --svg ends with 0, without a word' [ "$status$out$err" = 0 ]
	holds 'the picture is XML, and SVG' svg "root.tag == '{http://www.w3.org/2000/svg}svg'"
	holds 'it says of what, and whose' svg "'mapped' in says and 'Process $target' in says"
	holds 'the areas are in it' svg "groups('area') == [($(fact area), 1 << 20), ($(fact closed), 100 * 1024 + 7)]"
	holds 'and what is attached, in order' svg "[s for s in groups('mapping') if $(fact area) <= s[0] < $(fact anonymous)] == [($(fact reading), 65536), ($(fact private), 131072), ($(fact whole), 262144)]"
	holds_with_room 'with addresses, sizes and gaps' svg "all(w in says for w in ('$(printf 0x%x "$(fact whole)")', '256 KiB', 'TiB free'))"
	holds 'views of one object say so' svg "', view 3 of 3' in says"
	holds 'there is a legend' svg "'Legend' in says and 'area that lets nothing in' in says"
	holds 'it needs nothing beside it' svg "not any('href' in a for n in root.iter() for a in n.attrib)"
	holds 'and nothing else was left there' [ "$(echo "$work"/picture*)" = "$work/picture.svg" ]
	run map "$target" --svg - --all
	cp "$work/out" "$work/picture.svg"
	holds 'map --svg - draws to the standard output' svg "root.tag.endswith('svg')"
	holds 'with --all also what is not tract'\''s' svg "'libc.so.6' in says and '[stack]' in says"
	run map "$target" --svg "$work/picture.svg" --json
	holds 'map --svg --json does both' json "j['areas']"
	run map "$target" --svg - --json
	holds 'but not on one output' refused 2 --svg
	run map "$target" --svg "$work/no/such/place"
	holds 'a picture that cannot be written is refused in words' refused 1 'No such file'
}

test_map_many() {
	target_start "$mapped" 300
	run map "$target" --json
	holds 'each of many is in JSON' json "len([m for m in j['mappings'] if m['views'] == 303]) == 303"
	LC_ALL=C.UTF-8 run map "$target"
	holds 'and has a line' [ "$(grep -c ' 303 ' "$work/out")" = 303 ]
	holds 'the strip is no wider than ever' [ "$(LC_ALL=C.UTF-8 wc -L <"$work/out")" -le 80 ]
	run map "$target" --svg "$work/picture.svg"
	holds 'in a picture those of one kind share a row' svg "'300 × region' in says and len(groups('mapping')) < 20"
	run map "$target" --svg "$work/picture.svg" --all
	holds 'unless all are asked for' svg "len(groups('mapping')) > 300"
	target_stop
}

# A process may call itself whatever it likes.
test_map_strange_name() {
	ln -s "$mapped" "$work/<&\"'>"
	target_start "$work/<&\"'>"
	run map "$target" --svg "$work/picture.svg"
	holds 'whatever a process calls itself, the picture is in order' svg "'<&\"' in says"
	target_stop
}

no_escapes() { [[ -s $work/out ]] && ! grep -q $'\033' "$work/out"; }

test_map_l4re() {
	target_start "$mapped_l4re"
	run map "$target" --json
	holds 'map shows the areas of a program of L4Re' json "[(a['start'], a['size'], a['mappings']) for a in j['areas']] == [($(fact area), 16 * 4096, 1)]"
	holds 'and its dataspaces' json "[(m['start'], m['size'], m['rights'], m['offset'], m['views']) for m in j['mappings'] if m['kind'] == 'region'] == [($(fact inside), 3 * 4096, 'r--', 4096, 2), ($(fact outside), 4 * 4096, 'rw-', 0, 2)]"
	holds 'it has nothing of a broker'\''s' json "all(m['kind'] == 'region' for m in j['mappings'])"
	target_stop
	run map $$
	holds 'a process without any of it is no error' ended_with 0
	holds 'and nothing is printed' [ -z "$out$err" ]
	run map $$ --json
	holds 'in JSON it is empty' json "j['areas'] == [] and j['mappings'] == []"
	run map 2147483647
	holds 'a process that never was is refused in words' refused 1 'cannot look at process 2147483647: there is no such process'
	for pid in 0 12q 99999999999; do
		run map -- "$pid"
		holds "$pid is no process id" refused 2 "$pid"
	done
}

test_empty_node() {
	for verb in ls ps regions caps; do
		run "$verb"
		holds "$verb of a node without a broker ends with 0" ended_with 0
		holds "$verb of a node without a broker prints nothing" [ -z "$out$err" ]
		run "$verb" --json
		holds "$verb --json of an empty node is JSON" is_json
	done
	holds 'none of them starts a broker' [ ! -e "$TRACT_DIR/broker" ]
	TRACT_BROKER_PROGRAM=/nonexistent run get 0 0x400001
	holds 'where no broker can be started it ends with 3' refused 3 'cannot reach the broker'
	run get 0 0x400001 -o "$work/never"
	holds 'get of what is not there ends with 1, in words' \
		refused 1 'cannot connect to segment 0x400001 on node 0: '
	holds 'and points to ls' said 'tract ls'
	holds 'and leaves no file' [ ! -e "$work/never" ]
	run show 0x400001
	holds 'show of what is not there ends with 1, in words' refused 1 0x00400001
}

test_export() {
	head -c 3000000 /dev/urandom >"$work/file"
	export_start "$work/file" --id 0x400001 --mode 0640
	holds 'export prints the id asked for' [ "$id" = 0x00400001 ]
	run ls
	holds 'ls shows it' printed 0x00400001
	holds 'ls shows a size for people' printed '2.9 MiB'
	run ls --bytes
	holds 'ls --bytes shows the exact size' printed 3002368
	run --json ls
	holds 'ls --json is JSON' is_json
	holds 'with the facts' json "[(s['id'], s['size'], s['pid'], s['exporter'], s['mode']) for s in j['segments']] == [(0x400001, 3002368, $exporter, 'tract', '0640')]"
	run ps --json
	holds 'ps shows who exports how much' json "[(p['exports'], p['bytes']) for p in j['processes'] if p['pid'] == $exporter] == [(1, 3002368)]"
	run ps
	holds 'ps has a table' printed PROCESS
	run show 4194305
	holds 'show takes a decimal id' printed "process $exporter"
	run show 0x400001 --json
	holds 'show --json has the segment and its importers' \
		json "j['segments'][0]['access_entries'] == 1 and j['importers'] == []"
	run map "$exporter" --json
	holds 'map shows what is exported' json "[m['size'] for m in j['mappings'] if m['kind'] == 'object'] == [3002368]"
	run export /etc/passwd --id 0x400001
	holds 'an id in use is refused in words' refused 1 'cannot publish: '
	run export "$work/nothing"
	holds 'a file that is not there is refused in words' refused 1 'No such file'
	run export /dev/null
	holds 'an empty input is refused in words' refused 1 empty
}

test_get() {
	run get 0 0x400001 --length 3000000 -o "$work/copy"
	holds 'get to a file ends with 0' ended_with 0
	holds 'what was got is bit-identical' cmp "$work/file" "$work/copy"
	holds 'and nothing else was left beside it' [ "$(echo "$work"/copy*)" = "$work/copy" ]
	run get 0 4194305
	holds 'get to a pipe is silent on standard error' was_silent
	holds 'the same bytes in front' cmp -n 3000000 "$work/file" "$work/out"
	holds 'and whole pages of them' [ "$(stat -c %s "$work/out")" = 3002368 ]
	run get 0 0x400001 -o "$work/copy" --json
	holds 'get --json tells how many pieces were certified' \
		json "j['copies'][0]['certified_pieces'] == 3 and j['copies'][0]['bytes'] == 3002368"
	run get 0 0x400001 -n 9999999999
	holds 'more than there is is refused' refused 1 'has only'
	run get 7 0x400001
	holds 'a node that is not there is refused' ended_with 1
	run get 0 0x400001 -o "$work/no/such/place"
	holds 'a file that cannot be written is refused' refused 1 'No such file'
}

test_pipes() {
	"$tract" get 0 0x400001 2>"$work/err" | head -c 10 >"$work/out"
	status=${PIPESTATUS[0]}
	err=$(<"$work/err")
	holds 'get into a pipe closed early ends with 1' ended_with 1
	holds 'without a word' was_silent
	"$tract" ls >/dev/full 2>"$work/err"
	status=$?
	err=$(<"$work/err")
	holds 'a full disk is noticed' refused 1 'No space left'
}

test_taken_back() {
	mkfifo "$work/fifo"
	# The reader takes one byte and then waits: get is held in the middle by the full pipe.
	"$tract" get 0 0x400001 >"$work/fifo" 2>"$work/err" &
	local getter=$!
	exec 9<"$work/fifo"
	head -c 1 <&9 >/dev/null
	export_stop
	cat <&9 >/dev/null
	exec 9<&-
	wait "$getter"
	status=$?
	err=$(<"$work/err")
	: >"$work/out"
	holds 'export ends with 0 on SIGTERM' [ "$ended" -eq 0 ]
	holds 'a segment taken back in the middle ends get with 1, in words' \
		refused 1 'was taken back by its exporter'
	run get 0 0x400001
	holds 'afterwards its id is not there' refused 1 'cannot connect to segment'
	run ls --json
	holds 'and ls is empty again' json "j['segments'] == []"
}

test_stdin_once() {
	seq 100000 >"$work/numbers"
	export_start --once <"$work/numbers"
	run get 0 "$id" -n "$(stat -c %s "$work/numbers")"
	holds 'export reads standard input' cmp "$work/numbers" "$work/out"
	wait "$exporter"
	status=$?
	exporter=
	holds 'export --once ends after the first importer' ended_with 0
	seq 100000 | "$tract" export - --once --json >"$work/out" &
	exporter=$!
	for _ in {1..200}; do
		[[ -s $work/out ]] && break
		sleep 0.02
	done
	holds 'export - takes a pipe, and --json tells the length' \
		json "j['exports'][0]['bytes'] == $(stat -c %s "$work/numbers")"
	export_stop INT
	status=$ended
	holds 'export ends with 0 on ^C' ended_with 0
}

test_importers() {
	export_start "$work/file"
	mkfifo "$work/fifo2"
	"$tract" get 0 "$id" >"$work/fifo2" &
	local getter=$!
	exec 9<"$work/fifo2"
	head -c 1 <&9 >/dev/null
	run show "$id" --json
	holds 'show tells who imports, with what rights' \
		json "[(i['pid'], i['rights']) for i in j['importers']] == [($getter, 'r')]"
	exec 9<&-
	wait "$getter" 2>/dev/null
	export_stop
}

test_monitor() {
	"$tract" monitor >"$work/out" 2>"$work/err" &
	local monitor=$!
	for _ in {1..50}; do
		run_quietly ls
		grep -q next_segment "$work/out" && break
		sleep 0.02
	done
	kill -INT "$monitor"
	wait "$monitor"
	status=$?
	out=$(<"$work/out")
	err=$(<"$work/err")
	holds 'monitor ends with 0 on SIGINT' ended_with 0
	holds 'monitor shows messages as they pass' printed next_segment
	timeout 10 "$tract" monitor --json >"$work/fifo2" &
	monitor=$!
	(
		for _ in {1..100}; do
			kill -0 "$monitor" 2>/dev/null || break
			run_quietly ls
			sleep 0.02
		done
	) &
	head -n 1 "$work/fifo2" >"$work/out"
	wait "$monitor"
	status=$?
	holds 'monitor --json prints one object a line' json "j['line']"
	holds 'monitor ends with 1 when nobody reads it' ended_with 1
	wait
}

# Configurations and keys need no broker; and two nodes show each other.
test_nodes() {
	local node=$work/two port=$((20000 + RANDOM % 20000)) pids=() i

	mkdir -m 0700 "$node" "$work/three"
	run -d "$node" nodes
	holds 'nodes without a broker ends with 0' ended_with 0
	holds 'starts none' [ ! -e "$node/broker" ]
	holds 'and shows nobody' [ -z "$out" ]
	for i in 2 3; do
		printf '[node]\nid = %s\naddress = 127.0.0.1:%s\n[peer %s]\naddress = 127.0.0.1:%s\n' \
			"$i" $((port + i)) $((5 - i)) $((port + 5 - i)) >"$work/$([[ $i = 2 ]] && echo two || echo three)/tract.conf"
	done
	run -d "$node" conf check
	holds 'conf check wants the key that the file needs' [ "$status" = 1 ]
	holds 'and says how to make it' grep -q 'cluster.key: is not there; make it on one node with tract node keygen' "$work/err"
	run -d "$node" node keygen
	holds 'node keygen makes it' ended_with 0
	holds 'for its owner alone' [ "$(stat -c %a "$node/cluster.key")" = 600 ]
	cp -p "$node/cluster.key" "$work/three"
	run -d "$node" node keygen
	holds 'and does not replace it' [ "$status" = 1 ]
	holds 'which is the same as it was' cmp -s "$node/cluster.key" "$work/three/cluster.key"
	run -d "$node" conf check
	holds 'then conf check finds all in order' ended_with 0
	holds 'and says what it read' printed 'node 2, peers 1, controllers 1'
	printf '[node]\nid = 1\n\nid = 2\n' >"$work/wrong.conf"
	run conf check "$work/wrong.conf"
	holds 'a mistake is told with its line' grep -q "wrong.conf:4: id was set on line 2 already" "$work/err"
	holds 'and ends with 1' ended_with 1
	run conf check "$work/nowhere"
	holds 'so does a file that is not there' ended_with 1
	run conf frobnicate
	holds 'conf can only check' refused 2 'tract conf check'
	run node frobnicate
	holds 'node can only make keys' refused 2 'tract node keygen'
	for i in two three; do
		"$TRACT_BROKER_PROGRAM" --dir "$work/$i" --idle-ms -1 &
		pids+=($!)
	done
	for _ in {1..500}; do
		run -d "$node" nodes --json
		[[ $out == *'"up"'* ]] && break
		sleep 0.02
	done
	holds 'nodes --json is JSON' is_json
	holds 'this node is there, and its peer, which is up' json "[(n['node'], n['state']) for n in j['nodes']] == [(2, 'this node'), (3, 'up')]"
	holds 'with its address and what passed' json "j['nodes'][1]['address'] == '127.0.0.1:$((port + 3))' and j['nodes'][1]['received'] > 0 and j['nodes'][1]['sent'] > 0"
	run -d "$node" nodes
	holds 'nodes has a table' printed LINK
	kill "${pids[@]}"
	wait "${pids[@]}"
}

run_quietly() { "$tract" "$@" >/dev/null 2>&1; }

test_completion() {
	export_start /etc/passwd --id 0x400abc
	out=$(PATH=$(dirname "$tract"):$PATH bash -c '. "$1"
		COMP_WORDS=(tract show "") COMP_CWORD=2
		_tract
		echo "${COMPREPLY[@]}"' - "$completion" 2>&1)
	echo "$out" >"$work/out"
	holds 'completion offers the ids that are there' [ "$out" = 0x00400abc ]
	export_stop
}

test_offline
test_usage
test_map
test_map_many
test_map_strange_name
test_map_l4re
test_empty_node
test_export
test_get
test_pipes
test_taken_back
test_stdin_once
test_importers
test_monitor
test_nodes
test_completion
echo "1..$count"
