// Adding the app to the home screen, where the browser lets a page ask for it.

let offer = null;
let changed = () => {};

window.addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offer = event;
  changed();
});

export const isOffered = () => offer !== null;

// Whoever shows a button for it wants to know when there is something to offer.
export function whenOffered(tell) {
  changed = tell;
}

// An offer can be taken up once.
export async function install() {
  const taken = offer;
  offer = null;
  await taken?.prompt();
}
