"""The package as users install it: a wheel in an environment of its own, away from this folder.

Belongs here: building it and the commands it brings. Its dependencies are those of the
environment that runs the tests, so that nothing is fetched.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.conftest import ROOT


def own_environment(folder: Path) -> Path:
    """Folder of the programs of a new environment in `folder`, with the wheel installed there."""
    wheels, environment = folder / "wheels", folder / "own"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    venv.create(environment, with_pip=False)
    # Searched for modules after the environment's own; the tests' editable install, which is a
    # line of a .pth file there, is not followed from here.
    _site_packages(environment).joinpath("dependencies.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )
    (wheel,) = wheels.glob("*.whl")
    python = environment / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *install, "--quiet", str(wheel)], check=True)
    _command_of_dependencies("dbt", environment)
    return environment / "bin"


def _site_packages(environment: Path) -> Path:
    (folder,) = (environment / "lib").glob("python*/site-packages")
    return folder


def _command_of_dependencies(name: str, environment: Path) -> None:
    """The command as pip would have installed it, were its package not that of the tests."""
    lines = Path(sys.executable).with_name(name).read_text().splitlines(keepends=True)
    own = environment / "bin" / name
    own.write_text("".join([f"#!{environment / 'bin' / 'python'}\n", *lines[1:]]))
    own.chmod(0o755)
