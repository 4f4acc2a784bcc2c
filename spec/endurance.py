#!/usr/bin/python3
"""How much memory the proxy needs for much: large bodies through every protocol, and many connections, most of them idle.

    spec/endurance.py                          # about a minute; not part of `make spec`
    spec/endurance.py --mib 64 --idle 1000 --busy 100

Bodies of 1 GiB go down and up through HTTP/1 and HTTP/2; memory must stay where it was but for the buffers that the
configuration allows. Then 10,000 connections are opened and left alone while 1,000 others ask all the time."""

import argparse, os, resource, select, socket, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import bootstrap, sut

PIECE = b'x' * (1 << 18)
ALLOWED_MIB = 48  # for one body: HTTP/2's windows and the buffers of both connections
ALLOWED_IDLE_BYTES = 4096  # for one idle connection


class Origin:
    """Answers GET /N with N bytes and swallows what is sent to it, one thread a connection."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(4096)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        buffer = b''
        try:
            while True:
                while b'\r\n\r\n' not in buffer:
                    d = s.recv(65536)
                    if not d:
                        return
                    buffer += d
                head, buffer = buffer.split(b'\r\n\r\n', 1)
                lines = head.decode().lower().split('\r\n')
                fields = dict(line.split(': ', 1) for line in lines[1:])
                swallowed, buffer = self.swallow(s, fields, buffer)
                size = int(lines[0].split(' ')[1].strip('/') or 0) if lines[0].startswith('get') else 0
                body = b'' if size else b'%d' % swallowed
                s.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n' % (size or len(body)) + body)
                while size > 0:
                    s.sendall(PIECE[:size])
                    size -= len(PIECE)
        except OSError:
            pass
        finally:
            s.close()

    def swallow(self, s, fields, buffer):
        if 'content-length' in fields:
            left = total = int(fields['content-length'])
            left -= len(buffer[:left])
            while left > 0:
                left -= len(s.recv(min(left, 1 << 18)))
            return total, b''
        if 'chunked' not in fields.get('transfer-encoding', ''):
            return 0, buffer
        total = 0
        while True:
            while b'\r\n' not in buffer:
                buffer += s.recv(65536)
            line, buffer = buffer.split(b'\r\n', 1)
            size = int(line, 16)
            total += size
            need = size + 2
            need -= len(buffer[:need])
            buffer = buffer[size + 2 :]
            while need > 0:
                need -= len(s.recv(min(need, 1 << 18)))
            if size == 0:
                return total, buffer


class Memory:
    """The greatest resident size of a process while it is watched, in MiB."""

    def __init__(self, pid):
        self.path, self.most, self.done = '/proc/%d/statm' % pid, 0, False
        self.before = self.now()
        threading.Thread(target=self.watch, daemon=True).start()

    def now(self):
        with open(self.path) as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20

    def watch(self):
        while not self.done:
            self.most = max(self.most, self.now())
            time.sleep(0.02)

    def grown(self):
        self.done = True
        return max(self.most, self.now()) - self.before


def manager(name, port, cluster):
    config = {
        '@type': bootstrap.HCM, 'stat_prefix': name, 'http_filters': [bootstrap.router()],
        'route_config': {'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': cluster, 'timeout': '0s'}}]}]},
    }  # fmt: skip
    return {'name': name, 'address': bootstrap.address(port), 'filter_chains': [{'filters': [{'name': 'http', 'typed_config': config}]}]}


def cluster(name, port, **options):
    limits = {'max_connections': 100000, 'max_requests': 100000, 'max_pending_requests': 100000}
    return {
        'name': name, 'load_assignment': bootstrap.endpoints(name, port), 'typed_extension_protocol_options': bootstrap.http_options(**options),
        'circuit_breakers': {'thresholds': [limits]},
    }  # fmt: skip


def bodies(proxy, h1_port, h2_port, mib):
    good = True
    for name, port, flags in (('HTTP/1', h1_port, []), ('HTTP/2', h2_port, ['--http2-prior-knowledge'])):
        for direction in ('down', 'up'):
            memory, start = Memory(proxy.process.pid), time.monotonic()
            curl = ['curl', '-sS', '-w', '%{http_code} %{size_download}'] + flags
            if direction == 'down':
                got = subprocess.run(curl + ['-o', '/dev/null', 'http://127.0.0.1:%d/%d' % (port, mib << 20)], capture_output=True, text=True).stdout
                right = got == '200 %d' % (mib << 20)
            else:
                source = subprocess.Popen(['head', '-c', str(mib << 20), '/dev/zero'], stdout=subprocess.PIPE)
                got = subprocess.run(
                    curl + ['-T', '-', '-o', '-', 'http://127.0.0.1:%d/' % port], stdin=source.stdout, capture_output=True, text=True
                ).stdout
                right = got.startswith('%d200 ' % (mib << 20))
            grown, seconds = memory.grown(), time.monotonic() - start
            fits = right and grown < ALLOWED_MIB
            good = good and fits
            print('%s %d MiB %s through %s: %.1f s, memory grew by %.1f MiB' % ('good' if fits else 'FAIL', mib, direction, name, seconds, grown), flush=True)
            if not right:
                print('     got %r' % got)
    return good


def connections(proxy, port, idle, busy, seconds):
    ask = b'GET /100 HTTP/1.1\r\nhost: a\r\n\r\n'
    memory = Memory(proxy.process.pid)
    waiting = []
    for _ in range(idle):
        s = socket.create_connection(('127.0.0.1', port))
        waiting.append(s)
        if len(waiting) % 10 == 0:  # every tenth has been used before
            s.sendall(ask)
            s.recv(4096)
    time.sleep(0.5)
    each = (memory.now() - memory.before) * 2**20 / idle
    poll, working, answers = select.epoll(), {}, 0
    for _ in range(busy):
        s = socket.create_connection(('127.0.0.1', port))
        s.sendall(ask)
        working[s.fileno()] = s
        poll.register(s, select.EPOLLIN)
    end = time.monotonic() + seconds
    broken = 0
    while time.monotonic() < end:
        for fd, _ in poll.poll(1):
            d = working[fd].recv(4096)
            if not d:
                broken += 1
                poll.unregister(fd)
                continue
            if d.endswith(b'x'):
                answers += 1
                working[fd].sendall(ask)
    gone = 0
    for s in waiting:
        s.setblocking(False)
        try:
            gone += s.recv(1) == b''
        except BlockingIOError:
            pass
    fits = each < ALLOWED_IDLE_BYTES and broken == 0 and gone == 0 and answers > busy
    print(
        '%s %d idle connections (%.0f bytes each) and %d busy ones: %d answers in %g s, memory grew by %.1f MiB; lost: %d'
        % ('good' if fits else 'FAIL', idle, each, busy, answers, seconds, memory.grown(), broken + gone)
    )
    return fits


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--mib', type=int, default=1024)
    p.add_argument('--idle', type=int, default=10000)
    p.add_argument('--busy', type=int, default=1000)
    p.add_argument('--seconds', type=float, default=5)
    args = p.parse_args()
    wanted = args.idle + 3 * args.busy + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
        except (ValueError, OSError):
            sys.exit('endurance: %d file descriptors are needed, the limit is %d' % (wanted, hard))
    origin = Origin()
    admin, h1, h2, behind = (sut.free_port() for _ in range(4))
    config = {
        'admin': {'address': bootstrap.address(admin)},
        'static_resources': {
            'listeners': [manager('h1', h1, 'origin'), manager('h2', h2, 'again'), manager('behind', behind, 'origin')],
            'clusters': [cluster('origin', origin.port, http_protocol_options={}), cluster('again', behind, http2_protocol_options={})],
        },
    }
    good = True
    for run in (lambda proxy: not args.mib or bodies(proxy, h1, h2, args.mib), lambda proxy: connections(proxy, h1, args.idle, args.busy, args.seconds)):
        proxy = sut.Sut(os.environ.get('SUT', 'weir'))  # each on a fresh process: memory that others have freed hides what is needed
        proxy.start(yaml.safe_dump(config), admin)
        try:
            good = run(proxy) and good
        finally:
            proxy.stop()
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    main()
