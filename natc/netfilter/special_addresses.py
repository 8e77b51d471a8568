"""Addresses that mean something by themselves: loopback, multicast, link-local (RFC 6890, RFC 4291)."""

from __future__ import annotations

from natc.netfilter.iproute import Prefix

LOOPBACK4 = Prefix(127 << 24, 8, 32)
MULTICAST4 = Prefix(224 << 24, 4, 32)
ZERO4 = Prefix(0, 8, 32)
LIMITED_BROADCAST = 0xFFFFFFFF
ALL_SYSTEMS = 0xE0000001

LOOPBACK6 = 1
MULTICAST6 = Prefix(0xFF << 120, 8, 128)
LINK_LOCAL6 = Prefix(0xFE80 << 112, 10, 128)
MAPPED6 = Prefix(0xFFFF << 32, 96, 128)
