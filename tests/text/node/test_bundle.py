"""The tar of natc collect: what is taken from it, and what is refused."""

import tarfile
from ipaddress import ip_address

import pytest

from natc.errors import DumpError, NodeError
from natc.text.files import read_dump, text_of
from natc.text.node import tarball
from natc.text.node.bundle import FOLDER, FORMAT, Bundle
from tests.bundles import RULES, RULES6, bundle, member, tar_of

HEAD = member(f"{FOLDER}/{FORMAT}", b"natc-node 1\n")


def read(**changed: str | None) -> Bundle:
    return Bundle.of(bundle(**changed), "node.tar")


def refusal(content: bytes) -> str:
    with pytest.raises(DumpError) as caught:
        text_of(content, "node.tar")
    return str(caught.value)


def test_the_rules_of_both_families_are_one_text():
    assert read().rules == RULES + RULES6


def test_a_bundle_is_a_dump_packed_or_not(tmp_path):
    import gzip

    (tmp_path / "node.tar").write_bytes(bundle())
    (tmp_path / "node.tar.gz").write_bytes(gzip.compress(bundle()))
    plain, packed = (read_dump(tmp_path / name) for name in ("node.tar", "node.tar.gz"))
    assert plain.tables == packed.tables
    assert [len(list(dump.rules())) for dump in plain.dumps] == [4, 1]


def test_the_backend_with_the_chains_of_kube_proxy_is_read():
    kube = "*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -j RETURN\nCOMMIT\n"
    found = read(**{"iptables-legacy-save": kube, "ip6tables-save": None})
    assert found.rules == kube
    assert found.both_backends and found.other_rules == {"node.tar:iptables-nft-save": RULES}
    assert not read().both_backends and read().other_rules == {}


def test_a_node_that_showed_no_rules_says_why():
    nothing = dict.fromkeys(("iptables-save", "iptables-nft-save", "ip6tables-save"))
    content = bundle(**nothing, notes="iptables-save is not here\nipset is not here\n")
    assert refusal(content) == "node.tar:1:1: has no rules of the node: iptables-save is not here"


def test_the_host_is_what_ip_showed():
    host = read().host(4)
    assert host is not None
    assert host.owns(int(ip_address("10.0.0.5"))) and [one.name for one in host.interfaces] == ["lo", "eth0"]
    assert host.ip_forward and host.sysctl("rp_filter", "eth0.7") == 2
    assert read().host(6) is None
    assert read(**{"rule-4.json": None}).host(4) is None


@pytest.mark.parametrize("text", ["{", "{}", '"x"', "[1]", "[" * 100_000, '[{"dst": "nowhere"}]'])
def test_what_ip_never_shows_is_refused(text):
    with pytest.raises(NodeError):
        read(**{"route-4.json": text}).host(4)


def test_what_the_node_remembers():
    found = read()
    connections, sets, lists = found.connections(), found.sets(), found.lists()
    assert connections is not None and len(list(connections)) == 1
    assert sets is not None and list(lists) == ["A"]
    without = read(conntrack=None, **{"ipset-save": None, "recent/A": None})
    assert (without.connections(), without.sets(), without.lists()) == (None, None, {})


def test_an_empty_file_says_that_there_is_nothing():
    found = read(conntrack="", **{"ipset-save": "", "recent/A": ""})
    connections = found.connections()
    assert connections is not None and not list(connections)
    assert found.sets() is not None and found.lists() == {"A": ()}


def test_errors_name_the_file_in_the_tar():
    with pytest.raises(NodeError, match=r"node.tar:conntrack:1:1: "):
        read(conntrack="rubbish\n").connections()
    with pytest.raises(NodeError, match=r"node.tar:recent/A:1:1: "):
        read(**{"recent/A": "rubbish\n"}).lists()


@pytest.mark.parametrize(
    "bad",
    [
        member(f"{FOLDER}/iptables-save", type=tarfile.SYMTYPE, linkname="/etc/shadow"),
        member(f"{FOLDER}/iptables-save", type=tarfile.LNKTYPE, linkname="/etc/shadow"),
        member(f"{FOLDER}/iptables-save", type=tarfile.CHRTYPE),
        member(f"{FOLDER}/iptables-save", type=tarfile.BLKTYPE),
        member(f"{FOLDER}/iptables-save", type=tarfile.FIFOTYPE),
        member("/etc/passwd", b"x"),
        member(f"{FOLDER}/../../etc/passwd", b"x"),
        member(f"{FOLDER}//x", b"x"),
        member("elsewhere", b"x"),
        member(f"{FOLDER}/{FORMAT}", b"natc-node 1\n"),
        member("a\x1b[31m\u202e", b"x"),
    ],
    ids=lambda bad: f"{bad[0].name!a}-{bad[0].type!a}",
)
def test_a_hostile_member_is_refused_by_name(bad):
    said = refusal(tar_of([HEAD, bad]))
    assert said.startswith("node.tar:1:1: its member ") and said.isprintable()


def test_a_tar_of_something_else():
    assert "none that natc collect wrote" in refusal(tar_of([member(f"{FOLDER}/{FORMAT}", b"natc-node 2\n")]))
    assert "none that natc collect wrote" in refusal(tar_of([member(FOLDER, type=tarfile.DIRTYPE)]))


def test_sizes_that_are_not_there():
    whole = tar_of([HEAD, member(f"{FOLDER}/iptables-save", b"x" * 2000)])
    for blocks in range(1, 7):
        assert "is not a whole tar" in refusal(whole[: 512 * blocks])
    huge = tarfile.TarInfo(f"{FOLDER}/iptables-save")
    huge.size = 1 << 60
    claimed = tar_of([HEAD])[:1024] + huge.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    assert "node.tar" in refusal(claimed)


def test_a_broken_header_is_not_the_end():
    whole = bytearray(tar_of([HEAD, member(f"{FOLDER}/notes"), member(f"{FOLDER}/iptables-save", b"x")]))
    whole[512 * 3 + 148] ^= 1
    assert "no header at byte 1536" in refusal(bytes(whole))


def test_headers_of_long_names_without_end():
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1
    one = header.tobuf(tarfile.GNU_FORMAT) + b"a" + bytes(511)
    assert "is not a whole tar" in refusal(one * 3000 + bytes(1024))


def test_too_many_members(monkeypatch):
    monkeypatch.setattr(tarball, "MAX_MEMBERS", 3)
    assert "more than 3 members" in refusal(tar_of([HEAD, *(member(f"{FOLDER}/{n}") for n in range(3))]))
