// As much of Express and of Next.js route handlers as the samples use, on node:http alone.
import { once } from "node:events";
import { createServer } from "node:http";

/** What an Express app does here: `app.post(path, async (req, res) => …)`, then `await app.listen()`. */
export function express() {
  const routes = new Map();
  return {
    post: (path, handle) => routes.set(path, handle),
    listen: () =>
      listen(async (request, response) => {
        const handle = routes.get(request.url);
        const req = { headers: request.headers, body: await json(request), ip: clientIp(request) };
        await handle(req, answer(response));
      }),
  };
}

/** What Next.js does with `app/<path>/route.ts`: the exported POST gets a Request and returns a Response. */
export function next(routes) {
  return listen(async (request, response) => {
    const body = JSON.stringify(await json(request));
    const made = new Request(new URL(request.url, "http://app"), { method: "POST", headers: request.headers, body });
    const returned = await routes[request.url](made);
    answer(response).status(returned.status).json(await returned.json());
  });
}

export const NextResponse = { json: (value, init) => Response.json(value, init) };

async function listen(handle) {
  const server = createServer((request, response) =>
    handle(request, response).catch((error) => answer(response).status(500).json({ error: String(error) })),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

async function json(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length ? JSON.parse(Buffer.concat(chunks)) : {};
}

// A test says where a request comes from, as a proxy in front of an app would.
const clientIp = (request) => request.headers["x-forwarded-for"] ?? request.socket.remoteAddress;

const answer = (response) => ({
  status(code) {
    response.statusCode = code;
    return this;
  },
  json(value) {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(value));
    return value;
  },
});
