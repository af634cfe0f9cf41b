"""暂缓销毁 of everything a search finds. Facts of two rooms (the question, the hold), hence here.

The hits are found again, under the asking person's own scope, each time the page is shown: what is held is what was
shown, and its number is named before.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from archive.errors import NotFound, WrongInput
from archive.http import actor_of, allowed
from archive.permissions import Actor
from retention.views import holds
from retention.views.answering import ids_of, sent_before
from search import access, questions
from search.query import NO_WORDS, parse

MOST = 1000
PAGE = 200


@require_http_methods(["GET", "POST"])
@allowed("hold.place")
def of_search(request: HttpRequest) -> HttpResponse:
    """Opened from the search results with the same question in the address; posted with the ids that were shown."""
    actor = actor_of(request)
    if sent := sent_before(request):
        return sent
    ids, words = (ids_of(request), request.POST.get("words", "")) if request.method == "POST" else (None, "")
    if not ids:
        ids, words = _found(request, actor)
    chosen = holds.of_records(ids, actor, kind="search", about=words)
    return holds.place(request, chosen | {"words": words})


def _found(request: HttpRequest, actor: Actor) -> tuple[list[UUID], str]:
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
        raise WrongInput(field="查找", reason="没有查找条件，不能把全部档案一起暂缓。请先写明查找什么。")
    ids: list[UUID] = []
    cursor = ""
    while True:
        found = access.find(parse(typed, cursor=cursor, **asked), actor=actor)
        if found.total > MOST:
            raise WrongInput(
                field="查找结果",
                reason=f"有 {found.total} 件，一次最多暂缓 {MOST} 件。请加条件，或按当事人暂缓。",
            )
        ids += [record.pk for record in found.records]
        cursor = found.result.cursor
        if not cursor:
            break
    if not ids:
        raise NotFound(what="符合条件的档案")
    filters = "、".join(str(value) for _, values in query.filters for value in values)
    said = "　".join(part for part in (query.shown, filters) if part)
    return list(dict.fromkeys(ids)), f"查找“{said}”的 {len(ids)} 件"
