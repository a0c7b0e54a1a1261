"""The contest agent: all that ships in the container.

ONNX Runtime reports its use to its maker, and keeps a device id in the home folder, unless this
variable is set before it is first imported; switching it off afterwards comes too late.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
