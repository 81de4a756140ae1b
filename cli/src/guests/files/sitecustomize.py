"""Brings Python to the working directory that the sandbox started it in.

A WASI program starts at "/" and learns its directory from PWD. By the time this module runs, Python has made the path
of its script absolute already, as "//name"; `_script` puts that right.
"""

import os
import sys


def _script(path, _directory=os.environ.get("PWD", "/")):
    """Finds the script that was named relative to the working directory (a hook of sys.path_hooks)."""
    if not path.startswith("//"):
        raise ImportError
    import importlib.machinery
    import importlib.util
    import pkgutil

    real = os.path.normpath(os.path.join(_directory, path[2:]))
    importer = pkgutil.get_importer(real)
    if importer is not None:  # A directory or a zip file with a __main__.py in it.
        return importer
    if not os.path.isfile(real):
        raise ImportError

    class Loader(importlib.machinery.SourceFileLoader):
        def path_stats(self, path):
            raise OSError("a script leaves no bytecode behind")

    class Script:
        @staticmethod
        def find_spec(name, target=None):
            if name != "__main__":
                return None
            sys.path[0] = os.path.dirname(real)
            return importlib.util.spec_from_file_location(name, real, loader=Loader(name, real))

    return Script


try:
    os.chdir(os.environ["PWD"])
except (KeyError, OSError):
    pass
else:
    sys.path_hooks.insert(0, _script)
