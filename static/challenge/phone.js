// The country beside a phone number: names from the browser, calling codes from the server.

import { config } from "./page.js";

// Beyond the longest calling code: what fits none by then is of a country that is not offered.
const TELLING = 5;

const compact = (typed) => typed.replace(/[^0-9+]/g, "");

export function fillCountries(ui, chosen) {
  const select = ui.slot("countries");
  const prefix = ui.slot("prefix");
  const input = ui.find("#contact");
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "region", fallback: "code" });
  const known = [...config.countries.matchAll(/([A-Z]{2})(\d+)\/?(\d*)/g)]
    .map(([, region, code, trunk]) => ({ region, code, trunk, name: names.of(region) }));
  const byName = [...known].sort((a, b) => a.name.localeCompare(b.name, document.documentElement.lang));
  for (const { region, code, trunk, name } of byName) {
    const option = new Option(`${name} (+${code})`, region);
    Object.assign(option.dataset, { code, trunk });
    select.append(option);
  }
  const pick = (region) => (select.dataset.picked = select.value = region);
  pick(chosen ?? guess(known));
  const show = () => (prefix.textContent = `+${select.selectedOptions[0]?.dataset.code ?? ""}`);
  select.addEventListener("change", () => {
    pick(select.value);
    show();
  });
  // A number typed or filled in with its own + tells the country, of those that share its code the one that it is of.
  const follow = () => {
    const typed = compact(input.value);
    const isOf = (code) => typed.startsWith(`+${code}`);
    prefix.hidden = typed.startsWith("+");
    const found = known.find(({ code }) => isOf(code));
    if (!prefix.hidden) select.value ||= select.dataset.picked;
    else if (isOf(select.selectedOptions[0]?.dataset.code)) return;
    else if (found) pick(found.region);
    else if (typed.length >= TELLING) select.value = "";
    show();
  };
  input.addEventListener("input", follow);
  follow();
}

function guess(known) {
  const regions = new Set(known.map(({ region }) => region));
  const spoken = navigator.languages.map((tag) => new Intl.Locale(tag).region);
  return [config.country, ...spoken, "US"].find((region) => regions.has(region)) ?? (known.length === 1 ? known[0].region : "");
}

// +64 21 555 0123 from "021 555 0123" in New Zealand: the national trunk prefix goes.
export function international(ui, typed) {
  const digits = compact(typed);
  if (digits.startsWith("+")) return digits;
  const country = ui.slot("countries").selectedOptions[0];
  if (!country) return digits;
  const { code, trunk } = country.dataset;
  return `+${code}${trunk && digits.startsWith(trunk) ? digits.slice(trunk.length) : digits}`;
}
