#!/usr/bin/python3
"""The order of the modules, enforced (ARCHITECTURE.md, "Layers").

    check_layers.py [--objects BUILD_DIR]

1. A file includes only files of a lower level, or those named in SAME_LEVEL.
2. proto/ includes only itself, client/ only itself and proto/.
3. liburing is included by ring alone; sockets, clocks, environment and random numbers are used
   by ring alone, and by what ALLOWED_CALLS names with a reason.
4. Every .c file has its row in meson.build: what is not built is not tested.
5. --objects: the objects of the pure half (proto, core) refer to no such function at all, and to
   malloc only where ALLOWED_MALLOC says so.

A module is a file name without suffix, or its part before an underscore: ring_probe.c is of ring.
A new module needs a row in LEVELS.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

LEVELS = {
    'proto': {
        'wire': 0, 'span': 0, 'list': 0,
        'fault': 1, 'url': 1, 'units': 1, 'histogram': 1, 'cookie': 1,
        'base64': 1, 'utf8': 1,
        'frame': 2, 'retry_on': 2, 'proxy_url': 2,
        'message': 3, 'varlink': 3,
    },
    'daemon': {
        'slab': 4, 'table': 4, 'block': 4, 'stats': 4, 'config': 4, 'timer': 4, 'policy': 4,
        'heap': 4, 'turn_queue': 4, 'users': 4, 'bucket': 4, 'cooldown': 4, 'fields': 4,
        'request_defaults': 4, 'http_date': 4,
        'public_suffix': 4, 'basic': 4, 'probe': 4,
        'request': 5, 'response': 5, 'decode': 5, 'redirect': 5, 'retry': 5, 'cookies': 5,
        'governor': 5, 'profile': 5, 'tls': 5, 'tunnel': 5, 'proxy': 5, 'fetch_call': 5,
        'config_files': 6, 'config_accounts': 6, 'ring': 6, 'log': 6, 'service': 6,
        'listen_socket': 6,
        'confine': 7, 'resolve': 7, 'writer': 7, 'conn': 7, 'outbox': 7, 'upload': 7,
        'dial': 8, 'pool': 8, 'mailbox': 8, 'sink': 8, 'body': 8, 'source': 8,
        'exchange': 9,
        'engine': 10,
        'item': 11, 'batch': 11,
        'session': 12, 'control': 12,
        'listener': 13,
        'daemon': 14,
        'main': 15,
    },
    # The client's own order: data and helpers, then what uses them, then the verbs.
    'client': {},
}
PURE_LEVEL_MAX = 5
MADE = {'page_html.h'}  # by meson, from page.html

# (includer, included) of one level: why.
SAME_LEVEL = {
    ('users', 'table'): 'users are found by their number',
    ('config', 'users'): 'some settings are what a user may hold',
    ('url', 'fault'): 'a refused URL is told by its fault code',
    ('request_defaults', 'fields'): "a profile's fields are judged like any",
    ('tunnel', 'response'): "a proxy's answer is read like any",
    ('profile', 'retry'): 'a profile says what is retried',
    ('response', 'decode'): 'a head names the codings of its body',
    ('profile', 'tls'): 'and whom to trust',
    ('profile', 'proxy'): 'and which proxies there are',
    ('pool', 'dial'): 'a pool dials for its waiters',
    ('sink', 'mailbox'): 'bodies leave the engine as blocks of the mailbox',
    ('body', 'sink'): 'a body goes to a sink, whole or decoded',
    ('batch', 'item'): 'a batch owns its items',
    ('item', 'batch'): 'an item tells its batch of its end',
}

# (includer, included): allowed by level, forbidden by design.
FORBIDDEN = {
    ('exchange', 'ring'): 'all ops of an outbound socket live in conn',
    ('item', 'ring'): 'items know no socket',
    ('batch', 'ring'): 'batches know no socket',
}

SOCKET_CALLS = ('socket socketpair bind listen accept accept4 connect send sendto sendmsg recv '
                'recvfrom recvmsg setsockopt getsockopt getpeername getsockname shutdown').split()
FILE_CALLS = 'open openat creat read pread readv write pwrite writev close'.split()
WORLD_CALLS = ('clock_gettime gettimeofday time getenv secure_getenv getrandom getentropy rand '
               'random srand sleep usleep nanosleep').split()

# Above level 5 and outside ring. (module, call): why.
ALLOWED_CALLS = {
    ('service', 'getenv'): 'LISTEN_FDS, NOTIFY_SOCKET and their kin',
    ('service', 'socket'): 'datagrams to the service manager',
    ('service', 'sendto'): 'the same',
    ('service', 'close'): 'the same',
    ('service', 'getsockopt'): 'what kind of socket was inherited',
    ('log', 'getenv'): 'JOURNAL_STREAM',
    ('log', 'write'): 'stderr',
    ('log', 'socket'): 'datagrams to the journal',
    ('log', 'sendto'): 'the same',
    ('log', 'close'): 'the same',
    ('confine', 'open'): 'paths are looked up, not read, for the rules about them',
    ('confine', 'close'): 'the same',
    ('confine', 'getenv'): 'STATE_DIRECTORY, SSL_CERT_FILE and their kin',
    ('writer', 'write'): 'files, on its own thread',
    ('writer', 'pwrite'): 'the same',
    ('writer', 'close'): 'the same',
    ('resolve', 'open'): 'the hosts file',
    ('resolve', 'read'): 'the same',
    ('resolve', 'close'): 'the same, and sockets of c-ares, which wants all its functions or none',
    ('resolve', 'socket'): 'the latter: the resolver looks at datagrams before c-ares does',
    ('resolve', 'setsockopt'): 'the same: what c-ares itself sets',
    ('resolve', 'getsockopt'): 'the same: is it a datagram?',
    ('resolve', 'connect'): 'the same',
    ('resolve', 'recvfrom'): 'the same',
    ('resolve', 'sendto'): 'the same',
    ('resolve', 'getsockname'): 'the same',
    ('session', 'close'): 'descriptors that a client passed',
    ('upload', 'close'): 'the same',
    ('listen_socket', 'socket'): 'the path we listen on, before there is a ring',
    ('listen_socket', 'connect'): 'the same: does anybody answer there already?',
    ('listen_socket', 'bind'): 'the same',
    ('listen_socket', 'listen'): 'the same',
    ('listen_socket', 'close'): 'the same',
    ('main', 'write'): 'the stop pipe, in the signal handler',
    ('main', 'getenv'): 'XDG_RUNTIME_DIR',
    ('config_files', 'getenv'): "a user's own folder",
    ('config_files', 'open'): 'files of settings: at the start, and when told to reload',
    ('config_files', 'close'): 'the same',
}

MALLOC_CALLS = 'malloc calloc realloc reallocarray strdup strndup aligned_alloc'.split()
ALLOWED_MALLOC = {
    'users': 'an entry per user', 'slab': 'chunks', 'table': 'the slots', 'block': 'the block', 'profile': 'a profile',
    'request_defaults': 'the text', 'proxy': 'the credentials',
    'tls': "OpenSSL's buffers", 'decode': 'the state of the codec',
    'governor': 'an entry per origin, client and batch there',
    'response': 'the head, within its limits',
    'fetch_call': 'a call and the body for its answer, within a message',
    'cookies': 'a jar, within its limits',
    'histogram': 'rows, when first hit', 'frame': 'the unfinished frame',
    'varlink': 'the unfinished message, JSON documents',
}


def module_of(stem, table):
    while stem not in table:
        if '_' not in stem:
            return None
        stem = stem.rpartition('_')[0]
    return stem


def level_of(module):
    for table in (LEVELS['proto'], LEVELS['daemon']):
        if module in table:
            return table[module]
    return None


def without_comments(text):
    """Blanks comments and the inside of strings; keeps line numbers."""
    def blank(match):
        token = match.group(0)
        if token[0] == '/':
            return re.sub(r'[^\n]', ' ', token)
        return token[0] + ' ' * (len(token) - 2) + token[-1]
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def check_includes(root, folder, path, text, complain):
    stem = path.stem
    table = LEVELS[folder]
    module = module_of(stem, table) if folder != 'client' else stem
    if module is None:
        complain(path, 1, 'no such module in LEVELS of tests/check_layers.py')
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        system, name = match.group(1) == '<', match.group(2)
        if name.startswith('liburing') and (folder, module) != ('daemon', 'ring'):
            complain(path, number, 'only ring includes liburing')
        if system:
            continue
        if '/' in name:
            complain(path, number, f'"{name}": names stand without folders')
        if folder == 'client':
            if name in MADE or any(root.glob(f'client/**/{name}')):
                continue
            if not (root / 'proto' / name).exists():
                complain(path, number, f'"{name}" is neither of client/ nor of proto/')
            continue
        other = pathlib.PurePath(name).stem
        if folder == 'proto':
            included = module_of(other, LEVELS['proto'])
        else:
            included = module_of(other, LEVELS['daemon'] | LEVELS['proto'])
        if included is None:
            complain(path, number, f'"{name}" is of no module that {folder}/ may know')
        elif (module, included) in FORBIDDEN:
            complain(path, number, f'{module} must not know {included}: '
                     + FORBIDDEN[module, included])
        elif included == module or (module, included) in SAME_LEVEL:
            continue
        elif level_of(included) >= table[module]:
            complain(path, number, f'{module} (level {table[module]}) includes {included} '
                     f'(level {level_of(included)})')


def check_calls(path, text, complain):
    module = module_of(path.stem, LEVELS['daemon'])
    if module is None or module == 'ring' or path.suffix != '.c':
        return
    calls = SOCKET_CALLS + FILE_CALLS + WORLD_CALLS
    pattern = re.compile(r'(?<![\w.>])(' + '|'.join(calls) + r')\s*\(')
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        for match in pattern.finditer(line):
            if (module, match.group(1)) not in ALLOWED_CALLS:
                complain(path, number, f'{module} calls {match.group(1)}(): only ring does, or '
                         'what ALLOWED_CALLS names')


def check_rows(root, complain):
    rows = set(re.findall(r"'([\w./-]+)'", (root / 'meson.build').read_text())) | {'main'}
    prefix = {'unit': 'test_', 'fuzz': 'fuzz_'}
    for folder in (*LEVELS, 'tests/unit', 'tests/fuzz', 'tests/support', 'tests/sim'):
        for path in sorted((root / folder).rglob('*.c')):
            row = str(path.relative_to(root / folder).with_suffix(''))
            row = row.removeprefix(prefix.get(path.parent.name, ''))
            if row not in rows and str(path.relative_to(root)) not in rows:
                complain(path, 1, 'has no row in meson.build')


def check_tree(root):
    complaints = []

    def complain(path, number, what):
        complaints.append(f'{path.relative_to(root)}:{number}: {what}')

    for folder in LEVELS:
        for path in sorted((root / folder).rglob('*.[hc]')):
            text = path.read_text()
            check_includes(root, folder, path, text, complain)
            if folder == 'daemon':
                check_calls(path, text, complain)
    check_rows(root, complain)
    return complaints


def check_symbols(nm_output):
    """nm -u -A style lines "archive:member.o: U name" of the pure half."""
    complaints = []
    calls = set(SOCKET_CALLS + WORLD_CALLS + FILE_CALLS) - {'close'}
    for line in nm_output.splitlines():
        match = re.match(r'(.*\.o):\s+[Uw]\s+(\S+)', line)
        if not match:
            continue
        member = re.split(r'[:/]', match.group(1))[-1]
        stem = re.sub(r'^(proto|daemon)_|\.c\.o$|\.o$', '', member)
        module = module_of(stem, LEVELS['daemon'] | LEVELS['proto'])
        name = re.sub(r'^__(?:isoc\d+_)?|^__interceptor_|_chk$|64$', '', match.group(2))
        if name in calls or name.startswith('io_uring'):
            complaints.append(f'{stem}: the pure half refers to {name}()')
        if name in MALLOC_CALLS and module not in ALLOWED_MALLOC:
            complaints.append(f'{stem}: {name}() is for the modules in ALLOWED_MALLOC only')
    return complaints


def check_objects(build):
    archives = [str(p) for p in (build / 'libproto.a', build / 'libcore.a') if p.exists()]
    if not archives:
        return [f'{build}: neither libproto.a nor libcore.a is there']
    out = subprocess.run(['nm', '-u', '-A', *archives], check=True, capture_output=True, text=True)
    return check_symbols(out.stdout)


def check_self():
    """A check that never fails checks nothing: each rule must catch its example."""
    bad = {
        'proto/frame.c': ('#include "message.h"\n', 'frame (level 2) includes message'),
        'proto/url.c': ('#include "slab.h"\n', 'of no module that proto/ may know'),
        'daemon/util.c': ('', 'no such module'),
        'daemon/conn.c': ('#include "pool.h"\n', 'conn (level 7) includes pool'),
        'daemon/pool.c': ('#include <liburing.h>\n', 'only ring includes liburing'),
        'daemon/exchange.c': ('#include "ring.h"\n', 'all ops of an outbound socket'),
        'daemon/engine.c': ('x = clock_gettime(a);\n', 'engine calls clock_gettime'),
        'daemon/timer.c': ('\n  send (1);\n', 'timer.c:2: timer calls send'),
        'client/main.c': ('#include "conn.h"\n', 'neither of client/ nor of proto/'),
        'tests/unit/test_slab.c': ('', 'no row in meson.build'),
        'tests/support/stray.c': ('', 'no row in meson.build'),
    }
    good = {
        'daemon/ring_ops.c': '#include "ring.h"\n#include <liburing.h>\nint r = socket(1);\n',
        'daemon/batch.c': '/* send(x) */ a->send(1); b.send(1); my_send(2); s = "send(";\n',
        'daemon/log.c': 'write(2);\n#include "slab.h"\n',
        'client/input.c': '#include "url.h"\n', 'proto/url.h': '#include "span.h"\n',
    }
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for folder in (*LEVELS, 'tests/unit', 'tests/support'):
            (root / folder).mkdir(parents=True)
        (root / 'meson.build').write_text("['ring_ops', 'batch', 'log', 'input', 'url']")
        for path, text in [(p, t) for p, (t, _) in bad.items()] + list(good.items()):
            (root / path).write_text(text)
        found = check_tree(root)
        for path, (_, what) in bad.items():
            assert any(path in line and what in line for line in found), (path, found)
        for path in good:
            assert not any(path in line for line in found), (path, found)
    nm = ('libcore.a:daemon_timer.c.o:                  U clock_gettime\n'
          'libcore.a:daemon_request.c.o:         U malloc\nlibcore.a:daemon_slab.c.o:  U malloc\n'
          'b/libproto.a:proto_frame.c.o:      U __read_chk\nx/proto_url.c.o:       U memcpy\n')
    assert [line.split(':')[0] for line in check_symbols(nm)] == ['timer', 'request', 'frame']


def main(argv):
    if argv and (argv[0] != '--objects' or len(argv) != 2):
        sys.exit(__doc__)
    check_self()
    complaints = check_tree(pathlib.Path(__file__).resolve().parent.parent)
    if argv:
        complaints += check_objects(pathlib.Path(argv[1]))
    for line in complaints:
        print(line)
    if complaints:
        sys.exit(f'{len(complaints)} breaches of the order of the modules')


if __name__ == '__main__':
    main(sys.argv[1:])
