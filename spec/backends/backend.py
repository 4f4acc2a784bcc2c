"""An ordinary server of Python's standard library that prints a line for each request it believes to have seen."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def read_body(self):
        if 'chunked' not in self.headers.get('transfer-encoding', '').lower():
            self.rfile.read(int(self.headers.get('content-length') or 0))
            return
        while size := int(self.rfile.readline().split(b';')[0], 16):
            self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def answer(self):
        self.read_body()
        sys.stdout.write('%s %s\n' % (self.command, self.path))
        sys.stdout.flush()
        self.send_response(200)
        self.send_header('content-length', '2')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(b'ok')

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_TRACE = answer

    def log_message(self, *_):
        pass


ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
