"""A mid-size shop on AWS: three services, twelve functions, nine tables, apps, jobs by the clock."""

from backends.backend import DAY, HOUR, Backend, Call, Client, Clock, Path, Replacement, Source
from backends.faults import Fault, Incident, Where
from backends.shapes import consumer, hours_after

CATALOG = Path(
    "catalog",
    "GET /products",
    "catalog-list",
    30,
    (Call("products", "Query", rcu=6.0, ms=9),),
    ms=18,
    user_errors=0.002,
)
PRODUCT = Path(
    "catalog",
    "GET /products/{id}",
    "catalog-get",
    34,
    (Call("products", "GetItem", rcu=0.5, ms=4), Call("prices", "GetItem", rcu=0.5, ms=4)),
    ms=12,
    user_errors=0.03,
)
SEARCH = Path(
    "catalog", "GET /search", "catalog-search", 12, (Call("search-index", "Query", rcu=9, ms=22),), ms=60
)
CART = Path(
    "checkout",
    "PUT /cart",
    "cart-put",
    9,
    (Call("carts", "UpdateItem", wcu=2.0, ms=6),),
    ms=15,
    user_errors=0.01,
)
CART_OLD = Path(
    "checkout",
    "GET /cart",
    "cart-get",
    8,
    (Call("carts", "GetItem", rcu=1.0, ms=4),),
    ms=10,
    user_errors=0.005,
)
CART_NEW = Path(
    "checkout",
    "GET /cart",
    "cart-get-v2",
    0,
    (Call("carts", "GetItem", rcu=1.0, ms=4),),
    ms=9,
    user_errors=0.005,
)
ORDER = Path(
    "checkout",
    "POST /orders",
    "order-create",
    2.5,
    (
        Call("orders", "PutItem", wcu=4.0, ms=9),
        Call("stock", "UpdateItem", wcu=1.0, ms=7),
        Call("carts", "DeleteItem", wcu=1.0, ms=5),
    ),
    ms=70,
    user_errors=0.04,
    backend_errors=0.004,
)
WORKER = Path(
    "checkout", "", "order-worker", 2.5, (Call("orders", "UpdateItem", wcu=2.0, ms=8),), ms=120, user_errors=0
)
LOGIN = Path(
    "accounts",
    "POST /login",
    "login",
    5,
    (Call("users", "Query", rcu=1.0, ms=6), Call("sessions", "PutItem", wcu=1.0)),
    ms=90,
    user_errors=0.09,
)
PROFILE = Path("accounts", "GET /me", "profile-get", 14, (Call("users", "GetItem", rcu=1.0, ms=4),), ms=9)
IMPORT = Path(
    "catalog",
    "",
    "price-import",
    0,
    (Call("prices", "BatchWriteItem", wcu=12.0, ms=30),),
    ms=200,
    user_errors=0,
)
CLEAN = Path(
    "accounts", "", "session-clean", 0, (Call("sessions", "Query", rcu=4.0, ms=10),), ms=60, user_errors=0
)

PATHS = (CATALOG, PRODUCT, SEARCH, CART, CART_OLD, CART_NEW, ORDER, WORKER, LOGIN, PROFILE)
APPS = (
    Client(
        "web", 5.0, (("2026.1", -10), ("2026.2", 8), ("2026.3", 16), ("2026.4", 24.4), ("2026.5", 31)), 0.3
    ),
    Client("ios", 3.0, (("5.1.0", -10), ("5.2.0", 6.4), ("5.3.0", 22.5)), 5.0),
    Client("android", 4.0, (("5.1.1", -10), ("5.2.1", 9.5), ("5.3.1", 25.5)), 6.0),
)


def backend(rate: float = 0.4, weeks: int = 5) -> Backend:
    """Return the shop with ``rate`` mean requests a second."""
    return Backend(
        name="shop",
        cloud="aws",
        weeks=weeks,
        sources=(
            Source(
                "apps",
                rate,
                PATHS,
                consumer(),
                APPS,
                session=6,
                pause=9,
                wander=0.15,
                daily=0.05,
                growth=0.003,
            ),
        ),
        clocks=(
            Clock("prices", IMPORT, HOUR, 5 * 60, 40, 90),
            Clock("nightly prices", IMPORT, DAY, 2.5 * HOUR, 900, 1200),
            Clock("sessions", CLEAN, DAY, 3.75 * HOUR, 300, 600),
        ),
        tenants=0,
        replacements=(Replacement("cart-get", "cart-get-v2", 23.4, 1.5),),
        disorder=0.2,
        late=0.0002,
    )


def incidents() -> tuple[Incident, ...]:
    """Two weeks of trouble, after three quiet ones."""

    def at(day: float, hour: float) -> float:
        return hours_after(day, hour)

    found = []

    def add(kind: str, start: float, minutes: float, faults: list[Fault], **more: object) -> None:
        found.append(Incident(kind, start, start + 60 * minutes, tuple(faults), **more))  # type: ignore[arg-type]

    def one(
        effect: str, start: float, minutes: float, where: Where, size: float, **more: object
    ) -> list[Fault]:
        return [Fault(effect, where, start, start + 60 * minutes, size, **more)]  # type: ignore[arg-type]

    s = at(21, 11.2)
    add(
        "more calls x5, 45 min",
        s,
        45,
        one("more", s, 45, Where(function="cart-put"), 5),
        verdicts=("spike",),
        scopes=(("table", "carts"),),
        caller=("function", "cart-put"),
    )
    s = at(21, 20.4)
    add(
        "dear calls x8, 2 h",
        s,
        120,
        one("dear", s, 120, Where(function="profile-get", table="users"), 8),
        verdicts=("spike", "shift"),
        scopes=(("table", "users"),),
        caller=("function", "profile-get"),
    )
    s = at(22, 9.6)
    add(
        "hot key throttles, 25 min",
        s,
        25,
        one("throttle", s, 25, Where(table="orders"), 0.5, text="TableWriteKeyRangeThroughputExceeded"),
        verdicts=("spike",),
        scopes=(("table", "orders"),),
    )
    s = at(22, 19.5)
    add(
        "client retry storm x8, 30 min",
        s,
        30,
        [
            *one("more", s, 30, Where(function="login", client="ios 5.2.0"), 8),
            *one("refuse", s, 30, Where(function="login", client="ios 5.2.0"), 0.8),
        ],
        verdicts=("spike",),
        scopes=(("table", "users"), ("table", "sessions"), ("function", "login"), ("route", "POST /login")),
        suspect="ios 5.2.0",
    )
    s = at(23, 12.0)
    add(
        "5xx 25 % of a function, 40 min",
        s,
        40,
        one("fail", s, 40, Where(function="catalog-search"), 0.25),
        verdicts=("spike",),
        scopes=(("function", "catalog-search"), ("route", "GET /search")),
    )
    s = at(23, 21.0)
    add(
        "new exception 15 %, 30 min",
        s,
        30,
        one("crash", s, 30, Where(function="cart-put"), 0.15, text="KeyError: sku"),
        verdicts=("fatal", "spike"),
        scopes=(("function", "cart-put"), ("route", "PUT /cart")),
    )
    s = at(24, 10.1)
    add(
        "4xx of one client, 1 h",
        s,
        60,
        one("refuse", s, 60, Where(function="catalog-get", client="web 2026.3"), 0.7),
        verdicts=("spike",),
        scopes=(("function", "catalog-get"), ("route", "GET /products/{id}"), ("client", "web")),
        suspect="web 2026.3",
    )
    s = at(24, 18.0)
    add(
        "slow table x12, 30 min",
        s,
        30,
        one("slow table", s, 30, Where(table="products"), 12),
        verdicts=("spike",),
        scopes=(("table", "products"),),
    )
    s = at(25, 14.0)
    add(
        "slow code x10, 40 min",
        s,
        40,
        one("slow code", s, 40, Where(function="profile-get"), 15),
        verdicts=("spike",),
        scopes=(("function", "profile-get"),),
    )
    s = at(25, 22.0)
    add(
        "route unreachable, 45 min",
        s,
        45,
        one("fewer", s, 45, Where(route="GET /products"), 0.0),
        verdicts=("drop", "absence"),
        scopes=(("route", "GET /products"), ("function", "catalog-list"), ("table", "products")),
    )
    s = at(26, 13.0)
    add(
        "more calls x2, 1 h",
        s,
        60,
        one("more", s, 60, Where(function="catalog-search"), 2.0),
        verdicts=("spike",),
        scopes=(("table", "search-index"),),
        caller=("function", "catalog-search"),
    )
    s = at(26, 20.0)
    add(
        "worker silent, 2 h",
        s,
        120,
        one("fewer", s, 120, Where(function="order-worker"), 0.0),
        verdicts=("drop", "absence"),
        scopes=(("function", "order-worker"), ("table", "orders")),
    )
    s = at(27, 18.0)
    add(
        "more calls x10, 5 min",
        s,
        5,
        one("more", s, 5, Where(function="profile-get"), 10),
        verdicts=("spike",),
        scopes=(("table", "users"),),
        caller=("function", "profile-get"),
    )
    s = at(28, 12.0)
    add(
        "whole account down 95 %, 20 min",
        s,
        20,
        one("fewer", s, 20, Where(account="111122223333"), 0.05),
        verdicts=("drop", "absence"),
        scopes=(
            ("account", "111122223333"),
            ("service", "catalog"),
            ("table", "products"),
            ("function", "catalog-get"),
            ("table", "prices"),
            ("table", "users"),
            ("function", "catalog-list"),
            ("function", "profile-get"),
        ),
    )
    s = at(28, 21.0)
    add(
        "N+1 calls x6, 1 h",
        s,
        60,
        one("calls", s, 60, Where(function="cart-get-v2"), 6),
        verdicts=("spike", "shift"),
        scopes=(("table", "carts"),),
        caller=("function", "cart-get-v2"),
    )
    s = at(29, 11.0)
    add(
        "5xx 3 % of a function, 2 h",
        s,
        120,
        one("fail", s, 120, Where(function="catalog-get"), 0.03),
        verdicts=("spike",),
        scopes=(("function", "catalog-get"), ("route", "GET /products/{id}")),
        small=True,
    )
    s = at(29, 20.0)
    add(
        "night batch at noon x1, 20 min",
        s,
        20,
        one("more", s, 20, Where(function="session-clean"), 2, least=0.4),
        verdicts=("spike",),
        scopes=(("table", "sessions"), ("function", "session-clean")),
        caller=("function", "session-clean"),
    )
    s = at(30, 10.0)
    add(
        "more calls x1.5, 2 h",
        s,
        120,
        one("more", s, 120, Where(function="catalog-list"), 1.5),
        verdicts=("spike", "shift"),
        scopes=(("table", "products"),),
        caller=("function", "catalog-list"),
        small=True,
    )
    s = at(31, 10.0)
    add(
        "level x1.6 that stays",
        s,
        3.9 * 1440,
        one("dear", s, 3.9 * 1440, Where(function="order-create", table="stock"), 2.5),
        verdicts=("shift",),
        scopes=(("table", "stock"),),
        caller=("function", "order-create"),
    )
    s = at(32, 10.0)
    add(
        "deploy: writes x1.6, stays",
        s,
        2.5 * 1440,
        one("more", s, 2.5 * 1440, Where(function="cart-put"), 1.8),
        verdicts=("shift",),
        scopes=(("table", "carts"), ("function", "cart-put"), ("route", "PUT /cart")),
        caller=("function", "cart-put"),
    )
    return tuple(found)
