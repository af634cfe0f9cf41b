"""Everything a search finds, for what is done to all of it: the question stands in the address, as on the page of the
results, and is asked again under the acting person's own scope, so that what happens to is what was shown.
"""

from uuid import UUID

from django.http import HttpRequest

from archive.errors import NotFound, WrongInput
from archive.permissions import Actor
from search import access, questions
from search.query import NO_WORDS, parse

PAGE = 200


def of_search(
    request: HttpRequest, actor: Actor, *, verb: str, most: int, instead: str
) -> tuple[list[UUID], str]:
    """The ids of the hits, and the question in words. `verb` (暂缓, 导出) and `instead` (what to do when there are more
    than `most`) are said in refusals."""
    typed, key = request.GET.get("q", "").strip(), request.GET.get("s", "")
    if key:
        typed = questions.recall(request.session, key)
        if typed is None:
            raise NotFound(what="这次查找（已过期，请再查一次）")
    asked = {
        "years": request.GET.getlist("year"),
        "stages": request.GET.getlist("stage"),
        "insurances": request.GET.getlist("insurance"),
        "fonds": request.GET.getlist("fonds"),
        "categories": request.GET.getlist("category"),
        "departments": request.GET.getlist("department"),
        "limit": PAGE,
    }
    query = parse(typed, **asked)
    if NO_WORDS in query.hints or not (query.shown or query.filters):
        raise WrongInput(field="查找", reason=f"没有查找条件，不能把全部档案一起{verb}。请先写明查找什么。")
    ids: list[UUID] = []
    cursor = ""
    while True:
        found = access.find(parse(typed, cursor=cursor, **asked), actor=actor)
        if found.total > most:
            reason = f"有 {found.total} 件，一次最多{verb} {most} 件。{instead}"
            raise WrongInput(field="查找结果", reason=reason)
        ids += [record.pk for record in found.records]
        cursor = found.result.cursor
        if not cursor:
            break
    if not ids:
        raise NotFound(what="符合条件的档案")
    filters = "、".join(str(value) for _, values in query.filters for value in values)
    said = "　".join(part for part in (query.shown, filters) if part)
    return list(dict.fromkeys(ids)), f"查找“{said}”的 {len(ids)} 件"
