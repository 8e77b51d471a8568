"""kube-proxy's configuration file: KubeProxyConfiguration, kubeproxy.config.k8s.io/v1alpha1.

Fields that no iptables rule depends on are accepted and not looked at; a field the API does not have
is an error, as kube-proxy's strict reading makes it one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from natc.compile.config import PRIMARY, ProxyConfig
from natc.errors import ErrorList, ManifestError, NatcError, UsageError
from natc.kube.documents import Document, read_documents
from natc.kube.fields import Fields, Object, Place, describe, dotted, keys_of, shorten
from natc.kube.sources import read_path, text_of
from natc.values import frozen

_KIND = "KubeProxyConfiguration"
_API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"


@frozen
class _Setting:
    """A field of the file that is a setting of :class:`ProxyConfig`, and how its value is read."""

    name: str
    read: Callable[[Fields, Object, str, Place], Any]


def _gates(fields: Fields, obj: Object, key: str, place: Place) -> dict[str, bool]:
    gates = fields.mapping(obj, key, place)
    return {gate: bool(fields.boolean(gates, gate, (place, key))) for gate in gates}


def _mode(fields: Fields, obj: Object, key: str, place: Place) -> str:
    return fields.text(obj, key, place) or "iptables"


#: Field -> a setting, the fields inside it, or None for what no rule depends on.
_Schema = Mapping[str, Any]


def _ignored(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


_FIELDS: _Schema = {
    "bindAddress": _Setting("bind_address", Fields.text),
    "clusterCIDR": _Setting("cluster_cidr", Fields.text),
    "detectLocal": {
        "bridgeInterface": _Setting("pod_bridge_interface", Fields.text),
        "interfaceNamePrefix": _Setting("pod_interface_name_prefix", Fields.text),
    },
    "detectLocalMode": _Setting("detect_local_mode", Fields.text),
    "featureGates": _Setting("feature_gates", _gates),
    "hostnameOverride": _Setting("hostname_override", Fields.text),
    "iptables": {
        "localhostNodePorts": _Setting("localhost_nodeports", Fields.boolean),
        "masqueradeAll": _Setting("masquerade_all", Fields.boolean),
        "masqueradeBit": _Setting("masquerade_bit", Fields.integer),
        **_ignored("minSyncPeriod syncPeriod"),
    },
    "mode": _Setting("proxy_mode", _mode),
    "nodePortAddresses": _Setting("nodeport_addresses", Fields.texts),
    "portRange": _Setting("proxy_port_range", Fields.text),
    "conntrack": {
        "tcpBeLiberal": _Setting("conntrack_tcp_be_liberal", Fields.boolean),
        **_ignored("max maxPerCore min tcpCloseWaitTimeout tcpEstablishedTimeout"),
        **_ignored("udpStreamTimeout udpTimeout"),
    },
    "clientConnection": _ignored("acceptContentTypes burst contentType kubeconfig qps"),
    "ipvs": _ignored(
        "excludeCIDRs minSyncPeriod scheduler strictARP syncPeriod tcpFinTimeout tcpTimeout udpTimeout"
    ),
    "nftables": _ignored("masqueradeAll masqueradeBit minSyncPeriod syncPeriod"),
    "winkernel": _ignored("enableDSR forwardHealthCheckVip networkName rootHnsEndpointName sourceVip"),
    **_ignored(
        "apiVersion bindAddressHardFail configSyncPeriod enableProfiling healthzBindAddress kind logging "
        "metricsBindAddress oomScoreAdj resourceContainer showHiddenMetricsForVersion udpIdleTimeout "
        "windowsRunAsService"
    ),
}


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the settings of :class:`ProxyConfig` that a configuration file gives; ``-`` is standard input.

    Raises ManifestError, or an ErrorList of them, for what cannot be read, for unknown fields and
    for values the setting cannot have.
    """
    source = read_path(path)
    return parse_config(source.name, text_of(source))


def parse_config(name: str, content: str) -> dict[str, Any]:
    """Return the settings in a configuration text, ``name`` in errors; raises as :func:`read_config` does."""
    errors: list[NatcError] = []
    documents = list(read_documents(name, content, errors))
    if errors:
        raise ErrorList.of(errors)
    if len(documents) != 1:
        raise ManifestError(f"{name} holds {len(documents)} documents", expected=f"one {_KIND}")
    document, value = documents[0]
    reader = _Reader(document)
    reader.read(value)
    if reader.fields.problems:
        raise ErrorList.of(reader.errors())
    return reader.settings


class _Reader:
    """Reads one configuration and keeps where it is wrong."""

    def __init__(self, document: Document) -> None:
        self.fields = Fields()
        self.settings: dict[str, Any] = {}
        self._document = document

    def read(self, value: object) -> None:
        """Read the whole document."""
        if not isinstance(value, dict):
            self.fields.refuse(None, f"is {describe(value)}", f"a {_KIND}")
            return
        for key, wanted in (("kind", _KIND), ("apiVersion", _API_VERSION)):
            given = self.fields.text(value, key, None)
            if given != wanted:
                self.fields.refuse((None, key), f"is {shorten(given) or 'missing'}", wanted)
        self._walk(value, None, _FIELDS)

    def errors(self) -> list[NatcError]:
        """Return what is wrong, each with its place."""
        problems = self.fields.problems
        spans = self._document.spans([problem.place for problem in problems])
        return [
            ManifestError(
                f"{dotted(keys_of(problem.place))} {problem.message}".lstrip(),
                spans[problem.place],
                problem.expected,
            )
            for problem in problems
        ]

    def _walk(self, obj: Object, place: Place, schema: _Schema) -> None:
        for key in obj:
            if key not in schema:
                self.fields.refuse((place, key), f"is no field of {_KIND}", _nearest(key, schema))
                continue
            field = schema[key]
            if isinstance(field, _Setting):
                self._set(field, obj, key, place)
            elif field is not None:
                self._walk(self.fields.mapping(obj, key, place), (place, key), field)

    def _set(self, setting: _Setting, obj: Object, key: str, place: Place) -> None:
        value = setting.read(self.fields, obj, key, place)
        if obj[key] is None:  # null is as good as absent
            return
        try:
            _check(setting.name, value)
        except UsageError as error:
            self.fields.refuse((place, key), f"is wrong: {error.message}", error.expected)
        self.settings[setting.name] = value


def _check(name: str, value: Any) -> None:
    """Check one setting by itself; what depends on others or on the version waits for all of them."""
    if name != "detect_local_mode" and value not in ([PRIMARY], (PRIMARY,)):
        ProxyConfig(**{name: value})


def _nearest(key: str, schema: _Schema) -> str | None:
    from difflib import get_close_matches

    found = get_close_matches(key, schema, 1)
    return found[0] if found else None
