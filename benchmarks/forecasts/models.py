"""Models of daily levels: what is expected on each day ahead, and how sure that is.

Each takes the logarithms of daily levels (days,), newest last, NaN where missing, and the days that the
reported slope is based on, and returns what ``detectors.judge.forecast`` does: forecasts with their weights.
"""

import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.seasonal import STL
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.statespace.structural import UnobservedComponents

from detectors.judge.forecast import AHEAD, WEEK, Forecast, forecasts
from detectors.judge.growth import slope, without_weekdays
from detectors.model.array_types import Floats

Model = Callable[[Floats, int], list[Forecast]]

STEPS: Final = np.arange(1, AHEAD + 1)
Z80: Final = 1.2816
ITERATIONS: Final = 100


def _known(logs: Floats) -> Floats:
    return logs[int((~np.isnan(logs)).argmax()) :]


def _filled(logs: Floats) -> Floats:
    """Return levels for models that do not know missing days."""
    at, known = np.arange(len(logs)), ~np.isnan(logs)
    return np.interp(at, at[known], logs[known])


def _weekdays(logs: Floats) -> tuple[Floats, Floats]:
    """Return levels without weekdays, and what is to be added to each day ahead."""
    calm = without_weekdays(logs[:, None])[:, 0]
    taken = logs - calm
    week = [taken[day::WEEK][~np.isnan(taken[day::WEEK])] for day in range(WEEK)]
    season = np.array([values[-1] if values.size else 0.0 for values in week])
    return calm, season[(len(logs) - 1 + STEPS) % WEEK]


def _one(mean: Any, sd: Any, noise: float) -> list[Forecast]:
    """Return a forecast whose days have this standard deviation each, noise included."""
    doubt = np.sqrt(np.maximum(np.asarray(sd) ** 2 - noise**2, 0.0))
    return [Forecast(np.asarray(mean), doubt, max(float(noise), 1e-3), 1.0)]


def _regressors(days: int) -> tuple[Floats, Floats]:
    at = np.arange(days + AHEAD) - days + 1.0
    columns = [np.ones_like(at), at]
    if days >= 2 * WEEK:
        columns += [(at % WEEK == day) - 1 / WEEK for day in range(1, WEEK)]
    past, ahead = np.split(np.column_stack(columns), [days])
    return past, ahead


def _regression(fit: Callable[[Floats, Floats], Any]) -> Model:
    def model(logs: Floats, _: int) -> list[Forecast]:
        logs = _known(logs)
        known, (past, ahead) = ~np.isnan(logs), _regressors(len(logs))
        found = fit(logs[known], past[known])
        variance = np.einsum("ij,jk,ik->i", ahead, np.asarray(found.cov_params()), ahead)
        rest = logs[known] - past[known] @ found.params
        noise = float(np.sqrt((rest**2).sum() / max(1, len(rest) - past.shape[1])))
        return _one(ahead @ found.params, np.sqrt(np.maximum(variance, 0.0) + noise**2), noise)

    return model


def least_squares(y: Floats, x: Floats) -> Any:
    return sm.OLS(y, x).fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True})


def robust(y: Floats, x: Floats) -> Any:
    return sm.RLM(y, x, M=sm.robust.norms.HuberT()).fit()


def autoregressive(y: Floats, x: Floats) -> Any:
    return sm.GLSAR(y, x, rho=1).iterative_fit(5)


def stl(logs: Floats, _: int) -> list[Forecast]:
    """Weekdays by a robust decomposition, the line by a robust regression."""
    y, season = _filled(_known(logs)), np.zeros(AHEAD)
    if len(y) >= 2 * WEEK:
        seasonal = STL(y, period=WEEK, robust=True, seasonal=35).fit().seasonal
        y, season = y - seasonal, seasonal[-WEEK:][(STEPS - 1) % WEEK]
    line = robust(y, np.column_stack([np.ones(len(y)), np.arange(len(y)) - len(y) + 1.0]))
    ahead = np.column_stack([np.ones(AHEAD), STEPS])
    variance = np.einsum("ij,jk,ik->i", ahead, np.asarray(line.cov_params()), ahead)
    return _one(ahead @ line.params + season, np.sqrt(variance + line.scale**2), line.scale)


def errors_of_arma(logs: Floats, _: int) -> list[Forecast]:
    y = _known(logs)
    past, ahead = _regressors(len(y))
    found = SARIMAX(y, exog=past, order=(1, 0, 0)).fit(disp=False, maxiter=ITERATIONS)
    shown = found.get_forecast(AHEAD, exog=ahead)
    return _one(shown.predicted_mean, shown.se_mean, np.sqrt(found.params[-1]))


def _ets(*, damped: bool) -> Model:
    def model(logs: Floats, _: int) -> list[Forecast]:
        y = pd.Series(_filled(_known(logs)))
        weekly = len(y) > 2 * WEEK + 1
        found = ETSModel(
            y,
            trend="add",
            damped_trend=damped,
            seasonal="add" if weekly else None,
            seasonal_periods=7 * weekly,
        ).fit(disp=False, maxiter=ITERATIONS)
        shown = found.get_prediction(start=len(y), end=len(y) + AHEAD - 1).summary_frame(alpha=0.2)
        sd = (shown["pi_upper"] - shown["mean"]) / Z80
        return _one(shown["mean"], sd, np.sqrt(found.scale))

    return model


def fitted_trend(logs: Floats, _: int) -> list[Forecast]:
    """A local linear trend whose variances are those of the greatest likelihood."""
    calm, season = _weekdays(logs)
    found = UnobservedComponents(_known(calm), level="local linear trend").fit(disp=False, maxiter=ITERATIONS)
    shown = found.get_forecast(AHEAD)
    return _one(shown.predicted_mean + season, shown.se_mean, np.sqrt(found.params[0]))


def sen(logs: Floats, window: int) -> list[Forecast]:
    """The line of the reported slope, as far as a day's level goes."""
    calm, season = _weekdays(logs)
    line = slope(calm[-window:, None])
    rest = calm[-window:] - line.middle[0] * (np.arange(window) - window + 1.0)
    noise = 1.4826 * float(np.nanmedian(np.abs(rest - np.nanmedian(rest))))
    each = (line.upper[0] - line.lower[0]) / 2 / 2.5758
    return _one(np.nanmedian(rest) + line.middle[0] * STEPS + season, np.hypot(each * STEPS, noise), noise)


def _quiet(model: Model) -> Model:
    def run(logs: Floats, window: int) -> list[Forecast]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model(logs, window)

    return run


MODELS: Final[dict[str, Model]] = {
    "trends, averaged": lambda logs, _: forecasts(logs),
    "Sen's slope": sen,
    "OLS, HAC errors": _regression(least_squares),
    "RLM": _quiet(_regression(robust)),
    "GLSAR": _regression(autoregressive),
    "STL, RLM": _quiet(stl),
    "SARIMAX, AR(1)": _quiet(errors_of_arma),
    "ETS": _quiet(_ets(damped=False)),
    "ETS, damped": _quiet(_ets(damped=True)),
    "trend, fitted": _quiet(fitted_trend),
}
