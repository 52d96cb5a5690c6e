"""Who may use this Errand is listed once each."""

from errand.v1.access_service_pb2 import Admission, UserAccess
from errand.v1.task_pb2 import USER_ROLE_ADMIN, USER_ROLE_MEMBER, User
from errand_cli.users import rows


def person(name: str, *, admitted: bool = True, organisation: str = "") -> UserAccess:
    user = User(user_id=f"usr_{name}", github_username=name, role=USER_ROLE_ADMIN)
    return UserAccess(user=user, admitted=admitted, github_organisation=organisation)


def test_a_name_of_the_setting_is_listed_by_what_is_known_of_it() -> None:
    people = [person("Ada"), person("grace", organisation="acme"), person("linus", admitted=False)]
    rules = [Admission(github_username="Mallory", allowed=False, role=USER_ROLE_MEMBER, made_by="operator")]
    assert rows(people, rules, ["ada", "bob", "grace", "linus", "mallory"]) == [
        ("Ada", "admin", "yes", "setting", "usr_Ada"),
        ("grace", "admin", "yes", "organisation acme", "usr_grace"),
        ("linus", "admin", "no", "", "usr_linus"),
        ("Mallory", "member", "no", "operator", ""),
        ("bob", "", "yes", "setting", ""),
    ]
