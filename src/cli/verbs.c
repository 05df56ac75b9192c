/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <string.h>

const struct verb verbs[] = {
	{ .name = "ls",
	  .options = OPTION_JSON | OPTION_BYTES,
	  .summary = "list the segments on this node",
	  .help = "Every exported segment with its exporter.  You see what your own processes "
		  "export;\nthe broker's user and root see all.  An empty node is not an "
		  "error.",
	  .run = verb_ls },
	{ .name = "show",
	  .operands = "ID",
	  .least = 1,
	  .most = 1,
	  .options = OPTION_JSON | OPTION_BYTES,
	  .summary = "show a segment or region, and who has it",
	  .help = "ID is a segment's published id, decimal or with 0x in front, or a region, "
		  "which has an r in\nfront, as in r12.",
	  .run = verb_show },
	{ .name = "ps",
	  .options = OPTION_JSON | OPTION_BYTES,
	  .summary = "list the processes on this node and what they hold",
	  .help = "Every process connected to the broker, itself excepted.  An empty node is "
		  "not an error.",
	  .run = verb_ps },
	{ .name = "regions",
	  .options = OPTION_JSON | OPTION_BYTES,
	  .summary = "list the shared regions on this node",
	  .help = "Every region that has an owner, or had one.  You see those that are charged "
		  "to you; the\nbroker's user and root see all.  CEILING is what anybody may "
		  "ever do with it.",
	  .run = verb_regions },
	{ .name = "caps",
	  .operands = "[REGION]",
	  .least = 0,
	  .most = 1,
	  .options = OPTION_JSON | OPTION_TREE,
	  .summary = "list who may do what with a region, and from whom",
	  .help = "Of all regions without REGION, which is written r12 or so.  FROM is the "
		  "capability that it was\nderived from; --tree draws that.",
	  .run = verb_caps },
	{ .name = "revoke",
	  .operands = "REGION",
	  .least = 1,
	  .most = 1,
	  .options = OPTION_JSON | OPTION_CAPABILITY | OPTION_PROCESS | OPTION_FORCE,
	  .summary = "take back what others have of a region",
	  .help = "Ends all capabilities but the owner's and all mappings in other processes, "
		  "or those of\none capability or process.  For the user that is charged for "
		  "the region, the broker's user, and\nroot.  ask: who has it mapped lets go. "
		  " verify: and the broker looks whether it did.  fence: the\nothers go on "
		  "with "
		  "fresh memory.  kill: ends the process.  Without --force it is fence for a\n"
		  "process of another user than the region's, else ask.  Ends with 4 if rights "
		  "have ended but somebody\nmay have kept the memory.",
	  .run = verb_revoke },
	{ .name = "map",
	  .operands = "PID",
	  .least = 1,
	  .most = 1,
	  .options = OPTION_JSON | OPTION_BYTES | OPTION_ALL | OPTION_SVG,
	  .summary = "draw what a process has attached, and its areas",
	  .help = "Asks the kernel, so that it works without a broker, for every process that "
		  "you may look at.\nOBJECT is the number of the memory behind an attachment: "
		  "the same number is the same memory, in\nwhatever process.  VIEWS says how "
		  "often this process has it.",
	  .run = verb_map,
	  .offline = true },
	{ .name = "monitor",
	  .options = OPTION_JSON,
	  .summary = "print messages and events as they pass, until ^C",
	  .help = "For the broker's user and root.  With --json, one object a line.",
	  .run = verb_monitor },
	{ .name = "export",
	  .operands = "[FILE]",
	  .least = 0,
	  .most = 1,
	  .options = OPTION_JSON | OPTION_ID | OPTION_MODE | OPTION_ONCE,
	  .summary = "export the content of a file, or of standard input",
	  .help = "Loads FILE (standard input if it is missing or -) into memory, exports it "
		  "and "
		  "prints the id.\nStays until ^C or SIGTERM, then takes the memory back.  The "
		  "segment is padded with zeros to\nwhole pages.  Other nodes of the cluster "
		  "may import it, too.",
	  .run = verb_export },
	{ .name = "get",
	  .operands = "NODE ID",
	  .least = 2,
	  .most = 2,
	  .options = OPTION_JSON | OPTION_OUTPUT | OPTION_LENGTH,
	  .summary = "copy a segment's bytes to a file or a pipe",
	  .help = "NODE is this one's id, which is 0 for a node by itself, or a peer's, as "
		  "`tract nodes` shows it.\nWrites to standard output without --output.  Every "
		  "piece is certified before it is written.\nA file appears under its name "
		  "when it is complete, and not "
		  "before.",
	  .run = verb_get },
	{ .name = "bench",
	  .options = OPTION_JSON | OPTION_NODE | OPTION_SERVE | OPTION_ID | OPTION_MODE,
	  .summary = "measure how fast another node is reached, or this one",
	  .help = "With --serve on one node and with --node and its id on another.  Put, "
		  "get, barriers and\nsignals are measured, each for a third of a second.  "
		  "MEDIAN is of one time, and the middle eight\ntenths lie between FROM and "
		  "TO.  One at a time can measure with who serves.",
	  .run = verb_bench },
	{ .name = "nodes",
	  .options = OPTION_JSON | OPTION_BYTES,
	  .summary = "list this node and its peers, and how their links are",
	  .help = "LINK is between the brokers, and so are RTT and the bytes RECEIVED and "
		  "SENT.  WHY says\nwhat is the matter if it is not up.",
	  .run = verb_nodes },
	{ .name = "node",
	  .operands = "keygen [FILE]",
	  .least = 1,
	  .most = 2,
	  .summary = "make the key of a cluster",
	  .help = "FILE, or cluster.key in the node's directory, is made for nobody else to "
		  "read, and never\nreplaced.  Every node of the cluster needs a copy.",
	  .run = verb_node },
	{ .name = "conf",
	  .operands = "check [FILE]",
	  .least = 1,
	  .most = 2,
	  .summary = "say whether a tract.conf is in order",
	  .help = "FILE, or what the node's broker would read.  Keys and certificates that it "
		  "names are looked\nat, too.",
	  .run = verb_conf },
	{ .name = "version",
	  .options = OPTION_JSON,
	  .summary = "print the version",
	  .run = verb_version,
	  .offline = true },
	{ .name = "help",
	  .operands = "[VERB]",
	  .least = 0,
	  .most = 1,
	  .summary = "explain the command, or one verb",
	  .run = verb_help,
	  .offline = true },
	{ .name = NULL },
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}
