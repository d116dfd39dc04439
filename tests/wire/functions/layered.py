"""A function that lives of its layers."""

import os
import subprocess


def found(event, _):
    import above
    import below
    import both

    tool = subprocess.run(["tool"], capture_output=True, text=True, check=True).stdout
    lib = any(os.path.exists(os.path.join(folder, "x.so")) for folder in os.environ["LD_LIBRARY_PATH"].split(":"))
    return {"below": below.WHO, "above": above.WHO, "both": both.WHO, "tool": tool, "lib": lib}
