// Has the browser ask before a page is left on which something is not saved yet.
export function warnBeforeLoss(isUnsaved) {
  window.addEventListener("beforeunload", (event) => {
    if (isUnsaved()) event.preventDefault();
  });
}
