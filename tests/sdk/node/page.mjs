// A page for the browser SDK to live in, without a browser: jsdom, a device with passkeys, and fetch.
import { JSDOM } from "jsdom";
import { appOrigin, apiUrl, tenantId } from "./harness.mjs";
import { softAuthenticator } from "./soft_authenticator.mjs";

/**
 * Open a page at the app's origin and start the unmodified browser SDK in it.
 * `backend` is the base URL that answers the page's own requests, such as fetch("/api/…").
 */
export async function openPage({ backend, onTokenExpired } = {}) {
  const dom = new JSDOM("<!doctype html><title>App</title><body></body>", {
    url: `${appOrigin}/`,
    pretendToBeVisual: true,
  });
  const device = softAuthenticator({ origin: appOrigin });
  const visited = [];
  const location = watchedLocation(visited);
  const window = new Proxy(dom.window, {
    get(target, name) {
      if (name === "location") return location;
      const value = target[name];
      return typeof value === "function" && !value.prototype ? value.bind(target) : value;
    },
  });
  const { document, localStorage, CustomEvent, WebSocket } = dom.window;
  const globals = {
    window,
    document,
    localStorage,
    CustomEvent,
    WebSocket,
    location,
    navigator: { credentials: device.credentials, userAgent: dom.window.navigator.userAgent },
    PublicKeyCredential: class PublicKeyCredential {},
    CSS: { supports: () => true },
    requestAnimationFrame: dom.window.requestAnimationFrame.bind(dom.window),
    fetch: sameOriginFetch(backend),
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  // Only now, because the SDK looks at the document when it is loaded.
  const { Authsignal } = await import("@authsignal/browser");
  const authsignal = new Authsignal({ tenantId, baseUrl: apiUrl, onTokenExpired });
  return { authsignal, device, visited, hear: (event) => hear(dom.window, event) };
}

const network = globalThis.fetch;

const sameOriginFetch = (backend) => (target, options) =>
  network(String(target).startsWith("/") ? `${backend}${target}` : target, options);

/** Where the page would go is written down; jsdom cannot go anywhere. */
function watchedLocation(visited) {
  const { protocol, host, hostname, origin } = new URL(appOrigin);
  return {
    protocol,
    host,
    hostname,
    origin,
    get href() {
      return visited.at(-1) ?? `${origin}/`;
    },
    set href(to) {
      visited.push(to);
    },
  };
}

/** The page hears a message as if a window of that origin had posted it. */
function hear(window, { origin, data }) {
  window.dispatchEvent(new window.MessageEvent("message", { origin, data }));
}
