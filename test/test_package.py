# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The package as a user installs it: what its files declare, and real builds by pip and colcon."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

import depth_ros

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("depth_ros", "engines", "config", "launch", "training", "resource", "scripts")
FILES = ("setup.py", "pyproject.toml", "package.xml", "README.md", "LICENSE")
SHIPPED = ("launch/*.py", "config/*", "engines/*/*", "training/*.yaml", "training/*.md")
EXECUTABLES = ("depth_node", "camera_node", "depth_cli", "depth_eval", "depth_train")
JUNK = ("__pycache__", "*.pyc", "*.egg-info")
# rosdep's names for what the runtime imports; the message packages have their own name.
ROSDEP = {"numpy": "python3-numpy", "cv2": "python3-opencv", "tqdm": "python3-tqdm"}
ROSDEP |= {"yaml": "python3-yaml", "matplotlib": "python3-matplotlib"}
# By pip; the README says so.
NOT_IN_ROSDEP = {"openvino", "onnx", "onnxruntime", "rosbags", "safetensors", "torch"}
NOT_IN_ROSDEP |= {"tensorrt", "tensorrt_rtx"}


def sources() -> list[Path]:
    folders = ("depth_ros", "launch", "scripts", "test", "benchmarks")
    return [p for f in folders for p in sorted((ROOT / f).rglob("*.py"))] + [ROOT / "setup.py"]


def shipped() -> set[str]:
    found = (p for pattern in SHIPPED for p in ROOT.glob(pattern) if p.is_file())
    return {f"share/depth_ros/{p.relative_to(ROOT)}" for p in found}


def run(*command: object, cwd: Path, **environment: str) -> str:
    """The output of a command with no Python path but the one that is given."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree to build in, with one zoo entry more."""
    tree = tmp_path_factory.mktemp("ws") / "src" / "depth_ros"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns(*JUNK))
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    (tree / "engines/toy").mkdir(parents=True)
    (tree / "engines/toy/spec.json").write_text("{}")
    return tree


@pytest.fixture(scope="module")
def built(tree: Path) -> Path:
    """A folder with the sdist, and the wheel that was made from nothing but the sdist."""
    pytest.importorskip("build")
    out = tree.parent.parent / "dist"
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree, cwd=tree)
    return out


def test_the_version_is_the_same_everywhere() -> None:
    in_setup = re.findall(r"""version=["']([^"']+)["'],""", (ROOT / "setup.py").read_text())
    # catkin_prepare_release replaces one literal and refuses any other number of them.
    assert in_setup == [depth_ros.__version__]
    assert ET.parse(ROOT / "package.xml").findtext("version") == depth_ros.__version__
    changes = (ROOT / "CHANGELOG.rst").read_text()
    assert re.search(rf"^{re.escape(depth_ros.__version__)} \(", changes, re.MULTILINE)


def test_an_editor_and_ci_use_the_same_ruff() -> None:
    in_setup = re.findall(r'"(ruff==[^"]+)"', (ROOT / "setup.py").read_text())
    in_hooks = re.findall(r"\[(ruff==[^\]]+)\]", (ROOT / ".pre-commit-config.yaml").read_text())
    assert len(in_setup) == 1
    assert set(in_hooks) == set(in_setup)


def test_package_xml_is_one_that_colcon_and_rosdep_accept() -> None:
    package = ET.parse(ROOT / "package.xml").getroot()
    maintainer = package.find("maintainer")
    assert package.get("format") == "3"
    assert package.findtext("name") == "depth_ros"
    assert package.findtext("export/build_type") == "ament_python"
    assert package.findtext("license") == "Apache-2.0"
    # With an address that is not valid colcon drops the package's environment hooks.
    assert maintainer is not None
    assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", maintainer.get("email", ""))


def test_package_xml_names_everything_that_the_runtime_imports() -> None:
    package = ET.parse(ROOT / "package.xml").getroot()
    declared = {e.text for e in package if e.tag in ("depend", "exec_depend")}
    runtime = [p for p in sources() if p.parts[len(ROOT.parts)] in ("depth_ros", "launch")]
    training = ROOT / "depth_ros/training"
    needed = {n for p in runtime if training not in p.parents for n in imported(p)}
    needed -= {"depth_ros", *sys.stdlib_module_names, *NOT_IN_ROSDEP}
    assert {"rclpy", "numpy"} <= needed
    assert {ROSDEP.get(name, name) for name in needed} - declared == set()


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports anywhere, functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_every_source_file_names_its_licence() -> None:
    lines = [
        "# SPDX-FileCopyrightText: 2026 The depth_ros developers",
        "# SPDX-License-Identifier: Apache-2.0",
    ]
    assert sources()
    assert [p for p in sources() if p.read_text().splitlines()[:2] != lines] == []


def test_the_tree_has_no_symbolic_links() -> None:
    folders = [ROOT / f for f in (*FOLDERS, "test", "benchmarks", "docs")]
    assert [p for f in folders for p in (f, *f.rglob("*")) if p.is_symlink()] == []


def test_the_sdist_is_enough_to_build_and_the_wheel_has_everything(built: Path) -> None:
    [sdist], [wheel] = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    code = {str(p.relative_to(ROOT)) for p in (ROOT / "depth_ros").rglob("*.py")}
    assert code | {"depth_ros/py.typed", "setup.py", "package.xml", "LICENSE"} <= in_sdist
    assert code | {"depth_ros/py.typed"} <= in_wheel
    data = {n.partition(".data/data/")[2] for n in in_wheel if ".data/data/" in n}
    assert data >= shipped() | {
        "share/depth_ros/package.xml",
        "share/depth_ros/engines/toy/spec.json",
        "share/ament_index/resource_index/packages/depth_ros",
        *(f"lib/depth_ros/{name}" for name in EXECUTABLES),
    }
    # One name in ROS's shared site-packages.
    assert {n.partition("/")[0].partition("-")[0] for n in in_wheel} == {"depth_ros"}


def test_pip_installs_a_package_that_works(built: Path, tmp_path: Path) -> None:
    [wheel] = built.glob("*.whl")
    prefix = tmp_path / "prefix"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    pip = (*pip, "--ignore-installed")  # pip would uninstall the checkout that is tested
    run(*pip, "--prefix", prefix, wheel, cwd=tmp_path)
    [library] = prefix.glob("lib/python3*/site-packages")
    check_installation(prefix, str(library), prefix / "share/depth_ros", tmp_path)


@pytest.mark.parametrize("mode", ["copied", "linked"])
def test_colcon_builds_a_package_that_works(tree: Path, tmp_path: Path, mode: str) -> None:
    pytest.importorskip("colcon_core")
    pytest.importorskip("colcon_ros")
    flag = ["--symlink-install"] if mode == "linked" else []
    colcon = (sys.executable, "-m", "colcon", "build", "--base-paths", tree.parent)
    run(*colcon, *flag, cwd=tmp_path)
    setup = f". {tmp_path}/install/local_setup.sh"
    printed = run("sh", "-c", f'{setup} && echo "$AMENT_PREFIX_PATH" "$PYTHONPATH"', cwd=tmp_path)
    prefix, _, path = printed.partition(" ")
    assert prefix == str(tmp_path / "install/depth_ros")
    assert (Path(prefix) / "share/ament_index/resource_index/packages/depth_ros").is_file()
    linked = (Path(prefix) / "share/depth_ros/package.xml").is_symlink()
    share = tree if linked else Path(prefix) / "share/depth_ros"
    check_installation(Path(prefix), path, share, tmp_path)


def check_installation(prefix: Path, pythonpath: str, share: Path, cwd: Path) -> None:
    """The shipped files are found and read, and every executable starts, for ros2 run too."""
    script = "from depth_ros import share; print(share.share_dir(), *share.engine_names())"
    found = run(sys.executable, "-c", script, cwd=cwd, PYTHONPATH=pythonpath).split()
    assert found[0] == str(share)
    assert "toy" in found[1:]
    for folder in ("bin", "lib/depth_ros"):
        command = prefix / folder / "depth_cli"
        assert "depth_cli" in run(command, "--help", cwd=cwd, PYTHONPATH=pythonpath)
        for name in EXECUTABLES:
            assert (prefix / folder / name).stat().st_mode & 0o111
