"""The inputs of the measurements, made in a process of their own.

A child's peak memory counts from what its parent held when it was started, so the process that
measures must stay small.
"""

import gzip
import json
import re
import sys
from pathlib import Path

import yaml

from tests.benchmarks import capture
from tests.support import SHARED

#: How many flows and packets the longer capture holds; the shorter one has a tenth of the packets.
FLOWS, PACKETS = 10_000, 1_000_000
NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.128.0.1/9"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}


def make(folder: Path) -> None:
    """Unpack and write everything that is measured into ``folder``."""
    for services in (1000, 10000):
        unpacked(f"bench/kube-proxy-{services}.save.gz", folder / f"dump-{services}.txt")
        unpacked(f"bench/cluster-{services}.json.gz", folder / f"cluster-{services}.json")
    items = json.loads((folder / "cluster-10000.json").read_text())["items"]
    (folder / "cluster-10000.yaml").write_text(yaml.dump_all(items, Dumper=yaml.CSafeDumper))
    next(item for item in items if item["kind"] == "EndpointSlice")["endpoints"].pop()
    (folder / "one-endpoint-less.json").write_text(json.dumps({"kind": "List", "items": items}))
    (folder / "node.json").write_text(json.dumps(NODE))
    # Connections go straight to pods: to a service they would be open, since a flip of a coin chooses.
    dump = (folder / "dump-10000.txt").read_text()
    (folder / "one-pod-less.txt").write_text(one_pod_less(dump))
    ends = re.findall(r"DNAT --to-destination ([\d.]+):(\d+)$", dump, re.MULTILINE)[:FLOWS]
    flows = [
        capture.Flow(f"10.129.{number // 250}.{number % 250 + 1}", 20_000 + number, ip, int(port))
        for number, (ip, port) in enumerate(ends)
    ]
    for packets in (PACKETS // 10, PACKETS):
        capture.write(folder / f"capture-{packets}.pcap", flows, packets)


def one_pod_less(dump: str) -> str:
    """Return a dump with one endpoint of a service gone, as kube-proxy writes what is left."""
    chains = re.findall(r"(?:^-A (KUBE-SVC-\S+) .*\n(?:-A \1 .*\n){3,})", dump, re.MULTILINE)
    lines = re.findall(rf"^-A {chains[len(chains) // 2]} .* -j KUBE-SEP-.*\n", dump, re.MULTILINE)
    parts = [line.partition(" -j ") for line in lines]
    fewer = [odds + " -j " + end for (odds, _, _), (_, _, end) in zip(parts[1:], parts, strict=False)]
    own = re.compile(rf"^(?::|-A ){parts[-1][2].strip()} .*\n", re.MULTILINE)
    return own.sub("", dump.replace("".join(lines), "".join(fewer)))


def unpacked(name: str, path: Path) -> None:
    """Unpack one of the measuring inputs."""
    path.write_bytes(gzip.decompress((SHARED / name).read_bytes()))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
