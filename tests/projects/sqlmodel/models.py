from sqlmodel import Field, SQLModel


class Person(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=50)
    email: str | None = Field(default=None, max_length=80)


Base = SQLModel
