"""Values of the formats that docs/openapi.yaml names and no schema can describe: those that the exporter under test knows."""

import json
import os
import pathlib

import schemathesis
from hypothesis import strategies

for name, values in json.loads(pathlib.Path(os.environ["API_FORMATS"]).read_text()).items():
    schemathesis.openapi.format(name, strategies.sampled_from(values))
