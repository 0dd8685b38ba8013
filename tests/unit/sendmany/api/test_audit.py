"""The audit trail over HTTP: only for an admin, page by page, with the names of tokens."""

from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.app import create_app
from store.access.tokens import Scope
from tests.unit.sendmany.api.given import Trouble, client, new_token


async def test_acts_over_http_are_told_with_the_name_of_the_token(store: Trouble) -> None:
    app = create_app(Settings(sub_accounts={"shop": SubAccount()}), store, lambda: None)
    async with client(app, await new_token(store, Scope.MANAGE)) as manager:
        for path, more in (("open", {"reason": "moving"}), ("close", {})):
            body = {"sub_account": "shop", **more}
            answer = await manager.post(f"/v1/breakers/{path}", json=body)
            assert answer.json()["changed"] is True
        for path, more in (("begin", {"reason": "moving"}), ("end", {})):
            answer = await manager.post(f"/v1/stops/{path}", json={"what": "all", **more})
            assert answer.json()["changed"] is True
        assert (await manager.get("/v1/audit")).status_code == 403
    async with client(app, await new_token(store, Scope.ADMIN)) as admin:
        page = (await admin.get("/v1/audit", params={"limit": 1})).json()
        (closed,) = page["items"]
        assert (closed["act"], closed["object"]) == ("go", "all")
        assert closed["who"].startswith("token:")
        assert closed["address"]
        rest = (await admin.get("/v1/audit", params={"cursor": page["next"]})).json()
        assert [one["act"] for one in rest["items"]] == ["stop", "breaker.close", "breaker.open"]
        assert rest["next"] is None
        for cursor in ("x", "0-0", "\u0661-0"):  # what Redis would refuse, too
            answer = await admin.get("/v1/audit", params={"cursor": cursor})
            assert answer.status_code == 422
