#!/usr/bin/env python3
"""The documents, executed. In every Markdown file of the project's own:

  ```yaml weir                     a bootstrap that `weir --mode validate` accepts
  ```yaml weir refused NAME.yaml   one that it refuses; the next block, ```text refusal, is what it says
  ```console weir                  a session: lines after `$ ` are run, the lines below them are what comes out ("…" stands for anything)
  ```console demo                  the same, with `weir demo` running

Sessions run in a folder with a copy of examples/, with `weir` on the PATH and other ports than written.
Besides: files, functions, make targets, flags, admin pages and links that the documents name must exist; every example must validate.

WEIR names the program (default: build/release/weir). `docs_test.py FILE…` looks at these files only."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIR = pathlib.Path(os.environ.get('WEIR', ROOT / 'build/release/weir')).resolve()
FENCE = re.compile(r'^([ \t]*)```([^\n`]*)\n(.*?)^\1```[ \t]*$', re.S | re.M)
PORTS = re.compile(r'\b(10000|9901|808[0-9])\b')
FLOORS = 'base config loop stats net http format route upstream observe filter proxy control admin main'.split()
TOP = ['src', 'docs', 'spec', 'bench', 'tests', 'tools', 'cmake', 'proto', 'examples', '.ci', '.github']
DONE = '-- docs_test: done --'


def documents():
    names = sys.argv[1:] or ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', *sorted(ROOT.glob('docs/**/*.md')), *ROOT.glob('examples/**/*.md')]
    return [(ROOT / name).resolve() for name in names]


class Document:
    def __init__(self, path):
        self.path = path
        self.text = path.read_text()
        self.problems = []

    def problem(self, offset, message):
        line = self.text.count('\n', 0, offset) + 1
        self.problems.append(f'{self.path.relative_to(ROOT)}:{line}: {message}')

    def blocks(self):
        """(offset, words of the tag, text) of every fenced block."""
        for match in FENCE.finditer(self.text):
            indent, tag, text = match.groups()
            yield match.start(), tag.split(), re.sub('^' + indent, '', text, flags=re.M)

    def inline(self):
        """(offset, text) of everything in single backticks."""
        prose = FENCE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group(0)), self.text)
        return [(m.start(), m.group(1)) for m in re.finditer(r'`([^`\n]+)`', prose)]


# --- configurations ---


def validate(text, name='bootstrap.yaml'):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / name).write_text(text)
        return run_validate(name, folder)


def run_validate(name, folder):
    done = subprocess.run([WEIR, '--mode', 'validate', '-c', name], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr.strip()


def check_configurations(document):
    waiting = None  # what a refused configuration said
    for offset, tag, text in document.blocks():
        if waiting is not None and tag[:2] != ['text', 'refusal']:
            document.problem(offset, 'a ```text refusal block must follow a refused configuration')
            waiting = None
        if tag[:2] == ['text', 'refusal']:
            if waiting is None:
                document.problem(offset, 'no refused configuration stands before this')
            elif waiting != text.strip():
                document.problem(offset, f'Weir says:\n{waiting}')
            waiting = None
        elif tag[:3] == ['yaml', 'weir', 'refused']:
            status, waiting = validate(text, *tag[3:4])
            if status == 0:
                document.problem(offset, 'this configuration was to be refused, and is accepted')
                waiting = None
        elif tag[:2] == ['yaml', 'weir']:
            status, said = validate(text)
            if status != 0:
                document.problem(offset, f'this configuration is refused:\n{said}')
            elif said:
                document.problem(offset, f'this configuration is accepted with a warning:\n{said}')
    if waiting is not None:
        document.problem(len(document.text), 'a ```text refusal block must follow a refused configuration')


def check_examples():
    """Bootstraps are those with static_resources; the other files are checked by the sessions that use them."""
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / 'examples'
        shutil.copytree(ROOT / 'examples', copy)
        for script in copy.glob('**/make-certs.sh'):
            subprocess.run([script], check=True)
        found = [path for path in sorted(copy.glob('**/*.yaml')) if 'static_resources' in path.read_text()]
        for path in found:
            name = path.relative_to(folder)
            status, said = run_validate(name, folder)
            if status != 0 or said:
                problems.append(f'{name}: {said or "refused"}')
    if not found:
        problems.append('examples/: there is no bootstrap in it')
    return problems


# --- sessions ---


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def wait_until_live(admin_port, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{admin_port}/ready', timeout=1) as answer:
                if answer.status == 200:
                    return True
        except (OSError, urllib.error.URLError):
            time.sleep(0.02)
    return False


class Session:
    """A shell in a folder of its own. Everything it starts ends with it."""

    def __init__(self, demo):
        self.folder = tempfile.TemporaryDirectory()
        here = pathlib.Path(self.folder.name)
        self.ports = {name: str(free_port()) for name in ('10000', '9901', *(f'808{i}' for i in range(10)))}
        self.real = {port: name for name, port in self.ports.items()}
        shutil.copytree(ROOT / 'examples', here / 'examples')
        for path in here.glob('examples/**/*.yaml'):
            path.write_text(self.moved(path.read_text()))
        (here / 'bin').mkdir()
        (here / 'bin/weir').symlink_to(WEIR)
        env = dict(os.environ, PATH=f'{here / "bin"}:{os.environ["PATH"]}', LC_ALL='C.UTF-8')
        self.log = open(here / 'background.log', 'w')
        self.shell = subprocess.Popen(['bash', '--norc'], cwd=here, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, start_new_session=True)
        if demo:
            self.run('weir demo --port 10000 --admin-port 9901 &')

    def moved(self, text):
        return PORTS.sub(lambda m: self.ports[m.group(1)], text)

    def shown(self, text):
        return re.sub('|'.join(self.real), lambda m: self.real[m.group(0)], text)

    def run(self, command):
        """What the command prints; ports as they are written in the document."""
        background = re.search(r'(?<!&)&(?!&)(\s*[A-Z]+=\$!)?\s*$', command)
        line = self.moved(command)
        if background and '>' not in command:
            line = self.moved(command[:background.start()]) + '>> background.log 2>&1 ' + command[background.start():]
        self.shell.stdin.write(f'{line}\necho; echo "{DONE}"\n')
        self.shell.stdin.flush()
        output = ''
        for text in self.shell.stdout:
            if text.strip() == DONE:
                break
            output += text
        if background:
            self.wait_for(command)
        return self.shown(output).rstrip('\n')

    def wait_for(self, command):
        words = command.split()
        if words[:2] == ['weir', 'echo']:
            good = wait_for_port(int(self.ports[words[words.index('--port') + 1]]))
        else:
            good = wait_until_live(int(self.ports['9901']))
        if not good:
            raise RuntimeError('did not start: ' + command + '\n' + pathlib.Path(self.log.name).read_text())

    def close(self):
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()
        self.shell.stdin.close()
        self.shell.stdout.close()
        self.log.close()
        self.folder.cleanup()


def fits(expected, output):
    """A line of … alone stands for any lines, … inside a line for any text."""
    lines = [re.escape(line).replace('…', '.*') for line in expected]
    pattern = ''.join('(?:.*\n)*' if line == '.*' else line + '\n' for line in lines)
    return re.fullmatch(pattern, output + '\n' if output else '') is not None


def check_sessions(document):
    for offset, tag, text in document.blocks():
        if tag[:1] != ['console'] or tag[1:] not in (['weir'], ['demo']):
            continue
        steps = []
        for line in text.rstrip('\n').split('\n'):
            if line.startswith('$ '):
                steps.append((line[2:], []))
            elif steps:
                steps[-1][1].append(line)
            else:
                document.problem(offset, 'a session begins with "$ "')
        session = Session(demo=tag[1] == 'demo')
        try:
            for command, expected in steps:
                output = session.run(command)
                if not fits(expected, output):
                    document.problem(offset, f'`{command}` prints:\n{output}\ninstead of:\n' + '\n'.join(expected))
                    break
        except RuntimeError as error:
            document.problem(offset, str(error))
        finally:
            session.close()


# --- names ---


def source_text():
    return {path: path.read_text() for path in ROOT.glob('src/**/*') if path.suffix in ('.h', '.cc')}


def function_exists(name, sources):
    owner, _, function = name.rpartition('::')
    call = re.compile(rf'\b{re.escape(function)}\s*\(')
    if not owner:
        return any(call.search(text) for text in sources.values())
    owner = owner.rpartition('::')[2]
    kind = re.compile(rf'\b(class|struct)( \[\[\w+\]\])? {re.escape(owner)}\b')
    return any(kind.search(text) and call.search(text) for text in sources.values())


def looks_like_path(text):
    return re.fullmatch(r'[\w./*-]+', text) and '/' in text and text.split('/')[0] in TOP + FLOORS


def path_exists(text):
    return any(ROOT.glob(text)) if '*' in text else (ROOT / text).exists()


def check_names(document, sources, targets, flags, pages):
    for offset, text in document.inline():
        if looks_like_path(text) and text.split('/')[0] in TOP and not path_exists(text):
            document.problem(offset, f'there is no {text}')
        elif re.fullmatch(r'[A-Z]\w*\.md', text) and not (ROOT / text).exists():
            document.problem(offset, f'there is no {text}')
        elif (call := re.fullmatch(r'((?:\w+::)*~?\w+)\(.*\)', text)) and not function_exists(call.group(1), sources):
            document.problem(offset, f'there is no function {call.group(1)}')
        elif (make := re.match(r'make (\w+)', text)) and make.group(1) not in targets:
            document.problem(offset, f'make has no target {make.group(1)}')
        elif document.path.parent.name == 'docs':
            if text.startswith('--') and text.split()[0].split('=')[0] not in flags:
                document.problem(offset, f'there is no flag {text.split()[0]}')
            page = re.match(r'(?:POST )?(/[a-z_/]*)(\?|$)', text)
            if document.path.name == 'operations.md' and page and page.group(1) not in pages:
                document.problem(offset, f'there is no admin page {page.group(1)}')
    for match in re.finditer(r'\]\(([^)#:]+)(?:#[^)]*)?\)', document.text):
        if not (document.path.parent / match.group(1)).exists():
            document.problem(match.start(), f'the link to {match.group(1)} leads nowhere')


def known_flags():
    commands = ([], ['demo'], ['echo'], ['check'], ['explain'], ['check-routes'])
    texts = [subprocess.run([WEIR, *words, '--help'], capture_output=True, text=True).stdout for words in commands]
    return set(re.findall(r'--[a-z][\w-]*', ''.join(texts)))


def known_pages():
    session = Session(demo=True)
    try:
        return set(re.findall(r'^  (/\S*?)(?: \(POST\))?:', session.run('curl -s http://127.0.0.1:9901/help'), re.M))
    finally:
        session.close()


def main():
    if not WEIR.exists():
        print(f'docs: {WEIR} does not exist; build it, or let WEIR name another')
        return 1
    sources = source_text()
    targets = set(re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(), re.M))
    flags, pages = known_flags(), known_pages()
    problems = check_examples()
    count = 0
    for path in documents():
        document = Document(path)
        count += sum(1 for _, tag, _ in document.blocks() if len(tag) > 1)
        check_names(document, sources, targets, flags, pages)
        check_configurations(document)
        check_sessions(document)
        problems += document.problems
    for problem in problems:
        print(problem)
    print(f'docs: {len(documents())} documents, {count} examples, {len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
