"""Names of service ports and chains; the hashes are those a real node showed."""

from base64 import b32encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natc.compile.names import chain_hash, chain_hashes, service_port_name


def test_chain_names_of_the_oldest_layout():
    name = service_port_name("default", "nodeport-svc", "", colon_always=True)
    assert name == "default/nodeport-svc:"
    assert chain_hash(f"{name}tcp") == "GFPAJ7EGCNM4QF4H"
    assert chain_hash(f"{name}tcp10.244.0.23:8080") == "TWG53VPX4RADGFC6"
    assert chain_hash(f"{name}tcp10.244.2.14:8080") == "YUA4WPOUSEKJIAM2"


@pytest.mark.parametrize(
    ("port", "colon_always", "name"),
    [("http", False, "ns/a:http"), ("http", True, "ns/a:http"), ("", False, "ns/a"), ("", True, "ns/a:")],
)
def test_service_port_name(port, colon_always, name):
    assert service_port_name("ns", "a", port, colon_always=colon_always) == name


@given(st.text(st.characters(codec="utf-8")))
def test_a_hash_is_the_first_16_characters_of_base32(text):
    assert chain_hash(text) == b32encode(sha256(text.encode()).digest()).decode()[:16]


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=40))
def test_hashes_of_many_texts_are_those_of_each(texts):
    assert chain_hashes(texts) == [chain_hash(text) for text in texts]
