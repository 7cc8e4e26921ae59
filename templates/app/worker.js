// Shows what a push service brings, opens the app, and has a page for when there is no network. It keeps nothing else.
"use strict";

const told = {{ told|safe }};
const [offlinePage] = told.kept;

self.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOldCaches().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.mode === "navigate") event.respondWith(fetch(event.request).catch(() => kept(offlinePage)));
  else if (told.kept.includes(pathname)) event.respondWith(fetch(event.request).catch(() => kept(pathname)));
});

self.addEventListener("push", (event) => {
  event.waitUntil(notify());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

async function keep() {
  const cache = await caches.open(told.cache);
  await cache.addAll(told.kept);
}

async function kept(path) {
  const cache = await caches.open(told.cache);
  return (await cache.match(path)) ?? Response.error();
}

async function forgetOldCaches() {
  const family = told.cache.slice(0, told.cache.lastIndexOf(":") + 1);
  const old = (await caches.keys()).filter((name) => name.startsWith(family) && name !== told.cache);
  await Promise.all(old.map((name) => caches.delete(name)));
}

// What came tells nothing of the request: what it is about, the app asks with its key. A browser takes the permission from
// whoever is sent something and shows nothing, so that it is shown while the app is open too; the newest stands for all.
async function notify() {
  const shown = { body: told.body, icon: told.icon, badge: told.icon, tag: "request", renotify: true };
  await self.registration.showNotification(told.title, shown);
  for (const page of await pages()) page.postMessage("request");
}

async function open() {
  const [page] = await pages();
  if (page) await page.focus();
  else await self.clients.openWindow(told.scope);
}

async function pages() {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return all.filter((page) => new URL(page.url).pathname === told.scope);
}
