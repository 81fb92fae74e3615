"""Making this process obey the mode bits of files, which do not bind root.

Belongs here: giving up capabilities, in a process that ends soon. Does not belong here: tests.
"""

import ctypes
import os

_VERSION_3 = 0x20080522
_OVERRIDE, _READ_SEARCH = 1, 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def obey_mode_bits() -> None:
    """Give up, for good, what lets root write where nobody may. Others obey anyway."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for kind in range(3):
        sets[kind] &= ~(1 << _OVERRIDE | 1 << _READ_SEARCH)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
