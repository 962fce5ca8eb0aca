#!/usr/bin/python3
"""no_uring.py ERRNO COMMAND...: runs a command for which io_uring_setup fails with that errno name,
as in a container whose seccomp profile forbids it (EPERM) or on a kernel without it (ENOSYS)."""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
BPF_LOAD, BPF_JUMP_IF_EQUAL, BPF_RETURN = 0x20, 0x15, 0x06
IO_URING_SETUP = 425  # the same number on every architecture


def forbid_io_uring(number):
    rows = [(BPF_LOAD, 0, 0, 0),  # seccomp_data.nr
            (BPF_JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
            (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | number),
            (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rows),
                                                      ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        sys.exit(f"no_uring: no seccomp here: {os.strerror(ctypes.get_errno())}")


forbid_io_uring(getattr(errno, sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
