"""Channels to a daemon: credentials, the token, gRPC's options; and the methods of the wire contract on one."""
from __future__ import annotations

import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Tuple

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from melstream.v1 import admin_service_pb2, audio_service_pb2, feature_service_pb2

from ._address import Address
from .errors import InvalidArgument

# GetWindow answers up to 4 MiB.
MAX_RECEIVE_BYTES = 5 << 20

OPTIONS: List[Tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    # A second client is a second connection: the first may lead to a daemon that is gone.
    ("grpc.use_local_subchannel_pool", 1),
    # http_proxy is for web pages; the daemon is near.
    ("grpc.enable_http_proxy", 0),
]

_SERVICES = [
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (audio_service_pb2, "AudioService"),
        (feature_service_pb2, "FeatureService"),
        (admin_service_pb2, "AdminService"),
    )
]


@dataclass(frozen=True)
class Access:
    """How we show who we are. PEM files and a file whose first line is a token; None: the environment's, or none."""

    token_file: Optional[str] = None
    tls_ca: Optional[str] = None
    tls_certificate: Optional[str] = None
    tls_key: Optional[str] = None

    @staticmethod
    def make(**given: Optional[str]) -> "Access":
        """What is not given is taken from MELSTREAM_TOKEN_FILE, MELSTREAM_TLS_CA and so on."""
        names: Dict[str, Optional[str]] = {
            name: os.fspath(value) if value is not None else os.environ.get("MELSTREAM_" + name.upper()) or None
            for name, value in given.items()
        }
        return Access(**names)

    def metadata(self, address: Address) -> List[Tuple[str, str]]:
        """Raises InvalidArgument."""
        if not self.token_file:
            return []
        if not address.is_tls and not address.is_local:
            raise InvalidArgument(
                "the token would travel in the clear to %s: use a listener with TLS, tls:HOST:PORT" % address
            )
        token = (_read(self.token_file).decode(errors="replace").splitlines() or [""])[0]
        if not token or any(one in token for one in " \t"):
            raise InvalidArgument("%s: its first line must be a token and nothing else" % self.token_file)
        return [("authorization", "Bearer " + token)]

    def credentials(self, address: Address) -> Optional[grpc.ChannelCredentials]:
        """None without TLS. Raises InvalidArgument."""
        if not address.is_tls:
            if self.tls_ca or self.tls_certificate or self.tls_key:
                raise InvalidArgument("certificates are for TLS: name the server as tls:HOST:PORT")
            return None
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise InvalidArgument("tls_certificate and tls_key belong together")
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.tls_ca) if self.tls_ca else None,
            private_key=_read(self.tls_key) if self.tls_key else None,
            certificate_chain=_read(self.tls_certificate) if self.tls_certificate else None,
        )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InvalidArgument("%s: %s" % (path, error.strerror)) from error


def make_channel(address: Address, access: Access, module: Any = grpc) -> Any:
    """module: grpc, or grpc.aio."""
    credentials = access.credentials(address)
    keywords = {"options": OPTIONS, "compression": grpc.Compression.NoCompression}
    if credentials is None:
        return module.insecure_channel(address.target, **keywords)
    return module.secure_channel(address.target, credentials, **keywords)


def _message_class(descriptor: Any) -> Any:
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    old: Any = message_factory.MessageFactory(descriptor_pool.Default())  # protobuf 4.21
    return old.GetPrototype(descriptor)


def make_stub(channel: Any) -> Any:
    """All methods of melstream.v1 by their names; of a channel of grpc or of grpc.aio."""
    stub = SimpleNamespace()
    for service in _SERVICES:
        proto = descriptor_pb2.ServiceDescriptorProto()
        service.CopyToProto(proto)
        for method in proto.method:
            kind = "_".join("stream" if one else "unary" for one in (method.client_streaming, method.server_streaming))
            types = service.methods_by_name[method.name]
            call = getattr(channel, kind)(
                "/%s/%s" % (service.full_name, method.name),
                request_serializer=_message_class(types.input_type).SerializeToString,
                response_deserializer=_message_class(types.output_type).FromString,
            )
            setattr(stub, method.name, call)
    return stub
