#!/usr/bin/python3
"""Asks Envoy and Weir (--mode validate) about every configuration in a folder, and says where they disagree and why.

    tools/corpus.py FOLDER                       # or: make corpus CORPUS=FOLDER
    tools/corpus.py FOLDER --weir BINARY --envoy BINARY --jobs 4 --verbose
    tools/corpus.py FOLDER --mutants 400 --seed 1          # and about so many that are wrong on purpose (corpus_mutate.py)

Without an Envoy (ENVOY names its binary, else it is fetched as for `make spec`) only Weir's own word is told. What Envoy accepts
and Weir refuses must be named by Weir as known but not implemented; anything else is a bug, and the exit status is then 1. So it is
if Weir accepts what Envoy refuses."""
import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUFFIXES = ('.yaml', '.yml', '.json', '.pb', '.pb_text')
# What the copy of Envoy's API that Weir is built with does not have: newer than it, or a mistake that Envoy would see as well.
NEWER = re.compile(r': unknown (type|field)')
NOT_YET = re.compile(r'Weir does not implement it yet|implemented yet|no \S+ that is implemented')
TIMEOUT_S = 20


ACCEPTED_KIND = 'Weir accepts, Envoy refuses'
REFUSED_KIND = 'Envoy accepts, Weir refuses'
NEWER_KIND = "Envoy accepts, Weir refuses what its copy of Envoy's API does not have"


class Verdict:
    """What one of them said about a file."""

    def __init__(self, accepted, reasons):
        self.accepted, self.reasons = accepted, reasons


def ask(command, path, folder):
    # In a scratch folder, so that log files with relative paths are left nowhere.
    try:
        result = subprocess.run(command + ['--mode', 'validate', '-c', path], cwd=folder, capture_output=True, text=True,
                                errors='replace', timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Verdict(False, ['no answer within %d s' % TIMEOUT_S])
    if result.returncode < 0:
        return Verdict(False, ['killed by signal %d' % -result.returncode])
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return Verdict(result.returncode == 0, lines)


def ask_weir(binary, path, folder):
    verdict = ask([binary, '--log-level', 'off'], path, folder)
    if not verdict.accepted:
        verdict.reasons = verdict.reasons or ['no reason given']
    return verdict


def ask_envoy(binary, path, folder):
    verdict = ask([binary, '--log-level', 'error', '--disable-hot-restart'], path, folder)
    if not verdict.accepted:
        # The last line names the mistake; log lines before it have a time in front.
        text = [re.sub(r'^\[[^\]]*\]\[\d+\]\[\w+\]\[\w+\] (\[[^\]]*\] )?', '', line) for line in verdict.reasons]
        verdict.reasons = text[-3:] or ['no reason given']
    return verdict


def files_of(folder, only):
    found = []
    for root, _, names in os.walk(folder):
        found += [os.path.join(root, name) for name in names if name.endswith(SUFFIXES)]
    return sorted(path for path in found if not only or re.search(only, path))


def find_envoy():
    """The binary, or None with a word about why."""
    if os.environ.get('ENVOY'):
        return os.environ['ENVOY']
    sys.path.insert(0, os.path.join(REPO, 'spec'))
    try:
        import sut

        return sut.find_envoy()
    except (SystemExit, ImportError, OSError) as e:
        print('corpus: without Envoy: %s' % e, file=sys.stderr)
        return None


def short(text, most=220):
    return text if len(text) <= most else text[: most - 1] + '…'


def brief(reason, path):
    """A reason without the file's name and with the end of the field path only."""
    reason = reason.removeprefix(path + ':')
    return re.sub(r'(^\d+:\d+: )(\S{60,})(: )', lambda m: m[1] + '…' + m[2][-58:] + m[3], reason)


def what_is_missing(reason):
    """The extension or field that a refusal of Weir names: the part that many files share."""
    extension = re.search(r'the extension (\S+) is known', reason)
    if extension:
        return 'extension ' + extension.group(1)
    message = re.search(r': (envoy\.\S+|xds\.\S+|udpa\.\S+|google\.\S+) is known', reason)
    if message:
        return 'message ' + message.group(1)
    parts = reason.split(': ')
    path = next((p for p in parts if re.fullmatch(r'[a-z0-9_]+([.\[].*)?', p)), parts[0])
    path = re.sub(r'\["[^"]*"\]|\[\d+\]', '', path)
    value = re.search(r': ([A-Z0-9_]+) is known', reason)
    return 'field ' + '.'.join(path.split('.')[-2:]) + (' = ' + value.group(1) if value else '')


def mutation_of(path):
    """What the first line of a mutant says."""
    with open(path, encoding='utf-8', errors='replace') as f:
        first = f.readline()
    return '\n    ' + first[2:].strip() if re.match(r'# \S+: [\'"]', first) else ''


def report(results, root, have_envoy, verbose):
    table = collections.Counter()
    missing = collections.Counter()
    bugs = []
    for path, envoy, weir in results:
        name = os.path.relpath(path, root)
        if envoy is not None:
            table[(envoy.accepted, weir.accepted)] += 1
        if weir.accepted:
            if envoy is not None and not envoy.accepted:
                bugs.append((name, ACCEPTED_KIND, envoy.reasons))
            continue
        unknown = [reason for reason in weir.reasons if not NOT_YET.search(reason)]
        known = [reason for reason in weir.reasons if NOT_YET.search(reason)]
        if envoy is not None and envoy.accepted and unknown:
            newer = all(NEWER.search(reason) for reason in unknown)
            bugs.append((name, NEWER_KIND if newer else REFUSED_KIND, [brief(reason, path) for reason in unknown]))
        elif envoy is None or envoy.accepted:
            for what in {what_is_missing(reason) for reason in known}:
                missing[what] += 1
        if verbose:
            print('%s\n  %s' % (name, '\n  '.join(short(reason) for reason in weir.reasons)))

    total = len(results)
    if have_envoy:
        same = table[(True, True)] + table[(False, False)]
        explained = table[(True, False)] - sum(kind != ACCEPTED_KIND for _, kind, _ in bugs)
        newer = sum(kind == NEWER_KIND for _, kind, _ in bugs)
        print('%20s  %14s  %14s' % ('', 'Weir accepts', 'Weir refuses'))
        print('%20s  %14d  %14d' % ('Envoy accepts', table[(True, True)], table[(True, False)]))
        print('%20s  %14d  %14d' % ('Envoy refuses', table[(False, True)], table[(False, False)]))
        print('%d files, the same judgement about %d (%.1f %%); %d more need what Weir knows but has not yet;'
              ' %d disagreements (%d about what is newer than Weir\'s copy of the API)'
              % (total, same, 100.0 * same / max(total, 1), explained, len(bugs), newer))
    else:
        print('%d files, Weir accepts %d; Envoy was not asked' % (total, sum(weir.accepted for _, _, weir in results)))
    if missing:
        print('\nWhat is not implemented yet, by the number of files that need it:')
        for what, count in sorted(missing.items(), key=lambda item: (-item[1], item[0])):
            print('%5d  %s' % (count, what))
    if bugs:
        print('\nDisagreements:')
        for name, kind, reasons in bugs:
            print('%s: %s%s' % (name, kind, mutation_of(os.path.join(root, name))))
            for reason in reasons[:4]:
                print('    ' + short(reason))
    return bugs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', nargs='?')
    parser.add_argument('--mutants', type=int, default=0, help='ask about so many configurations that are wrong on purpose, too')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--keep', help='where mutants are left to be looked at')
    parser.add_argument('--weir', default=os.environ.get('WEIR', os.path.join(REPO, 'build/release/weir')))
    parser.add_argument('--envoy', help='the binary; "none" to leave it out')
    parser.add_argument('--only', help='only files whose path matches this regular expression')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--verbose', action='store_true', help='every reason of every refusal')
    args = parser.parse_args()
    envoy = None if args.envoy == 'none' else args.envoy or find_envoy()
    bugs = []
    with tempfile.TemporaryDirectory() as scratch:
        if args.folder:
            paths = files_of(args.folder, args.only)
            if not paths:
                sys.exit('corpus: no configurations in %s' % args.folder)
            bugs += ask_about(paths, args.folder, envoy, args, scratch)
        if args.mutants:
            import corpus_mutate

            folder = args.keep or os.path.join(scratch, 'mutants')
            corpus_mutate.make(folder, args.mutants, args.seed, args.folder)
            print('%s%d mutants, seed %d:' % ('\n' if args.folder else '', args.mutants, args.seed))
            bugs += ask_about(files_of(folder, args.only), folder, envoy, args, scratch)
    return 1 if bugs else 0


def ask_about(paths, folder, envoy, args, scratch):
    """Prints the report of one folder and returns its disagreements."""
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:

        def judge(path):
            path = os.path.abspath(path)
            return path, envoy and ask_envoy(envoy, path, scratch), ask_weir(os.path.abspath(args.weir), path, scratch)

        results = list(pool.map(judge, paths))
    return report(results, os.path.abspath(folder), envoy is not None, args.verbose)


if __name__ == '__main__':
    sys.exit(main())
