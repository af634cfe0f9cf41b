"""Finding records, and saying for whom one reads.

A question is posted, because it may hold a number. What holds none is then an address that can be kept and sent;
what holds one stays in the session, and the address carries only a random key (search/questions.py).
"""

from urllib.parse import urlencode

from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from archive import privacy, records, terms
from archive.errors import NotFound
from archive.http import actor_of, allowed, page_asked, render_page
from archive.models import Block
from search import access, questions, reading
from search.query import CUT_SHORT, NEWEST, NO_WORDS, RELEVANCE, TYPED_LIMIT, SearchQuery, parse

SIZE = 50
FACETS = ("year", "stage", "insurance", "fonds", "department", "category")
GROUPS = {
    "year": "年度", "stage": "业务环节", "insurance": "险种", "department": "形成部门", "fonds": "全宗", "category": "门类",
}  # fmt: skip
NAMES = {"stage": terms.STAGES, "insurance": terms.INSURANCES, "category": terms.CATEGORIES}
FOLDED = ("department", "fonds", "category")
CHOICES = 8
"""Values of a filter that are shown before one asks for all of them."""
TRAIL = 20
"""How many pages one can go back step by step; cursors only lead forwards, so the way is kept in the address."""


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("record.read")
def find(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _asked(request, request.POST.get("q", ""))
    typed, key = request.GET.get("q", "").strip(), request.GET.get("s", "")
    if typed and parse(typed).personal:  # typed into the address bar: out of it at once
        return _asked(request, typed)
    forgotten = False
    if key:
        typed = questions.recall(request.session, key)
        forgotten, typed = typed is None, typed or ""
    query = _query(request.GET, typed)
    page = {
        "breadcrumbs": [{"label": "档案"}, {"label": "查找档案", "url": reverse("search:find")}],
        "search_text": "" if query.personal else typed,
        "forgotten": forgotten,
        "no_words": NO_WORDS in query.hints,
        "cut_short": CUT_SHORT in query.hints,
        "query": query,
    }
    if not forgotten and not page["no_words"]:
        purpose = reading.current(request.session)
        found = access.find(query, actor=actor_of(request), purpose=purpose.text if purpose else "")
        page |= _results(request.GET, query, found)
    return render_page(request, "search/find.html", "search/results.html", page)


def _asked(request: HttpRequest, typed: str) -> HttpResponse:
    """On to an address that holds no number, and not more than is read."""
    typed = typed.replace("\0", "").strip()[: TYPED_LIMIT + 1]
    if parse(typed).personal:
        return _see_other("search:find", s=questions.keep(request.session, typed))
    return _see_other("search:find", **({"q": typed} if typed else {}))


def _see_other(name: str, **question: str) -> HttpResponse:
    response = HttpResponseRedirect(reverse(name) + (f"?{urlencode(question)}" if question else ""))
    response.status_code = 303
    return response


def _query(chosen: QueryDict, typed: str) -> SearchQuery:
    return parse(
        typed,
        years=chosen.getlist("year"),
        stages=chosen.getlist("stage"),
        insurances=chosen.getlist("insurance"),
        fonds=chosen.getlist("fonds"),
        categories=chosen.getlist("category"),
        departments=chosen.getlist("department"),
        sort=chosen.get("sort", ""),
        limit=SIZE,
        cursor=chosen.get("after", ""),
        facets=FACETS,
    )


def _results(chosen: QueryDict, query: SearchQuery, found: access.Found) -> dict:
    open_blocks = Prefetch("blocks", Block.objects.filter(lifted_at=None))
    prefetch_related_objects(found.records, "related_by", open_blocks)
    filters = [
        {
            "label": GROUPS[name],
            "value": NAMES.get(name, {}).get(value, value),
            "clear_url": _address(chosen, name),
        }
        for name, values in query.filters
        if name in GROUPS
        for value in values
    ]
    return {
        "records": found.records,
        "total": found.total,
        "exact": found.result.exact,
        "groups": _groups(chosen, query, found),
        "exact_counts": not found.result.inexact_facets,
        "filters": filters,
        "clear_url": _address(chosen, *GROUPS) if len(filters) > 1 else "",
        "sorts": _sorts(chosen, query),
        "pager": _pager(chosen, found),
        "many_fonds": len({record.fonds_id for record in found.records}) > 1,
    }


def _groups(asked: QueryDict, query: SearchQuery, found: access.Found) -> list[dict]:
    """The fields that part the hits, each with its values and their counts."""
    chosen = dict(query.filters)
    groups = []
    for name, label in GROUPS.items():
        counted = found.result.facets.get(name, [])
        mine = chosen.get(name, ())
        missing = [(value, 0) for value in mine if value not in {str(value) for value, _ in counted}]
        if not mine and all(count == found.result.total for _, count in counted):
            continue  # every hit has it: nothing to choose
        if name == "year":
            counted = sorted(counted, reverse=True)
        options = [
            {
                "label": NAMES.get(name, {}).get(value, value),
                "value": value,
                "count": count,
                "current": str(value) in mine,
            }
            for value, count in [*counted, *missing]
        ]
        group = {"label": label, "name": name, "options": options, "open": name not in FOLDED or bool(mine)}
        if len(options) > CHOICES + 1 and asked.get("all") != name:
            group["options"] = [one for at, one in enumerate(options) if at < CHOICES or one["current"]]
            group["more_url"] = _address(asked, all=name)
        groups.append(group)
    return groups


def _sorts(chosen: QueryDict, query: SearchQuery) -> list[dict]:
    if not query.conditions:  # nothing to be relevant to
        return []
    return [
        {"label": label, "url": _address(chosen, "sort", **set_to), "current": query.sort == value}
        for label, value, set_to in (("最相关", RELEVANCE, {}), ("最新", NEWEST, {"sort": NEWEST}))
    ]


def _pager(chosen: QueryDict, found: access.Found) -> dict:
    """Each address carries the cursors of the pages before it, so that one can go back as one came."""
    here, trail = chosen.get("after", ""), [one for one in chosen.get("trail", "").split(".") if one]
    page = page_asked(chosen.get("page", ""), 100_000) if here else 1
    first = (page - 1) * SIZE + 1
    pager: dict = {"first": first, "last": first + len(found.records) - 1} if found.records else {}
    if found.result.cursor:
        way = ".".join([*trail, *([here] if here else [])][-TRAIL:])
        pager["next_url"] = _address(chosen, after=found.result.cursor, trail=way, page=page + 1)
    if here:
        pager["first_url"] = _address(chosen)
        before = {"after": trail[-1], "trail": ".".join(trail[:-1]), "page": page - 1} if trail else {}
        if trail or page == 2:
            pager["prev_url"] = _address(chosen, **before)
    return pager


def _address(chosen: QueryDict, *without: str, **set_to: object) -> str:
    """This list with some parameters taken out or set, at its first page."""
    params = chosen.copy()
    for name in (*without, *set_to, "after", "trail", "page"):
        params.pop(name, None)
    for name, value in set_to.items():
        if value not in ("", None):
            params[name] = str(value)
    return "?" + params.urlencode()


@require_POST
def party(request: HttpRequest, record: str, position: int) -> HttpResponse:
    """Everything of a person that stands in a record, found by the number without its being shown."""
    where = records.get_for(actor_of(request), record, "record.read")
    who = where.parties.filter(position=position).first()
    if who is None:
        raise NotFound(what="这名当事人")
    return _asked(request, privacy.decrypt(who.id_no) if who.id_no else who.uscc or who.name)


@require_POST
@allowed("record.reveal")
def start_purpose(request: HttpRequest) -> HttpResponse:
    reading.start(request.session, request.POST.get("purpose", ""))
    return _back(request)


@require_POST
def end_purpose(request: HttpRequest) -> HttpResponse:
    reading.end(request.session)
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """To the page one came from, if it is one of ours."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(wanted if safe else reverse("home"))
    response.status_code = 303
    return response
