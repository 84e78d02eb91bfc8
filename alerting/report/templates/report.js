"use strict";
(() => {
  document.documentElement.classList.add("js");
  const form = document.getElementById("filter");
  const all = [...document.querySelectorAll("[data-sent]")];
  const lists = [...document.querySelectorAll("[data-list]")];
  const bars = all.filter((each) => each.classList.contains("bar"));

  const apply = () => {
    const chosen = (name) => new Set([...form.querySelectorAll(`[name=${name}]:checked`)].map((each) => each.value));
    const sent = chosen("sent"), verdicts = chosen("verdict");
    const service = form.elements.service ? form.elements.service.value : "";
    for (const each of all) {
      const fits = sent.has(each.dataset.sent) && verdicts.has(each.dataset.verdict)
        && (!service || each.dataset.services.split(" ").includes(service));
      each.classList.toggle("off", !fits);
    }
    for (const list of lists) {
      const none = list.querySelector(".none");
      none.hidden = list.querySelector("[data-sent]:not(.off)") !== null;
    }
    const shown = bars.filter((each) => !each.classList.contains("off")).length;
    form.querySelector(".shown").textContent = shown === bars.length ? "" : `${shown} of ${bars.length} shown`;
  };
  if (form) {
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  // On a phone the first page may lie outside of the box.
  for (const box of document.querySelectorAll(".timeline")) {
    const first = box.querySelector(".bar.w-page") || box.querySelector(".bar");
    const seen = box.getBoundingClientRect(), lanes = box.querySelector(".lanes").getBoundingClientRect();
    const place = first.getBoundingClientRect().left;
    if (place > seen.right - 60) box.scrollLeft += place - lanes.right - 40;
  }
  if (matchMedia("(max-width: 640px)").matches) for (const each of document.querySelectorAll(".alerted")) each.open = false;

  // What a chart says where it is pointed at.
  const number = (value) => value === null ? "–" : Number(value.toPrecision(3)).toLocaleString("en");
  for (const drawn of document.querySelectorAll("[data-readings]")) {
    const [start, step, now, lower, upper] = JSON.parse(drawn.dataset.readings);
    const make = (name, kind) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      made.setAttribute("class", kind);
      return made;
    };
    const line = make("line", "pointer"), text = make("text", "reading");
    line.setAttribute("y1", "0");
    line.setAttribute("y2", "100%");
    const leave = () => { line.remove(); text.remove(); };
    drawn.addEventListener("pointerleave", leave);
    drawn.addEventListener("pointermove", (event) => {
      const box = drawn.getBoundingClientRect();
      const index = Math.min(now.length - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * now.length)));
      const place = `${100 * (index + 0.5) / now.length}%`;
      line.setAttribute("x1", place);
      line.setAttribute("x2", place);
      text.setAttribute("x", place);
      text.setAttribute("y", "-6");
      text.setAttribute("text-anchor", index > now.length * 0.7 ? "end" : index < now.length * 0.3 ? "start" : "middle");
      const expected = lower[index] === null ? "" : `, ${number(lower[index])} – ${number(upper[index])} expected`;
      const at = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: document.body.dataset.zone })
        .format(new Date((start + index * step) * 1000));
      text.textContent = `${at}  ${number(now[index])}${expected}`;
      drawn.append(line, text);
    });
  }
  addEventListener("beforeprint", () => { for (const each of document.querySelectorAll(".card details")) each.open = true; });
})();
