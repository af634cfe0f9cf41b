"""Who may see which page of deciding, in which fonds; the fonds file; what deciding costs on everybody's home."""

import pytest

from archive import fonds_file
from archive.models import Access
from tests import filed
from tests.deciding import at, hold_on, of
from tests.pages import queries, reader, text
from tests.registers import RECEIPT

pytestmark = pytest.mark.django_db(databases="__all__")


# --- rights ---------------------------------------------------------------------------------------------------------


LISTS = {
    "due": {"archivist", "manager", "appraiser", "inspector"},
    "holds": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "groups": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "appraisals": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "registers": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "signatures": {"archivist", "manager"},
    "papers": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "submit": {"archivist", "manager"},
    "group_new": {"manager"},
    "register_new": {"archivist", "manager"},
}

ROLES = ("archivist", "window", "manager", "clerk", "appraiser", "approver", "supervisor", "inspector", "sysadmin", "secadmin", "auditor")  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_a_list_opens_for_those_whose_work_it_is_and_says_to_the_others_why_not(role):
    client = reader(role)
    for name, roles in LISTS.items():
        response = client.get(at(name))
        assert response.status_code == (200 if role in roles else 403), (name, role)
        if role not in roles:
            assert "没有权限" in text(response)


@pytest.mark.parametrize("name", ["appraisal", "opinion", "opinion_paper"])
def test_an_appraisal_of_another_fonds_is_not_found(panel, name):
    opened = panel.opened([panel.due_record(title="张三的案卷")])
    other = reader("manager", "appraiser", fonds=filed.a_fonds("L010"))
    response = other.get(at(name, opened))
    assert response.status_code == 404 and "张三" not in text(response)


@pytest.mark.parametrize(
    "name", ["register", "register_file", "decide", "supervise", "execute", "decision_paper"]
)
def test_a_register_of_another_fonds_is_not_found(house, name):
    register = house.filed()
    other = reader("manager", "approver", "supervisor", fonds=filed.a_fonds("L010"))
    assert other.get(at(name, register)).status_code == 404


def test_a_hold_of_another_fonds_is_not_found(panel):
    hold = hold_on(panel.due_record(), panel.archivist)
    assert reader("manager", fonds=filed.a_fonds("L010")).get(at("hold", hold)).status_code == 404


def test_whoever_may_read_the_register_but_not_the_record_sees_its_code_and_no_title(house):
    register = house.frozen(house.due(1, title="李四的增员"))
    code = register.rows.get().record.reference_code
    for name in ("register",):
        html = text(reader("auditor").get(at(name, register)))
        assert code in html and "李四的增员" not in html
    narrowed = reader("archivist", departments=[filed.a_department("待遇科").pk])
    html = text(narrowed.get(at("register", register)))
    assert code in html and "李四的增员" not in html


def test_the_auditor_reads_the_papers_of_every_fonds(house):
    register = house.frozen()
    paper = register.editions.get().printed
    response = reader("auditor").get(at("paper", paper))
    assert response.status_code == 200 and b"".join(response.streaming_content).startswith(b"%PDF")
    assert Access.objects.filter(action="paper.viewed").exists()
    assert reader("manager", fonds=filed.a_fonds("L010")).get(at("paper", paper)).status_code == 404


def test_home_costs_the_same_for_one_register_and_for_four(house):
    client = of(house.manager)
    house.frozen()
    one = queries(client, "/")
    for _ in range(3):
        house.frozen()
    assert queries(client, "/") == one


def test_home_costs_the_same_for_one_appraisal_and_for_three(panel):
    client = of(panel.business)
    panel.opened([panel.due_record()])
    one = queries(client, "/")
    for _ in range(2):
        panel.opened([panel.due_record(), panel.due_record()])
    assert queries(client, "/") == one
    assert text(client.get("/")).count("鉴定意见等您发表") == 3


def test_the_fonds_file_lists_every_paper_with_its_download(house):
    register = house.filed()
    client = of(house.manager)
    html = text(client.get(at("papers")))
    for paper in fonds_file.Paper.objects.all():
        assert at("paper", paper) in html
    assert "备案回执" in html
    assert "备案回执" not in text(client.get(at("papers"), {"kind": "销毁清册"})).split("</form>")[1]
    assert RECEIPT and register
