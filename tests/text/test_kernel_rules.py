"""Rules made by chance for every extension: natc takes what iptables takes, and prints what a save shows."""

import pytest

from natc.text import grammar
from tests.differential import compared
from tests.kernel import BACKENDS
from tests.rules import class_of, rules
from tests.support import need_kernel

#: So many rules of each extension, family and backend; ``python -m tests.differential`` makes more.
_COUNT = 12
#: No kernel at hand has the module, or they need an object or a program besides.
_NOT_HERE = {
    "matches/ipvs", "matches/nfacct", "targets/CLUSTERIP", "targets/LED", "targets/SECMARK", "targets/ULOG",
}  # fmt: skip
#: Rules that natc takes and this iptables does not, and why natc does.
_TAKEN = {
    "matches/bpf": "the pinned program has to be there",
    "matches/cluster": "1.8.9 refuses masks above 32, though it saves them, so real saves hold them",
    "matches/hashlimit": "tables the kernel cannot make",
    "matches/icmp6": "names of multicast listener messages came with 1.8.10",
    "matches/limit": "the arithmetic of legacy's kernel part runs over; nf_tables takes them",
    "matches/multiport": "which protocols a service's name is for hangs on the node's /etc/services",
    "matches/rt": "--rt-0-not-strict has to come behind --rt-0-addrs",
    "matches/sctp": "which protocols a service's name is for hangs on the node's /etc/services",
    "targets/CT": "helpers and timeouts are objects of the kernel",
    "targets/SET": "the set has to have the directions and what is mapped",
}
#: Rules that iptables takes and natc does not, and why.
_REFUSED = {
    "matches/set": "an option given twice is passed over there, and nobody means that",
}


@pytest.mark.kernel
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("block", sorted(grammar.all_blocks() - _NOT_HERE))
def test_rules_are_taken_and_shown_as_iptables_does(block, backend):
    need_kernel(f"iptables-{backend}-restore", f"ip6tables-{backend}-restore", "ipset")
    for family in sorted(class_of(block).families):
        for wrong in compared(block, family, backend, list(rules(block, family, _COUNT, "ci"))):
            taken = wrong.theirs.shown is None and wrong.ours.shown is not None
            refused = wrong.ours.shown is None and wrong.theirs.shown is not None
            assert (taken and block in _TAKEN) or (refused and block in _REFUSED), str(wrong)
