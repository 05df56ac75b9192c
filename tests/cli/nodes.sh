#!/bin/bash
# SPDX-License-Identifier: MIT
#
# nodes.sh TRACT TRACTD - the command tract, across two nodes on loopback addresses
#
# Prints TAP.  Node 1 exports, node 2 imports; they know of a node 3, whose broker never runs.

# What is between backticks is what it says; who stops an exporter may name a signal.
# shellcheck disable=SC2016,SC2119
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
one=$work/1 two=$work/2
pids=()

# Ports that nobody has, below those that the kernel gives to others.
free_ports() {
	"$python" - <<-'END'
		import random, socket
		held = []
		while len(held) < 3:
		    s = socket.socket()
		    try:
		        s.bind(("127.0.0.1", random.randrange(10000, 30000)))
		        held.append(s)
		    except OSError:
		        s.close()
		print(*(s.getsockname()[1] for s in held))
	END
}

configure() { # NODE: its tract.conf
	local peer
	printf '[node]\nid = %s\naddress = 127.0.0.1:%s\n' "$1" "${ports[$1 - 1]}"
	for peer in 1 2 3; do
		[[ $peer = "$1" ]] ||
			printf '[peer %s]\naddress = 127.0.0.1:%s\n' "$peer" "${ports[peer - 1]}"
	done
	printf '[cluster]\nkey = ../cluster.key\n'
}

broker_start() { # NODE
	"$TRACT_BROKER_PROGRAM" --dir "$work/$1" --idle-ms -1 >/dev/null 2>&1 </dev/null &
	pids[$1]=$!
}

broker_stop() { # NODE [SIGNAL]
	kill "-${2:-TERM}" "${pids[$1]}"
	wait "${pids[$1]}" 2>/dev/null
	unset "pids[$1]"
}

await_link() {
	for _ in {1..750}; do
		run -d "$two" nodes --json
		json "[n['state'] for n in j['nodes'] if n['node'] == 1] == ['up']" && return
		sleep 0.02
	done
	echo 'Bail out! there is no link between the nodes'
	exit 1
}

clean_up() {
	export_stop
	for node in "${!pids[@]}"; do
		broker_stop "$node"
	done
	leave_node
}
trap clean_up EXIT

read -ra ports < <(free_ports)
# Others may enter: whom an access list refuses has to reach a broker first.
chmod 0711 "$work"
mkdir -m 0755 "$one" "$two"
run -d "$one" node keygen "$work/cluster.key"
configure 1 >"$one/tract.conf"
configure 2 >"$two/tract.conf"
head -c 3000000 /dev/urandom >"$work/file"
head -c 3002368 <(cat "$work/file" /dev/zero) >"$work/pages"

# Of nodes whose brokers the commands have to start, and whose links come up a little later.
test_first() {
	export_start -d "$one" "$work/file" --id 0x400006
	run -d "$two" get 1 0x400006
	holds 'the first command on a node waits for its links' cmp "$work/pages" "$work/out"
	export_stop
	# Both brokers leave when nobody needs them, and others are started then.
	for _ in {1..750}; do
		[[ -e $one/lock || -e $two/lock ]] || return
		sleep 0.02
	done
	echo 'Bail out! brokers that nobody needs stay'
	exit 1
}

test_get() {
	export_start -d "$one" "$work/file" --id 0x400001
	run -d "$two" get 1 0x400001 -o "$work/copy"
	holds 'get copies a segment of another node' ended_with 0
	holds 'and all of it, as it is' cmp "$work/pages" "$work/copy"
	run -d "$two" get 1 0x400001 -n 3000000
	holds 'or its beginning, into a pipe' cmp "$work/file" "$work/out"
	run -d "$two" get 1 0x400001 -o "$work/copy" --json
	holds 'get --json tells of which node' \
		json "[(c['node'], c['certified_pieces']) for c in j['copies']] == [(1, 3)]"
	run -d "$two" get 1 0x400001 -n 9999999999
	holds 'more than there is is refused' refused 1 'has only 3002368 bytes'
	export_stop
}

test_refused() {
	run -d "$two" get 1 0x400009
	holds 'an id that is not there is refused, and one is told where to look' \
		refused 1 'nothing is published on node 1 as 0x400009. `tract ls` on that node shows'
	run -d "$two" get 2 0x400009
	holds 'on this node it is here' refused 1 'as 0x400009. `tract ls` shows'
	run -d "$two" get 7 0x400009
	holds 'a node that nobody knows is refused' \
		refused 1 'this node has no way to node 7; its own id is 2. `tract nodes` shows'
	run -d "$two" get 3 0x400009
	holds 'one whose broker does not run is refused' refused 1 'the link to node 3 is down; tract nodes says why'
}

test_rights() {
	export_start -d "$one" "$work/file" --id 0x400002 --mode 0600
	run -d "$two" get 1 0x400002
	holds 'export --mode is for all nodes' cmp "$work/pages" "$work/out"
	if [[ $EUID -eq 0 ]]; then
		setpriv --reuid 65534 --clear-groups "$tract" -d "$two" get 1 0x400002 \
			>"$work/out" 2>"$work/err" </dev/null
		status=$? err=$(<"$work/err")
		holds 'whom it leaves out is refused' refused 1 'the access list does not give user 65534'
	else
		count=$((count + 1))
		echo "ok $count - whom it leaves out is refused # SKIP only root can be somebody else"
	fi
	export_stop
}

# On a terminal, which ^C is typed at once the words are there.
test_advice() {
	local terminal

	mkfifo "$work/keys"
	: >"$work/out"
	script -qefc "'$tract' -d '$one' export '$work/file' --id 0x400003" /dev/null \
		<"$work/keys" >"$work/out" 2>&1 &
	terminal=$!
	exec 8>"$work/keys"
	for _ in {1..750}; do
		grep -q 'takes it back' "$work/out" && break
		sleep 0.02
	done
	printf '\003' >&8
	exec 8>&-
	wait "$terminal"
	status=$? err='' out=$(<"$work/out")
	holds 'export says to a person what to type elsewhere' \
		printed '`tract get 1 0x00400003` on any node of the cluster copies it'
	holds 'and ends with 0 on ^C' ended_with 0
}

bench_usage() {
	run -d "$two" bench
	holds 'bench wants to know which end it is' refused 2 '--serve'
	run -d "$two" bench --serve --node 1
	holds 'and can only be one' refused 2 '--serve'
	run -d "$two" bench --node 1
	holds 'without a partner bench says how to start one' \
		refused 1 'Start `tract bench --serve` there'
}

# Expressions over what was measured: t(what, bytes) is a median, r() bytes per second.
measured() {
	json "(lambda rows: (lambda t, r: $1)(
		lambda w, b: [m['median_ns'] for m in rows if (m['what'], m['bytes']) == (w, b)][0],
		lambda w, b: [m['bytes_per_second'] for m in rows if (m['what'], m['bytes']) == (w, b)][0]
	))(j['measurements'])"
}

test_bench() {
	local partner

	bench_usage
	export_start -d "$one" "$work/pages" --id 0x400005
	run -d "$two" bench --node 1 --id 0x400005
	holds 'what is no partner is not written to' \
		refused 1 'segment 0x00400005 on node 1 is not one of `tract bench --serve`'
	run -d "$two" get 1 0x400005
	holds 'which is true' cmp "$work/pages" "$work/out"
	export_stop
	# Of an earlier export, until the shell that starts this one gets to it.
	rm -f "$work/id"
	"$tract" -d "$one" bench --serve >"$work/id" 2>/dev/null </dev/null &
	partner=$!
	for _ in {1..750}; do
		[[ -s $work/id ]] && break
		sleep 0.02
	done
	run -d "$two" bench --node 1
	holds 'bench measures, and has a table' printed 'PER SECOND'
	holds 'with a signal there and back' printed 'signal, and one back'
	run -d "$two" bench --node 1 --json
	holds 'in JSON, too' is_json
	holds 'with all that was asked for' measured \
		"len(rows) == 9 and {(w, b) for w in ('put', 'get') for b in (8, 65536, 1 << 20)} < {(m['what'], m['bytes']) for m in rows}"
	holds 'each often enough, and the median in the middle' measured \
		"all(m['samples'] >= 9 and 0 < m['low_ns'] <= m['median_ns'] <= m['high_ns'] for m in rows)"
	holds 'much takes longer than little' measured \
		"all(t(w, 1 << 20) > t(w, 8) for w in ('put', 'get'))"
	holds 'and moves more a second' measured \
		"all(r(w, 1 << 20) > 10 * r(w, 8) for w in ('put', 'get'))"
	run -d "$one" bench --node 1 --json
	holds 'within a node it is measured alike' measured "len(rows) == 9"
	kill -INT "$partner"
	wait "$partner"
	status=$? err='' out=
	holds 'who serves ends with 0 on ^C' ended_with 0
}

# Begins to get a segment that a full pipe holds in the middle, carries out "$@", and lets it end.
interrupted_by() {
	local getter

	rm -f "$work/fifo"
	mkfifo "$work/fifo"
	"$tract" -d "$two" get 1 0x400004 >"$work/fifo" 2>"$work/err" &
	getter=$!
	exec 9<"$work/fifo"
	head -c 1 <&9 >/dev/null
	"$@"
	cat <&9 >/dev/null
	exec 9<&-
	wait "$getter"
	status=$? err=$(<"$work/err")
	: >"$work/out"
}

test_ends() {
	export_start -d "$one" "$work/file" --id 0x400004
	interrupted_by export_stop
	holds 'a segment that is taken back in the middle ends get with 1, in words' \
		refused 1 'was taken back by its exporter after'
	export_start -d "$one" "$work/file" --id 0x400004
	interrupted_by broker_stop 1 KILL
	holds 'so does a broker that is killed' \
		refused 1 'the link to node 1 was lost after'
	export_stop
}

test_first
broker_start 1
broker_start 2
await_link
test_get
test_refused
test_rights
test_advice
test_bench
test_ends
echo "1..$count"
