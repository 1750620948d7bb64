# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets in several network namespaces from one process, for the test programs
beside this file. (os.setns came with Python 3.12.)"""

import ctypes
import os
import socket

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(netns):
    """sockets this thread makes from now on belong to this namespace, a name of ip-netns(8)"""
    fd = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), netns)
    finally:
        os.close(fd)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET
