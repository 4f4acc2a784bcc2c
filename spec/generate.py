"""Random configurations and requests, drawn from a seed."""

from generate_options import Options
from generate_requests import Requests


class Generator(Options, Requests):
    """hcm() gives the fields of a connection manager; request() then a request, mostly one that its routes have to do with."""
