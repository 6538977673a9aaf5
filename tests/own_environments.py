"""Environments of tests' own, with published packages in them."""

import shutil
import subprocess
import sys

__all__ = ["environment"]


def environment(folder, *packages):
    """An environment with *packages*; its folder."""
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
        installer = [uv, "pip", "install", "-q", "--python", folder / "bin" / "python"]
    else:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        installer = [folder / "bin" / "python", "-m", "pip", "install", "-q"]
    subprocess.run([*installer, "--only-binary", ":all:", *packages], check=True)
    return folder
