#!/usr/bin/python3
"""without.py CALL ERRNO COMMAND...: runs a command for which a system call fails with that errno
name: io_uring_setup as in a container whose seccomp profile forbids it (EPERM), or Landlock's and
seccomp's own as on a kernel without them (ENOSYS)."""

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
BPF_LOAD, BPF_JUMP_IF_EQUAL, BPF_RETURN = 0x20, 0x15, 0x06
CALLS = {"io_uring_setup": 425, "landlock_create_ruleset": 444,  # the same everywhere
         "seccomp": 317 if platform.machine() == "x86_64" else 277}


def forbid(call, number):
    rows = [(BPF_LOAD, 0, 0, 0),  # seccomp_data.nr
            (BPF_JUMP_IF_EQUAL, 0, 1, call),
            (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | number),
            (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rows),
                                                      ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        sys.exit(f"without: no seccomp here: {os.strerror(ctypes.get_errno())}")


forbid(CALLS[sys.argv[1]], getattr(errno, sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
