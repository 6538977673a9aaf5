import pytest

from alembic_mcp.errors import Refused, redact, remember


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("postgresql+psycopg://me:s3cret@host/db", "postgresql+psycopg://me:***@host/db", id="url"),
        pytest.param(
            "postgresql://me:p@ss:w@host/db", "postgresql://me:***@host/db", id="url with an @ in the password"
        ),
        pytest.param("host=h password=s3cret user=u", "host=h password=*** user=u", id="libpq keyword"),
        pytest.param("{'password': 's3 cret', 'host': 'h'}", "{'password': ***, 'host': 'h'}", id="repr of a dict"),
        pytest.param('PGPASSWORD="s3 cret" psql', "PGPASSWORD=*** psql", id="environment variable"),
        pytest.param("api_key: s3cret", "api_key: ***", id="key of a service"),
        pytest.param("nothing to hide://here", "nothing to hide://here", id="no secret"),
    ],
)
def test_passwords_do_not_leave(text, clean):
    assert redact(text) == clean


def test_a_known_secret_is_removed_wherever_it_stands():
    assert redact("login failed for s3cret!", ("s3cret",)) == "login failed for ***!"


def test_an_error_redacts_its_message_and_its_next_steps():
    error = Refused("Can't reach postgresql://me:s3cret@host/db.", "Check password=s3cret in .env.")

    assert "s3cret" not in str(error)
    assert error.next_steps == ["Check password=*** in .env."]


def test_a_remembered_secret_is_hidden_as_a_word_everywhere_from_then_on():
    remember("correct horse")

    assert redact("the password is correct horse.") == "the password is ***."
    assert redact("incorrect horses") == "incorrect horses"
