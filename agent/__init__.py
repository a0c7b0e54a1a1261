"""The contest agent: everything that ships in the container.

ONNX Runtime sends telemetry and stores a device id in the home folder, unless this variable is set
before its first import. Switching telemetry off after the import is too late.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
