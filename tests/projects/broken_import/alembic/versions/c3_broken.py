"""needs a package that is not there"""

import package_that_is_not_there

revision = "c3"
down_revision = "b2"


def upgrade():
    package_that_is_not_there.do()


def downgrade():
    pass
