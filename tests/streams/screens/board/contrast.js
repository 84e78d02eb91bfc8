// Every piece of text that can be seen, with its contrast to what is painted behind it (WCAG 2.2, 1.4.3).
() => {
  const parts = (colour) => {
    const found = colour.match(/[\d.]+/g).map(Number);
    return { rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1 };
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, below) => top.rgb.map((each, index) => each * top.alpha + below[index] * (1 - top.alpha));
  const behind = (element) => {
    const painted = [];
    for (let each = element; each; each = each.parentElement) painted.push(parts(getComputedStyle(each).backgroundColor));
    return painted.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "title", "desc", "OPTION"].includes(element.tagName)) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!box.width || !box.height || style.visibility !== "visible") continue;
    const back = behind(element);
    const fore = parts(element instanceof SVGElement ? style.fill : style.color);
    const [one, other] = [light(over(fore, back)), light(back)].sort((a, b) => b - a);
    found.push({ text: node.data.trim().slice(0, 40), contrast: (one + 0.05) / (other + 0.05) });
  }
  return found;
}
