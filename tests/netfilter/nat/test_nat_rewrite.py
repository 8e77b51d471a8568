"""What hooks change in packets of connections that are translated."""

from attrs import evolve

from natc.netfilter.conntrack.connection import Connection, Status
from natc.netfilter.conntrack.tracker import Connections
from natc.netfilter.nat.choice import bind
from natc.netfilter.nat.mapping import Mapping
from natc.netfilter.nat.rewrite import Rewrite, leaves_elsewhere, redirect_dropped, rewrite, rewrite_error
from tests.netfilter.translations import CLIENT, NODE, POD, VIP, mapping, new


def translated() -> Connection:
    """A masqueraded connection through a virtual address."""
    table = Connections()
    bound = bind(table, new(), "dst", mapping("10.244.1.5:8080")).connection
    return bind(table, bound, "src", Mapping.to(NODE)).connection


def test_packets_are_rewritten_on_both_sides_and_answers_undone() -> None:
    connection = translated()
    assert rewrite(connection, 0, "dst") == Rewrite("dst", POD, 8080)
    assert rewrite(connection, 0, "src") == Rewrite("src", NODE, 40000)
    assert rewrite(connection, 1, "dst") == Rewrite("dst", CLIENT, 40000)
    assert rewrite(connection, 1, "src") == Rewrite("src", VIP, 80)
    assert rewrite(new(), 0, "dst") is None


def test_answers_of_half_translated_connections() -> None:
    only_destination = bind(Connections(), new(), "dst", mapping("10.244.1.5:8080")).connection
    assert rewrite(only_destination, 0, "src") is None
    assert rewrite(only_destination, 1, "dst") is None
    assert rewrite(only_destination, 1, "src") == Rewrite("src", VIP, 80)


def test_errors_are_rewritten_outside_and_inside() -> None:
    connection = translated()
    assert rewrite_error(connection, 1, "dst") == (
        Rewrite("dst", CLIENT, None),
        Rewrite("src", CLIENT, 40000),
    )
    assert rewrite_error(connection, 1, "src") == (Rewrite("src", VIP, None), Rewrite("dst", VIP, 80))
    assert rewrite_error(new(), 1, "src") is None


def test_redirects_about_translated_connections_are_dropped() -> None:
    assert redirect_dropped(translated())
    assert redirect_dropped(new())
    done = new(status=Status.SNAT_DONE | Status.DNAT_DONE)
    assert not redirect_dropped(done)


def test_a_masqueraded_connection_may_not_move_to_another_device() -> None:
    connection = evolve(translated(), masquerade_out="eth0")
    assert leaves_elsewhere(connection, 0, "eth1")
    assert not leaves_elsewhere(connection, 0, "eth0")
    assert not leaves_elsewhere(connection, 1, "eth1")
    assert not leaves_elsewhere(translated(), 0, "eth1")
