// A click that was meant for something else approves nothing: buttons with data-armed take none until they have been
// in sight for half a second (WebAuthn Level 3, visibility considerations for embedded usage, asks for as much).

const SECONDS_IN_SIGHT = 0.5;
const UNARMED = '[data-armed][aria-disabled="true"]';
let timer = 0;

// They come into sight now. They look the same meanwhile, keep the focus, and a screen reader is told.
export function arm() {
  clearTimeout(timer);
  for (const button of document.querySelectorAll("[data-armed]")) button.setAttribute("aria-disabled", "true");
  if (!document.hidden) timer = setTimeout(release, SECONDS_IN_SIGHT * 1000);
}

function release() {
  for (const button of document.querySelectorAll(UNARMED)) button.removeAttribute("aria-disabled");
}

document.addEventListener("visibilitychange", arm);
// Before any handler of the button's own, and before its form is sent; by key as by pointer.
document.addEventListener(
  "click",
  (event) => {
    if (!event.target.closest(UNARMED)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);
arm();
