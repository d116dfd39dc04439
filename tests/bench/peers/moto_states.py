"""moto's server with its state machines switched on: by itself it only pretends to run them. The first argument is the port."""

import sys

from moto.core.config import default_user_config

default_user_config["stepfunctions"] = {"execute_state_machine": True}

from moto.server import main  # noqa: E402 (it reads what was set above)

main(["-H", "127.0.0.1", "-p", sys.argv[1]])
