// Bundles the official browser SDK into one file that the pages import, and gathers the licences beside it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const modules = `${here}node_modules/`;
const sdk = "@authsignal/browser";

// The SDK is published as one file that already holds these.
const bundled = [sdk, "@simplewebauthn/browser", "a11y-dialog", "focusable-selectors", "tslib", "uuid"];

const manifest = (name) => JSON.parse(readFileSync(`${modules}${name}/package.json`, "utf8"));

function licence(name) {
  const file = ["LICENSE.md", "LICENSE", "license", "LICENSE.txt"].find((f) => existsSync(`${modules}${name}/${f}`));
  if (!file) throw new Error(`${name} has no licence file: look where its text is now and name it here.`);
  return readFileSync(`${modules}${name}/${file}`, "utf8").trim();
}

const digest = createHash("sha256").update(readFileSync(`${modules}${sdk}/dist/index.js`)).digest("hex");
const banner =
  `/*! ${sdk} ${manifest(sdk).version}, MIT. Licences: authsignal-browser.LICENSES.txt.\n` +
  ` *  Built by \`npm run build\` from dist/index.js, sha256 ${digest}. */`;

await build({
  stdin: { contents: `export * from "${sdk}";`, resolveDir: here },
  outfile: `${here}static/authsignal-browser.js`,
  bundle: true,
  format: "esm",
  target: "es2020",
  minify: true,
  legalComments: "inline",
  banner: { js: banner },
});

const sections = bundled.map((name) => `${name} (${manifest(name).license})\n\n${licence(name)}\n`);
writeFileSync(`${here}static/authsignal-browser.LICENSES.txt`, sections.join(`\n${"-".repeat(72)}\n\n`));
