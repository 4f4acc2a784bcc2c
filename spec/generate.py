"""Random configurations and requests, drawn from a seed."""

from generate_more import More
from generate_requests import Requests
from generate_wider import Wider


class Generator(More, Wider, Requests):
    """hcm() gives the fields of a connection manager; request() then a request, mostly one that its routes have to do with."""
