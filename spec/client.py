"""Clients that speak HTTP/1.1 byte by byte and HTTP/2 through python-h2, and tell everything that came back."""

import socket, time
from dataclasses import dataclass, field

import h2.config, h2.connection, h2.events, h2.exceptions

from upstreams import HOST, Reader, pairs, read_chunked, split_fields, text


@dataclass
class Response:
    """What came back: a response, or why there was none."""

    status: int = 0  # 0: no response
    reason: str = ''
    version: str = ''
    headers: list = field(default_factory=list)  # of (name, value)
    body: str = ''
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # status codes of 1xx answers
    complete: bool = False  # ended as it should, rather than broken off
    closed: bool = False  # the connection was closed afterwards (asked for by the case)
    reset: int = -1  # HTTP/2: the error code of RST_STREAM, -1 for none
    goaway: int = -1  # HTTP/2: the error code of GOAWAY, -1 for none
    error: str = ''
    seconds: float = 0.0

    def get(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]


def open_socket(port, timeout, host, first, tls):
    """Connected; `first` are bytes that come before everything, `tls` is the context of a handshake after them."""
    s = socket.create_connection((host, port), timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if first:
        s.sendall(first)
    return tls.wrap_socket(s, server_hostname='server.test') if tls else s


class H1Connection:
    def __init__(self, port, timeout=5.0, host=HOST, first=b'', tls=None):
        self.s = open_socket(port, timeout, host, first, tls)
        self.r = Reader(self.s)

    def close(self):
        self.s.close()

    def send(self, data, pause=0.0):
        """Sends bytes; a list is sent piece by piece with a pause in between."""
        pieces = data if isinstance(data, list) else [data]
        try:
            for i, p in enumerate(pieces):
                if i:
                    time.sleep(pause or 0.02)
                self.s.sendall(p.encode('latin-1'))
        except OSError:
            pass  # closed early: what came back says it

    def read(self, method='GET', timeout=5.0):
        r = Response()
        self.s.settimeout(timeout)
        try:
            while True:
                first, *rest = text(self.r.until(b'\r\n\r\n')).split('\r\n')
                r.version, status, r.reason = (first.split(' ', 2) + [''])[:3]
                r.status = int(status)
                r.headers = split_fields(rest)
                if r.status == 101 or r.status >= 200:
                    break
                r.interim.append(r.status)
            self.read_body(r, method)
            r.complete = True
        except EOFError:
            r.closed = True
            r.error = 'closed'
            if r.status:
                r.body += text(self.r.buf)
        except (OSError, ValueError) as e:
            r.error = str(e) or type(e).__name__
        return r

    def read_body(self, r, method):
        if method == 'HEAD' or r.status in (204, 304, 101) or (method == 'CONNECT' and r.status // 100 == 2):
            return
        if any('chunked' in v for v in r.get('transfer-encoding')):
            body, r.trailers = read_chunked(self.r)
            r.body = text(body)
        elif r.get('content-length'):
            r.body = text(self.r.exactly(int(r.get('content-length')[0])))
        else:
            try:
                while True:
                    self.r.more()
            except EOFError:
                r.body, self.r.buf, r.closed = text(self.r.buf), b'', True

    def wait_closed(self, timeout=3.0):
        """True when the other side closes within the time (and says nothing more)."""
        try:
            self.s.settimeout(timeout)
            return not self.r.buf and self.s.recv(1) == b''
        except ConnectionError:
            return True
        except OSError:
            return False

    def request(self, q):
        method = q.get('method', 'GET')
        headers = []
        if not any(k.lower() == 'host' for k, _ in pairs(q.get('headers'))) and q.get('host', '') is not None:
            headers.append(('host', q.get('host', 'example.com')))
        headers += pairs(q.get('headers'))
        body, trailers = q.get('body'), pairs(q.get('trailers'))
        if isinstance(body, int):
            body = 'x' * body
        data = ''
        if q.get('chunked') or trailers:
            headers.append(('transfer-encoding', 'chunked'))
            if body:
                data = '%x\r\n%s\r\n' % (len(body), body)
            data += '0\r\n' + ''.join('%s: %s\r\n' % t for t in trailers) + '\r\n'
        elif body is not None:
            headers.append(('content-length', str(len(body))))
            data = body
        head = '%s %s HTTP/1.1\r\n' % (method, q.get('path', '/')) + ''.join('%s: %s\r\n' % h for h in headers) + '\r\n'
        start = time.monotonic()
        if q.get('wait_for_continue'):
            self.send(head)
            self.s.settimeout(5)
            try:
                interim = text(self.r.until(b'\r\n\r\n'))
            except (EOFError, OSError) as e:
                return Response(error='no 100: %r' % e)
            if ' 100 ' not in interim.split('\r\n')[0] + ' ':
                self.r.buf = (interim + '\r\n\r\n').encode('latin-1') + self.r.buf
                return self.read(method)
            self.send(data)
            r = self.read(method)
            r.interim.insert(0, 100)
        else:
            self.send(head + data)
            r = self.read(method, q.get('timeout', 5.0))
        r.seconds = time.monotonic() - start
        return r


class Patient(h2.connection.H2ConnectionStateMachine):
    """python-h2 gives a connection up at the first GOAWAY, but that only announces the end: streams go on."""

    _transitions = dict(h2.connection.H2ConnectionStateMachine._transitions)
    for _state in (h2.connection.ConnectionState.IDLE, h2.connection.ConnectionState.CLIENT_OPEN):
        _transitions[(_state, h2.connection.ConnectionInputs.RECV_GOAWAY)] = (None, _state)


class H2Connection:
    """Cleartext HTTP/2 with prior knowledge; requests one after the other on their own streams."""

    def __init__(self, port, timeout=5.0, host=HOST, first=b'', tls=None):
        self.s = open_socket(port, timeout, host, first, tls)
        config = h2.config.H2Configuration(
            client_side=True, header_encoding='latin-1', validate_outbound_headers=False,
            normalize_outbound_headers=False, validate_inbound_headers=True,
        )  # fmt: skip
        self.c = h2.connection.H2Connection(config)
        self.c.state_machine = Patient()
        self.c.decoder.max_header_list_size = 1 << 24  # heads that python-h2 would not take, but others do
        self.c.initiate_connection()
        self.s.sendall(self.c.data_to_send())
        self.goaways = []  # of (last stream id, error code)
        self.withholding = False
        self.ended = False

    def close(self):
        self.s.close()

    def request(self, q):
        sid, r, start = self.c.get_next_available_stream_id(), Response(version='HTTP/2'), time.monotonic()
        body, trailers = q.get('body'), pairs(q.get('trailers'))
        self.withholding = q.get('withhold', False)
        if isinstance(body, int):
            body = 'x' * body
        headers = pairs(q.get('headers'))
        if not any(k == ':method' for k, _ in headers):
            pseudo = [(':method', q.get('method', 'GET'))]
            if q.get('method') != 'CONNECT':  # RFC 9113 §8.5
                pseudo.append((':scheme', q.get('scheme', 'http')))
            if q.get('host', '') is not None:
                pseudo.append((':authority', q.get('host', 'example.com')))
            if q.get('method') != 'CONNECT':
                pseudo.append((':path', q.get('path', '/')))
            headers = pseudo + headers
        try:
            self.c.send_headers(sid, headers, end_stream=body is None and not trailers and 'stream' not in q)
            data = (body or '').encode('latin-1')
            if 'stream' in q:
                self.converse(sid, q['stream'], r)
            elif body is not None:
                self.send_body(sid, data, bool(trailers), r)
            if trailers:
                self.c.send_headers(sid, trailers, end_stream=True)
            self.s.sendall(self.c.data_to_send())
            self.read(sid, r, q.get('timeout', 5.0))
        except (h2.exceptions.ProtocolError, OSError) as e:
            r.error = '%s: %s' % (type(e).__name__, e)
        r.seconds = time.monotonic() - start
        if self.goaways:
            r.goaway = self.goaways[-1][1]
        return r

    def converse(self, sid, pieces, r):
        """Sends each piece only after the one before has come back."""
        sent = ''
        for i, piece in enumerate(pieces):
            self.c.send_data(sid, piece.encode('latin-1'))
            self.s.sendall(self.c.data_to_send())
            sent += piece
            limit = time.monotonic() + 5
            while len(r.body) < len(sent) and r.reset < 0 and not self.ended:
                self.pump(sid, r, limit)
        self.c.end_stream(sid)

    def send_body(self, sid, data, more, r):
        while True:
            n = min(self.c.local_flow_control_window(sid), self.c.max_outbound_frame_size, len(data))
            if n == 0 and data:
                if self.ended or r.complete or r.reset >= 0:  # nobody wants the rest
                    return
                self.s.sendall(self.c.data_to_send())
                self.pump(sid, r, time.monotonic() + 5)
                continue
            self.c.send_data(sid, data[:n], end_stream=n == len(data) and not more)
            data = data[n:]
            if not data:
                return

    def read(self, sid, r, timeout):
        limit = time.monotonic() + timeout
        while not r.complete and r.reset < 0 and not self.ended:
            self.pump(sid, r, limit)
        if self.ended and not r.complete:
            r.closed, r.error = True, r.error or 'closed'

    def pump(self, sid, r, limit):
        """Takes one read of bytes."""
        self.s.settimeout(max(0.01, limit - time.monotonic()))
        d = self.s.recv(65536)
        if not d:
            self.ended = True
            return
        for e in self.c.receive_data(d):
            if isinstance(e, h2.events.ConnectionTerminated):
                self.goaways.append((e.last_stream_id, int(e.error_code)))
                continue
            if getattr(e, 'stream_id', None) != sid:
                continue
            if isinstance(e, h2.events.InformationalResponseReceived):
                r.interim.append(int(dict(e.headers)[':status']))
            elif isinstance(e, h2.events.ResponseReceived):
                r.status = int(dict(e.headers)[':status'])
                r.headers = [(k, v) for k, v in e.headers if k != ':status']
            elif isinstance(e, h2.events.DataReceived):
                r.body += text(e.data)
                if not self.withholding:
                    self.c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            elif isinstance(e, h2.events.TrailersReceived):
                r.trailers = [(k, v) for k, v in e.headers]
            elif isinstance(e, h2.events.StreamEnded):
                r.complete = True
            elif isinstance(e, h2.events.StreamReset):
                r.reset = int(e.error_code)
        try:
            self.s.sendall(self.c.data_to_send())
        except OSError:
            self.ended = True

    def wait_goaway(self, count=1, timeout=5.0):
        """Waits until so many GOAWAY frames have come in all; returns all of them."""
        limit = time.monotonic() + timeout
        while len(self.goaways) < count and not self.ended and time.monotonic() < limit:
            try:
                self.pump(-1, Response(), limit)
            except (OSError, h2.exceptions.ProtocolError):
                break
        return self.goaways

    def wait_closed(self, timeout=3.0):
        limit = time.monotonic() + timeout
        while not self.ended and time.monotonic() < limit:
            try:
                self.pump(-1, Response(), limit)
            except (OSError, h2.exceptions.ProtocolError):
                break
        return self.ended


def connect(protocol, port, timeout=5.0, **more):
    return (H2Connection if protocol == 'h2' else H1Connection)(port, timeout, **more)
