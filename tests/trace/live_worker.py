"""Asks the running kernel about one case after the other: a line of JSON in, a line of JSON out.

    python live_worker.py FOLDER-OF-THE-ORACLE

A process of its own, because the program that asks moves into network namespaces; one for all cases,
because starting takes longer than asking.
"""

import json
import socket
import sys
import time
from pathlib import Path

#: The flag of a route to an address of the node (linux/ipv6_route.h).
RTF_LOCAL = 0x80000000
#: A ruleset has four random rules at the most (live_rules.dumps).
MOST_BRANCHES = 2**4


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    import kernel_oracle

    kernel_oracle.Oracle = _quiet(kernel_oracle.Oracle)
    for line in sys.stdin:
        case = json.loads(line)
        try:
            answer = _branches(kernel_oracle, case) if case["branches"] else _sequence(kernel_oracle, case)
        except RuntimeError as error:
            answer = {"refused": str(error)}
        print(json.dumps(answer), flush=True)


def _quiet(oracle):
    """Keep the node's own multicast reports out of OUTPUT while a case runs: they would be counted there.

    And wait for its IPv6 addresses: the kernel takes them for its own only after work in the background.
    """

    class Quiet(oracle):
        def __init__(self, node, *more):
            super().__init__(node, *more)
            if self.fam == 6:
                _wait_for([a.split("/")[0] for i in node["interfaces"] for a in i["addrs"]])

        def sys(self, *pairs):
            super().sys(*pairs)
            if "net/ipv6/conf/default/router_solicitations" in pairs:
                late = 100_000_000
                super().sys("net/ipv6/conf/default/force_mld_version", 1)
                super().sys("net/ipv6/conf/default/mldv1_unsolicited_report_interval", late)

    return Quiet


def _wait_for(addresses):
    wanted = {socket.inet_pton(socket.AF_INET6, address).hex() for address in addresses}
    end = time.monotonic() + 10
    while not wanted <= _local_addresses():
        if time.monotonic() > end:
            raise RuntimeError(f"some of {addresses} do not become the node's own")
        time.sleep(0.001)


def _local_addresses():
    """Return the destinations of local routes, from a table of ten columns, the ninth of them flags."""
    rows = [line.split() for line in Path("/proc/thread-self/net/ipv6_route").read_text().splitlines()]
    return {row[0] for row in rows if int(row[8], 16) & RTF_LOCAL}


def _branches(oracle, case):
    """Send each packet through its branches; what the node answers to is sent by itself once more.

    Packets share a ruleset, and a random rule that one of them is made to take is taken by the answers to others, too.
    """
    found = _forced(oracle, case, case["packets"])
    for place, packet in enumerate(case["packets"]):
        if any(_is_answered(branch) and any(branch["taken"].values()) for branch in found[place] or ()):
            found[place] = _forced(oracle, case, [packet])[0]
    return {
        "packets": [bs and {"branches": [{**b, "result": _plain(b["result"])} for b in bs]} for bs in found]
    }


def _forced(oracle, case, packets):
    """Return the branches of each packet, None of one that meets a random rule twice.

    The program that asks has a rule always or never match: of such a packet it finds a branch again and again.
    """
    try:
        found, _ = oracle.branches(
            case["node"], case["dump"], packets, case["backend"], case["ipsets"], limit=MOST_BRANCHES
        )
    except RuntimeError as error:
        if "too many branches" not in str(error):
            raise
        return (
            [branches for each in packets for branches in _forced(oracle, case, [each])]
            if packets[1:]
            else [None]
        )
    return [None if _is_found_again(branches) else branches for branches in found]


def _is_found_again(branches):
    return len({json.dumps(branch["taken"], sort_keys=True) for branch in branches}) < len(branches)


def _is_answered(branch):
    return bool(branch["result"].get("response_path"))


def _sequence(oracle, case):
    """Send the packets in order; what would answer a packet that went nowhere is left out (None)."""
    node = oracle.Oracle(case["node"], case["dump"], case["backend"], case["ipsets"])
    try:
        if node.load["rc"]:
            return {"refused": node.load["stderr"]}
        node.flush_ct(full=True)
        node.collect_safe()
        return {"packets": [_sent(node, packet) for packet in case["packets"]]}
    finally:
        node.close()


def _sent(node, packet):
    if "reply_to" in packet and "final" not in node.hist[packet["reply_to"]][1]:
        node.hist.append((packet, {}))
        return None
    return _plain(node.run_one(dict(packet)))


def _plain(result):
    """Write steps as the recorded answers do."""
    out = {**result, "path": [_step(s) + (f" @{s['line']}" if s.get("line") else "") for s in result["path"]]}
    if "drop_at" in result:
        out["drop_at"] = _step(result["drop_at"])
    if not out["path"]:  # dropped by a rule unmatched: the place is that of a rule put in to see chances
        out.pop("drop_at", None)
    return out


def _step(entry):
    return f"{entry['table']} {entry['chain']} {entry['n'] if entry['type'] == 'rule' else 'policy'}"


if __name__ == "__main__":
    main()
