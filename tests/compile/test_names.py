"""Names of service ports and chains; the hashes are those a real node showed."""

from base64 import b32encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natc.compile.names import chain_hashes, service_port_name


def test_chain_names_of_the_oldest_layout():
    name = service_port_name("default", "nodeport-svc", "", colon_always=True)
    assert name == "default/nodeport-svc:"
    hashes = chain_hashes([f"{name}tcp", f"{name}tcp10.244.0.23:8080", f"{name}tcp10.244.2.14:8080"])
    assert hashes == ["GFPAJ7EGCNM4QF4H", "TWG53VPX4RADGFC6", "YUA4WPOUSEKJIAM2"]


@pytest.mark.parametrize(
    ("port", "colon_always", "name"),
    [("http", False, "ns/a:http"), ("http", True, "ns/a:http"), ("", False, "ns/a"), ("", True, "ns/a:")],
)
def test_service_port_name(port, colon_always, name):
    assert service_port_name("ns", "a", port, colon_always=colon_always) == name


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=40))
def test_hashes_are_the_first_16_characters_of_base32(texts):
    assert chain_hashes(texts) == [b32encode(sha256(text.encode()).digest()).decode()[:16] for text in texts]
