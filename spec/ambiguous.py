"""Byte strings that two parsers of HTTP could read differently: every ambiguity of RFC 9112 section 11.2 that we know of."""

import re

from draw import Draw

ENCODINGS = [
    'Transfer-Encoding: chunked', 'Transfer-Encoding: Chunked', 'Transfer-Encoding:chunked', 'Transfer-Encoding:\tchunked', 'Transfer-Encoding: \tchunked\t', 'Transfer-Encoding : chunked', ' Transfer-Encoding: chunked',
    'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', 'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding: chunked\r\n ', 'Transfer-Encoding:\n chunked',
    'Transfer-Encoding: "chunked"', "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: chunked,', 'Transfer-Encoding: ,chunked', 'Transfer-Encoding:', 'Transfer-Encoding: chun\0ked', 'Transfer-Encoding: chunked\0',
    'Transfer-Encoding\0: chunked', 'Transfer-Encoding: \x0bchunked', 'Transfer-Encoding: \x0cchunked', 'Transfer-Encoding: \x85chunked', 'Transfer-Encoding: \xa0chunked', 'Transfer_Encoding: chunked', 'Transfer-Encoding: chunked\rX: y', 'X: y\rTransfer-Encoding: chunked',
    'X: y\nTransfer-Encoding: chunked', 'Transfer-Encoding: chunk\xc5\xbfed', 'Content-Encoding: chunked', 'TE: chunked', 'Transfer-Encoding\r\n: chunked', 'Transfer-Encoding\t: chunked', '\tTransfer-Encoding: chunked', 'transfer-encoding: cHuNkEd', 'Transfer-Encoding: none', 'Transfer-Encoding: 1',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: chunked\tx', 'Transfer-Encoding: identity;chunked', 'Transfer-Encoding: deflate', 'Transfer-Encoding: \xefchunked', 'Transfer\xadEncoding: chunked', 'Transfer-Encoding: chunked\r\nConnection: transfer-encoding', 'Transfer-Encoding: ch\runked',
    'Transfer-Encoding: chunked\x20\x20', 'Transfer-Encoding:  ', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: trailers', 'Transfer-Encoding: chunked, gzip', 'X-Transfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nUpgrade: websocket\r\nConnection: upgrade',
]  # fmt: skip
LENGTHS = [
    'Content-Length: %d', 'Content-Length: +%d', 'Content-Length: -%d', 'Content-Length: 0%d', 'Content-Length: %d, %d', 'Content-Length: %d\r\nContent-Length: %d', 'Content-Length: 0\r\nContent-Length: %d', 'Content-Length: %d\r\nContent-Length: 0', 'Content-Length : %d',
    'Content-Length: %d\r\n ', 'Content-Length:\r\n %d', 'Content-Length: 0x%x', 'Content-Length: %d.0', 'Content-Length: %d ', 'Content-Length:\t%d', 'Content-Length: 1%d', 'Content_Length: %d', 'Content-Length: %d;', 'Content-Length: %d\0', 'Content-Length: %d\rX: y', 'Content-Length: %de0',
    'Content-Length:', 'Content-Length: 18446744073709551616', 'Content-Length: 1844674407370955161%d', 'Content-Length: "%d"', 'content-length: %d', ' Content-Length: %d', 'X: y\nContent-Length: %d', 'Content-Length: %d 0', 'Content-Length: ,%d', 'Content-Length: \x0b%d', 'Content-Length: 4294967296',
    'Content-Length: %d\r\nContent-Length: %d\r\nTransfer-Encoding: chunked', 'Content-Length: %d,', 'Content-Length: \xb2', 'Content-Length: %d\t', 'Content-Length: \xd9\xa3', 'Content-Length: %d\r\ncontent-length : 0', 'Content-Length: 9223372036854775807', 'Content-Length: 9223372036854775808', 'Content-Length: 000000000000000000000%d', 'Content-Length: %d\r\nConnection: content-length', 'Content-Length:%d',
]  # fmt: skip
OTHERS = [
    'Host: other', 'Connection: content-length', 'Connection: transfer-encoding', 'Connection: keep-alive', 'Connection: close', 'Connection: host', 'Expect: 100-continue', 'Upgrade: h2c\r\nConnection: upgrade', 'Upgrade: websocket\r\nConnection: upgrade', 'X: ' + 'a' * 5000, 'X:\r\n\tfolded', ':method: POST',
    'X-HTTP-Method-Override: DELETE', 'X: a\x01b', 'X\x01: b', 'X: \x7f', 'GET /evil HTTP/1.1', ' X: y', 'X', ': y', 'X: y\r', 'Trailer: X', 'Keep-Alive: timeout=5', 'Proxy-Connection: close', 'TE: trailers', 'Range: bytes=0-0', 'Accept-Encoding: gzip', 'Host:', 'Host: a, b', 'Upgrade: HTTP/2.0, SHTTP/1.3\r\nConnection: upgrade', 'Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__', 'Expect: 100-Continue, x', 'Connection: x, close, content-length', 'Host: out:80', 'Host: out\tx', 'Via: 1.0 a', 'X-Forwarded-Host: evil', 'Content-Type: multipart/byteranges; boundary=x', 'Max-Forwards: 0', 'HOST: x\r\n\r\nGET /e HTTP/1.1',
]  # fmt: skip
LINES = [
    'POST %s HTTP/1.1', 'POST %s HTTP/1.1', 'POST %s HTTP/1.1', 'GET %s HTTP/1.1', 'GET %s HTTP/1.0', 'POST %s HTTP/1.0', 'GET %s', 'GET %s HTTP/0.9', 'GET  %s HTTP/1.1', 'GET %s  HTTP/1.1', 'GET %s HTTP/1.1 ', 'GET\t%s\tHTTP/1.1', '\r\nGET %s HTTP/1.1', '\nGET %s HTTP/1.1', ' GET %s HTTP/1.1', 'GET %s HTTP/1.1\r',
    'GET http://a%s HTTP/1.1', 'GET %s HTTP/2.0', 'GET %s HTTP/1.2', 'GET %s HTTP/01.1', 'GET %s http/1.1', 'HEAD %s HTTP/1.1', 'PUT %s HTTP/1.1', 'OPTIONS %s HTTP/1.1', 'CONNECT a:80 HTTP/1.1', 'DELETE %s HTTP/1.1', 'GET %s\0 HTTP/1.1', 'GET %s HTTP/1.1\0', 'GET %s\x0bHTTP/1.1', 'POST %s?a b HTTP/1.1', 'G\xc9T %s HTTP/1.1', 'GET %s#x HTTP/1.1', 'TRACE %s HTTP/1.1',
]  # fmt: skip
CHUNKINGS = [
    '%x\r\n%s\r\n0\r\n\r\n', '0%x\r\n%s\r\n0\r\n\r\n', '%X;a=b\r\n%s\r\n0\r\n\r\n', '%x;\r\n%s\r\n0\r\n\r\n', '%x ;a\r\n%s\r\n0\r\n\r\n', '%x \r\n%s\r\n0\r\n\r\n', '0x%x\r\n%s\r\n0\r\n\r\n', '%x\n%s\n0\n\n', '%x\r%s\r\n0\r\n\r\n', '%x\r\n%s0\r\n\r\n', '%x\r\n%sX\r\n0\r\n\r\n', '%x\r\n%s\r\n0\r\nX: y\r\n\r\n',
    '%x\r\n%s\r\n0\r\nContent-Length: 5\r\n\r\n', '%x\r\n%s\r\n00\r\n\r\n', '%x\r\n%s\r\n0;x\r\n\r\n', '+%x\r\n%s\r\n0\r\n\r\n', '-%x\r\n%s\r\n0\r\n\r\n', ' %x\r\n%s\r\n0\r\n\r\n', '%x\r\n%s\r\n0\r\n', '%x\r\n%s\r\n\r\n', '%x;a="\r\n"\r\n%s\r\n0\r\n\r\n', '%x;a\nb\r\n%s\r\n0\r\n\r\n', '1000000000000000%x\r\n%s\r\n0\r\n\r\n', '%xg\r\n%s\r\n0\r\n\r\n', '%x\r\n%s\r\n0\r\nX\r\n\r\n', '%x\r\n%s\r\n0\r\n X: y\r\n\r\n', '%x\r\n%s\r\n0\n\r\n', '%x\r\n%s\r\n0\r\n\n', '%x,\r\n%s\r\n0\r\n\r\n', '%x\0\r\n%s\r\n0\r\n\r\n',
    '%x\r\n%s\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n', '%x\r\n%s\r\n0\r\nHost: other\r\n\r\n', '%x\r\n%s\r\n0\r\n:path: /x\r\n\r\n', '00000000000000000%x\r\n%s\r\n0\r\n\r\n', '%x;a\rb\r\n%s\r\n0\r\n\r\n', '%x\t\r\n%s\r\n0\r\n\r\n', '%x\r\n%s\r\n0\r\nX: y\n\r\n', '%x\r\n%s\r\n0\r\nX: a\0b\r\n\r\n', '%x\r\n%s\r\n-0\r\n\r\n',
    '%x\r\n%s\r\n0\r\n\r\nX', 'ffffffffffffffff\r\n%.0x%s\r\n0\r\n\r\n', '%x\r\r\n%s\r\n0\r\n\r\n', '%x\r\n%s\r\n0_0\r\n\r\n', '%x;\x80\r\n%s\r\n0\r\n\r\n', "%x;a='\r\n%s\r\n0\r\n\r\n", '%x\r\n%s\r\n0\r\nX: y\r\n Y: z\r\n\r\n', '%x\r\n%s\r\n0\r\nGET /evil HTTP/1.1\r\n\r\n',
]  # fmt: skip
FIELDS = [('transfer-encoding', 'chunked'), ('content-length', '5'), ('content-length', '0'), ('x', 'a\r\nx-evil: 1'), ('x', 'a\nx-evil: 1'), ('x\r\nx-evil', '1'), ('x', 'a\r\n\r\nGET /evil HTTP/1.1\r\nhost: e\r\n\r\n'), ('x: y', 'z'), ('X-Upper', '1'), ('x ', '1'), (' x', '1'), ('connection', 'content-length'), ('host', 'other'), ('x', 'a\0b'), ('', 'x'), ('te', 'chunked'), ('upgrade', 'h2c'), ('cookie', 'a\r\nb'), (':path', '/second'), ('expect', '100-continue'), ('x', ' a '), ('x\x7f', '1'), ('keep-alive', '5')]  # fmt: skip
PSEUDO = [(':method', 'GET /evil HTTP/1.1\r\nhost: e\r\n\r\nGET'), (':path', '/x HTTP/1.1\r\nhost: e\r\n\r\nGET /evil'), (':path', '/a b'), (':path', '/a\tb'), (':path', 'x'), (':path', '*'), (':path', ''), (':authority', 'a\r\nx-evil: 1'), (':authority', 'a b'), (':authority', 'u@a'), (':scheme', 'http\r\nx: y'), (':method', 'G T'), (':method', ''), (':path', '/\xff'), (':path', '/#x'), (':method', 'get')]  # fmt: skip


class Ambiguous(Draw):
    def http1(self, n):
        """Bytes whose paths begin with /n/, so that each request that anybody sees in them can be recognised."""
        inner = 'GET /%d/inner HTTP/1.1\r\nHost: in\r\nX: y\r\n\r\n' % n
        body = self.pick(['hello', inner, '', inner + inner, 'G'])
        line = self.pick(LINES if self.maybe(0.4) else LINES[:4])
        lines = [line % ('/%d/outer' % n) if '%s' in line else line]
        fields = ['Host: out'] if self.maybe(0.95) else []
        chunking = self.pick(CHUNKINGS) % (len(body), body)
        if self.maybe(0.6):
            fields.append(self.pick(ENCODINGS))
        if self.maybe(0.6):
            text = self.pick(LENGTHS)
            size = self.pick([len(body), len(chunking), 0, 5, len(chunking) - 5])
            fields.append(text % ((max(size, 0),) * text.count('%')))
        if self.maybe(0.3):
            fields.append(self.pick(OTHERS))
        self.r.shuffle(fields)
        text = '\r\n'.join(lines + fields) + '\r\n\r\n'
        text += self.pick([body, chunking, chunking, chunking + inner, body + inner, ''])
        if self.maybe(0.05):
            text = text.replace('\r\n', '\n', self.r.randint(1, 6))
        if self.maybe(0.1):
            text += 'GET /%d/after HTTP/1.1\r\nHost: after\r\nConnection: close\r\n\r\n' % n
        return text

    def http2(self, n):
        """Fields and a body, to be sent without anybody's checks."""
        fields = {':method': self.pick(['GET', 'POST']), ':scheme': 'http', ':authority': 'out', ':path': '/%d/h2' % n}
        if self.maybe(0.4):
            name, value = self.pick(PSEUDO)
            fields[name] = re.sub('^/(?!evil)', '/%d/' % n, value).replace('/evil', '/%d/evil' % n)
        out = list(fields.items())
        out += [(k, v.replace('/evil', '/%d/evil' % n)) for k, v in self.some(FIELDS, 0, 2)]
        return out, self.pick([None, '', 'hello', 'GET /%d/inner HTTP/1.1\r\nhost: e\r\n\r\n' % n, '0\r\n\r\nGET /%d/inner HTTP/1.1\r\nhost: e\r\n\r\n' % n])
