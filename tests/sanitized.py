"""Programs in C++ that are compiled with sanitizers and run."""

import subprocess
from pathlib import Path

import pytest

from tto.model.native_build import SHARED, compiler


def run_sanitized(
    source: Path, headers: Path, folder: Path, *, sanitizers: str, level: str
) -> subprocess.CompletedProcess[str]:
    """Compile a program and run it; skip the test where the compiler has no such sanitizers.

    Args:
        source: path of the program.
        headers: folder of what it includes, beside `native_build/`.
        folder: folder for the compiled program.
        sanitizers: names of the sanitizers, as the compiler's flag has them.
        level: flag of the level of optimisation.
    """
    flags = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", level, "-g1", "-pthread"]
    language = ["-std=c++17", "-fno-strict-aliasing", f"-I{SHARED}", f"-I{headers}"]
    name, empty, program = compiler(), folder / "empty.cpp", folder / "check"
    empty.write_text("int main() {}\n")
    if subprocess.run([name, *flags, empty, "-o", folder / "empty"]).returncode:
        pytest.skip(f"{name} has no {sanitizers} sanitizers")
    subprocess.run([name, *flags, *language, source, "-o", program], check=True)
    return subprocess.run([program], capture_output=True, text=True)
