// Numbers and times as people of a language write them, in the configured zone. What is not known is a dash.
import { LANGUAGES } from "./words.js";

const UNKNOWN = "–";
const READABLE = 0.1; // a second: what is rarer is counted by the minute
const known = (value) => typeof value === "number" && Number.isFinite(value);
const isRare = (value) => known(value) && value !== 0 && Math.abs(value) < READABLE;

const times = (language, zone, form) => {
  try {
    return new Intl.DateTimeFormat(language, { ...form, timeZone: zone, hourCycle: "h23" });
  } catch {
    return new Intl.DateTimeFormat(language, { ...form, timeZone: "UTC", hourCycle: "h23" }); // a browser without this zone
  }
};

export class Figures {
  constructor(language, zone) {
    this.language = language;
    this.zone = zone;
    this.words = LANGUAGES[language];
    this.plain = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
    this.short = new Intl.NumberFormat(language, { maximumSignificantDigits: 3, notation: "compact" });
    this.whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
    this.tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.hundredths = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    this.two = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 });
    this.clock = times(language, zone, { hour: "2-digit", minute: "2-digit" });
    this.named = times(language, zone, { timeZoneName: "short" });
    this.day = times(language, zone, { month: "short", day: "numeric" });
    this.minute = times("sv", zone, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
    this.date = times(language, zone, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  }

  number(value) {
    if (!known(value)) return UNKNOWN;
    const size = Math.abs(value);
    const form = size >= 1e5 ? this.short : size >= 100 ? this.plain : size >= 10 ? this.whole : this.two;
    return form.format(value);
  }

  percent(share) {
    if (!known(share)) return UNKNOWN;
    return this.hundred(share) + (this.language === "ja" ? "%" : "\u00a0%");
  }

  // A share in hundredths, with as many digits now as in a minute; only the whole is 100.
  hundred(share) {
    const value = share * 100;
    if (value >= 9.95) return this.whole.format(value < 100 ? Math.min(99, value) : value);
    if (value >= 0.995) return this.tenths.format(value);
    return value === 0 ? "0" : value < 0.005 ? `<${this.hundredths.format(0.01)}` : this.hundredths.format(value);
  }

  // The parts of a big number: the unit is smaller. Values beside each other have the unit of the largest, `like`.
  parts(value, unit, like = value) {
    if (!known(value)) return [UNKNOWN, ""];
    if (unit === "1/s" && isRare(like)) return [this.number(value * 60), this.words.perMinute];
    if (unit === "share") return [this.hundred(value), "%"];
    if (unit === "ms") return value >= 1000 ? [this.two.format(value / 1000), "s"] : [this.number(value), "ms"];
    const shown = Math.abs(value) >= 1e4 ? this.short.format(value) : this.number(value); // what fits on a wall
    return [shown, { "1/s": this.words.perSecond, 1: this.words.perMinute }[unit] ?? ""];
  }

  // A value with its unit: 1/s and 1 (a number in a step of a minute), share, ms.
  value(value, unit, like = value) {
    const [shown, of] = this.parts(value, unit, like);
    return shown + (/^m?s$/.test(of) || (of === "%" && this.language !== "ja") ? "\u00a0" : "") + of;
  }

  change(value, before) {
    if (!known(value) || !known(before) || before === 0) return null;
    const ratio = value / before;
    if (ratio >= 10) return `${this.two.format(ratio)}×`;
    const whole = Math.floor(Math.abs(ratio - 1) * 100 + 1e-6);
    const sign = whole === 0 ? "±" : ratio > 1 ? "+" : "−";
    return `${sign}${whole}${this.language === "ja" ? "%" : "\u00a0%"}`;
  }

  // A value with its unit, which is that of a value beside it, `like`.
  quantity(value, measure, like = value) {
    return `${this.amount(value, measure, like)}${this.measure(measure, like)[1]}`;
  }

  // A value without its unit. What a second costs is too little to think of: a cost is that of an hour.
  amount(value, measure, like = value) {
    return this.number(known(value) ? value * this.times(measure, like) : value);
  }

  times(measure, like) {
    return this.measure(measure, like)[2] ?? 1;
  }

  // The marks of an axis: the highest has the unit.
  ticks(values, unit) {
    const highest = values.findLastIndex((value) => value !== null);
    return values.map((value, place) => (value === null ? null : `${this.number(value)}${place === highest ? unit : ""}`));
  }

  // The name, the unit and the factor of a measure of which values are as high as `like`.
  measure(name, like) {
    const [label, unit, times] = this.measured(name);
    const [, counted] = /^(\/|件\/|回\/)(?:s|秒)$/.exec(unit) ?? [];
    return counted && isRare(like) ? [label, counted + this.words.perMinute.slice(1), 60] : [label, unit, times];
  }

  measured(name) {
    const [, kind, of] = /^(value|level):(.*)$/s.exec(name) ?? [];
    // Names of events may turn the direction of writing: isolated, they turn their own only.
    if (kind === "value") return [`\u2068${of}\u2069`, `${this.language === "ja" ? "/秒" : "/s"}`];
    if (kind === "level") {
      const [, label, unit] = /^(.*?)(?:\[(.*)\])?$/s.exec(of);
      return [`\u2068${label}\u2069`, unit ? ` \u2068${unit}\u2069` : ""];
    }
    return this.words.measure[name] ?? [`\u2068${name}\u2069`, ""];
  }

  days(value) {
    if (!known(value)) return UNKNOWN;
    if (value < 1) return this.duration(value * 86400);
    const shown = value >= 2.95 ? Math.round(value) : Math.round(value * 10) / 10;
    return `${this.plain.format(shown)}${shown === 1 ? this.words.units.day : this.words.units.days}`;
  }

  // When a limit is reached: four in five times in the range.
  daysLeft(middle, early, late) {
    if (early == null) return this.days(middle);
    const first = Math.max(1, Math.floor(early));
    const last = late == null ? null : Math.max(first, Math.ceil(late));
    if (first === last) return this.days(first);
    return last === null ? this.words.daysOrMore(this.days(first)) : this.words.daysBetween(this.plain.format(first), this.days(last));
  }

  // What is said of when a limit is reached; nothing where no day is named.
  limitIn({ days_left: middle, days_left_early: early, days_left_late: late }, say = this.words.limitIn) {
    if (middle == null) return null;
    return middle <= 0 ? this.words.atLimit : say(this.daysLeft(middle, early, late));
  }

  duration(seconds) {
    const { units } = this.words;
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 90) return `${whole}${units.s}`;
    if (whole < 90 * 60) return `${Math.floor(whole / 60)}${units.min}`;
    if (whole < 36 * 3600) return `${Math.floor(whole / 3600)}${units.h}`;
    return `${Math.floor(whole / 86400)}${whole < 2 * 86400 ? units.day : units.days}`;
  }

  time(at) {
    return this.clock.format(at * 1000);
  }

  isMidnight(at) {
    return this.minute.format(at * 1000).endsWith("00:00");
  }

  // A time of the zone as a field for dates and times has it.
  local(at) {
    return this.minute.format(at * 1000).replace(" ", "T");
  }

  zoneName(at) {
    return this.named.formatToParts(at * 1000).find((part) => part.type === "timeZoneName")?.value ?? "";
  }

  // A time of today as a time, another one with its day.
  moment(at, now) {
    return Math.abs(now - at) < 20 * 3600 ? this.time(at) : this.date.format(at * 1000);
  }
}
