"""What a case may say, and whether what happened is what it expects."""

import re

from upstreams import lookup

FILE_KEYS = {
    'about',
    'upstreams',
    'clusters',
    'http',
    'listeners',
    'extra',
    'tls',
    'upstream_tls',
    'main',
    'bootstrap',
    'files',
    'args',
    'cases',
    'only',
    'path',
}
CASE_KEYS = {'name', 'steps', 'differs', 'only', 'fresh'}
STEP_KEYS = set(
    """respond each request send pause half_close method timeout to connection connect protocol eventually repeat connections
    command write content remove rename signal wait hammer drop_connections tell stall expect expect_weir""".split()
)
EXPECT_KEYS = set(
    """status reason version headers header_names body body_length trailers interim closed complete reset goaway error seconds
    upstream stats log logged file goaways exit within refuses bytes distribution shares stdout stderr grown_below_mb""".split()
)
UPSTREAM_KEYS = set('name method path protocol headers header_names head body body_length trailers count reset tls proxy pings'.split())


def check_keys(file):
    """A misspelt key would be a test that tests nothing."""

    def known(where, x, keys):
        unknown = {str(k) for k in x} - keys
        if unknown:
            raise ValueError('%s: unknown %s' % (where, ', '.join(sorted(unknown))))

    known('file', file, FILE_KEYS)
    for case in file['cases']:
        known(case['name'], case, CASE_KEYS | STEP_KEYS)
        for step in case.get('steps') or [case]:
            known(case['name'], step, STEP_KEYS if 'steps' in case else CASE_KEYS | STEP_KEYS)
            for e in (step.get('expect', {}), step.get('expect_weir', {})):
                for one in e if isinstance(e, list) else [e]:
                    known(case['name'], one, EXPECT_KEYS)
                    seen = one.get('upstream', [])
                    for upstream in [seen] if isinstance(seen, dict) else seen if isinstance(seen, list) else []:
                        known(case['name'], upstream, UPSTREAM_KEYS)


class Mismatch(Exception):
    """The behaviour was not as expected; the text says how."""


class Skip(Exception):
    pass


def matches(want, got):
    """~/regex/ is searched for, ~text is contained, anything else is equal."""
    want, got = str(want), str(got)
    if is_regex(want):
        return re.search(want[2:-1], got, re.S) is not None
    if want.startswith('~'):
        return want[1:] in got
    return want == got


def is_regex(want):
    return want.startswith('~/') and want.endswith('/') and len(want) > 3


def check(what, want, got):
    if not matches(want, got):
        raise Mismatch('%s is %r, expected %r' % (what, short(got), want))


def short(x):
    x = str(x)
    return x if len(x) < 400 else x[:400] + '…'


def check_headers(what, want, headers):
    """`want` maps a name to null (absent), a text, or the list of all its values."""
    for name, v in want.items():
        got = lookup(headers, name.lower())
        if v is None:
            if got:
                raise Mismatch('%s has %s: %r, expected none' % (what, name, got))
        elif isinstance(v, list):
            if len(v) != len(got) or not all(matches(a, b) for a, b in zip(v, got)):
                raise Mismatch('%s has %s: %r, expected %r' % (what, name, got, v))
        elif len(got) != 1 or not matches(v, got[0]):
            raise Mismatch('%s has %s: %r, expected %r' % (what, name, got, v))
