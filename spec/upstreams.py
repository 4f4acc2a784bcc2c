"""Scripted upstreams: they record exactly what reached them, and answer as the case says (or with JSON of what they saw).

An upstream is a thread in the runner's process with its own raw HTTP/1.1 parser, or python-h2: nothing of Weir is in it.
"""

import json, os, shlex, shutil, socket, ssl, subprocess, tempfile, threading, time, zlib

import h2.config, h2.connection, h2.events, h2.exceptions, h2.settings

HOST = '127.0.0.1'


def pairs(headers):
    """Headers written as a map or as a list of [name, value] pairs, as a list of (name, value) strings."""
    if not headers:
        return []
    items = headers.items() if isinstance(headers, dict) else headers
    return [(str(k), str(v)) for k, v in items]


class Upstream:
    """Listens on a free port. `seen` holds one record a request; `script` says how to answer the next ones."""

    def __init__(self, name, port=0):
        self.name = name
        self.seen = []
        self.given, self.script, self.further = {}, {}, []
        self.connections = 0
        self.lock = threading.Lock()
        self.local = threading.local()  # `facts` of the connection that a thread serves
        self.stopping = False
        self.tls_failures = []
        self.open = set()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((HOST, port))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                self.open.add(s)
            threading.Thread(target=self.guard, args=(s,), daemon=True).start()

    def guard(self, s):
        try:
            self.serve(s)
        except ssl.SSLError as e:
            self.tls_failures.append(e.reason)
        except (OSError, ValueError, EOFError, h2.exceptions.ProtocolError):
            pass
        finally:
            with self.lock:
                self.open.discard(s)
            s.close()

    def record(self, **what):
        what.update(getattr(self.local, 'facts', {}))
        with self.lock:
            self.seen.append(dict(what, upstream=self.name))
            script = dict(self.script)
            if self.further:
                self.script = self.further.pop(0)
            return script

    def default_body(self, seen):
        keys = ('method', 'path', 'headers', 'body', 'trailers', 'tls')
        seen = dict(seen, **getattr(self.local, 'facts', {}))
        return json.dumps(dict({k: seen[k] for k in keys if seen.get(k)}, upstream=self.name)) + '\n'

    def reset(self, script=None):
        with self.lock:
            self.seen = []
            self.given = script or {}
            scripts = self.given if isinstance(self.given, list) else [self.given]
            self.script, self.further = scripts[0], scripts[1:]  # one answer after the other; the last one for ever

    def drop_connections(self):
        with self.lock:
            for s in self.open:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop_connections()


class Reader:
    """Bytes of a socket, by line or by count."""

    def __init__(self, s):
        self.s = s
        self.buf = b''

    def more(self):
        d = self.s.recv(65536)
        if not d:
            raise EOFError
        self.buf += d

    def until(self, mark):
        while mark not in self.buf:
            self.more()
        out, self.buf = self.buf.split(mark, 1)
        return out

    def for_a_while(self, seconds):
        """What has come when the time is over; it is not taken away."""
        end = time.time() + seconds
        self.s.settimeout(seconds)
        try:
            while time.time() < end:
                self.more()
        except TimeoutError:
            pass
        self.s.settimeout(None)
        return self.buf

    def exactly(self, n):
        while len(self.buf) < n:
            self.more()
        out, self.buf = self.buf[:n], self.buf[n:]
        return out


def text(b):
    return b.decode('latin-1')


def split_fields(lines):
    out = []
    for l in lines:
        k, _, v = l.partition(':')
        out.append((k, v.strip(' \t')))
    return out


def lookup(headers, name):
    return [v for k, v in headers if k.lower() == name]


def read_chunked(r):
    body = b''
    while True:
        n = int(r.until(b'\r\n').split(b';')[0], 16)
        if n:
            body += r.exactly(n)
            r.exactly(2)
            continue
        trailers = []
        while line := r.until(b'\r\n'):
            trailers += split_fields([text(line)])
        return body, trailers


class H1Upstream(Upstream):
    def serve(self, s):
        r = Reader(s)
        number = self.connections
        while True:
            head = text(r.until(b'\r\n\r\n'))
            first, *rest = head.split('\r\n')
            method, path, version = first.split(' ')
            headers = split_fields(rest)
            if lookup(headers, 'expect') and not self.script.get('no_continue'):
                s.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
            early = self.script.get('early')
            if early:  # answer before the body has arrived
                s.sendall(early.encode('latin-1'))
            body, trailers = b'', []
            while self.script.get('deaf') and not self.stopping:  # never reads the body
                time.sleep(0.05)
            if any('chunked' in v for v in lookup(headers, 'transfer-encoding')):
                body, trailers = read_chunked(r)
            elif lookup(headers, 'content-length'):
                body = r.exactly(int(lookup(headers, 'content-length')[0]))
            elif 'listen' in self.script:  # to what comes before the answer
                body = r.for_a_while(self.script['listen'])
            elif lookup(headers, 'upgrade'):  # what follows at once, if anything does, is no request
                r.for_a_while(0.02)
            seen = {
                'protocol': version, 'method': method, 'path': path, 'headers': headers, 'body': text(body),
                'trailers': trailers, 'head': head, 'connection': number,
            }  # fmt: skip
            script = self.record(**seen)
            if not early:
                self.answer(s, script, seen, method)
            if script.get('close'):
                return
            if script.get('switch'):  # 101: from here on an echo of bytes
                s.sendall(r.buf)
                while d := s.recv(65536):
                    s.sendall(d)
                return
            if lookup(headers, 'upgrade') and (r.buf or method[0] == 'P'):
                return  # it was not taken, and what follows is no request

    def answer(self, s, script, seen, method):
        if 'delay' in script:
            time.sleep(script['delay'])
        if 'raw' in script:
            s.sendall(script['raw'].encode('latin-1'))
            return
        if script.get('hang'):
            while not self.stopping and s.recv(65536):
                pass
            raise EOFError
        if 'reset' in script:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            raise EOFError
        status = script.get('status', 200)
        body = script.get('body', self.default_body(seen) if status not in (204, 304) else '')
        if isinstance(body, int):
            body = 'x' * body
        headers = pairs(script.get('headers', {'content-type': 'application/json'}))
        trailers = pairs(script.get('trailers'))
        names = [k.lower() for k, _ in headers]
        chunked = bool(trailers) or script.get('chunked')
        if chunked:
            headers.append(('transfer-encoding', 'chunked'))
        elif 'content-length' not in names and status not in (204, 304):
            headers.append(('content-length', str(len(body))))
        out = 'HTTP/1.1 %d %s\r\n' % (status, script.get('reason', 'Fine'))
        out += ''.join('%s: %s\r\n' % h for h in headers) + '\r\n'
        s.sendall(out.encode('latin-1'))
        if method == 'HEAD' or status in (204, 304):
            return
        data = body.encode('latin-1')
        if 'cut_after' in script:  # break off in the middle of the body
            s.sendall(data[: script['cut_after']])
            raise EOFError
        if chunked:
            if data:
                data = b'%x\r\n%s\r\n' % (len(data), data)
            data += b'0\r\n' + ''.join('%s: %s\r\n' % t for t in trailers).encode('latin-1') + b'\r\n'
        s.sendall(data)


class ProxiedUpstream(H1Upstream):
    """Wants a PROXY header in front of every connection; `proxy` in the record is what it said: the line of version 1, or the
    hexadecimal of what follows the signature of version 2."""

    def serve(self, s):
        head = b''
        while not head.endswith(b'\r\n') or head == b'\r\n' or head == b'\r\n\r\n' or head == b'\r\n\r\n\0\r\n':
            if not (d := s.recv(1)):
                return
            head += d
            if head.endswith(b'QUIT\n'):
                rest = s.recv(4, socket.MSG_WAITALL)
                rest += s.recv(int.from_bytes(rest[2:], 'big'), socket.MSG_WAITALL) if rest[2:] != b'\0\0' else b''
                self.local.facts = {'proxy': rest.hex()}
                return super().serve(s)
        self.local.facts = {'proxy': text(head).strip()}
        super().serve(s)


class H2Upstream(Upstream):
    def serve(self, s):
        c = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding='latin-1', validate_outbound_headers=False)
        )
        c.local_settings[h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        c.decoder.max_header_list_size = 1 << 24
        c.initiate_connection()
        s.sendall(c.data_to_send())
        number, streams = self.connections, {}
        while d := s.recv(65536):
            for e in c.receive_data(d):
                self.on_event(e, c, s, streams, number)
            s.sendall(c.data_to_send())

    def on_event(self, e, c, s, streams, number):
        if isinstance(e, h2.events.RequestReceived):
            streams[e.stream_id] = {'headers': e.headers, 'body': b'', 'trailers': []}
            if self.script.get('echo'):
                c.send_headers(e.stream_id, [(':status', '200')] + pairs(self.script.get('headers')))
        elif isinstance(e, h2.events.DataReceived):
            streams[e.stream_id]['body'] += e.data
            if self.script.get('echo'):  # byte for byte, while the request goes on
                c.send_data(e.stream_id, e.data)
            c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
        elif isinstance(e, h2.events.PingReceived):
            c.pings = getattr(c, 'pings', 0) + 1
        elif isinstance(e, h2.events.TrailersReceived):
            streams[e.stream_id]['trailers'] = e.headers
        elif isinstance(e, h2.events.StreamReset):
            with self.lock:
                self.seen.append({'upstream': self.name, 'reset': int(e.error_code), 'method': '', 'path': ''})
            streams.pop(e.stream_id, None)
        elif isinstance(e, h2.events.StreamEnded):
            q = streams.pop(e.stream_id)
            pseudo = dict(h for h in q['headers'] if h[0].startswith(':'))
            seen = {
                'protocol': 'HTTP/2', 'method': pseudo.get(':method', ''), 'path': pseudo.get(':path', ''),
                'headers': [(k, v) for k, v in q['headers']], 'body': text(q['body']),
                'trailers': [(k, v) for k, v in q['trailers']], 'connection': number, 'pings': getattr(c, 'pings', 0),
            }  # fmt: skip
            script = self.record(**seen)
            if script.get('echo'):
                if script.get('trailers') == {}:
                    c.end_stream(e.stream_id)
                else:
                    c.send_headers(e.stream_id, pairs(script.get('trailers', {'x-end': '1'})), end_stream=True)
            else:
                self.answer(c, s, e.stream_id, script, seen)

    def answer(self, c, s, sid, script, seen):
        s.sendall(c.data_to_send())
        if 'delay' in script:
            time.sleep(script['delay'])
        if script.get('hang'):
            return
        if script.get('goaway'):  # with this stream as the last one
            s.sendall(b'\0\0\x08\x07\0' + bytes(4) + sid.to_bytes(4, 'big') + bytes(4))
        if 'reset' in script:
            c.reset_stream(sid, script['reset'])
            return
        status = script.get('status', 200)
        body = script.get('body', self.default_body(seen) if status not in (204, 304) else '')
        if isinstance(body, int):
            body = 'x' * body
        trailers = pairs(script.get('trailers'))
        headers = [(':status', str(status))] + pairs(script.get('headers', {'content-type': 'application/json'}))
        data = body.encode('latin-1')
        if seen['method'] == 'HEAD' or status in (204, 304):
            data = b''
        c.send_headers(sid, headers, end_stream=not data and not trailers)
        while data:
            n = min(c.local_flow_control_window(sid), c.max_outbound_frame_size, len(data))
            if n == 0:
                s.sendall(c.data_to_send())
                for e in c.receive_data(s.recv(65536)):
                    pass
                continue
            data, part = data[n:], data[:n]
            c.send_data(sid, part, end_stream=not data and not trailers and 'cut_after' not in script)
        if 'cut_after' in script:
            s.sendall(c.data_to_send())
            c.reset_stream(sid, 2)
        elif trailers:
            c.send_headers(sid, trailers, end_stream=True)
        s.sendall(c.data_to_send())


class TcpUpstream(Upstream):
    """Echoes bytes, after a greeting when the script has one."""

    def serve(self, s):
        if self.script.get('greeting'):
            s.sendall(self.script['greeting'].encode('latin-1'))
        while d := s.recv(65536):
            script = self.record(method='', path='', body=text(d), headers=[])
            if script.get('mute'):
                continue
            s.sendall(b'%s:%s' % (self.name.encode(), d))
            if script.get('close'):
                return


class NginxUpstream:
    """A real nginx with a few static bodies: /128 /1k /64k /1m, and /slow at 200 KiB/s."""

    def __init__(self, name, port):
        self.name, self.port, self.seen, self.given = name, port, [], {}
        self.dir = tempfile.mkdtemp(prefix='weir-spec-nginx-')
        os.chmod(self.dir, 0o755)
        os.mkdir(self.dir + '/root')
        for f, n in (('128', 128), ('1k', 1024), ('64k', 65536), ('1m', 1 << 20)):
            with open('%s/root/%s' % (self.dir, f), 'w') as out:
                out.write('x' * n)
        temp = ' '.join(
            '%s_temp_path %s/%s;' % (t, self.dir, t) for t in 'client_body proxy fastcgi uwsgi scgi'.split()
        )
        conf = '''daemon off; master_process off; pid %s/pid; error_log %s/error.log;
            events { worker_connections 512; }
            http { access_log off; %s server { listen %s:%d; root %s/root; client_max_body_size 64m; } }'''
        with open(self.dir + '/nginx.conf', 'w') as out:
            out.write(conf % (self.dir, self.dir, temp, HOST, port, self.dir))
        path = shutil.which('nginx') or '/usr/sbin/nginx'
        self.process = subprocess.Popen(
            [path, '-p', self.dir, '-e', self.dir + '/error.log', '-c', self.dir + '/nginx.conf'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(200):
            try:
                socket.create_connection((HOST, port), 1).close()
                return
            except OSError:
                time.sleep(0.01)

    def reset(self, script=None):
        self.seen = []

    def drop_connections(self):
        pass

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Refused:
    """A port that nobody listens on."""

    def __init__(self, name, port):
        self.name, self.port, self.seen, self.given = name, port, [], {}

    def reset(self, script=None):
        pass

    def drop_connections(self):
        pass

    def stop(self):
        pass


class BlackHole(Refused):
    """A listener whose queue is full: connections to it never complete."""

    def __init__(self, name, port):
        super().__init__(name, port)
        self.listener = socket.socket()
        self.listener.bind((HOST, port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((HOST, port))
            self.fillers.append(s)

    def stop(self):
        for s in self.fillers + [self.listener]:
            s.close()


def certs():
    """The folder of the certificates; made when it is first needed."""
    script = os.path.dirname(os.path.abspath(__file__)) + '/certs.sh'
    with open(script, 'rb') as f:
        folder = '%s/weir-spec-certs-%d-%08x' % (tempfile.gettempdir(), os.getuid(), zlib.crc32(f.read()))
    subprocess.run([script, folder], check=True)
    return folder


class Tls:
    """Mixed in: the connection begins with a handshake. `tls` in the record says what the client asked for and showed."""

    protocols = []

    def __init__(self, name, port=0, certificate='server', remembers=''):
        self.certificate = certificate
        self.one_context = self.context() if remembers else None  # sessions go on in the context that began them
        super().__init__(name, port)

    def context(self):
        folder = certs()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain('%s/%s.crt' % (folder, self.certificate), '%s/%s.key' % (folder, self.certificate))
        context.load_verify_locations(folder + '/ca.crt')
        context.verify_mode = ssl.CERT_OPTIONAL
        context.sni_callback = lambda _, name, __: setattr(self.local, 'sni', name)
        if self.protocols:
            context.set_alpn_protocols(self.protocols)
        return context

    def serve(self, s):
        self.local.sni = None
        t = (self.one_context or self.context()).wrap_socket(s, server_side=True, suppress_ragged_eofs=True)
        peer = t.getpeercert() or {}
        names = [v for k, v in peer.get('subjectAltName', ()) if k == 'URI']
        self.local.facts = {
            'tls': {
                'sni': self.local.sni or '', 'alpn': t.selected_alpn_protocol() or '', 'version': t.version(),
                'uri': names[0] if names else '', 'reused': t.session_reused,
            }
        }  # fmt: skip
        super().serve(t)


class H1TlsUpstream(Tls, H1Upstream):
    protocols = ['http/1.1']


class H2TlsUpstream(Tls, H2Upstream):
    protocols = ['h2']


class OpensslServer(Refused):
    """`openssl s_server` with the options that the case file gives; what it says is in NAME.out, and it can be told things."""

    def __init__(self, name, port, folder, options):
        super().__init__(name, port)
        command = ['openssl', 's_server', '-accept', '%s:%d' % (HOST, port)] + shlex.split(options)
        output = '%s/%s.out' % (folder, name)
        with open(output, 'wb') as out:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
        for _ in range(300):
            with open(output, 'rb') as said:
                if b'ACCEPT' in said.read() or self.process.poll() is not None:
                    return
            time.sleep(0.01)

    def tell(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()


def start(name, spec, port, folder=None):
    """`spec` is a kind; of h1s and h2s also `KIND CERTIFICATE` and `KIND CERTIFICATE remembers`; or `s_server OPTIONS`, which works in `folder`."""
    kind, _, more = spec.partition(' ')
    if kind == 's_server':
        return OpensslServer(name, port, folder, more)
    kinds = {
        'h1s': H1TlsUpstream,
        'h2s': H2TlsUpstream,
        'h1': H1Upstream,
        'proxied': ProxiedUpstream,
        'h2': H2Upstream,
        'tcp': TcpUpstream,
        'nginx': NginxUpstream,
        'refused': Refused,
        'blackhole': BlackHole,
    }
    return kinds[kind](name, port, *more.split())
