"""The commands: each parses its options, runs, and turns a failure into one line and an exit code."""

import math
import sys
import time
from collections.abc import Callable
from errno import EIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from config.secret import SettingsError
from streams.process.command_error import CommandError, UsageError
from streams.process.times import parse_time

if TYPE_CHECKING:
    from config.settings import Settings

OK, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"uneri {version('uneri')}")
        raise typer.Exit(OK)


class _Commands(TyperGroup):
    """Exits with the code that a command returns, or with the line and the code of what it raises."""

    def invoke(self, ctx: Any) -> Any:
        try:
            code = super().invoke(ctx)
        except CommandError as error:
            raise _fail(error, error.code) from None
        except SettingsError as error:
            raise _fail(error, USAGE) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise typer.Exit(OK) from None
        except OSError as error:
            place = error.filename or ("a file" if error.errno == EIO else "standard output")
            line = f"{place}: {error.strerror or error}"
            raise _fail(line, FOUND) from None
        raise typer.Exit(code or OK)


def _fail(message: object, code: int) -> typer.Exit:
    """Print a message on standard error, one line per problem, and return the exit to raise."""
    for line in str(message).splitlines():
        typer.echo(f"uneri: {line}" if not line.startswith("uneri:") else line, err=True)
    return typer.Exit(code)


app = typer.Typer(
    name="uneri",
    cls=_Commands,
    help="Uneri tells a swell from a spike: it watches requests, pages on sudden changes and reports growth.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    pass


state_app = typer.Typer(
    help="Back up the state of a daemon, or restore it.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(state_app, name="state")

history_app = typer.Typer(
    help="Read what was measured and expected.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(history_app, name="history")

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="F", help="Configuration file (YAML). Default: the shipped settings."),
]


def settings_of(config: Path | None) -> "Settings":
    """Load the configuration."""
    from config.load import load_settings

    return load_settings(config)


def _time(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):  # bounds do not refuse nan
        raise typer.BadParameter("must be a finite number")
    return number


def _folder(text: str) -> Path:
    if not text:
        raise typer.BadParameter("name a folder, such as . for the current one")
    return Path(text)


From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Start: 2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds. Default: the first record.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="End, exclusive, in the same formats. Default: the end of the history."
    ),
]
Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE", help="Files, folders, or kafka://host:port/topic.")
]
SourceName = Annotated[
    str | None,
    typer.Option("--source", metavar="NAME", help="Entry of sources.inputs that describes this history."),
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="F",
        help="Format of its payloads: auto, otlp_proto, alb, … or a mapping. Default: that of the source, or "
        "of the input whose topic it is; else records of docs/event.md.",
    ),
]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="Kafka only: roles to run, separated by commas. Default: rollup, detect, incidents and notify. "
        "intake accepts records over HTTP and TCP and writes them to the requests topic; board serves the "
        "board and the history.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.", parser=_folder)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Address of the daemon, http://host:port. Default: from the configuration."
    ),
]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the charts and the report.")] = Path(
        "demo-output"
    ),
    board: Annotated[
        bool | None,
        typer.Option(
            "--board/--no-board",
            help="Show it on the board in a browser, too, until Ctrl-C. Default: in a terminal.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[
        bool,
        typer.Option("--open/--no-open", help="In a terminal with a display: open the browser on the board."),
    ] = True,
) -> None:
    """Detect incidents in generated traffic; needs no setup.

    After weeks of normal traffic, a client hammers one table while the load on another grows.
    """
    typer.echo("Preparing the demo ...")  # what it needs takes seconds to load
    from streams.offline.simulate.demo import run_demo

    on_board = sys.stdout.isatty() if board is None else board
    run_demo(out, on_board=on_board, may_open=open_)


def _split(role: list[str] | None) -> set[str]:
    return {name.strip() for names in role or () for name in names.split(",")}


@app.command()
def run(
    config: Config = None,
    role: Roles = None,
    follow: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Local only: read the lines of a growing file. Repeatable."),
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Local only: read standard input, and stop at its end.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Entry of sources.inputs that describes the lines.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="F", help="Format of the lines: alb, clf, auto, … (docs/formats.md)."
        ),
    ] = None,
) -> int:
    """Run the daemon.

    It reads from Kafka if the configuration has a `kafka` section; otherwise it accepts events over HTTP at
    `local.listen`. With Kafka, `--role intake` accepts them at `web.listen`.
    """
    from config.load import load_settings

    settings = settings_of(config)
    if settings.limits.aws and settings.limits.aws.daily:
        from streams.process.extras import need

        need("boto3", "limits.aws.daily")
    if settings.kafka:
        from streams.drivers.kafka.daemon import run_kafka

        if follow or stdin or source or form:
            raise UsageError(
                "--follow, --stdin, --source and --format apply to the local driver only; remove them, or "
                "the kafka section"
            )
        roles = _split(role)
        return run_kafka(settings, roles or None, read=lambda: load_settings(config))
    from streams.drivers.local.daemon import run_local

    if follow and stdin:
        raise UsageError("--follow and --stdin are mutually exclusive; choose one")
    for folder in (path for path in follow or () if path.is_dir()):
        raise UsageError(f"--follow {folder}: is a folder; name a file in it")
    if role:
        raise UsageError("--role applies to the Kafka driver only; add a kafka section, or remove --role")
    if source is not None or form is not None:
        from streams.ingest.formats.inputs import Inputs, UnknownInputError

        if not (follow or stdin):
            raise UsageError("--source and --format say what --follow or --stdin read; add one of them")
        try:
            Inputs(settings.sources).of(source, form)
        except UnknownInputError as error:
            raise UsageError(str(error)) from None
    piped = sys.stdin.fileno() if stdin else None
    named = (source, form) if source is not None or form is not None else None
    return run_local(settings, follow or [], piped, read=lambda: load_settings(config), source=named)


@app.command()
def replay(
    source: Sources,
    out: Out,
    config: Config = None,
    from_: From = None,
    to: To = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="F2", help="Second configuration to compare with, judged in the same pass."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="L", help="Known incidents (YAML or CSV) to evaluate the results against."),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="WHAT",
            help="Exit with 1 on new-pages (pages that only --against has) or missed-labels (known incidents "
            "of --labels that were not found). Repeatable.",
        ),
    ] = None,
    source_name: SourceName = None,
    form: Form = None,
    series: Annotated[
        bool, typer.Option("--series", help="Also write every series to series.parquet.")
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write the history of all steps to a new folder (Parquet)."),
    ] = None,
    post: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="Post the pages to this Slack channel. Default: post nothing."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over instead of resuming an unfinished replay in DIR.")
    ] = False,
) -> int:
    """Run recorded history through the engine.

    The results show which notifications would have been sent, and when.
    """
    from streams.process.stop_requests import exiting_on_stop, raising_on_stop

    with exiting_on_stop():
        from streams.cli.replay import ReplayOptions, run_replay
    with raising_on_stop():
        options = ReplayOptions(
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
            source=source_name,
            form=form,
            history=history,
        )
        return run_replay(options)


@app.command()
def backfill(
    source: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Files, folders, or kafka://host:port/topic.")
    ] = None,
    config: Config = None,
    from_: From = None,
    to: To = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over instead of resuming an unfinished backfill.")
    ] = False,
    source_name: SourceName = None,
    form: Form = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Have a running daemon forget what backfills taught it.")
    ] = False,
    url: Url = None,
) -> int:
    """Learn from recorded history, and notify of nothing.

    It works before the first start of a daemon and while it runs, and reads what replay reads. The daemon
    then judges as if it had been running all that time. SOURCE is required, except with --undo.
    """
    from streams.process.stop_requests import exiting_on_stop

    if undo == bool(source):
        raise UsageError("name the sources of the history" if not undo else "--undo takes no source")

    with exiting_on_stop():
        from streams.cli.backfill import run_backfill, target_of
    settings, at = settings_of(config), _daemon(config, url)
    if undo:
        return target_of(settings, at).forget()
    between = _time(from_), _time(to)
    return run_backfill(source or [], settings, between, at, restart=restart, source=source_name, form=form)


@app.command()
def tune(
    source: Sources,
    out: Out,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="L", help="Known incidents (YAML or CSV).")
    ] = None,
    pages_per_week: Annotated[
        float | None,
        typer.Option(
            "--pages-per-week", metavar="N", min=0, help="Acceptable pages per week.", callback=_finite
        ),
    ] = None,
    config: Config = None,
    trials: Annotated[int, typer.Option(metavar="N", min=2, help="Configurations to try.")] = 60,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="The same seed gives the same results.")
    ] = 1,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Trials run in parallel. Default: one per core.")
    ] = None,
    from_: From = None,
    to: To = None,
    validate_share: Annotated[
        float,
        typer.Option(
            "--validate-share",
            metavar="SHARE",
            show_default="1/3",
            min=0.1,
            max=0.9,
            help="Share of the history kept for validation.",
            callback=_finite,
        ),
    ] = 1 / 3,
) -> int:
    """Search history for better settings and propose them.

    Give --labels with known incidents, --pages-per-week, or both.
    """
    from streams.cli.tune import TuneOptions, run_tune

    options = TuneOptions(
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
    return run_tune(options)


@app.command()
def score(
    series: Annotated[
        list[Path],
        typer.Argument(
            metavar="SERIES.csv",
            help="Files with timestamp,value; also .gz, .xz and .zst.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for one CSV of verdicts per file.", parser=_folder)
    ],
    config: Config = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Files judged in parallel. Default: one per core.")
    ] = None,
) -> int:
    """Judge plain time series from CSV files.

    They are judged as live series are: each row in the light of the rows before it.
    """
    from streams.offline.score.score import run_score

    settings = settings_of(config)
    return run_score(series, out, settings.judge, jobs)


@app.command()
def simulate(
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="YAML file, or one of demo, quiet and week-of-incidents."),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="TARGET", help="FILE[.gz|.zst], -, http://host:port/events or kafka://host:port/topic."
        ),
    ] = "-",
    shape: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="CSV (timestamp,value) of a curve that the traffic follows."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the ground truth here: labels (.yaml, .csv) or JSON lines."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Start: 2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds. Default: the scenario's start.",
        ),
    ] = None,
    to_time: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="End, exclusive, in the same formats. Default: the scenario's end.",
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(
            metavar="N", min=0, help="1: real time; 60: a minute per second; 0: as fast as possible."
        ),
    ] = 0.0,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="Move the scenario in time so that it ends now (with --speed: starts now)."
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Configuration: its kafka section says how to connect."),
    ] = None,
) -> None:
    """Generate the events of a backend.

    Traffic has a daily and a weekly pattern, growth, and incidents of every kind.
    """
    from streams.offline.simulate.deliver import SimulateOptions, run_simulate

    between = (_time(from_), _time(to_time))
    run_simulate(scenario, to, SimulateOptions(between, shape, speed, now, labels, settings_of(config).kafka))


@app.command()
def check(config: Config = None, role: Roles = None) -> int:
    """Validate the configuration and test its connections.

    Exits with 1 if Kafka, Slack or another receiver fails its check, or the sample of a mapping does not fit,
    and with 2 if the configuration is invalid.
    """
    return _check(settings_of(config), _split(role))


def _check(settings: "Settings", roles: set[str]) -> int:
    from streams.cli.check.check import check as checks

    ok = True
    for result in checks(settings, roles):
        typer.echo({True: "ok     ", False: "WRONG  ", None: "note   "}[result.ok] + result.text)
        ok = ok and result.ok is not False
    return OK if ok else FOUND


@app.command()
def init(
    config: Annotated[
        Path, typer.Option("--config", metavar="F", help="Configuration file to write; it must not exist.")
    ] = Path("uneri.yaml"),
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Records to read as `uneri try` does, or -: their input is written.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> int:
    """Write a first configuration, check it, and say what comes next.

    In a terminal it asks for the service, the source of records, the receiver of pages, the time zone and
    holidays. Exits with 1 if FILE holds no record, or a check fails.
    """
    from streams.cli.init import asked, configuration
    from streams.process.files.atomic_file import unreadable

    if config.exists() or config.is_symlink():
        raise UsageError(f"{config}: it is there already; name another file with --config")
    if from_ is not None and str(from_) != "-" and not from_.is_fifo() and (why := unreadable(from_)):
        raise UsageError(why)

    def ask(question: str, default: str, check: Callable[[str], str]) -> str:
        return str(typer.prompt(question, default=default, value_proc=check, show_default=bool(default)))

    answers = asked(None if yes or not sys.stdin.isatty() else ask, from_)
    written = configuration(answers, from_, str(config))
    with config.open("x", encoding="utf-8") as file:
        file.write(written.text)
    typer.echo("\n".join([f"{config}: written", *([written.proof] if written.proof else [])]))
    code = _check(settings_of(config), set())
    typer.echo("\n".join(["", "Next:", *(f"  {line}" for line in written.commands)]))
    return code


@app.command("try")
def try_(
    file: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Files of payloads; - is standard input.", show_default=False),
    ],
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="NAME",
            help="Input of the configuration that decides: its format, keys, templates, counts.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="F",
            help="Format, or the name of a mapping of the configuration; auto, the default without an input, "
            "recognises it by payload.",
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="What holds for all records, where they do not say it: cloud, account, region, service, "
            "function, counts. Repeatable.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Write the records as NDJSON, and refusals as JSON lines on standard error."
        ),
    ] = False,
    config: Config = None,
) -> int:
    """Show what payloads become, or why they are refused.

    A file is one payload if it is binary, or one JSON document, perhaps on several lines. Otherwise each of
    its lines is a payload, and each item of a JSON array. Gzip is decompressed first, unless the format
    expects it compressed. At most 32 MiB are held at once. The last lines report what was seen, what was left
    out and why, and what to mend.

    Exits with 1 if something was refused.
    """
    settings = settings_of(config)
    from streams.cli.try_format import facts_of, try_files
    from streams.ingest.formats.inputs import Inputs, UnknownInputError
    from streams.offline.sources.patient_schemas import patient_schemas
    from streams.process.files.atomic_file import unreadable

    try:
        given = Inputs(settings.sources, patient_schemas(settings.sources.registry)).of(input_, format_)
    except UnknownInputError as error:
        raise UsageError(str(error)) from None
    for path in file:
        if str(path) != "-" and not path.is_fifo() and (why := unreadable(path)):
            raise UsageError(why)
    try:
        given = given._replace(around=facts_of(source or [], given.around))
    except ValueError as error:
        raise UsageError(f"--source {error}") from None
    return try_files(file, given, as_json=as_json, now=time.time())


@app.command("send-test")
def send_test(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="CHANNEL",
            help="Slack channel, or what calls somebody: pagerduty:name. Default: slack.channel.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Send a message of every verdict and state, marked as a test.

    They go to a Slack channel, or are shown here when there is no token. What calls somebody gets one alarm,
    which is opened, acknowledged and closed. Exits with 1 if it is refused.
    """
    settings = settings_of(config)
    from streams.cli.send_test import send_test as send

    send(settings, to)


@app.command()
def setup(
    config: Config = None,
    inputs: Annotated[
        bool,
        typer.Option(
            "--inputs",
            help="Also create the missing topics of sources.inputs, like the requests topic. Default: leave "
            "them to their producers.",
        ),
    ] = False,
) -> None:
    """Create missing Kafka topics and verify existing ones."""
    from streams.drivers.kafka.topics import TopicError, setup_topics

    settings = settings_of(config)
    if settings.kafka is None:
        raise UsageError(
            "nothing to set up: the configuration has no kafka section; add one, or skip this step"
        )
    try:
        for line in setup_topics(settings, inputs=inputs):
            typer.echo(line)
    except TopicError as error:
        raise CommandError(str(error)) from None


@app.command()
def status(config: Config = None, url: Url = None, as_json: AsJson = False) -> None:
    """Show the state of a running daemon.

    Its state includes its roles, lag, watermark, open incidents and last page.
    """
    from streams.cli.daemon_call import STATUS

    STATUS.run(_daemon(config, url), as_json=as_json)


@app.command()
def limits(
    config: Config = None,
    aws: Annotated[
        bool,
        typer.Option("--aws", help="Read them now from AWS, as limits.aws says (needs the extra `aws`)."),
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --aws: keep what was read in FILE, for limits.file."),
    ] = None,
) -> int:
    """Show the known limits, or read them from AWS.

    They are capacity of tables and indexes, concurrency, throttles and quotas. Exits with 1 if some could not
    be read.
    """
    from streams.cli.limits import read_limits, show_limits

    if write is not None and not aws:
        raise UsageError("--write keeps what --aws reads; add --aws")
    settings = settings_of(config)
    return read_limits(settings, write) if aws else show_limits(settings)


@app.command()
def reload(config: Config = None, url: Url = None) -> int:
    """Reload configuration, secrets and limits of a daemon.

    It takes up what can change while it runs, and names what needs a restart: then this exits with 1. A file
    with a mistake changes nothing.
    """
    from streams.cli.daemon_commands import RELOAD

    return FOUND if RELOAD.run(_daemon(None if url else config, url)).restart else OK


@app.command()
def labels(
    config: Config = None,
    url: Url = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output file: .yaml, .csv or .jsonl. Default: standard output."),
    ] = None,
) -> None:
    """Export feedback as labels for replay and tune.

    These are the incidents that people marked as expected or as not an anomaly.
    """
    from streams.cli.daemon_commands import export_labels

    export_labels(_daemon(config, url), out)


@app.command()
def token(
    scope: Annotated[
        list[str],
        typer.Argument(
            metavar="SCOPE", help="intake (send events), read or operate (silence, label, note). Repeatable."
        ),
    ],
) -> None:
    """Make a token for requests to a daemon.

    It is printed once, with its hash: give the token to the client, and add the hash to the file that
    `tokens.file` names.
    """
    from streams.process.web.tokens import AccessScope, hash_of, new_token

    known = [known_scope.value for known_scope in AccessScope]
    for name in scope:
        if name not in known:
            raise UsageError(f"{name}: not a scope; choose from {', '.join(known)}")
    made = new_token()
    typer.echo(made)
    typer.echo(f"for tokens.file: {','.join(dict.fromkeys(scope))} {hash_of(made)}", err=True)


@state_app.command("export")
def export_state(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Output file, such as uneri-state.tar.zst.")],
    config: Config = None,
    url: Url = None,
) -> int:
    """Write a backup of the state while the daemon runs.

    The embedded daemon is asked for it; with a `kafka` section, the daemon's topics are read. The file holds
    records and names of the backend, but no credentials.
    """
    from streams.cli.state import export_state as export

    settings = settings_of(config)
    if settings.kafka and url:
        raise UsageError(
            "--url applies to the embedded daemon only: with Kafka, the state is read from its topics"
        )
    return export(settings, file, _daemon(config, url))


@state_app.command("import")
def import_state(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `uneri state export` wrote.")],
    config: Config = None,
) -> int:
    """Restore a backup into an empty state, before the daemon starts.

    Nothing is replaced: a state folder or a kafka.app that has a state is refused.
    """
    from streams.cli.state import import_state as restore

    settings = settings_of(config)
    return restore(settings, file)


@history_app.command("export")
def export_history(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Output file: .parquet or .csv.")],
    scope: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCOPE]...", help="table:items, function:put-*, account:…. Default: all."),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Account id; * stands for any text. Repeatable.")
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="wcu, errors_*, latency_p99, for example. Repeatable."),
    ] = None,
    callers: Annotated[bool, typer.Option("--callers", help="Also what each caller had of it.")] = False,
    from_: From = None,
    to: To = None,
    tens: Annotated[
        bool, typer.Option("--tens", help="Ten minutes a row, for up to thirteen months.")
    ] = False,
    config: Config = None,
) -> None:
    """Write a part of the history into one file, with the names of its series.

    It reads the files of `history.place`; a daemon may run meanwhile.
    """
    from streams.cli.history import SUFFIXES, Wanted
    from streams.cli.history import export_history as export

    if file.suffix not in SUFFIXES:
        raise UsageError(f"{file}: the file must end in {' or '.join(SUFFIXES)}")
    wanted = Wanted(scope or [], account or [], measure or [], callers, _time(from_), _time(to), tens)
    export(settings_of(config), file, wanted)


@app.command()
def silence(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MATCH",
            help="table:items, function:put-*, account:…, service:…, verdict:spike, measure:wcu, "
            "or the word everything. Of several scopes one must match; scope, verdict and measure must "
            "all match.",
        ),
    ],
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h or 1d12h, for example.")
    ],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Reason, shown in the list of silences.")] = "",
    config: Config = None,
    url: Url = None,
) -> None:
    """Stop notifications about matching incidents for a while."""
    from streams.cli.daemon_commands import SILENCE, silence_body

    SILENCE.run(_daemon(config, url), body=silence_body(what, for_, why))


@app.command()
def silences(config: Config = None, url: Url = None) -> None:
    """List the silences of a running daemon."""
    from streams.cli.daemon_commands import SILENCES

    SILENCES.run(_daemon(config, url))


@app.command()
def unsilence(
    name: Annotated[
        str,
        typer.Argument(metavar="ID", help="ID of the silence or its incident; its first characters suffice."),
    ],
    config: Config = None,
    url: Url = None,
) -> None:
    """End a silence, and send what it held back.

    Incidents that ended meanwhile are not sent.
    """
    from streams.cli.daemon_commands import UNSILENCE

    UNSILENCE.run(_daemon(config, url), name)


@app.command()
def incidents(
    state: Annotated[Literal["open", "ended", "all"], typer.Option(help="Whether they have ended.")] = "open",
    range_: Annotated[
        Literal["1d", "1w", "5w"], typer.Option("--range", help="How far back those reach that have ended.")
    ] = "1w",
    verdict: Annotated[str, typer.Option(metavar="VERDICT", help="Only spike, or another verdict.")] = "",
    account: Annotated[str, typer.Option(metavar="ID", help="Only those of this account.")] = "",
    kind: Annotated[str, typer.Option(metavar="KIND", help="Only those of tables, or of another kind.")] = "",
    as_json: AsJson = False,
    config: Config = None,
    url: Url = None,
) -> None:
    """List incidents in a line each, the newest first.

    Severity, what, where, how much over how long, since when, and who deals with it. Those that have ended
    are known for 30 days.
    """
    from streams.cli.incidents import INCIDENTS

    wanted = {
        "state": "" if state == "all" else state,
        "range": range_,
        "verdict": verdict,
        "account": account,
        "kind": kind,
    }
    INCIDENTS.run(_daemon(config, url), query=wanted, as_json=as_json)


@app.command()
def incident(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="ID of the incident; its first characters suffice.")
    ],
    as_json: AsJson = False,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="DESTINATION",
            help="Send it instead: webhook:NAME of the configuration, webhook:https://…, or an issue in "
            "github:OWNER/REPO, opened once.",
        ),
    ] = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """Print one incident whole, as Markdown, or send it elsewhere.

    What, since when, why, who calls, changes, requests, memos, links. The daemon knows it for 30 days after
    its end.
    """
    from streams.cli.incident import show_incident

    settings = settings_of(config)
    show_incident(settings, _daemon(config, url), name, to, as_json=as_json)


@app.command()
def note(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="INCIDENT TEXT…", help="Incident (its ID, or the first characters), then the text."
        ),
    ],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Note it on the timeline instead: now, 2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds.",
        ),
    ] = None,
    scope: Annotated[
        str, typer.Option(metavar="KIND:NAME", help="With --at: what it is about, such as table:items.")
    ] = "",
    config: Config = None,
    url: Url = None,
) -> None:
    """Add a memo to an incident, or with --at to the timeline.

    The next message about the same thing shows it.
    """
    from streams.cli.daemon_commands import NOTE, memo_body

    NOTE.run(_daemon(config, url), body=memo_body(words, at, scope))


@app.command()
def memos(
    incident: Annotated[
        str | None,
        typer.Argument(
            metavar="INCIDENT", help="Only those of this incident and of others of the same thing."
        ),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="With their IDs, for uneri forget.")] = False,
    config: Config = None,
    url: Url = None,
) -> None:
    """List the memos of a running daemon, oldest first."""
    from streams.cli.daemon_commands import MEMOS, MEMOS_WITH_IDS

    command = MEMOS_WITH_IDS if ids else MEMOS
    command.run(_daemon(config, url), query={"incident": incident or ""})


@app.command()
def forget(
    name: Annotated[
        str, typer.Argument(metavar="MEMO", help="ID of the memo; its first characters suffice.")
    ],
    config: Config = None,
    url: Url = None,
) -> None:
    """Remove a memo that is wrong or holds a secret.

    Messages that show it are edited. Its line in a Slack thread stays: delete it there.
    """
    from streams.cli.daemon_commands import FORGET

    FORGET.run(_daemon(config, url), name)


@app.command()
def mcp(
    config: Config = None,
    url: Url = None,
    http: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve streamable HTTP at this address, path /mcp. Default: standard input and output.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="With --http: a name by which others reach it, such as its DNS name. Repeatable.",
        ),
    ] = None,
    replays: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Also tell what replays say: a folder with results of uneri replay --out."
        ),
    ] = None,
) -> int:
    """Run an MCP server for assistants (needs the extra `mcp`).

    It reads only, unless the token in UNERI_TOKEN allows operate.
    """
    from config.sections.values import host_and_port
    from streams.process.extras import need
    from streams.process.stop_requests import exiting_on_stop

    if name and http is None:
        raise UsageError("--name is how others reach it over HTTP; add --http")
    if http is not None:
        try:
            host_and_port(http)
        except ValueError as error:
            raise UsageError(f"--http {http}: {error}") from None
    if replays is not None and not replays.is_dir():
        raise UsageError(f"--replays {replays}: no such folder; name one with results of uneri replay --out")
    settings, at = settings_of(config), _daemon(config, url)
    need("mcp", "uneri mcp")
    with exiting_on_stop():
        from streams.screens.mcp.run_mcp import run_mcp
    return run_mcp(at, settings.log, http=http, names=name or [], replays=replays)


def _daemon(config: Path | None, url: str | None) -> str:
    settings = settings_of(config)
    if url is not None and not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"--url {url}: not a valid address; write http://host:port")
    server = settings.web if settings.kafka else settings.local
    return (url or f"{'http' if server.tls is None else 'https'}://{server.listen}").rstrip("/")
