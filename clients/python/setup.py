"""Builds the package; the modules of the wire contract are made of proto/ here, and not kept in the repository.

protoc gives descriptors, and each module is a few lines that load one. Code that protoc itself generates asks for a
protobuf at least as new as its own; descriptors are read by all.
"""
import shutil
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).parent.resolve()

MODULE = '''"""Made of proto/{source} by setup.py: do not edit."""
from google.protobuf import descriptor_pool
from google.protobuf.internal import builder

{imports}
DESCRIPTOR = descriptor_pool.Default().AddSerializedFile({content!r})
builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, {name!r}, globals())
'''


def proto_folder():
    """The repository's, or in a source distribution the copy within."""
    for folder in (HERE / "proto", HERE.parent.parent / "proto"):
        if (folder / "melstream" / "v1").is_dir():
            return folder
    raise SystemExit("melstream: proto/ is not there; build from the repository or from a source distribution")


def module_name(source):
    return source[: -len(".proto")].replace("/", ".") + "_pb2"


def generate(out):
    """Writes a module and its types for each file of the contract."""
    from google.protobuf import descriptor_pb2
    from grpc_tools import protoc

    protos = proto_folder()
    sources = sorted(path.relative_to(protos).as_posix() for path in protos.glob("melstream/v1/*.proto"))
    out.mkdir(parents=True, exist_ok=True)
    descriptors = out / "descriptors.bin"
    arguments = ["protoc", "-I%s" % protos, "--descriptor_set_out=%s" % descriptors, "--pyi_out=%s" % out, *sources]
    if protoc.main(arguments) != 0:
        raise SystemExit("melstream: protoc failed")
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes()).file
    descriptors.unlink()
    for file in files:
        imports = "".join("import %s  # noqa: F401\n" % module_name(one) for one in file.dependency)
        name = module_name(file.name)
        target = out / (name.replace(".", "/") + ".py")
        target.write_text(MODULE.format(source=file.name, imports=imports, content=file.SerializeToString(), name=name))
    (out / "melstream" / "v1" / "__init__.py").write_text('"""The wire contract, melstream.v1."""\n')


class BuildPy(build_py):
    def run(self):
        super().run()
        generate(HERE / "src" if getattr(self, "editable_mode", False) else Path(self.build_lib))


class Sdist(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        shutil.copytree(proto_folder() / "melstream", Path(base_dir) / "proto" / "melstream", dirs_exist_ok=True)


# Not here: what an earlier build has left would get into the package.
with tempfile.TemporaryDirectory() as build_base:
    setup(cmdclass={"build_py": BuildPy, "sdist": Sdist}, options={"build": {"build_base": build_base}})
