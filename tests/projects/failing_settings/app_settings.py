import os

if "APP_SIGNING_KEY" not in os.environ:
    raise RuntimeError("APP_SIGNING_KEY is not set")
