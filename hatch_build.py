"""Build hook: compile protos/ into services/onematter/<area>/v1/.

Generated code is built, never committed. The same function serves the wheel (hatchling calls the hook), the editable
install and `make protos`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PROTOS = ROOT / "protos"
OUT = ROOT / "services"


def compile_protos() -> list[Path]:
    """Compile every .proto; returns the packages written. Raises SystemExit when protoc finds an error."""
    import grpc_tools
    from grpc_tools import protoc

    files = sorted(PROTOS.rglob("*.proto"))
    packages = sorted({OUT / file.parent.relative_to(PROTOS) for file in files})
    for package in packages:
        shutil.rmtree(package, ignore_errors=True)
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    code = protoc.main(
        [
            "protoc",
            f"-I{PROTOS}",
            f"-I{well_known}",
            f"--python_out={OUT}",
            f"--pyi_out={OUT}",
            *[str(file) for file in files],
        ]
    )
    code = code or protoc.main(
        ["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--grpc_python_out={OUT}"]
        + [str(file) for file in files if file.stem.endswith("_service")]
    )
    if code != 0:
        raise SystemExit(f"protoc failed with exit code {code}")
    for package in packages:
        (package / "__init__.py").write_text(f'"""Contracts of onematter.{package.parent.name}, version 1."""\n')
        if not (package.parent / "__init__.py").exists():
            (package.parent / "__init__.py").write_text("")
    return packages


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:
    pass
else:

    class ProtoBuildHook(BuildHookInterface):
        """Hatchling's entry: compile, and let the wheel take in what .gitignore hides."""

        def initialize(self, version: str, build_data: dict) -> None:
            for package in compile_protos():
                build_data["artifacts"].append(str(package.relative_to(ROOT)) + "/*")


if __name__ == "__main__":
    for built in compile_protos():
        print(built.relative_to(ROOT), file=sys.stderr)
