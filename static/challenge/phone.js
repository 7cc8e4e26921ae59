// The country beside a phone number: names from the browser, calling codes from the server.

import { config } from "./page.js";

export function fillCountries(ui, chosen) {
  const select = ui.slot("countries");
  const prefix = ui.slot("prefix");
  const input = ui.find("#contact");
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "region", fallback: "code" });
  const options = [...config.countries.matchAll(/([A-Z]{2})(\d+)\/?(\d*)/g)]
    .map(([, region, code, trunk]) => ({ region, code, trunk, name: names.of(region) }))
    .sort((a, b) => a.name.localeCompare(b.name, document.documentElement.lang));
  for (const { region, code, trunk, name } of options) {
    const option = new Option(`${name} (+${code})`, region);
    Object.assign(option.dataset, { code, trunk });
    select.append(option);
  }
  select.value = chosen ?? guess(options);
  const show = () => (prefix.textContent = `+${select.selectedOptions[0]?.dataset.code ?? ""}`);
  select.addEventListener("change", show);
  // A number typed or filled in with its own + needs no country from us.
  const hide = () => (prefix.hidden = input.value.trim().startsWith("+"));
  input.addEventListener("input", hide);
  hide();
  show();
}

function guess(options) {
  const known = new Set(options.map(({ region }) => region));
  const spoken = navigator.languages.map((tag) => new Intl.Locale(tag).region);
  return [config.country, ...spoken, "US"].find((region) => known.has(region));
}

// +64 21 555 0123 from "021 555 0123" in New Zealand: the national trunk prefix goes.
export function international(ui, typed) {
  const digits = typed.replace(/[^0-9+]/g, "");
  if (digits.startsWith("+")) return digits;
  const { code, trunk } = ui.slot("countries").selectedOptions[0].dataset;
  return `+${code}${trunk && digits.startsWith(trunk) ? digits.slice(trunk.length) : digits}`;
}
