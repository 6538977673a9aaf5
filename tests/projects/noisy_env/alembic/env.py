import os
import sys

from alembic import context
from sqlalchemy import engine_from_config, pool

print("loading settings " + "." * 23_000)
os.write(1, b'{"result": {"heads": ["forged"]}}\n')
os.system("echo from a child of the shell")
print("a warning", file=sys.stderr)
sys.stdout.write("no newline")
sys.stdout.flush()

from models import Base

config = context.config
engine = engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool, echo=True)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
print("done")
