// What a screen reader finds: language, headings, landmarks, and what has no name.
const all = (selector) => [...document.querySelectorAll(selector)];
const named = (one) =>
  one.getAttribute("aria-label") || document.getElementById(one.getAttribute("aria-labelledby"));
const fields = "input:not([type=hidden]), select, textarea";
const regions = "section, aside, svg[role=img], [role=group]";
return {
  language: document.documentElement.lang,
  headings: all("h1, h2, h3").map((one) => Number(one.tagName[1])),
  landmarks: ["header", "main", "aside", "footer"].filter((name) => document.querySelector(name)),
  unlabelled: all(fields).filter((one) => !one.labels.length).map((one) => one.id),
  unnamed: all(regions).filter((one) => !named(one)).map((one) => one.outerHTML),
  live: all("[aria-live]").length,
};
