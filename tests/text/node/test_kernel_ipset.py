"""What `ipset save` shows of sets of every type comes back from natc byte for byte.

Sets made by chance are asked of both: which members are taken, how they are shown, what is in the set.
"""

import random
import re
import subprocess

import pytest
from attrs import evolve

from natc.errors import NodeError
from natc.text.node.ipset import entry_text, read_sets, write_sets
from tests.sets import SetCase, set_case
from tests.support import need_kernel

SETS = [
    'create a hash:ip family inet hashsize 64 maxelem 70 timeout 600 counters comment skbinfo\nadd a 192.0.2.1 timeout 0 packets 3 bytes 180 comment "x y" skbmark 0x1/0xff skbprio 1:2 skbqueue 3',
    "create a hash:ip netmask 24 forceadd\nadd a 10.1.1.7",
    "create a hash:ip bitmask 255.255.0.255\nadd a 10.1.1.7",
    "create a hash:mac\nadd a 01:02:03:04:05:06",
    "create a hash:ip,mac\nadd a 192.0.2.1,01:02:03:04:05:06",
    "create a hash:ip,mark markmask 0xffff\nadd a 192.0.2.1,0x10063",
    "create a hash:net family inet6\nadd a 2001:db8::/32 nomatch\nadd a ::ffff:10.0.0.0/120",
    "create a hash:net,net\nadd a 10.0.0.0/8,192.0.2.0/24",
    "create a hash:net,iface\nadd a 10.0.0.0/8,physdev:eth0\nadd a 10.0.0.0/8,eth1 nomatch",
    "create a hash:net,port\nadd a 10.0.0.0/8,tcp:80-82",
    "create a hash:net,port,net\nadd a 10.0.0.0/8,udp:53,192.0.2.0/24",
    "create a hash:ip,port\nadd a 10.0.0.1,icmp:8/0\nadd a 10.0.0.1,udp:53\nadd a 10.0.0.1,47:0",
    "create a hash:ip,port,ip\nadd a 10.1.1.1,udp:5-7,10.2.2.2",
    "create a hash:ip,port,net family inet6\nadd a fd00::1,ipv6-icmp:echo-request,fd01::/64",
    "create a bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24\nadd a 10.0.7.0",
    "create a bitmap:ip,mac range 10.0.0.0/24\nadd a 10.0.0.1,aa:bb:cc:dd:ee:ff\nadd a 10.0.0.2",
    "create a bitmap:port range 0-1023 counters\nadd a 80-83 packets 5 bytes 6",
    "create b hash:ip\ncreate c hash:ip\ncreate a list:set size 8\nadd a b\nadd a c before b",
]


@pytest.mark.kernel
@pytest.mark.parametrize("text", SETS, ids=lambda text: text.split("create a ")[1].split()[0])
def test_a_saved_set_comes_back(text):
    need_kernel("ipset")
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", "ipset restore && ipset save"],
        input=text + "\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "not supported" in done.stderr:
        pytest.skip("the kernel of this machine has no such sets")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("add a ") >= 1
    assert write_sets(read_sets(done.stdout)) == done.stdout


#: How many sets are made by chance.
_COUNT = 40
#: What the kernel of this machine or the memory it gives to a set decides, not what was written.
_NOT_ASKED = re.compile("not supported|is full|already added")


def script_for(cases: list[SetCase]) -> str:
    """Return a shell script that makes each set, adds, shows and asks, and says how each of it went."""
    lines = []
    for case in cases:
        lines.append("echo CASE")
        orders = [f"create x {case.create}", *(f"add x {member}" for member in case.adds)]
        lines += [f"{{ ipset {order} 2>&1 && echo OK; }} | tail -1" for order in orders]
        lines.append("echo SAVE; ipset save; echo END")
        lines += [f"ipset test x {member} >/dev/null 2>&1 && echo IN || echo OUT" for member in case.asked]
        lines.append("ipset destroy")
    return "\n".join(lines)


@pytest.mark.kernel
def test_sets_made_by_chance_are_the_kernels():
    need_kernel("ipset")
    chance = random.Random(7)
    cases = [set_case(chance) for _ in range(_COUNT)]
    done = subprocess.run(
        ["unshare", "-n", "sh"], input=script_for(cases), capture_output=True, text=True, check=False
    )
    compared = [
        compared_with_kernel(case, answer)
        for case, answer in zip(cases, done.stdout.split("CASE\n")[1:], strict=True)
    ]
    assert sum(compared) > _COUNT


def compared_with_kernel(case: SetCase, answer: str) -> int:
    """Compare natc with what the kernel said of a set; return how many questions both answered."""
    orders, rest = answer.split("SAVE\n", 1)
    saved, inside = rest.split("END\n", 1)
    created, *added = orders.splitlines()
    if created != "OK":
        return 0
    text = f"create x {case.create}\n"
    for member, said in zip(case.adds, added, strict=True):
        if _NOT_ASKED.search(said):
            return 0
        line = f"add x {member}\n"
        try:
            read_sets(text + line)
        except NodeError as error:
            assert said != "OK", (case.create, line, error)
            continue
        assert said == "OK", (case.create, line, said)
        text += line
    sets = read_sets(saved)
    assert write_sets(sets) == saved
    assert shown_members(text) == shown_members(saved)
    for member, said in zip(case.asked, inside.split(), strict=True):
        probe, directions = case.probe(member)
        assert sets.matches("x", directions, probe, count=False) is (said == "IN"), (saved, member)
    return len(case.asked)


def shown_members(text: str) -> list[str]:
    """Return the members as natc writes them from their values, without the seconds that pass."""
    (found,) = read_sets(text)
    return sorted(re.sub(r"timeout \d+", "timeout", entry_text(found, evolve(e, text=None))) for e in found)
