"""Colours of a page as a reader meets them: how far each text stands out from what is behind it."""

from __future__ import annotations

from playwright.sync_api import Page

# WCAG 2.2, "Contrast (Minimum)": the ratio of the lighter relative luminance to the darker one.
_FAINT = """
(least) => {
  const parts = (colour) => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return found.length < 4 ? [...found, 1] : found;
  };
  const luminance = (colour) =>
    colour
      .map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
      .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const over = (top, under) =>
    top.slice(0, 3).map((each, index) => each * top[3] + under[index] * (1 - top[3]));
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement)
      layers.push(parts(getComputedStyle(each).backgroundColor));
    return layers.reduceRight((under, top) => over(top, under), [255, 255, 255]);
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let looked = 0;
  for (let node; (node = walker.nextNode()); ) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.tagName === "OPTION") continue;
    looked += 1;
    const under = ground(element);
    const ink = over(parts(getComputedStyle(element).color), under);
    const [light, dark] = [luminance(ink), luminance(under)].sort((one, other) => other - one);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < least) faint.add(`${ratio.toFixed(2)}: ${node.data.trim().slice(0, 60)}`);
  }
  return looked ? [...faint] : ["there is no text"];
}
"""


def faint_texts(page: Page, least: float) -> list[str]:
    """The visible texts whose contrast is below `least`, each with its ratio."""
    found: list[str] = page.evaluate(_FAINT, least)
    return found
