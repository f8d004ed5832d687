#!/usr/bin/env python3
"""Prints every option of `sglang serve` as the package's own argument parser has it.

    pip download --no-deps sglang==0.5.23 && pip install msgspec
    Deploy/engines/sglang/options.py sglang-0.5.23-*.whl > Tests/Fixtures/sglang-0.5.23-options.txt

Neither a GPU nor any dependency of the package but msgspec is needed: the classes that declare the options
(sglang/srt/arg_groups/fields) are imported from the wheel, what they import beyond argument handling is replaced by empty
modules, and the package's own `add_cli_args_from_dataclass` makes the parser. The few options that
`ServerArgs.add_cli_args` adds by hand are read from its syntax tree.

One line for an option: its spellings, comma-separated; `flag` or `value`; and the choices, where the parser has some.
"""
import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import pkgutil
import re
import sys
import tempfile
import types
import zipfile

REAL = re.compile(
    r"sglang(\.srt(\.arg_groups(\.(fields(\..*)?|arg_utils|argparse_actions|choices|field_order))?"
    r"|\.model_executor(\.cuda_graph_config)?)?)?$")
PACKAGES = ("sglang", "sglang.srt", "sglang.srt.arg_groups", "sglang.srt.model_executor")


class AnyMember(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Anything(metaclass=AnyMember):
    """Stands for whatever an empty module is asked for: usable as a value, a function, a decorator or a base class."""

    def __init__(self, *arguments, **options):
        pass

    def __init_subclass__(cls, **options):
        pass

    def __class_getitem__(cls, item):
        return cls

    def __call__(self, *arguments, **options):
        return arguments[0] if arguments and callable(arguments[0]) else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __iter__(self):
        return iter(())


class EmptyModule(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name.isupper():
            return []  # a list of choices
        return type(name, (Anything,), {}) if name[:1].isupper() else Anything()


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, root):
        self.root = root

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] != "sglang":
            return None
        if REAL.match(name):
            if name in PACKAGES:
                # The packages themselves, without what their __init__ sets in motion.
                spec = importlib.machinery.ModuleSpec(name, self, is_package=True)
                spec.submodule_search_locations = [f"{self.root}/{name.replace('.', '/')}"]
                return spec
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        if REAL.match(spec.name):
            return types.ModuleType(spec.name)
        return EmptyModule(spec.name)

    def exec_module(self, module):
        pass


def declared_options(root):
    """The options made from the declarations, by the package's own function."""
    sys.meta_path.insert(0, Finder(root))
    sys.path.insert(0, root)
    fields = importlib.import_module("sglang.srt.arg_groups.fields")
    add = importlib.import_module("sglang.srt.arg_groups.arg_utils").add_cli_args_from_dataclass
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for module in sorted(m.name for m in pkgutil.iter_modules(fields.__path__)):
        for value in vars(importlib.import_module(f"{fields.__name__}.{module}")).values():
            if isinstance(value, type) and "_NS_PATH" in vars(value):
                add(parser, value)
    for action in parser._actions:
        choices = action.choices if isinstance(action.choices, (list, tuple, set)) else []
        yield action.option_strings, action.nargs != 0, [str(choice) for choice in choices]


def manual_options(path):
    """The calls of `parser.add_argument` in `ServerArgs.add_cli_args`."""
    with open(path) as file:
        tree = ast.parse(file.read())
    function = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "add_cli_args")
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument"):
            continue
        names = [a.value for a in call.args if isinstance(a, ast.Constant)]
        keywords = {k.arg: k.value for k in call.keywords}
        action = keywords.get("action")
        action = getattr(action, "value", None) or getattr(action, "id", "")
        choices = keywords.get("choices")
        literal = [e.value for e in choices.elts] if isinstance(choices, ast.List) else []
        yield names, "StoreTrue" not in str(action) and action != "store_true", literal


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    version = re.search(r"sglang-([^-]+)-", sys.argv[1])
    if not version:
        sys.exit(f"{sys.argv[1]} is not named like a wheel of sglang")
    with tempfile.TemporaryDirectory() as root:
        with zipfile.ZipFile(sys.argv[1]) as wheel:
            for name in wheel.namelist():
                if name.startswith(("sglang/srt/arg_groups/", "sglang/srt/model_executor/cuda_graph_config.py")):
                    wheel.extract(name, root)
                elif name == "sglang/srt/server_args.py":
                    wheel.extract(name, root)
        options = [*declared_options(root), *manual_options(f"{root}/sglang/srt/server_args.py")]
    print(f"# Options of `sglang serve`, sglang {version[1]}, by Deploy/engines/sglang/options.py")
    for names, takes_value, choices in sorted(options):
        print(" ".join([",".join(names), "value" if takes_value else "flag"] + (["|".join(choices)] if choices else [])))


if __name__ == "__main__":
    main()
