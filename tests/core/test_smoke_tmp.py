from chalicelib.planner.keywords import Keywords, KEYWORD
from chalicelib.core.repository import ListRequest
def test_it(ctx, place):
    c=ctx(); k=Keywords(c)
    for i in range(30):
        k.create({"site_id":place.site_id,"sector_id":place.sector_id,"keyword":f"word {i}","volume_override":i if i%3 else None})
    w=k.repository.page(ListRequest([place.sector_id],ordering="volume",page_size=40))
    print([r.volume for r in k.repository.records(w.rows)],w.more,w.ends)
    assert 0
