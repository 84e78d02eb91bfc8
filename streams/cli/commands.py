"""The command line: parses, calls, and turns every failure into one line and an exit code."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from config.load import ConfigError, load_settings
from config.settings import Settings
from streams.history.source import ReplayError
from streams.process.stop_requests import INTERRUPTED, exiting_on_stop, raising_on_stop
from streams.process.times import parse_time

OK, FOUND, USAGE = 0, 1, 2

app = typer.Typer(
    name="uneri",
    help="Tells a swell from a spike: watches requests, pages on what jumped, plans what grows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[
    Path | None, typer.Option("--config", metavar="F", help="YAML file; without it the shipped defaults")
]


def fail(message: object, code: int = USAGE) -> typer.Exit:
    """Say on standard error what went wrong, one line a mistake, and leave."""
    for line in str(message).splitlines():
        typer.echo(f"uneri: {line}" if not line.startswith("uneri:") else line, err=True)
    return typer.Exit(code)


def settings_of(config: Path | None) -> Settings:
    """Read the configuration or leave with what is wrong in it."""
    try:
        return load_settings(config)
    except ConfigError as error:
        raise fail(error) from None


def _time(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):  # which no bound refuses: nan is not below any
        raise typer.BadParameter("write a number")
    return number


def _folder(text: str) -> Path:
    if not text:
        raise typer.BadParameter("name a folder; . is this one")
    return Path(text)


Time = Annotated[str | None, typer.Option(metavar="TIME")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="where the chart and the report are left")] = Path(
        "demo-output"
    ),
) -> None:
    """Show the main job: weeks of traffic, a table that is hammered, a table that grows. No set-up."""
    from streams.simulate.demo import run_demo

    _leave(lambda: run_demo(out))


@app.command()
def run(
    config: Config = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Kafka: rollup, detect, incidents, notify; several with commas; all without",
        ),
    ] = None,
    follow: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="local: take in the lines of a growing file")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="local: take in standard input, and stop at its end")
    ] = False,
) -> None:
    """Run the daemon: on Kafka when the configuration has a `kafka:` section, else embedded."""
    settings = settings_of(config)
    if settings.kafka:
        from streams.kafka.daemon import run_kafka

        if follow or stdin:
            raise fail(
                "--follow and --stdin are for the local driver; this configuration has a kafka section"
            )
        roles = {one.strip() for several in role or () for one in several.split(",")}
        _leave(lambda: run_kafka(settings, roles or None))
    from streams.local.daemon import run_local

    if follow and stdin:
        raise fail("--follow goes on for ever and --stdin ends the daemon with its input; choose one")
    for folder in (path for path in follow or () if path.is_dir()):
        raise fail(f"--follow {folder}: is a folder; name the file")
    if role:
        raise fail("--role is for the Kafka driver; add a kafka section to the configuration")
    _leave(lambda: run_local(settings, follow or [], sys.stdin.fileno() if stdin else None))


@app.command()
def replay(
    source: Annotated[
        list[str], typer.Argument(metavar="SOURCE…", help="files, folders, or kafka://host:port/topic")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="where the results are left", parser=_folder)],
    config: Config = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds"),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="the end, not included")] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="F2", help="another configuration, judged in the same pass")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="L", help="known incidents (YAML, CSV): what was found, and what not"),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on", metavar="WHAT", help="new-pages or missed-labels: exit with 1 then; repeatable"
        ),
    ] = None,
    series: Annotated[bool, typer.Option("--series", help="leave every series in series.parquet")] = False,
    post: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="post the pages to this Slack channel; without, nothing is"),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="begin anew where an unfinished replay lies in DIR")
    ] = False,
) -> None:
    """Feed recorded history through the same engine and say what would have been told."""

    def command() -> int:
        with exiting_on_stop():
            from streams.cli.replay import ReplayAsked, run_replay
        with raising_on_stop():
            asked = ReplayAsked(
                sources=source,
                out=out,
                settings=settings_of(config),
                against=None if against is None else settings_of(against),
                between=(_time(from_), _time(to)),
                labels=labels,
                fail_on=fail_on or [],
                series=series,
                post=post,
                restart=restart,
                configs=(str(config or "the defaults"), str(against or "")),
            )
            return run_replay(asked)

    _leave(command)


@app.command()
def tune(
    source: Annotated[
        list[str], typer.Argument(metavar="SOURCE…", help="files, folders, or kafka://host:port/topic")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="where the results are left", parser=_folder)],
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="L", help="known incidents: YAML or CSV"),
    ] = None,
    pages_per_week: Annotated[
        float | None,
        typer.Option(
            "--pages-per-week", metavar="N", min=0, help="how many pages are bearable", callback=_finite
        ),
    ] = None,
    config: Config = None,
    trials: Annotated[int, typer.Option(metavar="N", min=2, help="configurations to try")] = 60,
    seed: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=2**32 - 1, help="the same seed gives the same results"),
    ] = 1,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="trials made at a time; all cores without")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds"),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="the end, not included")] = None,
    validate_share: Annotated[
        float,
        typer.Option(
            "--validate-share",
            min=0.1,
            max=0.9,
            help="the part of the history kept unseen",
            callback=_finite,
        ),
    ] = 1 / 3,
) -> None:
    """Search the settings that matter over labelled history, or for a number of pages, and propose some."""
    from streams.cli.tune import TuneAsked, run_tune

    asked = TuneAsked(
        sources=source,
        out=out,
        config=config,
        labels=labels,
        pages_per_week=pages_per_week,
        trials=trials,
        seed=seed,
        jobs=jobs,
        between=(_time(from_), _time(to)),
        validate_share=validate_share,
    )
    _leave(lambda: run_tune(asked))


@app.command()
def score(
    series: Annotated[
        list[Path],
        typer.Argument(
            metavar="SERIES.csv…", help="timestamp,value; also .gz, .xz and .zst", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="where a CSV of verdicts is left for each", parser=_folder)
    ],
    config: Config = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="files judged at a time; all cores without")
    ] = None,
) -> None:
    """Judge plain series as live ones are judged, each row by the rows up to it."""
    from streams.score.csv_series import SeriesError
    from streams.score.score import run_score

    settings = settings_of(config)
    try:
        _leave(lambda: run_score(series, out, settings.judge, jobs))
    except SeriesError as error:
        raise fail(error) from None


@app.command()
def simulate(
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="YAML file, or demo, quiet, week-of-incidents"),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="file[.gz|.zst], - , http://host:port/events or kafka://host:port/topic"
        ),
    ] = "-",
    shape: Annotated[
        Path | None, typer.Option(metavar="CSV", help="timestamp,value: traffic follows it minute by minute")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="what was made to happen: labels (.yaml, .csv), else JSON lines"),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="begin here instead of at the scenario's start"),
    ] = None,
    to_time: Annotated[str | None, typer.Option("--until", metavar="TIME", help="end before this")] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="1 = real time, 60 = a minute a second, 0 = as fast as possible")
    ] = 0.0,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="move the scenario in time so that it ends now (with --speed: starts now)"
        ),
    ] = False,
) -> None:
    """Generate events of a backend: daily and weekly shape, growth, and incidents of every kind."""
    from streams.cli.simulate import run_simulate

    between = (_time(from_), _time(to_time))
    _leave(
        lambda: run_simulate(scenario, to, shape=shape, labels=labels, between=between, speed=speed, now=now)
    )


@app.command()
def check(config: Config = None) -> None:
    """Validate the configuration, reach Kafka and Slack, and say what is wrong."""
    from streams.check.check import check as checks

    ok = True
    for one in checks(settings_of(config)):
        typer.echo({True: "ok     ", False: "WRONG  ", None: "note   "}[one.ok] + one.text)
        ok = ok and one.ok is not False
    raise typer.Exit(OK if ok else FOUND)


@app.command()
def setup(config: Config = None) -> None:
    """Create the topics that the Kafka driver needs, and verify those that are there."""
    from streams.kafka.topics import TopicError, setup_topics

    settings = settings_of(config)
    if settings.kafka is None:
        raise fail("there is nothing to set up without a kafka section in the configuration")
    try:
        for line in setup_topics(settings):
            typer.echo(line)
    except TopicError as error:
        raise fail(error, FOUND) from None


@app.command()
def status(
    config: Config = None,
    url: Annotated[str | None, typer.Option(help="http://host:port of the daemon")] = None,
) -> None:
    """Show roles, lag, watermark, open incidents and the last alert of a running daemon."""
    from streams.cli.status import show_status

    _leave(lambda: show_status(_daemon(config, url)))


@app.command()
def labels(
    config: Config = None,
    url: Annotated[str | None, typer.Option(help="http://host:port of the daemon")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="leave them here: .yaml, .csv or .jsonl; printed without"),
    ] = None,
) -> None:
    """Show what people said of incidents in Slack (expected, not an anomaly), for replay and tune."""
    from streams.notify.labels_command import show_labels

    _leave(lambda: show_labels(_daemon(config, url), out))


Url = Annotated[str | None, typer.Option(help="http://host:port of the daemon")]


@app.command()
def silence(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MATCH…",
            help="table:items, function:put-*, account:…, service:…, verdict:spike, everything",
        ),
    ],
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="30m, 2h, 1d12h")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="shown where the silence is listed")] = "",
    config: Config = None,
    url: Url = None,
) -> None:
    """Let a running daemon tell nobody of what matches, for a while."""
    from streams.cli.silences import silence as ask

    _leave(lambda: ask(_daemon(config, url), what, for_, why))


@app.command()
def silences(config: Config = None, url: Url = None) -> None:
    """List the silences of a running daemon."""
    from streams.cli.silences import show_silences

    _leave(lambda: show_silences(_daemon(config, url)))


@app.command()
def unsilence(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="of the silence or its incident; its beginning is enough")
    ],
    config: Config = None,
    url: Url = None,
) -> None:
    """End a silence of a running daemon, and tell what it held."""
    from streams.cli.silences import unsilence as ask

    _leave(lambda: ask(_daemon(config, url), name))


def _daemon(config: Path | None, url: str | None) -> str:
    settings = settings_of(config)
    if url is not None and not url.lower().startswith(("http://", "https://")):
        raise fail(f"--url {url}: write http://host:port")
    return (url or f"http://{settings.web.listen if settings.kafka else settings.local.listen}").rstrip("/")


def _leave(command: Callable[[], int | None]) -> None:
    try:
        code = command()
    except (ConfigError, ReplayError) as error:
        raise fail(error) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(OK) from None
    except OSError as error:
        raise fail(f"{error.filename or 'standard output'}: {error.strerror or error}", FOUND) from None
    raise typer.Exit(code or OK)
