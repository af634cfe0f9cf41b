"""暂缓销毁 of everything a search finds. Facts of two rooms (the question, the hold), hence here.

The hits are found again, under the asking person's own scope, each time the page is shown: what is held is what was
shown, and its number is named before.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from archive.http import actor_of, allowed
from config import found_records
from retention.holds import MOST
from retention.views import holds
from retention.views.answering import ids_of, sent_before


@require_http_methods(["GET", "POST"])
@allowed("hold.place")
def of_search(request: HttpRequest) -> HttpResponse:
    """Opened from the search results with the same question in the address; posted with the ids that were shown."""
    actor = actor_of(request)
    if sent := sent_before(request):
        return sent
    ids, words = (ids_of(request), request.POST.get("words", "")) if request.method == "POST" else (None, "")
    if not ids:
        instead = "请加条件，或按当事人暂缓。"
        ids, words = found_records.of_search(request, actor, verb="暂缓", most=MOST, instead=instead)
    chosen = holds.of_records(ids, actor, kind="search", about=words)
    return holds.place(request, chosen | {"words": words})
