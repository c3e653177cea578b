"""deploy/Containerfile and the systemd unit: judged without a container engine or a running systemd."""

import importlib.machinery
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import tomllib
import unittest

from support import PROGRAM, ROOT

CONTAINERFILE = ROOT / "deploy/Containerfile"
UNIT = ROOT / "deploy/systemd/notafter.service"
SOCKET = ROOT / "deploy/systemd/notafter.socket"


# The script that takes the steps without an engine knows how the file is read.
rehearse = importlib.machinery.SourceFileLoader("rehearse", str(ROOT / "deploy/rehearse")).load_module()


def stages():
    """The stages of the Containerfile: image, name, instructions as (word, argument)."""
    return rehearse.stages(CONTAINERFILE.read_text())


def copied(instructions):
    """What is copied from the repository: (sources, destination)."""
    return [(argument.split()[:-1], argument.split()[-1]) for word, argument in instructions if word == "COPY" and not argument.startswith("--from")]


class Container(unittest.TestCase):
    def setUp(self):
        self.build, self.runtime = stages()

    def test_base_images_are_pinned(self):
        for image, _, _ in stages():
            self.assertRegex(image, r"^[a-z0-9.]+/[a-z0-9/_-]+:[a-z0-9.-]+$")
            self.assertNotRegex(image, r":(latest|nonroot)$" if "distroless/cc:" in image else r":latest$")

    def test_the_compiler_is_the_one_that_the_package_asks_for(self):
        package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
        self.assertRegex(self.build[0], rf"/rust:{re.escape(package['rust-version'])}-")

    def test_both_stages_are_of_one_debian_release(self):
        releases = {"bookworm": "debian12", "trixie": "debian13"}
        self.assertTrue(self.runtime[0].split(":")[0].endswith(releases[self.build[0].rsplit("-", 1)[1]]), "the program would miss its glibc")

    def test_what_is_copied_exists_and_is_not_ignored(self):
        allowed = {line.removeprefix("!") for line in pathlib.Path(f"{CONTAINERFILE}.dockerignore").read_text().splitlines() if line.startswith("!")}
        used = {source for stage in stages() for sources, _ in copied(stage[2]) for source in sources}
        for source in used:
            self.assertTrue((ROOT / source).exists(), source)
        self.assertEqual(used, allowed)

    def test_what_is_copied_is_enough_for_cargo(self):
        with tempfile.TemporaryDirectory() as folder:
            for sources, destination in copied(self.build[2]):
                for source in sources:
                    rehearse.copy(ROOT / source, pathlib.Path(folder, destination), destination)
            done = subprocess.run(
                ["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version=1"], cwd=folder, capture_output=True, text=True
            )
            self.assertEqual(0, done.returncode, done.stderr)
            (package,) = json.loads(done.stdout)["packages"]
            for target in package["targets"]:
                if {"bin", "lib"} & set(target["kind"]):
                    self.assertTrue(pathlib.Path(target["src_path"]).exists(), target["src_path"])
            self.assertFalse([target for target in package["targets"] if "custom-build" in target["kind"]], "a build script would not be copied")
        # What the program includes must be copied, too; what tests include need not.
        for path in (ROOT / "src").rglob("*.rs"):
            if "tests" not in path.stem and "tests" not in path.parent.name:
                for included in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', path.read_text().split("#[cfg(test)]")[0]):
                    self.assertTrue((path.parent / included).resolve().is_relative_to(ROOT / "src"), f"{path}: {included}")

    def test_the_build_makes_what_is_copied(self):
        commands = [argument for word, argument in self.build[2] if word == "RUN"]
        self.assertEqual(["deploy/build", "deploy/notices >THIRD-PARTY.txt"], commands)
        script = (ROOT / "deploy/build").read_text()
        package = tomllib.loads((ROOT / "Cargo.toml").read_text())
        (name,) = [target["name"] for target in package["bin"]]
        self.assertIn(f'\ncargo build --release --locked --bin {name} --target-dir "$target"\n', script)
        self.assertIn("\ntarget=$sources/target/package/build\n", script)
        program, notices = [argument.split() for word, argument in self.runtime[2] if word == "COPY" and argument.startswith("--from")]
        self.assertEqual([f"--from={self.build[1]}", f"/build/target/package/build/release/{name}"], program[:2])
        self.assertEqual([f"--from={self.build[1]}", "/build/THIRD-PARTY.txt"], notices[:2])
        self.assertEqual(("WORKDIR", "/build"), self.build[2][0])
        self.assertIn(("ENTRYPOINT", json.dumps([program[2]])), self.runtime[2])

    def test_it_runs_without_root_and_without_a_shell(self):
        words = dict(self.runtime[2])
        self.assertRegex(words["USER"], r"^[1-9][0-9]*:[1-9][0-9]*$")
        self.assertNotIn("RUN", words)
        self.assertEqual("9849", words["EXPOSE"])
        self.assertIsInstance(json.loads(words["ENTRYPOINT"]), list)
        self.assertRegex(self.runtime[0], r"distroless|scratch")

    def test_the_program_needs_no_library_but_the_runtimes(self):
        """distroless/cc holds glibc, libgcc and libstdc++."""
        listed = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        libraries = {line.split()[0].split("/")[-1] for line in listed.splitlines()}
        self.assertLessEqual(libraries, {"linux-vdso.so.1", "libgcc_s.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})


class Service(unittest.TestCase):
    def test_systemd_takes_the_unit(self):
        # Where it is installed there is no program now.
        text = UNIT.read_text().replace("ExecStart=/usr/local/bin/notafter ", "ExecStart=/bin/true ")
        self.assertIn("/bin/true", text)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "notafter.service")
            path.write_text(text)
            shutil.copy(SOCKET, folder)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", path, pathlib.Path(folder, SOCKET.name)], capture_output=True, text=True)
        complaints = [line for line in done.stderr.splitlines() if "notafter." in line]
        self.assertEqual([], complaints)

    def test_the_unit_is_hardened(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", UNIT], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout[-300:] + done.stderr)

    def test_the_unit_runs_the_program_as_it_can_be_run(self):
        text = UNIT.read_text()
        self.assertIn("ExecStart=/usr/local/bin/notafter run --config /etc/notafter/notafter.toml\n", text)
        for line in ("Type=notify", "DynamicUser=yes", "StateDirectory=notafter", "CacheDirectory=notafter", "ProtectSystem=strict", "CapabilityBoundingSet="):
            self.assertIn(f"\n{line}\n", text)
