"""Serves ministack. What comes before is lifeline.py."""

# ministack reads its port from here when it is imported.
os.environ["GATEWAY_PORT"] = str(port)

import asyncio  # noqa: E402

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402

tell_the_port()

config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.loglevel = "WARNING"
config.keep_alive_timeout = 75
asyncio.run(serve(app, config))
